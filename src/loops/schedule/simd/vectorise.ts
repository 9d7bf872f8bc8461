/**
 * Loops over elements, four at a time:
 *
 *   for j in 0..n: y[j] = f(x[j])   ->   for j in 0..n-3 step 4: y[j..+4] = f(x[j..+4])
 *                                        for j in 4*floor(n/4)..n: y[j] = f(x[j])
 *
 * and reductions, whose sum is kept in lanes and added up after the loop, but for those of f32 in an
 * exact program. The last elements are computed one by one, so that nothing is read or written past
 * the end.
 *
 * Requires: a parallel loop's iterations are independent; a serial loop is taken only if all it
 * changes outside itself are reductions, and elements that it alone reads and writes.
 * Guarantees: the same elements; sums in another order, if not exact. The loop over neighbours is taken, else the
 * innermost one that four loads apart feed.
 */
import { add, type Dim, floorDivide, multiply, subtract } from '../../../ir/dims.ts';
import { type Combine, identityOf } from '../../element-loops.ts';
import {
  binary,
  childrenOf,
  constant,
  type Expression,
  type For,
  lane,
  letOf,
  read,
  type Scalar,
  type Statement,
  splat,
} from '../../nodes.ts';
import { namesBound } from '../hoist.ts';
import { range } from './tile.ts';
import { reductionOf, widen } from './widen.ts';

/** Accumulators of a long reduction: as many as hide the latency of an addition. */
const LONG_REDUCTION = { copies: 4, extent: 32 };

export function vectorise(
  body: readonly Statement[],
  reserved: readonly string[],
  exact = false,
): readonly Statement[] {
  return new Vectoriser(body, reserved, exact).block(body);
}

class Vectoriser {
  private readonly taken: Set<string>;
  private readonly exact: boolean;

  constructor(body: readonly Statement[], reserved: readonly string[], exact: boolean) {
    this.exact = exact;
    this.taken = new Set([...reserved, ...namesBound(body)]);
  }

  /** The same array where nothing changed. */
  block(body: readonly Statement[]): readonly Statement[] {
    const next = body.map((s) => this.statement(s));
    const isSame = next.every((statements, i) => statements[0] === body[i]);
    return isSame ? body : next.flat();
  }

  private statement(s: Statement): readonly Statement[] {
    if (s.tag === 'for') return this.loop(s);
    if (s.tag !== 'if') return [s];
    const [then, otherwise] = [this.block(s.then), this.block(s.otherwise)];
    return then === s.then && otherwise === s.otherwise ? [s] : [{ ...s, then, otherwise }];
  }

  private loop(s: For): readonly Statement[] {
    const neighbours = this.widened(s, false);
    if (neighbours !== null) return neighbours;
    const body = this.block(s.body);
    if (body !== s.body) return [{ ...s, body }];
    return (isIndependent(s) ? this.widened(s, true) : null) ?? [s];
  }

  private widened(s: For, gathers: boolean): readonly Statement[] | null {
    const extent = subtract(s.to, s.from);
    if (s.step !== 1 || (typeof extent === 'number' && extent < 4) || hasLanes(s.body)) return null;
    const reduced = reductionsIn(s);
    if (reduced === null || (s.kind === 'serial' && reduced.size === 0)) return null;
    // integers wrap around: their sums are the same in any order
    if (this.exact && [...reduced.values()].some(({ type }) => type === 'f32')) return null;
    if (s.kind !== 'serial' && !isIndependent(s)) return null;
    const { copies: most, extent: long } = LONG_REDUCTION;
    const isLong = typeof extent === 'number' && extent >= long && extent % (4 * most) === 0;
    const copies = reduced.size > 0 && isLong ? most : 1;
    const before = new Set(this.taken);
    const accumulators = range(copies).map(
      () => new Map([...reduced.keys()].map((name) => [name, this.fresh(`${name}_lanes`)])),
    );
    const bodies = range(copies).map((copy) =>
      widen(s.body, {
        variable: s.variable,
        at: add(s.variable, 4 * copy),
        accumulators: accumulators[copy] ?? new Map(),
        ...(copy === 0 ? {} : { rename: (name: string) => this.fresh(name) }),
        gathers,
      }),
    );
    if (bodies.some((body) => body === null)) {
      this.taken.clear();
      for (const name of before) this.taken.add(name);
      return null;
    }
    const step = 4 * copies;
    const isWhole = typeof extent === 'number' && extent % step === 0;
    const main: For = {
      ...s,
      to: isWhole ? s.to : subtract(s.to, step - 1),
      step,
      body: bodies.flatMap((body) => body ?? []),
    };
    const tail = add(s.from, multiply(floorDivide(extent, step), step));
    const lanes = accumulators.flatMap((names) => [...names.values()]);
    const types = accumulators.flatMap((names) =>
      [...names.keys()].map((name) => reduced.get(name)),
    );
    return [
      ...lanes.map((name, i): Statement => {
        const { op = 'add', type = 'f32' } = types[i] ?? {};
        return { tag: 'variable', name, initial: splat(constant(identityOf(op, type), type)) };
      }),
      main,
      ...[...reduced].flatMap(([name, { op, type }]) => {
        const parts = accumulators.map((names) => read(names.get(name) ?? '', type, 4));
        return this.joined(name, op, type, parts);
      }),
      ...(isWhole ? [] : [{ ...s, from: tail }]),
    ];
  }

