/**
 * Attention for random graphs, written as declarations and exporters do: where the scale stands, how
 * heads are split, how masks are applied. Beside it what looks like attention and is none: scores
 * with a second use, a softmax along the queries, a key that is reshaped and not transposed.
 */
import { add, type Dim, multiply, subtract } from '../../src/ir/dims.ts';
import type { Value } from '../../src/ir/graph.ts';
import { project } from './random-blocks.ts';
import { type Maker, type Making, WIDTH } from './random-pool.ts';

interface Form {
  readonly heads: number;
  readonly width: number;
  /** How many heads keys and values have. */
  readonly keyHeads: number;
  readonly queries: Dim;
  readonly keys: Dim;
  /** Whether the scores have the leading dim batch * heads alone. */
  readonly isFlat: boolean;
}

const primitive: Maker = (m) => {
  const { pool } = m;
  const heads = m.pick([1, 2, 3, 4, 6]);
  const isGrouped = m.chance(0.2);
  const [x, source] = sources(m);
  const form: Form = {
    heads,
    width: WIDTH / heads,
    keyHeads: isGrouped ? 1 : heads,
    queries: pool.seq,
    keys: source.shape[1] ?? 1,
    isFlat: !isGrouped && m.chance(0.3),
  };
  const query = split(m, project(m, x, WIDTH, WIDTH, m.chance(0.7)), form.queries, heads, form);
  const keyed = project(m, source, WIDTH, form.keyHeads * form.width, m.chance(0.7));
  const valued = project(m, source, WIDTH, form.keyHeads * form.width, m.chance(0.7));
  const key = split(m, keyed, form.keys, form.keyHeads, form);
  const value = split(m, valued, form.keys, form.keyHeads, form);
  const probabilities = weigh(m, query, turned(m, key, form), form);
  const context = m.g.matmul(probabilities, repeated(m, value, form));
  if (m.chance(0.08)) pool.alsoOutput(probabilities);
  return joined(m, context, form);
};

/** A state for the queries and one for the keys: the same, another, or one twice as long. */
function sources(m: Making): readonly [Value, Value] {
  const [x, y] = [m.calmState(), m.calmState()];
  const kind = m.pick(['self', 'self', 'self', 'cross', 'longer'] as const);
  if (kind === 'longer') return [x, m.g.concat([x, y], { axis: 1 })];
  return [x, kind === 'self' ? x : y];
}

function split(m: Making, x: Value, rows: Dim, heads: number, form: Form): Value {
  const { g, pool } = m;
  const apart = g.reshape(x, { shape: [pool.batch, rows, heads, form.width] });
  const turned = g.transpose(apart, { permutation: [0, 2, 1, 3] });
  if (!form.isFlat) return turned;
  return g.reshape(turned, { shape: [multiply(pool.batch, heads), rows, form.width] });
}

function joined({ g, pool }: Making, context: Value, form: Form): Value {
  const { heads, width, queries } = form;
  const apart = form.isFlat
    ? g.reshape(context, { shape: [pool.batch, heads, queries, width] })
    : context;
  const turned = g.transpose(apart, { permutation: [0, 2, 1, 3] });
  return pool.keep(g.reshape(turned, { shape: [pool.batch, queries, WIDTH] }), 'calm');
}

/** The key as the second factor of the scores; now and then not the transpose of anything. */
function turned(m: Making, key: Value, form: Form): Value {
  const all = repeated(m, key, form);
  const rank = all.shape.length;
  const leading = all.shape.slice(0, -2);
  if (m.chance(0.08)) return m.g.reshape(all, { shape: [...leading, form.width, form.keys] });
  const permutation = [...leading.keys(), rank - 1, rank - 2];
  return m.g.transpose(all, { permutation });
}

/** Heads of key or value repeated for the groups of query heads, or left to broadcasting. */
function repeated(m: Making, x: Value, { heads, keyHeads, width, keys }: Form): Value {
  if (keyHeads === heads || m.chance(0.5)) return x;
  return m.g.broadcast(x, { shape: [m.pool.batch, heads, keys, width] });
}

