/** Single ops for random graphs, and what it takes to call them with operands that fit. */
import { multiply, subtract } from '../../src/ir/dims.ts';
import type { Value } from '../../src/ir/graph.ts';
import type { Maker, Making } from './random-pool.ts';
import { WIDTH } from './random-pool.ts';

const UNARY = ['neg', 'abs', 'relu', 'erf', 'gelu', 'silu'] as const;
/** Of results in [-1, 1]. */
const BOUNDED = ['tanh', 'sigmoid', 'sin', 'cos', 'atan'] as const;
/** Of arguments between -0.75 and 0.75. */
const TRIGONOMETRIC = ['tan', 'asin', 'acos', 'sinh', 'cosh', 'asinh', 'atanh'] as const;
const BINARY = ['add', 'sub', 'minimum', 'maximum'] as const;
const COMPARISON = ['less', 'less_equal', 'greater', 'greater_equal', 'equal'] as const;
const REDUCTION = ['reduce_mean', 'reduce_max', 'reduce_min'] as const;
const BITS = ['bit_and', 'bit_or', 'bit_xor', 'shift_left', 'shift_right'] as const;
const INTEGER = ['add', 'sub', 'mul', 'minimum', 'maximum'] as const;
const LOGIC = ['and', 'or', 'xor'] as const;

const elementwise: readonly Maker[] = [
  ({ g, pick, float }) => onFloat(float(), (x) => g[pick(UNARY)](x)),
  ({ g, pick, pool, float }) => onFloat(float(), (x) => pool.keep(g[pick(BOUNDED)](x), 'calm')),
  (m) => onFloat(m.float(), (x) => m.g[m.pick(BINARY)](x, m.like(x))),
  (m) => onFloat(m.float(), (x) => m.g[m.pick(['add', 'mul'] as const)](x, lastDim(m, x))),
  ({ g, state }) => g.mul(g.tanh(state()), state()),
  ({ g, pick, state }) => g[pick(TRIGONOMETRIC)](g.mul(g.tanh(state()), 0.75)),
  ({ g, calmState }) => g.acosh(g.add(g.abs(calmState()), 1.25)),
  ({ g, float }) => onFloat(float(), (x) => g.div(x, g.add(g.abs(x), 0.5))),
  ({ g, pick, float }) =>
    onFloat(float(), (x) =>
      g[pick(['sqrt', 'rsqrt', 'log', 'reciprocal'] as const)](g.add(g.abs(x), 0.25)),
    ),
  ({ g, pool, pick, float }) =>
    onFloat(float(), (x) => pool.keep(g.exp(g[pick(BOUNDED)](x)), 'calm')),
  ({ g, pool, pick, calmState }) =>
    pool.keep(g.pow(g.add(g.abs(calmState()), 0.5), pick([2, 0.5, -1, 1.5]))),
  ({ g, float }) =>
    onFloat(float(), (x) => g.cast(g.relu(g.cast(x, { dtype: 'f16' })), { dtype: 'f32' })),
  (m) => {
    // of exact numbers, as a sum in another order could stand on the other side of a middle
    const { g } = m;
    const op = m.pick(['round_float32', 'round_float16', 'round_bfloat16'] as const);
    return g.add(g[op](g.mul(m.exactState(), 1 + 2 ** -9)), m.state());
  },
  (m) => {
    const condition = m.g[m.pick(COMPARISON)](m.exactState(), m.pick([0.25, 0, -0.5]));
    return m.g.select(condition, m.state(), m.state());
  },
  ({ g, pool, exactState }) => pool.keep(g.neg(exactState()), 'exact', 'calm'),
  (m) => {
    const rounded = m.g[m.pick(['floor', 'ceil', 'round', 'trunc', 'sign'] as const)](
      m.exactState(),
    );
    return m.pool.keep(rounded, 'exact', 'calm');
  },
];