  /** name = name op all lanes of all parts. */
  private joined(
    name: string,
    op: Combine,
    type: Scalar,
    parts: readonly Expression[],
  ): readonly Statement[] {
    const all = this.fresh(`${name}_all`);
    const lanes = [0, 2, 1, 3].map((which) => lane(read(all, type, 4), which));
    return [
      letOf(all, balanced(op, parts)),
      { tag: 'set', name, value: binary(op, read(name, type), balanced(op, lanes)) },
    ];
  }

  private fresh(base: string): string {
    let name = base;
    for (let n = 1; this.taken.has(name); n++) name = `${base}_${n}`;
    this.taken.add(name);
    return name;
  }
}

/** Whether iterations may run in any order. */
function isIndependent({ kind }: For): boolean {
  return kind === 'parallel' || kind === 'split';
}

interface Reduced {
  readonly op: Combine;
  readonly type: Scalar;
}

/**
 * What a loop reduces into variables around it; null where it changes them otherwise, or reads
 * elsewhere what it stores.
 */
function reductionsIn(s: For): ReadonlyMap<string, Reduced> | null {
  const own = new Set<string>();
  const reduced = new Map<string, Reduced>();
  const reads: string[] = [];
  const loads: { buffer: string; index: Dim }[] = [];
  const stores: { buffer: string; index: Dim }[] = [];
  let isPossible = true;
  const expression = (x: Expression): void => {
    if (x.tag === 'read') reads.push(x.name);
    if (x.tag === 'load') loads.push(x);
    childrenOf(x).forEach(expression);
  };
  const visit = (statements: readonly Statement[]): void => {
    for (const part of statements) {
      switch (part.tag) {
        case 'let':
          own.add(part.name);
          expression(part.value);
          break;
        case 'variable':
          own.add(part.name);
          expression(part.initial);
          break;
        case 'set': {
          const reduction = own.has(part.name) ? null : reductionOf(part);
          if (own.has(part.name)) expression(part.value);
          else if (reduction === null || statements !== s.body) isPossible = false;
          else {
            const op = reduction.op as Combine;
            reduced.set(part.name, { op, type: part.value.type });
            expression(reduction.value);
          }
          break;
        }
        case 'store':
          stores.push(part);
          expression(part.value);
          break;
        case 'if':
          expression(part.condition);
          visit([...part.then, ...part.otherwise]);
          break;
        case 'for':
          visit(part.body);
          break;
        case 'alloc':
        case 'barrier':
          isPossible = false;
          break;
        case 'comment':
          break;
        default:
          part satisfies never;
      }
    }
  };
  visit(s.body);
  if (reads.some((name) => reduced.has(name))) isPossible = false;
  const isInOrder =
    s.kind === 'serial' &&
    stores.some(({ buffer, index }) => loads.some((x) => x.buffer === buffer && x.index !== index));
  return isPossible && !isInOrder ? reduced : null;
}

function balanced(op: Combine, parts: readonly Expression[]): Expression {
  const [first, second] = parts;
  if (first === undefined) throw new Error('nothing to combine');
  if (second === undefined) return first;
  const middle = parts.length >> 1;
  return binary(op, balanced(op, parts.slice(0, middle)), balanced(op, parts.slice(middle)));
}

function hasLanes(body: readonly Statement[]): boolean {
  return JSON.stringify(body).includes('"lanes":4');
}
