/**
 * Reads arithmetic as a polynomial in one value, so that a formula is the same in whatever order it
 * was written: x + 0.044715 * x^3, x * (1 + 0.044715 * x * x), ..
 */
import type { ValueId } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';
import { operandOf } from '../node-reading.ts';

/** Coefficients of x^0, x^1, .. */
type Coefficients = readonly number[];

/** How many ops may stand one behind the other: the formulas looked for have six. */
const MOST_DEPTH = 8;
const MOST_DEGREE = 3;

/** Null where the value is made of more than x, constants and arithmetic. */
export function polynomialIn(
  x: ValueId,
  id: ValueId,
  index: GraphIndex,
  depth = MOST_DEPTH,
): Coefficients | null {
  if (id === x) return [0, 1];
  const constant = index.scalarOf(id);
  if (constant !== null) return [constant];
  const node = index.producerOf(id);
  const combine = node === null ? undefined : COMBINATIONS[node.op];
  if (node === null || combine === undefined || depth === 0) return null;
  const parts: Coefficients[] = [];
  for (let i = 0; i < node.operands.length; i++) {
    const part = polynomialIn(x, operandOf(node, i), index, depth - 1);
    if (part === null) return null;
    parts.push(part);
  }
  const [a = [], b = []] = parts;
  const coefficients = combine(a, b);
  return coefficients === null || coefficients.length > MOST_DEGREE + 1 ? null : coefficients;
}

const COMBINATIONS: {
  readonly [op: string]: ((a: Coefficients, b: Coefficients) => Coefficients | null) | undefined;
} = {
  add: (a, b) => sum(a, b, 1),
  sub: (a, b) => sum(a, b, -1),
  neg: (a) => a.map((c) => -c),
  mul: product,
  div: (a, [by = 0, ...more]) => (more.length === 0 && by !== 0 ? a.map((c) => c / by) : null),
  pow: (a, [exponent = 0, ...more]) => {
    const isSmall = more.length === 0 && [2, 3].includes(exponent);
    return isSmall
      ? Array(exponent - 1)
          .fill(a)
          .reduce<Coefficients>(product, a)
      : null;
  },
};

function sum(a: Coefficients, b: Coefficients, sign: 1 | -1): Coefficients {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => (a[i] ?? 0) + sign * (b[i] ?? 0));
}

function product(a: Coefficients, b: Coefficients): Coefficients {
  const result: number[] = Array(a.length + b.length - 1).fill(0);
  for (const [i, x] of a.entries()) {
    for (const [j, y] of b.entries()) result[i + j] = (result[i + j] ?? 0) + x * y;
  }
  return result;
}