/** Integers and masks computed from exact values, back to floats or to rows of a table. */
const integers: readonly Maker[] = [
  (m) => {
    const { g } = m;
    const scaled = g.cast(g.mul(m.exactState(), 4), { dtype: m.pick(['i32', 'i8'] as const) });
    const mixed = g[m.pick(BITS)](scaled, m.pick([1, 3, 5]));
    return m.pool.keep(g.mul(g.cast(g.rem(mixed, 64), { dtype: 'f32' }), 0.125), 'exact', 'calm');
  },
  (m) => {
    // numbers of every kind, one known from another
    const { g } = m;
    const x = m.exactState();
    const kind = m.pick([() => g.is_nan(x), () => g.is_inf(x, { sign: 'negative' })])();
    return g.select(kind, 2, m.state());
  },
  (m) => {
    const { g, pool } = m;
    // by no neutral number: where a pass finds plain ids, the host holds them to this table too
    const ids = g[m.pick(INTEGER)](pool.named('ids'), m.pick([2, 3]));
    const rows = g.gather(pool.weight([m.pick([4, 9]), WIDTH]), ids);
    return pool.keep(rows, 'calm');
  },
  ({ g, pool, pick }) => {
    // narrow integers wrap around
    const dtype = pick(['u8', 'i8', 'i64'] as const);
    const product = g.mul(g.cast(pool.named('ids'), { dtype }), pick([3, 40]));
    const shape = [pool.batch, pool.seq, 1];
    const column = g.cast(g.reshape(product, { shape }), { dtype: 'f32' });
    return pool.keep(
      g.broadcast(g.mul(column, 0.0078125), { shape: [...shape.slice(0, 2), WIDTH] }),
      'exact',
      'calm',
    );
  },
  ({ g, pool, pick }) => {
    const flag = g[pick(COMPARISON)](pool.named('ids'), pick([2, 5]));
    pool.alsoOutput(flag);
    return g.cast(g.or(flag, pool.named('mask')), { dtype: 'f32' });
  },
  (m) => {
    // rows turned by angles of their places, some features staying
    const { g, pool } = m;
    const count = m.pick([2, WIDTH / 2]);
    const places = g.cast(g.iota({ shape: [pool.seq, count] }), { dtype: 'f32' });
    const angle = g.mul(places, m.pick([0.5, 1.25]));
    const pairs = m.pick(['halves', 'interleaved'] as const);
    return pool.keep(g.rotary(m.state(), g.cos(angle), g.sin(angle), { pairs }));
  },
  (m) => {
    const best = m.g[m.pick(['argmax', 'argmin'] as const)](m.exactState(), { axis: -1 });
    return m.pool.keep(m.g.gather(m.pool.weight([WIDTH, WIDTH]), best), 'calm');
  },
  (m) => {
    const { g } = m;
    const shape = [m.pool.batch, m.pool.seq, 1];
    const large = g.greater(m.exactState(), 0.5);
    const both = g[m.pick(LOGIC)](large, m.maskAs(shape));
    return g.select(m.chance(0.5) ? g.not(both) : both, m.state(), m.state());
  },
  (m) => {
    // how many positions are visible, as pooling divides by it
    const { g, pool } = m;
    const visible = g.cast(pool.named('mask'), { dtype: 'i32' });
    const [reduce, keep] = [m.pick(['reduce_sum', 'reduce_max', 'reduce_min'] as const), true];
    const count = g[reduce](g.add(visible, pool.named('visible')), { axes: [1], keep });
    const divisor = g.cast(g.reshape(count, { shape: [pool.batch, 1, 1] }), { dtype: 'f32' });
    return g.div(m.state(), g.add(divisor, 1));
  },
  (m) => {
    const column = m.g.cast(m.maskAs([m.pool.batch, m.pool.seq, 1]), { dtype: 'f32' });
    return m.g.mul(m.state(), column);
  },
  (m) => {
    const truncated = m.g.cast(m.g.mul(m.exactState(), 4), { dtype: 'i32' });
    const { g } = m;
    const divided = () => g[m.pick(['rem', 'mod'] as const)](truncated, m.pick([3, -3]));
    const raised = () => g.pow(truncated, m.pick([g.rem(g.abs(truncated), 5), 2]));
    const rest = m.pick([divided, raised, () => g.mul(truncated, truncated)])();
    return m.pool.keep(g.mul(g.cast(rest, { dtype: 'f32' }), 0.125), 'exact', 'calm');
  },
];

const reductions: readonly Maker[] = [
  (m) =>
    onFloat(m.float(), (x) => {
      const keep = m.chance(0.5);
      const reduced = m.g[m.pick(REDUCTION)](x, { axes: [m.pick([...x.shape.keys()])], keep });
      return keep ? m.g.sub(x, reduced) : reduced;
    }),
  ({ g, pool, pick, chance, calmState }) => {
    const options = { axis: pick([0, 1, 2]), exclusive: chance(0.5), reverse: chance(0.5) };
    return pool.keep(g.mul(g.cumsum(calmState(), options), 0.25));
  },
  ({ g, pool, pick, chance }) => {
    // where each visible token stands among them
    const visible = g.cast(pool.named('mask'), { dtype: pick(['i32', 'u8'] as const) });
    const places = g.cumsum(visible, { axis: pick([0, 1]), reverse: chance(0.3) });
    return pool.keep(g.gather(pool.weight([4, WIDTH]), places), 'calm');
  },
  (m) => {
    const axes = m.pick([[0, 1], [1, 2], [0, 1, 2], [-1], [2, 0]]);
    return m.g[m.pick(REDUCTION)](m.state(), { axes, keep: m.chance(0.5) });
  },
  ({ g, pick, calmState }) => g.mul(g.reduce_sum(calmState(), { axes: [pick([0, 2])] }), 0.25),
  ({ g, pool, pick, chance, exactState }) => {
    const keep = chance(0.5);
    const best = g.argmax(exactState(), { axis: pick([0, 1]), keep });
    return pool.keep(g.mul(g.cast(best, { dtype: 'f32' }), 0.25));
  },
  ({ g, pool, float }) => onFloat(float(), (x) => pool.keep(g.softmax(x, { axis: -1 }), 'calm')),
  ({ g, pool, calmState }) => pool.keep(g.log_softmax(calmState(), { axis: -1 })),
  ({ g, pick, pool, calmState, maskAs }) => {
    const mask = maskAs([pool.batch, pool.seq, 1]);
    return pool.keep(g.softmax(calmState(), mask, { axis: pick([0, 1, 2]) }), 'calm');
  },
  ({ g, wide, pool }) =>
    onWide(wide(), (x, n) =>
      pool.keep(g.layer_norm(x, pool.weight([n]), pool.weight([n]), { eps: 1e-2 }), 'calm'),
    ),
  ({ g, wide, pool }) => onWide(wide(), (x) => pool.keep(g.rms_norm(x, { eps: 1e-2 }), 'calm')),
];

