/**
 * Symbolic dims of an ONNX file: its names made into symbols, and names for the dims that have none.
 *
 * Two symbols that an op of the file wants to be equal (both operands of an Add, say) are made one:
 * the file then does not say so itself, and the artifact checks it at every run. `Unify` carries such
 * an equation out of the walk, which starts again with the symbol replaced. So are symbols for which an
 * equation leaves one size: exporters write some sizes of their example into reshapes as numbers.
 */
import { EncompileError } from '../../errors.ts';
import {
  type Dim,
  divideExactly,
  isAtLeast,
  linearIn,
  multiply,
  normalise,
  substitute,
  subtract,
  symbolsOf,
} from '../../ir/dims.ts';
import type { DimensionProto } from '../../onnx/schema.ts';
import { quote } from '../json.ts';

const MAX_DIM = 2 ** 31 - 1;
const LONGEST_NAME = 64;
const RESERVED = new Set(['floor', 'max', 'min']);

/** Thrown where two dims must be one, with the symbol to replace and what stands for it. */
export class Unify extends Error {
  readonly symbol: string;
  readonly by: Dim;

  constructor(symbol: string, by: Dim) {
    super(`${symbol} = ${by}`);
    this.symbol = symbol;
    this.by = by;
  }
}

/** The symbols of one import. */
export class DimNames {
  private readonly byParam = new Map<string, Dim>();
  private readonly used = new Set<string>();
  /** How many symbols have asked for a name. */
  private readonly counts = new Map<string, number>();
  /** Symbols that the file does not name; they give way to those that it does. */
  private readonly invented = new Set<string>();
  private readonly replaced: ReadonlyMap<string, Dim>;

  constructor(replaced: ReadonlyMap<string, Dim>) {
    this.replaced = replaced;
  }

  /** The dim at `axis` of the input `input`. */
  of({ dimValue, dimParam }: DimensionProto, input: string, axis: number): Dim {
    if (dimValue !== undefined && dimParam === undefined) return fixed(dimValue, input, axis);
    if (dimParam !== undefined && dimParam !== '') return this.apply(this.named(dimParam));
    return this.apply(this.invent(`${input}_${axis}`));
  }

  /** A symbol for a dim that no input names. */
  invent(wanted: string): string {
    const name = this.unused(wanted);
    this.invented.add(name);
    return name;
  }

  apply(dim: Dim): Dim {
    let current = dim;
    for (let round = 0; round <= this.replaced.size; round++) {
      const next = substitute(current, (symbol) => this.replaced.get(symbol));
      if (next === current) break;
      current = next;
    }
    return current;
  }

  /** The equation that makes `a` and `b` one; null where no symbol can give way. */
  equate(a: Dim, b: Dim): Unify | null {
    const candidates = [
      [b, a],
      [a, b],
    ] as const;
    const solvable = candidates.filter(([symbol, by]) => isSymbol(symbol) && gives(symbol, by));
    const first =
      solvable.find(([symbol]) => this.invented.has(`${symbol}`)) ??
      solvable.find(([, by]) => typeof by === 'number') ??
      solvable[0] ??
      solutions(a, b)[0];
    return first === undefined ? null : new Unify(`${first[0]}`, first[1]);
  }

  /** @throws EncompileError where one is no symbol of the inputs */
  checkKnown(symbols: readonly string[]): void {
    const stray = symbols.find((symbol) => !this.used.has(symbol));
    if (stray === undefined) return;
    const listed = [...this.used].join(', ') || 'none';
    throw new EncompileError(
      `There is no symbol ${quote(stray)} to fix. The symbols of the inputs: ${listed}.`,
      2,
    );
  }

  /** A dim_param is a name, or an expression such as `past + seq`. */
  private named(param: string): Dim {
    let dim = this.byParam.get(param);
    if (dim === undefined) {
      dim = expression(param) ?? this.unused(param);
      for (const symbol of symbolsOf(dim)) this.used.add(symbol);
      this.byParam.set(param, dim);
    }
    return dim;
  }

  private unused(wanted: string): string {
    const plain = wanted.replace(/\W+/g, '_').slice(0, LONGEST_NAME);
    const name = /^[A-Za-z_]/.test(plain) && !RESERVED.has(plain) ? plain : `dim_${plain}`;
    let free = name;
    for (let count = this.counts.get(name) ?? 1; this.used.has(free); count++) {
      free = `${name}_${count}`;
      this.counts.set(name, count + 1);
    }
    this.used.add(free);
    return free;
  }
}

function isSymbol(dim: Dim): boolean {
  return typeof dim === 'string' && /^\w+$/.test(dim);
}

/** Whether the symbol can stand for `by`: not for something that itself needs the symbol. */
function gives(symbol: Dim, by: Dim): boolean {
  return !symbolsOf(by).includes(`${symbol}`) && (typeof by === 'string' || isAtLeast(by, 0));
}

/**
 * The symbols with what a = b leaves for each: 9 for seq in 32*batch*seq = 288*batch, where it is a number, else
 * batch for rows in 4*rows = 4*batch.
 */
function solutions(a: Dim, b: Dim): readonly (readonly [symbol: Dim, by: Dim])[] {
  const difference = subtract(a, b);
  const found = symbolsOf(difference).flatMap((symbol) => {
    const linear = linearIn(difference, symbol);
    if (linear === null) return [];
    const by = divideExactly(multiply(linear.rest, -1), linear.coefficient);
    if (by === null || (typeof by === 'number' && by < 1)) return [];
    const isOne = typeof by === 'string' && typeof linear.coefficient === 'number';
    return typeof by === 'number' || (isOne && gives(symbol, by)) ? [[symbol, by] as const] : [];
  });
  return found.toSorted(
    ([, x], [, y]) => Number(typeof x === 'string') - Number(typeof y === 'string'),
  );
}

function fixed(value: bigint, input: string, axis: number): number {
  if (value >= 0n && value <= MAX_DIM) return Number(value);
  throw new EncompileError(
    `The input ${quote(input)} has ${value} elements along axis ${axis}, where 0 to ${MAX_DIM} were ` +
      'expected. Export the model again.',
  );
}

/** `2*seq+1` as a dim; null for what is no expression of plain names. */
function expression(param: string): Dim | null {
  if (param.length > LONGEST_NAME || !/^[A-Za-z_][\w ]*([-+*] *\w+ *)*$/.test(param)) return null;
  const names = param.match(/[A-Za-z_]\w*/g) ?? [];
  if (names.some((name) => RESERVED.has(name)) || / \w/.test(param.replace(/ *[-+*] */g, '+'))) {
    return null;
  }
  try {
    return normalise(param.replaceAll(' ', ''));
  } catch {
    return null;
  }
}
