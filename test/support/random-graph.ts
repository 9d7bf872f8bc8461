/**
 * Random graphs for property tests. A graph is a list of choices: each number picks an op and its
 * operands among the values so far, so that fast-check shrinks a failure by dropping ops.
 *
 * Values stay of moderate size. Ops that jump (comparisons, floor, argmax) act on exact values
 * alone, inputs and integers, as one rounding would otherwise turn into another result.
 */
import fc from 'fast-check';
import { randomNumbers } from '../../src/check/inputs.ts';
import { type GraphCalls, GraphConstruction, type UntypedBuilder } from '../../src/ir/builder.ts';
import { type Dim, multiply } from '../../src/ir/dims.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { bool, f32, i32, sameShape } from '../../src/ir/types.ts';

export interface RandomGraph {
  readonly choices: readonly number[];
  /** Whether batch and seq are symbols or the numbers 2 and 5. */
  readonly symbolic: boolean;
}

/** Choices for graphs of at least `minOps` ops; print one with `fc.stringify`. */
export function randomGraphs(minOps = 20, maxOps = 30): fc.Arbitrary<RandomGraph> {
  return fc.record({
    choices: fc.array(fc.nat(2 ** 31 - 1), { minLength: minOps, maxLength: maxOps, size: 'max' }),
    symbolic: fc.boolean(),
  });
}

const WIDTH = 8;
const HEADS = 2;

/** Builds the graph that choices stand for; parameters carry seeded numbers. */
export function buildRandomGraph({ choices, symbolic }: RandomGraph): Graph {
  const construction = new GraphConstruction();
  const g = construction.untypedBuilder();
  const { input, weight } = construction.builder();
  const [batch, seq]: readonly [Dim, Dim] = symbolic ? ['batch', 'seq'] : [2, 5];
  const pool = new Pool(g, { input, weight }, batch, seq);
  for (const choice of choices) pool.grow(choice);
  return construction.finish('random', pool.outputs());
}

/** The sizes to run a random graph with. */
export function sizesFor({ symbolic }: RandomGraph, batch: number, seq: number) {
  return symbolic ? { batch, seq } : {};
}

type Boundary = Pick<GraphCalls, 'input' | 'weight'>;

class Pool {
  private readonly g: UntypedBuilder;
  private readonly boundary: Boundary;
  private readonly batch: Dim;
  private readonly seq: Dim;
  /** Values that rounding has not touched. */
  private readonly exact = new Set<Value>();
  private readonly values: Value[] = [];
  private weights = 0;

  constructor(g: UntypedBuilder, boundary: Boundary, batch: Dim, seq: Dim) {
    this.g = g;
    this.boundary = boundary;
    this.batch = batch;
    this.seq = seq;
    const inputs = [
      boundary.input('x', f32(batch, seq, WIDTH)),
      boundary.input('y', f32(batch, seq, WIDTH)),
      boundary.input('ids', i32(batch, seq)),
      boundary.input('mask', bool(batch, seq)),
    ];
    for (const value of inputs) this.exact.add(value);
    this.values.push(...inputs);
    // every input indexes or masks something, so that none is left unused and ids have a range
    const rows = g.gather(this.weight([11, WIDTH]), this.named('ids'), { axis: 0 });
    this.values.push(rows, g.mul(rows, g.cast(this.maskColumn(), { dtype: 'f32' })));
  }

  /** Adds an op, or nothing where the chosen one does not fit. */
  grow(choice: number): void {
    const random = randomNumbers(choice);
    const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
    for (let attempt = 0; attempt < 8; attempt++) {
      const make = pick(MAKERS);
      const made = make?.(this, this.g, pick) ?? null;
      if (made === null) continue;
      this.values.push(made);
      return;
    }
  }

  /** Every value that nothing uses, and the newest, as outputs. */
  outputs() {
    return this.values.slice(-4).map((value, i) => ({ name: `out${i}`, value: value.id }));
  }

  get floats(): readonly Value[] {
    return this.values.filter(({ dtype, shape }) => dtype === 'f32' && shape.length > 0);
  }

  get exactFloats(): readonly Value[] {
    return this.floats.filter((value) => this.exact.has(value));
  }

  /** Floats of the shape [batch, seq, WIDTH]. */
  get states(): readonly Value[] {
    const wanted = [this.batch, this.seq, WIDTH];
    return this.floats.filter(({ shape }) => sameShape(shape, wanted));
  }