/** Of sizes that only the numbers of an input tell. */
const counted: readonly Maker[] = [
  ({ g, pool, pick, state }) => {
    const index = g.nonzero(pool.named(pick(['mask', 'visible', 'ids'])), {
      symbol: `found${pool.values.length}`,
      always: pick([[], [0], [1, subtract(pool.seq, 1)]]),
    });
    const rows = g.reshape(state(), { shape: [multiply(pool.batch, pool.seq), WIDTH] });
    const found = g.gather(rows, index);
    return pool.keep(g.mul(g.reduce_sum(g.tanh(found), { axes: [0] }), 0.1), 'calm');
  },
];

const contractions: readonly Maker[] = [
  (m) =>
    onWide(m.wide(2), (x, n) => {
      const columns = m.pick([3, 6, WIDTH, 2 * WIDTH, 68]);
      const y = m.g.matmul(x, m.pool.matrix(n, columns));
      return m.chance(0.5) ? m.g.add(y, m.pool.weight([columns])) : y;
    }),
  ({ g, pool, state }) => g.matmul(state(), pool.matrix(WIDTH, WIDTH)),
  ({ g, calmState }) => {
    const [x, y] = [calmState(), calmState()];
    return g.mul(g.matmul(x, g.transpose(y, { permutation: [0, 2, 1] })), 0.25);
  },
  ({ g, pool, calmState }) => {
    // a matrix of x's own: rows of x against columns of x
    const x = calmState();
    const square = g.matmul(g.transpose(x, { permutation: [0, 2, 1] }), x);
    return pool.keep(g.matmul(x, g.tanh(square)));
  },
  ({ g, pool, state }) => g.matmul(state(), pool.weight([1, WIDTH, WIDTH], 0.3)),
];