/** softmax(scale * query key^T + bias), masked in one of the forms in use. */
function weigh(m: Making, query: Value, key: Value, form: Form): Value {
  const { g, pool } = m;
  const { heads, queries, keys, isFlat } = form;
  const scale = m.pick([0.5, 1 / Math.sqrt(form.width), 1, -0.3]);
  const where = m.pick(['query', 'key', 'scores', 'divided'] as const);
  const products = g.matmul(
    where === 'query' ? g.mul(query, scale) : query,
    where === 'key' ? g.mul(scale, key) : key,
  );
  const scaled =
    where === 'scores'
      ? g.mul(products, scale)
      : where === 'divided'
        ? g.div(products, 2)
        : products;
  if (m.chance(0.08)) pool.alsoOutput(scaled);
  const framed = isFlat ? g.reshape(scaled, { shape: [pool.batch, heads, queries, keys] }) : scaled;
  // below a bias a factor goes to the query; behind one, the attention stays as it is
  const warmBefore = m.chance(0.1);
  const warm = warmBefore ? g.mul(framed, pool.weight([heads, 1, 1])) : framed;
  const sum = m.chance(0.3) ? g.add(warm, bias(m, form)) : warm;
  const behind = m.chance(0.05) ? g.div(sum, g.exp(pool.weight([heads, 1, 1]))) : sum;
  const biased = m.chance(0.1) ? addedSplit(m, behind, form) : behind;
  const axis = m.chance(0.08) ? -2 : -1;
  const { scores, mask } = masked(m, biased, form, axis);
  const back = (x: Value) =>
    isFlat ? g.reshape(x, { shape: [multiply(pool.batch, heads), queries, keys] }) : x;
  if (mask !== null) return back(g.softmax(scores, mask, { axis }));
  return g.softmax(back(scores), { axis });
}

/** Scores with a bias a head that is added where their dims are split, as positions of images are. */
function addedSplit({ g, pool }: Making, x: Value, { heads, queries, keys }: Form): Value {
  const split = g.reshape(x, { shape: [pool.batch, heads, queries, 1, 1, keys] });
  const sum = g.add(split, pool.weight([heads, 1, 1, 1, 1]));
  return g.reshape(sum, { shape: [pool.batch, heads, queries, keys] });
}

function bias(m: Making, { heads, queries, keys }: Form): Value {
  const { g, pool } = m;
  if (m.chance(0.4)) return pool.weight([heads, 1, 1]);
  const i = g.cast(g.iota({ shape: [queries, 1], axis: 0 }), { dtype: 'f32' });
  const j = g.cast(g.iota({ shape: [1, keys], axis: 1 }), { dtype: 'f32' });
  const distance = g.mul(g.abs(g.sub(i, j)), -0.125);
  return m.chance(0.5) ? distance : g.mul(distance, pool.weight([heads, 1, 1]));
}

/**
 * Scores with their mask applied, or beside it where the softmax takes it. A constant stands only
 * where every query sees a key: for others the fused attention is defined otherwise, scores that
 * drown in the constant differ by rounding alone, and WGSL has no infinity to tell them by.
 */
function masked(
  m: Making,
  x: Value,
  form: Form,
  axis: number,
): { readonly scores: Value; readonly mask: Value | null } {
  const { g } = m;
  const exact = ['none', 'softmax', 'softmax', 'infinite'] as const;
  const kind = m.pick(axis === -1 ? [...exact, 'select', 'hidden', 'added'] : exact);
  if (kind === 'none') return { scores: x, mask: null };
  if (kind === 'softmax') return { scores: x, mask: visible(m, form, true) };
  if (kind === 'infinite') {
    return { scores: g.select(visible(m, form, false), x, -Infinity), mask: null };
  }
  const seen = visible(m, form, false);
  if (kind === 'select') return { scores: g.select(seen, x, m.pick([-1e9, -1e5])), mask: null };
  if (kind === 'hidden') return { scores: g.select(g.not(seen), -1e9, x), mask: null };
  const ones = g.cast(seen, { dtype: 'f32' });
  const low = m.chance(0.5) ? g.mul(g.sub(1, ones), -1e6) : g.mul(g.sub(ones, 1), 1e6);
  return { scores: g.add(x, low), mask: null };
}

/** Padding, positions, or both; `mayHideAll`: whether a query may be left without a key. */
function visible(m: Making, form: Form, mayHideAll: boolean): Value {
  const { g } = m;
  const kind = m.pick(['padding', 'padding', 'positions', 'both'] as const);
  if (kind === 'padding') return padding(m, form);
  if (kind === 'positions') return positions(m, form, mayHideAll);
  // behind the padding, all keys near a query may be hidden
  const placed = () => positions(m, form, mayHideAll, mayHideAll);
  return m.chance(0.5) ? g.and(padding(m, form), placed()) : g.and(placed(), padding(m, form));
}

