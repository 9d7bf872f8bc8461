/**
 * Convolutions and pooling for random graphs: along the sequence, whose features are the channels, and
 * over sequence and features as an image of one channel. Padding is such that windows fit any length
 * of at least 1.
 */
import type { Value } from '../../src/ir/graph.ts';
import { type Maker, type Making, WIDTH } from './random-pool.ts';

const SWAP = { permutation: [0, 2, 1] };

export const spatialMakers: readonly Maker[] = [
  // of as many places as the sequence: back in its order, or not
  (m) => {
    const { g } = m;
    const x = g.transpose(m.calmState(), SWAP);
    const groups = m.pick([1, 1, 3, WIDTH]);
    const size = m.pick([1, 2, 3]);
    const dilation = m.pick([1, 1, 2]);
    const span = (size - 1) * dilation + 1;
    const before = m.pick([0, span - 1, Math.floor(span / 2)]);
    const weight = kernel(m, [WIDTH, WIDTH / groups, size]);
    const y = g.conv(x, weight, m.chance(0.5) ? m.vector() : null, {
      groups,
      dilations: [dilation],
      before: [before],
      after: [span - 1 - before],
    });
    const active = m.chance(0.5) ? g.relu(y) : m.chance(0.5) ? g.add(y, x) : y;
    return m.chance(0.7) ? g.transpose(active, SWAP) : active;
  },
  // with fewer places, and another number of channels
  (m) => {
    const { g } = m;
    const size = m.pick([1, 2, 3]);
    const strides = [m.pick([2, 3])];
    const weight = kernel(m, [m.pick([4, 6]), WIDTH, size]);
    const x = g.transpose(m.calmState(), SWAP);
    return g.conv(x, weight, { strides, before: [size - 1] });
  },
  // batch norm behind a convolution that it folds into, or of which the sum has a second use
  (m) => {
    const { g, pool } = m;
    const weight = kernel(m, [3, 1, 3, 3]);
    const sum = g.conv(image(m), weight, m.chance(0.5) ? pool.weight([3]) : null, {
      before: [1, 1],
      after: [1, 1],
    });
    const variance = g.add(g.abs(pool.weight([3])), 0.5);
    const [gamma, beta, mean] = [pool.weight([3]), pool.weight([3]), pool.weight([3])];
    const normal = g.batch_norm(sum, gamma, beta, mean, variance, { eps: 1e-3 });
    const channels = m.chance(0.8) ? g.relu(normal) : g.mul(normal, sum);
    return g.reduce_max(channels, { axes: [1] });
  },
  (m) => {
    const [size, before] = m.pick([
      [1, 0],
      [2, 1],
      [3, 1],
      [3, 2],
    ]);
    const how = {
      sizes: [size, m.pick([2, 3])],
      strides: [m.pick([1, 2, 3]), m.pick([1, 2])],
      before: [before, m.pick([0, 1])],
      after: [size - 1 - before, 0],
      ceil: m.chance(0.3),
    };
    const x = image(m);
    return m.chance(0.5)
      ? m.g.max_pool(x, how)
      : m.g.average_pool(x, { ...how, include_padding: m.chance(0.5) });
  },
  (m) => {
    const { g, pool } = m;
    const x = g.transpose(m.calmState(), SWAP);
    const [gamma, beta] = [m.vector(), m.vector()];
    const normal = m.chance(0.5)
      ? g.group_norm(x, gamma, beta, { groups: m.pick([1, 3, 4]), eps: 1e-2 })
      : g.instance_norm(x, gamma, beta, { eps: 1e-2 });
    return pool.keep(g.transpose(normal, SWAP), 'calm');
  },
  // windows of the features, weighed by what is computed
  (m) => {
    const { g } = m;
    const windows = g.windows(m.state(), {
      sizes: [3],
      strides: [m.pick([1, 2, 3])],
      dilations: [m.pick([1, 2])],
    });
    return m.chance(0.5)
      ? g.reduce_mean(windows, { axes: [-1] })
      : g.reduce_max(windows, { axes: [2] });
  },
];

/** A weight [o, c, ..sizes] with which sums stay as large as what is summed. */
function kernel({ pool }: Making, shape: readonly number[]): Value {
  const terms = shape.slice(1).reduce((a, b) => a * b, 1);
  return pool.weight(shape, 1 / Math.sqrt(terms));
}

/** [batch, 1, seq, WIDTH]. */
function image({ g, pool, calmState }: Making): Value {
  return g.reshape(calmState(), { shape: [pool.batch, 1, pool.seq, WIDTH] });
}
