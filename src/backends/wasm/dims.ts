/** Dims as i32 instructions, and the addresses that indices stand for. */
import { type Dim, type Factor, isAtLeast, multiply, subtract, termsOf } from '../../ir/dims.ts';
import { getLocal, i32Const } from './instructions.ts';
import type { WasmScope } from './scope.ts';
import type { Sexp } from './sexp.ts';

/**
 * No buffer and no scratch memory lies below this address, one page of WebAssembly memory. The
 * constant part of an index may thus be an instruction's `offset`, which is added without
 * wrapping around: for an index i + c of at least 0, base + 4 * i is at least base - 4 * c, and that
 * is no negative number while 4 * c is at most this.
 */
export const LOWEST_ADDRESS = 65_536;

export function dimTree(dim: Dim, scope: WasmScope): Sexp {
  const [first, ...others] = termsOf(dim);
  if (first === undefined) return i32Const(0);
  let sum = termTree(first.coefficient, first.factors, scope);
  for (const { coefficient, factors } of others) {
    const op = coefficient < 0 ? 'i32.sub' : 'i32.add';
    sum = [op, sum, termTree(Math.abs(coefficient), factors, scope)];
  }
  return sum;
}

/** The address of an element, and the constant for the instruction's `offset`. */
export interface Address {
  readonly base: Sexp;
  readonly offset: number;
}

/** The address of the element at an index, in memory that starts `start` bytes after a local. */
export function addressOf(local: string, start: number, index: Dim, scope: WasmScope): Address {
  const { rest, offset } = placeIn(index, start);
  if (rest === 0) return { base: getLocal(local), offset };
  const shared = scope.address(addressKey(local, rest));
  return { base: shared === null ? addressTree(local, rest, scope) : getLocal(shared), offset };
}

/** What of an index is computed, and the bytes for the instruction's `offset`. */
export function placeIn(
  index: Dim,
  start: number,
): { readonly rest: Dim; readonly offset: number } {
  const constant = termsOf(index).find(({ factors }) => factors.length === 0)?.coefficient ?? 0;
  const folds = constant >= 0 && 4 * constant <= LOWEST_ADDRESS;
  return folds
    ? { rest: subtract(index, constant), offset: start + 4 * constant }
    : { rest: index, offset: start };
}

/** Tells addresses from one another. */
export function addressKey(local: string, rest: Dim): string {
  return `${local} ${rest}`;
}

/** The address in a local, `rest` elements further. */
export function addressTree(local: string, rest: Dim, scope: WasmScope): Sexp {
  const isOneTerm = termsOf(rest).length === 1;
  const bytes: Sexp = isOneTerm
    ? dimTree(multiply(4, rest), scope)
    : ['i32.shl', dimTree(rest, scope), i32Const(2)];
  return ['i32.add', getLocal(local), bytes];
}

function termTree(coefficient: number, factors: readonly Factor[], scope: WasmScope): Sexp {
  const [first, ...others] = factors;
  if (first === undefined) return i32Const(coefficient);
  let product = factorTree(first, scope);
  for (const factor of others) product = ['i32.mul', product, factorTree(factor, scope)];
  if (coefficient === 1) return product;
  if (coefficient === -1) return ['i32.sub', i32Const(0), product];
  const bits = powerOf(coefficient);
  if (bits !== null) return ['i32.shl', product, i32Const(bits)];
  return ['i32.mul', product, i32Const(coefficient)];
}

function factorTree(factor: Factor, scope: WasmScope): Sexp {
  if (factor.tag === 'symbol') return getLocal(scope.local(factor.name));
  if (factor.tag === 'floor') return floorTree(factor.a, factor.b, scope);
  const comparison = factor.tag === 'max' ? 'i32.gt_s' : 'i32.lt_s';
  return pickTree(
    comparison,
    'i32',
    () => dimTree(factor.a, scope),
    () => dimTree(factor.b, scope),
    scope,
  );
}

/** The second value where the comparison of second and first holds, else the first. */
export function pickTree(
  comparison: string,
  type: 'i32' | 'f32',
  first: () => Sexp,
  second: () => Sexp,
  scope: WasmScope,
): Sexp {
  return scope.keep(second(), type, (b, bAgain) =>
    scope.keep(first(), type, (a, aAgain) => ['select', b, a, [comparison, bAgain, aAgain]]),
  );
}

/** a / b rounded down; a where b is 0, as a dim may be computed for a loop that never runs. */
function floorTree(a: Dim, b: Dim, scope: WasmScope): Sexp {
  const dividend = dimTree(a, scope);
  const bits = typeof b === 'number' ? powerOf(b) : null;
  if (bits !== null) return ['i32.shr_s', dividend, i32Const(bits)];
  const divisor = dimTree(b, scope);
  if (!isAtLeast(a, 0)) return ['call', scope.helper('floor_divide'), dividend, divisor];
  if (isAtLeast(b, 1)) return ['i32.div_s', dividend, divisor];
  return scope.keep(divisor, 'i32', (first, again) => [
    'i32.div_s',
    dividend,
    ['i32.or', first, ['i32.eqz', again]],
  ]);
}

/** n where x is 2^n. */
function powerOf(x: number): number | null {
  const bits = Math.log2(x);
  return Number.isInteger(bits) && bits >= 0 && bits < 31 ? bits : null;
}
