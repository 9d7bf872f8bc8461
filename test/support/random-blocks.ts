/**
 * Blocks for random graphs that passes rewrite, beside such that they must leave alone: a second
 * use in the middle, a sum with what is no residual, equal ops with other attributes.
 */
import { EncompileError } from '../../src/errors.ts';
import type { Value } from '../../src/ir/graph.ts';
import { type Maker, type Making, WIDTH } from './random-pool.ts';

/** x W + b, as an op or as the ops it stands for. */
export function project(m: Making, x: Value, n: number, columns: number, hasBias = true): Value {
  const { g, pool } = m;
  const weight = pool.matrix(n, columns);
  if (m.chance(0.3)) return g.linear(x, weight, hasBias ? pool.weight([columns]) : null);
  // as exporters write it: the weight lies transposed
  const stored = m.chance(0.3)
    ? g.transpose(pool.matrix(columns, n), { permutation: [1, 0] })
    : weight;
  const product = g.matmul(x, stored);
  return hasBias ? g.add(product, pool.weight([columns])) : product;
}

function activate({ g, pick, chance }: Making, x: Value): Value {
  if (chance(0.4)) {
    return g.gelu(x, { approximation: pick(['none', 'tanh'] as const) });
  }
  if (chance(0.3)) {
    return g.mul(g.mul(x, 0.5), g.add(g.erf(g.div(x, Math.SQRT2)), 1));
  }
  return g[pick(['relu', 'tanh', 'silu', 'sigmoid'] as const)](x);
}

const feedForward: Maker = (m) => {
  const { g, pool } = m;
  const x = m.calmState();
  const hidden = m.pick([5, 20, 36, 68]);
  const inner = project(m, x, WIDTH, hidden, m.chance(0.8));
  const active = activate(m, inner);
  const out = project(m, active, hidden, WIDTH, m.chance(0.8));
  if (m.chance(0.15)) pool.alsoOutput(inner);
  if (m.chance(0.15)) return [active, out];
  return m.chance(0.6) ? g.add(out, x) : out;
};

/** Norms behind sums: of a residual, of a bias, of a mean; gamma may depend on the sum itself. */
const addNorm: Maker = (m) => {
  const { g, pool } = m;
  const x = m.chance(0.5) ? project(m, m.calmState(), WIDTH, WIDTH) : m.state();
  const residual = m.pick([
    () => m.state(),
    () => m.state(),
    () => m.state(),
    () => m.vector(),
    () => pool.weight([1, 1, WIDTH]),
    () => g.reduce_mean(m.state(), { axes: [1], keep: true }),
  ])();
  const sum = m.chance(0.5) ? g.add(x, residual) : g.add(residual, x);
  const late = () => g.add(g.tanh(g.reduce_max(sum, { axes: [0, 1] })), 1);
  const gamma = m.pick([
    () => m.vector(),
    () => m.vector(),
    () => m.vector(),
    () => g.tanh(m.vector()),
    late,
  ])();
  const norm = pool.keep(
    g.layer_norm(sum, gamma, m.chance(0.9) ? m.vector() : null, { eps: 1e-2 }),
    'calm',
  );
  if (m.chance(0.2)) pool.alsoOutput(sum);
  const behind = m.pick(['norm', 'norm', 'both', 'sum again'] as const);
  if (behind === 'norm') return norm;
  return behind === 'both' ? [norm, sum] : g.add(norm, sum);
};

const embeddingNorm: Maker = (m) => {
  const { g, pool } = m;
  const ids = m.chance(0.7) ? pool.named('ids') : g.add(pool.named('ids'), m.pick([1, 5]));
  const table = pool.weight([m.pick([7, 11]), WIDTH]);
  const rows = m.chance(0.5) ? g.embedding(table, ids) : g.gather(table, ids, { axis: 0 });
  const places = g.iota({ shape: [pool.seq], start: m.pick([0, 2]) });
  const positions = g.gather(pool.weight([m.pick([3, 70]), WIDTH]), places);
  const sum = g.add(g.add(rows, positions), pool.weight([WIDTH]));
  const norm = g.layer_norm(sum, m.vector(), m.vector(), { eps: 1e-2 });
  pool.keep(norm, 'calm');
  return m.chance(0.7) ? norm : [norm, sum];
};

/** Several projections of one x, of which not all can be merged. */
const projections: Maker = (m) => {
  const { g, pool } = m;
  const x = m.calmState();
  const shared = pool.matrix(WIDTH, WIDTH);
  const one = (): Value => {
    const kind = m.pick(['plain', 'plain', 'bias', 'linear', 'active', 'shared'] as const);
    if (kind === 'shared') return g.matmul(x, shared);
    if (kind === 'active') return g.relu(g.matmul(x, pool.matrix(WIDTH, WIDTH)));
    if (kind === 'linear') return g.linear(x, pool.matrix(WIDTH, WIDTH), pool.weight([WIDTH]));
    const product = g.matmul(x, pool.matrix(WIDTH, WIDTH));
    return kind === 'plain' ? product : g.add(product, pool.weight([WIDTH]));
  };
  const [a, b, c] = [one(), one(), one()];
  if (m.chance(0.2)) return [a, b, c];
  return g.mul(g.tanh(a), g.sub(b, c));
};