function padding(m: Making, { keys }: Form): Value {
  const { g, pool } = m;
  const own = m.chance(0.7) ? pool.named('mask') : g.not_equal(pool.named('visible'), 0);
  const whole = keys === pool.seq ? own : g.concat([own, own], { axis: 1 });
  return g.reshape(whole, { shape: [pool.batch, 1, 1, keys] });
}

/** Key j is visible to query i where j <= i + keys - queries, or at a distance from that. */
function positions(
  m: Making,
  { queries, keys }: Pick<Form, 'queries' | 'keys'>,
  mayHideAll: boolean,
  mayBeNear = true,
): Value {
  const { g } = m;
  if (m.chance(0.3) && mayBeNear) return near(m, { queries, keys }, mayHideAll);
  const isCausal = m.chance(0.6);
  const reach = isCausal ? 0 : m.pick(mayHideAll ? [-1, 1, 2] : [1, 2]);
  const last = add(subtract(keys, queries), reach);
  const j = g.iota({ shape: [1, keys], axis: 1 });
  if (m.chance(0.5)) {
    const i = g.iota({ shape: [queries, 1], axis: 0, start: last });
    return m.pick([
      () => g.less_equal(j, i),
      () => g.greater_equal(i, j),
      () => g.not(g.greater(j, i)),
    ])();
  }
  const i = g.iota({ shape: [queries, 1], axis: 0, start: add(last, 1) });
  return m.chance(0.5) ? g.less(j, i) : g.not(g.less_equal(i, j));
}

/** Key j is visible to query i where they are not far apart; now and then further to one side. */
function near(
  m: Making,
  { queries, keys }: Pick<Form, 'queries' | 'keys'>,
  mayHideAll: boolean,
): Value {
  const { g } = m;
  const start = add(subtract(keys, queries), m.pick(mayHideAll ? [0, 0, 0, 1] : [0]));
  const i = g.iota({ shape: [queries, 1], axis: 0, start });
  const j = g.iota({ shape: [1, keys], axis: 1 });
  const window = m.pick([1, 2, 5]);
  const distance: Value = m.chance(0.5) ? g.sub(i, j) : g.sub(j, i);
  return m.pick([
    () => g.less_equal(g.abs(distance), window),
    () => g.less(g.abs(distance), window + 1),
    () => g.not(g.greater(g.abs(distance), window)),
    () => g.less_equal(g.abs(g.cast(distance, { dtype: 'f32' })), window),
    () => g.and(g.less_equal(g.sub(i, window), j), g.less_equal(j, g.add(i, m.pick([0, window])))),
  ])();
}

/** The op itself. */
const whole: Maker = (m) => {
  const { pool } = m;
  const heads = m.pick([1, 2, 3, 4, 6]);
  const [x, source] = sources(m);
  const width = WIDTH / heads;
  const keys = source.shape[1] ?? 1;
  const keyHeads = m.chance(0.3) ? 1 : heads;
  const form: Form = { heads, width, keyHeads, queries: pool.seq, keys, isFlat: false };
  const query = split(m, x, form.queries, heads, form);
  const shared = keyHeads === heads ? source : project(m, source, WIDTH, width);
  const key = split(m, shared, keys, keyHeads, form);
  const mask = m.chance(0.6) ? visible(m, form, true) : null;
  const added = m.chance(0.3) ? bias(m, form) : null;
  const context = m.g.attention(query, key, key, mask, added, {
    scale: m.pick([0.5, 0.7]),
    causal: m.chance(0.3),
    window: m.chance(0.3) ? m.pick([0, 1, 3]) : null,
  });
  return joined(m, context, form);
};

