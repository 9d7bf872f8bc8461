/**
 * The values of a random graph so far, by what ops may do with them.
 *
 * - Values stay of moderate size, or rounding would drown what a test looks for: a value is `calm`
 *   where its elements are about as large as an input's, as attention scores and products need it.
 * - Ops that jump (comparisons, floor, argmax) act on exact values alone, which rounding has not
 *   touched, as one rounding would otherwise turn into another result.
 */
import { randomNumbers } from '../../src/check/inputs.ts';
import type { GraphCalls, GraphConstruction, UntypedBuilder } from '../../src/ir/builder.ts';
import type { Dim } from '../../src/ir/dims.ts';
import { type Output, presentOperands, type Value, type ValueId } from '../../src/ir/graph.ts';
import { bool, f32, i32, type Shape, sameShape } from '../../src/ir/types.ts';

export const WIDTH = 12;
/** Rows of the embedding table, and of that of positions. */
const TOKENS = 11;
const MOST_OUTPUTS = 6;
/** From how many values an operand is picked. */
const LATEST = 12;

/** One way to add an op or a block; null where the pool has no fitting operands. */
export type Maker = (making: Making) => Value | readonly Value[] | null;

export class RandomPool {
  readonly g: UntypedBuilder;
  readonly construction: GraphConstruction;
  readonly batch: Dim;
  readonly seq: Dim;
  readonly values: Value[] = [];
  private readonly boundary: Pick<GraphCalls, 'input' | 'weight'>;
  private readonly exact = new Set<ValueId>();
  private readonly calm = new Set<ValueId>();
  private readonly kept: Value[] = [];
  private readonly keys = new Map<ValueId, number>();
  private weights = 0;

  constructor(construction: GraphConstruction, batch: Dim, seq: Dim) {
    this.construction = construction;
    this.g = construction.untypedBuilder();
    this.boundary = construction.builder();
    this.batch = batch;
    this.seq = seq;
    const { input } = this.boundary;
    const inputs = [
      input('x', f32(batch, seq, WIDTH)),
      input('y', f32(batch, seq, WIDTH)),
      input('ids', i32(batch, seq)),
      input('mask', bool(batch, seq)),
      input('visible', i32(batch, seq)),
    ];
    for (const value of inputs) this.keep(value, 'exact', 'calm');
    this.add(inputs);
    // ids index a table in every graph, so that checks know their range
    this.add(this.keep(this.g.gather(this.weight([TOKENS, WIDTH]), this.named('ids')), 'calm'));
  }

  /** `choice` is the one that made the values. */
  add(made: Value | readonly Value[], choice = 0): void {
    const added = [made].flat();
    this.values.push(...added);
    for (const [i, { id }] of added.entries()) this.keys.set(id, choice + i);
  }

  /** A number for a value that stays the same when choices before its own are dropped. */
  keyOf(value: Value): number {
    return this.keys.get(value.id) ?? 0;
  }

  /** States what is known of a value's numbers. */
  keep(value: Value, ...known: readonly ('exact' | 'calm')[]): Value {
    for (const set of known) this[set].add(value.id);
    return value;
  }

  /** Makes a value an output, whatever else uses it. */
  alsoOutput(value: Value): void {
    this.kept.push(value);
  }

  /** The newest values that nothing uses; what is older and unused is dead code. */
  outputs(): readonly Output[] {
    const used = new Set(this.construction.nodes.flatMap(presentOperands));
    const unused = this.values.filter(({ id }) => !used.has(id));
    const chosen = [...unused.slice(-MOST_OUTPUTS), ...this.kept.slice(-2)];
    const last = this.values.at(-1);
    const all = chosen.length === 0 && last !== undefined ? [last] : chosen;
    return all.map((value, i) => ({ name: `out${i}`, value: value.id }));
  }

  get floats(): readonly Value[] {
    return this.values.filter(({ dtype, shape }) => dtype === 'f32' && shape.length > 0);
  }

  /** Floats of the shape [batch, seq, WIDTH]. */
  get states(): readonly Value[] {
    return this.floats.filter(({ shape }) => sameShape(shape, [this.batch, this.seq, WIDTH]));
  }

  isExact = ({ id }: Value): boolean => this.exact.has(id);
  isCalm = ({ id }: Value): boolean => this.calm.has(id);

  named(name: string): Value {
    const found = this.values.find((value) => value.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }

  /** A weight of its own, of elements in [-scale, scale). */
  weight(shape: readonly number[], scale = 1): Value {
    const random = randomNumbers(1000 + this.weights);
    const count = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: count }, () => (random() * 2 - 1) * scale);
    const type = { dtype: 'f32', shape } as const;
    return this.boundary.weight(`w${this.weights++}`, type, { ...type, data });
  }

  /** A weight [n, columns] that keeps a calm row calm. */
  matrix(n: number, columns: number): Value {
    return this.weight([n, columns], 1 / Math.sqrt(n));
  }
}

/** One choice being carried out: its numbers, and short ways to what it needs. */
export class Making {
  readonly pool: RandomPool;
  readonly g: UntypedBuilder;
  private readonly random: () => number;

  constructor(pool: RandomPool, random: () => number) {
    this.pool = pool;
    this.g = pool.g;
    this.random = random;
  }

  readonly pick = <T>(list: readonly T[]): T => {
    const chosen = list[Math.floor(this.random() * list.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  };

  /**
   * One of the latest values, so that graphs grow deep: the one whose key suits this pick best, so
   * that a choice picks the same value when others are dropped.
   */
  readonly pickLate = (list: readonly Value[]): Value | null => {
    const salt = Math.floor(this.random() * 2 ** 31);
    const fitness = (value: Value) => randomNumbers(salt ^ this.pool.keyOf(value))();
    return list
      .slice(-LATEST)
      .reduce<Value | null>((a, b) => (a === null || fitness(b) > fitness(a) ? b : a), null);
  };

  readonly chance = (probability: number): boolean => {
    return this.random() < probability;
  };

  readonly float = (): Value | null => {
    return this.pickLate(this.pool.floats);
  };

  /** A float whose last dim is a number. */
  readonly wide = (minRank = 1): { readonly x: Value; readonly n: number } | null => {
    const fits = this.pool.floats.filter(
      ({ shape }) => shape.length >= minRank && typeof shape.at(-1) === 'number',
    );
    const x = this.pickLate(fits);
    return x === null ? null : { x, n: Number(x.shape.at(-1)) };
  };

  readonly state = (): Value => {
    return this.pickLate(this.pool.states) ?? this.pool.named('x');
  };

  readonly calmState = (): Value => {
    return this.pickLate(this.pool.states.filter(this.pool.isCalm)) ?? this.pool.named('x');
  };

  readonly exactState = (): Value => {
    return this.pickLate(this.pool.states.filter(this.pool.isExact)) ?? this.pool.named('x');
  };

  readonly like = (x: Value): Value => {
    const fits = this.pool.floats.filter(({ shape }) => sameShape(shape, x.shape));
    return this.pickLate(fits) ?? x;
  };

  /** gamma or beta. */
  readonly vector = (): Value => {
    return this.pool.weight([WIDTH]);
  };

  /** bool of the mask in another shape. */
  readonly maskAs = (shape: Shape): Value => {
    return this.g.reshape(this.pool.named('mask'), { shape });
  };
}