/** Values that depend on weights and constants alone. */
const constants: Maker = (m) => {
  const { g, pool } = m;
  const square = () => pool.weight([WIDTH, WIDTH], 0.3);
  const vector = m.pick([
    () => g.mul(m.vector(), 2),
    () => g.tanh(m.vector()),
    () =>
      g.constant({
        value: [...Array(WIDTH).keys()].map((i) => i / 8),
        dtype: 'f32',
        shape: [WIDTH],
      }),
    () => g.reshape(pool.weight([3, 4]), { shape: [WIDTH] }),
    () => g.reduce_mean(square(), { axes: [0] }),
    () => g.cast(g.iota({ shape: [WIDTH], start: 1 }), { dtype: 'f32' }),
    () => g.slice(square(), { starts: [2, 0], ends: [3, WIDTH] }),
    () => g.concat([pool.weight([5]), pool.weight([WIDTH - 5])], { axis: 0 }),
  ]);
  if (m.chance(0.6)) return g.add(m.state(), vector());
  const matrix = m.pick([
    () => g.transpose(square(), { permutation: [1, 0] }),
    () => g.matmul(square(), square()),
    () => g.add(square(), vector()),
    () => g.mul(square(), g.constant({ value: [0.5], dtype: 'f32' })),
  ]);
  return g.matmul(m.state(), matrix());
};

/** A node of the graph once more, as it is or with one attribute changed. */
const duplicate: Maker = (m) => {
  const { construction } = m.pool;
  const original = m.float();
  const node = construction.nodes.find(({ results }) => results[0] === original?.id);
  if (original === null || node === undefined) return null;
  const operands = node.operands.map((id) => (id === null ? null : construction.values.get(id)));
  const present = operands.map((value) => value ?? null);
  const attributes = m.chance(0.6) ? node.attributes : changed(m, node.attributes);
  const again = () => construction.addNode(node.op, present, attributes);
  const [twin] = orNothing(again);
  if (twin === undefined) return null;
  const isAlike = JSON.stringify(twin.shape) === JSON.stringify(original.shape);
  return isAlike ? m.g.sub(original, m.g.mul(twin, 0.5)) : twin;
};

/** Not where an op moves elements, or windows: other places may lie outside of the operand. */
function changed(m: Making, attributes: { readonly [name: string]: unknown }) {
  const kept = 'dilations' in attributes ? WINDOWS : PLACES;
  const names = Object.keys(attributes).filter((name) => !kept.has(name));
  if (names.length === 0) return attributes;
  const name = m.pick(names);
  const value = attributes[name];
  const other = () => {
    if (typeof value === 'number') return m.pick([value + 1, value / 2, 0 - value]);
    if (typeof value === 'boolean') return !value;
    if (value === 'none') return 'tanh';
    return Array.isArray(value) ? value.toReversed() : value;
  };
  return { ...attributes, [name]: other() };
}

const PLACES: ReadonlySet<string> = new Set(['starts', 'ends', 'steps', 'shape', 'start']);
/** What decides which lengths a window fits. */
const WINDOWS: ReadonlySet<string> = new Set(['sizes', 'dilations', 'before', 'after']);

/** What a call gives, or nothing where its operands do not fit. */
function orNothing(call: () => readonly Value[]): readonly Value[] {
  try {
    return call();
  } catch (error) {
    if (error instanceof EncompileError) return [];
    throw error;
  }
}

/** Ways of computing x, or little more, that simplify sees through. */
const detours: Maker = (m) => {
  const { g, pool } = m;
  const x = m.state();
  const shape = [pool.batch, pool.seq, WIDTH];
  const split = [pool.batch, pool.seq, 3, 4];
  const shuffled = () => {
    const axes = [0, 1, 2, 3];
    return axes
      .map((axis) => ({ axis, at: m.pick([...Array(100).keys()]) }))
      .sort((a, b) => a.at - b.at)
      .map(({ axis }) => axis);
  };
  return m.pick([
    () => g.neg(g.neg(x)),
    () => g.mul(g.mul(x, m.pick([2, 3, 0.3])), m.pick([0.5, 7])),
    () => g.mul(1, g.add(g.sub(x, 0), 0)),
    () => g.div(g.div(x, m.pick([1, 4, 3])), m.pick([1, 0.5])),
    () => g.transpose(g.transpose(x, { permutation: [1, 2, 0] }), { permutation: [2, 0, 1] }),
    () => {
      const apart = g.reshape(x, { shape: split });
      return g.transpose(g.transpose(apart, { permutation: shuffled() }), {
        permutation: shuffled(),
      });
    },
    () => g.reshape(g.reshape(x, { shape: split }), { shape }),
    () => {
      const narrow = g.reduce_max(x, { axes: [2], keep: true });
      const middle = g.broadcast(narrow, { shape: [pool.batch, pool.seq, 1] });
      return g.add(x, g.broadcast(middle, { shape }));
    },
    () => g.add(x, g.broadcast(g.constant({ value: [0.5], dtype: 'f32' }), { shape })),
    () => g.cast(g.slice(x, { starts: [0, 0, 0], ends: shape }), { dtype: 'f32' }),
    () => g.pad(g.concat([x], { axis: 1 }), { before: [0, 0, 0], after: [0, 0, 0] }),
    () => g.select(g.constant({ value: [m.pick([0, 1])], dtype: 'bool' }), x, m.state()),
    () => g.select(g.greater(m.exactState(), 0), x, x),
    () =>
      g.reshape(
        g.transpose(g.reshape(x, { shape: [pool.batch, 1, pool.seq, WIDTH] }), {
          permutation: [1, 0, 2, 3],
        }),
        { shape },
      ),
  ])();
};

/** Values that are outputs beside their uses, inputs and views of them among them. */
const moreOutputs: Maker = (m) => {
  const { g, pool } = m;
  const x = m.state();
  pool.alsoOutput(m.chance(0.7) ? x : g.reshape(x, { shape: [pool.batch, pool.seq, 3, 4] }));
  return g.neg(x);
};

export const blockMakers: readonly Maker[] = [
  feedForward,
  feedForward,
  addNorm,
  addNorm,
  embeddingNorm,
  projections,
  constants,
  duplicate,
  detours,
  detours,
  moreOutputs,
];