/** Attention of the batch packed into one sequence of segments. */
const packed: Maker = (m) => {
  const { g, pool } = m;
  const { batch, seq } = pool;
  const heads = m.pick([1, 2, 3]);
  const rows = multiply(batch, seq);
  const headsOf = (x: Value, count: number) => {
    const apart = g.reshape(x, { shape: [rows, count, WIDTH / heads] });
    return g.transpose(apart, { permutation: [1, 0, 2] });
  };
  const [x, keyed] = [m.calmState(), m.calmState()];
  const keyHeads = m.chance(0.3) ? 1 : heads;
  const shared = keyHeads === heads ? keyed : project(m, keyed, WIDTH, WIDTH / heads);
  const numbers = g.iota({ shape: [batch, 1], axis: 0 });
  const segments = g.reshape(g.broadcast(numbers, { shape: [batch, seq] }), { shape: [rows] });
  const offsets = g.mul(g.iota({ shape: [add(batch, 1)] }), g.iota({ shape: [1], start: seq }));
  const mask = m.chance(0.5) ? g.reshape(pool.named('mask'), { shape: [rows] }) : null;
  const key = headsOf(shared, keyHeads);
  const context = g.segment_attention(headsOf(x, heads), key, key, segments, offsets, mask, {
    scale: 0.5,
    causal: m.chance(0.3),
  });
  const joint = g.transpose(context, { permutation: [1, 0, 2] });
  return pool.keep(g.reshape(joint, { shape: [batch, seq, WIDTH] }), 'calm');
};

/**
 * A small encoder of which outputs see the rows of the mask alone, and such of which they may see
 * others: remove-padding must tell them apart.
 */
/** What shows a place: some hide more than the 0 that is counted. */
function testOf({ g, pick }: Making, visible: Value): Value {
  return pick([
    () => g.not_equal(visible, 0),
    () => g.equal(visible, 1),
    () => g.greater(visible, 0),
  ])();
}

export const paddedEncoder: Maker = (m) => {
  const { g, pool } = m;
  const { batch, seq } = pool;
  const heads = m.pick([1, 2, 3]);
  const [x, other] = [m.calmState(), m.calmState()];
  const isNumber = m.chance(0.4);
  const mask = isNumber ? testOf(m, pool.named('visible')) : pool.named('mask');
  const form = { heads, width: WIDTH / heads, keyHeads: heads, queries: seq, keys: seq };
  const headsOf = () =>
    split(m, project(m, x, WIDTH, WIDTH), seq, heads, { ...form, isFlat: false });
  const attend = (source: Value): Value => {
    const keyed = m.chance(0.9) ? source : other;
    const flat = { ...form, isFlat: false };
    const key = split(m, project(m, keyed, WIDTH, WIDTH), seq, heads, flat);
    const value = split(m, project(m, keyed, WIDTH, WIDTH), seq, heads, flat);
    const ofKeys = g.reshape(mask, { shape: [batch, 1, 1, seq] });
    const context = g.attention(headsOf(), key, value, ofKeys, null, {
      scale: 0.5,
      causal: m.chance(0.2),
    });
    const sum = g.add(joined(m, context, flat), m.chance(0.8) ? source : m.vector());
    return g.layer_norm(sum, m.vector(), m.vector(), { eps: 1e-2 });
  };
  const y = m.chance(0.3) ? attend(attend(x)) : attend(x);
  const column = g.reshape(mask, { shape: [batch, seq, 1] });
  const shown = m.pick([
    () => g.reduce_sum(g.select(column, y, 0), { axes: [1] }),
    () => g.reduce_sum(g.mul(g.cast(column, { dtype: 'f32' }), y), { axes: [1] }),
    () => g.reduce_max(g.select(g.not(column), -10, y), { axes: [1] }),
    () => g.slice(y, { starts: [0, 0, 0], ends: [batch, 1, WIDTH] }),
    () => g.slice(y, { starts: [0, subtract(seq, 1), 2], ends: [batch, seq, WIDTH] }),
    () => g.select(column, g.tanh(y), 0),
    () => g.matmul(g.reshape(g.cast(mask, { dtype: 'f32' }), { shape: [batch, 1, seq] }), y),
    () => g.reduce_max(y, { axes: [1] }),
  ])();
  return pool.keep(g.mul(shown, 0.25), 'calm');
};

/** Of what no pass finds in the other graphs. */
export const rareMakers: readonly Maker[] = [
  packed,
  (m) => {
    const [norm, sum] = m.g.add_norm(m.calmState(), m.state(), m.vector(), m.vector(), {
      eps: 1e-2,
    });
    if (norm === undefined || sum === undefined) return null;
    m.pool.keep(norm, 'calm');
    return m.chance(0.5) ? [norm, sum] : norm;
  },
  ({ g, pick, state }) => {
    const nearOne = g.add(g.mul(g.tanh(state()), 0.125), 1);
    return g.reduce_prod(nearOne, { axes: [pick([0, 2])] });
  },
];

export const attentionMakers: readonly Maker[] = [
  primitive,
  primitive,
  whole,
  paddedEncoder,
  paddedEncoder,
];