const views: readonly Maker[] = [
  (m) =>
    onFloat(m.float(), (x) => {
      const axes = [...x.shape.keys()];
      const permutation = m.pick([[...axes.slice(1), 0], axes.toReversed()]);
      return m.g.transpose(x, { permutation });
    }),
  ({ g, float }) =>
    onFloat(float(), (x) => {
      const [first = 1, second = 1, ...rest] = x.shape;
      const joined = [multiply(first, second), ...rest];
      return x.shape.length < 2 ? null : g.reshape(x, { shape: joined });
    }),
  ({ g, wide, chance }) =>
    onWide(wide(), (x, n) => {
      if (n < 3) return null;
      const leading = x.shape.slice(0, -1);
      const step = chance(0.3) ? 2 : 1;
      return g.slice(x, {
        starts: [...leading.map(() => 0), 1],
        ends: [...leading, n - 1],
        steps: [...leading.map(() => 1), step],
      });
    }),
  ({ g, pool, float, pick }) =>
    onFloat(float(), (x) => {
      const axis = pick([...x.shape.keys()]);
      const isSmall = typeof x.shape[axis] === 'number' && Number(x.shape[axis]) < 32;
      const longer = () => g.concat([x, g.neg(x)], { axis });
      return isSmall ? pool.keep(longer()) : null;
    }),
  ({ g, state, pick }) => g.concat([state(), state()], { axis: pick([1, -1]) }),
  ({ g, state }) => g.concat([state(), state(), state()], { axis: 0 }),
  ({ g, pool, pick, wide }) =>
    onWide(wide(), (x, n) => {
      const places = g.constant({ value: [0, n - 1, pick([1, 2])], dtype: 'i32', shape: [3] });
      return pool.keep(g.gather(x, places, { axis: -1 }));
    }),
  (m) => {
    // a place for each element of the rows, all of one sort or beside one another
    const { g, pool } = m;
    const places = g.iota({ shape: [WIDTH], start: m.pick([-1, 1]) });
    const turned = g.rem(g.mul(places, 5), WIDTH);
    const shape = [pool.batch, pool.seq, WIDTH];
    const indices = g.broadcast(turned, { shape });
    return pool.keep(g.gather_elements(m.state(), indices, { axis: -1 }));
  },
  (m) => {
    // rows that are data stand in places that are
    const { g, pool } = m;
    const places = g.reshape(pool.named('ids'), { shape: [pool.batch, pool.seq, 1] });
    const shape = [pool.batch, pool.seq, 3];
    const indices = g.rem(g.add(g.broadcast(places, { shape }), g.iota({ shape: [3] })), WIDTH);
    const updates = g.slice(m.state(), { starts: [0, 0, 2], ends: [pool.batch, pool.seq, 5] });
    const reduction = m.pick(['none', 'add', 'max', 'min'] as const);
    return g.scatter_elements(m.calmState(), indices, updates, { axis: -1, reduction });
  },
  (m) => {
    const { g, pool } = m;
    const value = [0, 1, 0, 9, 1, 0];
    const indices = g.constant({ value, dtype: m.pick(['i32', 'i64'] as const), shape: [3, 2] });
    const reduction = m.pick(['none', 'mul', 'add'] as const);
    const table = pool.weight([2, 3, WIDTH]);
    const rows = g.scatter_nd(table, indices, pool.weight([3, WIDTH]), { reduction });
    const looked = g.gather_nd(
      rows,
      g.constant({ value: [1, 0, 0, 1], dtype: 'i64', shape: [2, 2] }),
    );
    return g.add(m.state(), g.reduce_sum(looked, { axes: [0] }));
  },
  (m) => {
    // of exact values, as the order of elements that rounding brings together is open
    const { g, pool } = m;
    const [k, largest] = [m.pick([1, 3, WIDTH]), m.chance(0.5)];
    const [values, indices] = g.top_k(m.exactState(), { k, largest });
    if (values === undefined || indices === undefined) return null;
    const places = g.mul(g.cast(indices, { dtype: 'f32' }), 0.125);
    return pool.keep(m.chance(0.5) ? g.add(values, places) : values, 'exact', 'calm');
  },
  ({ g, pool, state }) => {
    // all of it backwards
    const starts = [subtract(pool.batch, 1), subtract(pool.seq, 1), WIDTH - 1];
    return g.slice(state(), { starts, ends: [-1, -1, -1], steps: [-1, -1, -1] });
  },
  ({ g, pool, pick, state }) => {
    const [heads, width] = pick([
      [3, 4],
      [4, 3],
      [6, 2],
    ] as const);
    const apart = g.reshape(state(), { shape: [pool.batch, pool.seq, heads, width] });
    const permutation = pick([
      [0, 2, 1, 3],
      [2, 0, 3, 1],
      [3, 1, 0, 2],
      [1, 3, 2, 0],
    ]);
    return g.transpose(apart, { permutation });
  },
  ({ g, pool, state }) => {
    const rows = g.broadcast(pool.weight([3, 1]), { shape: [pool.batch, pool.seq, 3, WIDTH] });
    const x = g.reshape(state(), { shape: [pool.batch, pool.seq, 1, WIDTH] });
    return g.reduce_max(g.mul(rows, x), { axes: [2] });
  },
  ({ g, wide }) =>
    onWide(wide(), (x, n) => {
      if (n > 32) return null;
      const none = x.shape.slice(0, -1).map(() => 0);
      return g.pad(x, { before: [...none, 1], after: [...none, 2], value: 0.5 });
    }),
  ({ g, pool, state }) => {
    const positions = g.cast(g.iota({ shape: [pool.seq, 1], axis: 0 }), { dtype: 'f32' });
    return g.add(state(), g.sin(g.mul(positions, 0.3)));
  },
  ({ g, pool, state }) => {
    const shape = [pool.batch, pool.seq, WIDTH];
    return g.mul(state(), g.broadcast(pool.weight([1, WIDTH]), { shape }));
  },
];

export const opMakers: readonly Maker[] = [
  ...elementwise,
  ...integers,
  ...reductions,
  ...counted,
  ...contractions,
  ...views,
];

function onFloat(x: Value | null, make: (x: Value) => Value | null): Value | null {
  return x === null ? null : make(x);
}

function onWide(
  found: ReturnType<Making['wide']>,
  make: (x: Value, last: number) => Value | null,
): Value | null {
  return found === null ? null : make(found.x, found.n);
}

/** A vector that broadcasts to the value's last dim, or a number where that is symbolic. */
function lastDim({ pool }: Making, x: Value): Value | number {
  const last = x.shape.at(-1);
  return typeof last === 'number' ? pool.weight([last]) : 0.75;
}