  named(name: string): Value {
    const found = this.values.find((value) => value.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }

  keepExact(value: Value): Value {
    this.exact.add(value);
    return value;
  }

  /** bool[batch, 1, 1, seq] of the mask. */
  keyMask(): Value {
    return this.g.reshape(this.named('mask'), { shape: [this.batch, 1, 1, this.seq] });
  }

  maskColumn(): Value {
    return this.g.reshape(this.named('mask'), { shape: [this.batch, this.seq, 1] });
  }

  weight(shape: readonly number[], scale = 1): Value {
    const random = randomNumbers(1000 + this.weights);
    const count = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: count }, () => (random() * 2 - 1) * scale);
    const type = { dtype: 'f32', shape } as const;
    return this.boundary.weight(`w${this.weights++}`, type, { ...type, data });
  }

  /** [batch, seq, WIDTH] as [batch, HEADS, seq, WIDTH / HEADS]. */
  heads(x: Value): Value {
    const shape = [this.batch, this.seq, HEADS, WIDTH / HEADS];
    return this.g.transpose(this.g.reshape(x, { shape }), { permutation: [0, 2, 1, 3] });
  }

  unheads(x: Value): Value {
    const joined = this.g.transpose(x, { permutation: [0, 2, 1, 3] });
    return this.g.reshape(joined, { shape: [this.batch, this.seq, WIDTH] });
  }
}

type Choose = <T>(list: readonly T[]) => T | undefined;
type Maker = (pool: Pool, g: UntypedBuilder, pick: Choose) => Value | null;

const UNARY = [
  'neg',
  'abs',
  'relu',
  'tanh',
  'sigmoid',
  'erf',
  'sin',
  'cos',
  'gelu',
  'silu',
] as const;
const BINARY = ['add', 'sub', 'minimum', 'maximum'] as const;
const COMPARISON = ['less', 'greater_equal', 'equal'] as const;
const REDUCTION = ['reduce_mean', 'reduce_max', 'reduce_min'] as const;

/** One way each to add an op. Null where the pool has no fitting operands. */
const MAKERS: readonly Maker[] = [
  (pool, g, pick) => onFloat(pick(pool.floats), (x) => g[pick(UNARY) ?? 'neg'](x)),
  (pool, g, pick) => {
    const a = pick(pool.floats);
    const b = pick(pool.floats.filter(({ shape }) => a !== undefined && sameShape(shape, a.shape)));
    return a === undefined || b === undefined ? null : g[pick(BINARY) ?? 'add'](a, b);
  },
  (pool, g, pick) =>
    onFloat(pick(pool.floats), (x) =>
      g[pick(['add', 'mul'] as const) ?? 'add'](x, lastDim(pool, x)),
    ),
  (pool, g, pick) => {
    const [a, b] = [pick(pool.states), pick(pool.states)];
    return a === undefined || b === undefined ? null : g.mul(g.tanh(a), b);
  },
  (pool, g, pick) => onFloat(pick(pool.floats), (x) => g.div(x, g.add(g.abs(x), 0.5))),
  (pool, g, pick) => {
    const condition = pick(pool.exactFloats);
    const [a, b] = [pick(pool.states), pick(pool.states)];
    if (condition === undefined || a === undefined || b === undefined) return null;
    if (!sameShape(condition.shape, a.shape)) return null;
    return g.select(g[pick(COMPARISON) ?? 'less'](condition, 0.25), a, b);
  },
  (pool, g, pick) =>
    onFloat(pick(pool.floats), (x) => {
      const axis = pick([...x.shape.keys()]) ?? 0;
      const keep = pick([true, false]) ?? true;
      const reduced = g[pick(REDUCTION) ?? 'reduce_mean'](x, { axes: [axis], keep });
      return keep ? g.sub(x, reduced) : reduced;
    }),
  (pool, g, pick) => onFloat(pick(pool.floats), (x) => g.softmax(x, { axis: -1 })),
  (pool, g, pick) =>
    onWide(pick(pool.floats), (x, n) =>
      g.layer_norm(x, pool.weight([n]), pool.weight([n]), { eps: 1e-2 }),
    ),
  (pool, g, pick) => onWide(pick(pool.floats), (x) => g.rms_norm(x, { eps: 1e-2 })),
  (pool, g, pick) =>
    onWide(
      pick(pool.floats),
      (x, n) => {
        const columns = pick([3, 6, WIDTH, 2 * WIDTH]) ?? WIDTH;
        const y = g.matmul(x, pool.weight([n, columns], 1 / Math.sqrt(n)));
        return pick([true, false]) ? g.add(y, pool.weight([columns])) : y;
      },
      2,
    ),
  (pool, g, pick) => onState(pool, pick, (x) => g.matmul(x, pool.weight([WIDTH, WIDTH], 0.4))),
  (pool, g, pick) =>
    onState(pool, pick, (x) => {
      const h = pool.heads(x);
      const scores = g.matmul(h, g.transpose(h, { permutation: [0, 1, 3, 2] }));
      const probabilities = g.softmax(g.mul(scores, 0.5), pool.keyMask(), { axis: -1 });
      return pool.unheads(g.matmul(probabilities, h));
    }),
  (pool, g, pick) =>
    onState(pool, pick, (x) => {
      const y = pick(pool.states) ?? x;
      const causal = pick([true, false]) ?? false;
      const [q, kv] = [pool.heads(x), pool.heads(y)];
      return pool.unheads(g.attention(q, kv, kv, pool.keyMask(), { scale: 0.7, causal }));
    }),
  (pool, g, pick) =>
    onState(pool, pick, (x) => {
      const y = pick(pool.states) ?? x;
      const sum = g.add(x, y);
      const norm = g.layer_norm(sum, pool.weight([WIDTH]), pool.weight([WIDTH]), { eps: 1e-2 });
      return pick([true, false]) ? norm : g.add(norm, sum);
    }),
  (pool, g, pick) =>
    onFloat(pick(pool.floats), (x) => {
      const axes = [...x.shape.keys()];
      const permutation = [...axes.slice(1), 0];
      return g.transpose(x, { permutation: pick([permutation, axes.toReversed()]) ?? permutation });
    }),
  (pool, g, pick) =>
    onFloat(pick(pool.floats), (x) => {
      const [first = 1, second = 1, ...rest] = x.shape;
      return x.shape.length < 2
        ? null
        : g.reshape(x, { shape: [multiply(first, second), ...rest] });
    }),
  (pool, g, pick) =>
    onWide(pick(pool.floats), (x, n) => {
      if (n < 3) return null;
      const starts = x.shape.map(() => 0);
      return g.slice(x, {
        starts: [...starts.slice(0, -1), 1],
        ends: [...x.shape.slice(0, -1), n - 1],
        steps: x.shape.map(() => 1),
      });
    }),
  (pool, g, pick) =>
    onFloat(pick(pool.floats), (x) => {
      const axis = pick([...x.shape.keys()]) ?? 0;
      return typeof x.shape[axis] === 'number' && Number(x.shape[axis]) < 32
        ? g.concat([x, g.neg(x)], { axis })
        : null;
    }),
  (pool, g, pick) =>
    onWide(pick(pool.floats), (x, n) => {
      if (n > 32) return null;
      const none = x.shape.slice(0, -1).map(() => 0);
      return g.pad(x, { before: [...none, 1], after: [...none, 2], value: 0.5 });
    }),
  (pool, g, pick) =>
    onState(pool, pick, (x) => {
      const seq = x.shape[1] ?? 1;
      const positions = g.cast(g.iota({ shape: [seq, 1], axis: 0 }), { dtype: 'f32' });
      return g.add(x, g.sin(g.mul(positions, 0.3)));
    }),
  (pool, g, pick) => onFloat(pick(pool.exactFloats), (x) => pool.keepExact(g.neg(x))),
];

function onFloat(x: Value | undefined, make: (x: Value) => Value | null): Value | null {
  return x === undefined ? null : make(x);
}

/** On a value whose last dim is a number, and which has at least `rank` dims. */
function onWide(
  x: Value | undefined,
  make: (x: Value, last: number) => Value | null,
  rank = 1,
): Value | null {
  const last = x?.shape.at(-1);
  return x === undefined || typeof last !== 'number' || x.shape.length < rank
    ? null
    : make(x, last);
}

function onState(pool: Pool, pick: Choose, make: (x: Value) => Value | null): Value | null {
  return onFloat(pick(pool.states), make);
}

/** A vector that broadcasts to the value's last dim, or a number where that is symbolic. */
function lastDim(pool: Pool, x: Value): Value | number {
  const last = x.shape.at(-1);
  return typeof last === 'number' ? pool.weight([last]) : 0.75;
}
