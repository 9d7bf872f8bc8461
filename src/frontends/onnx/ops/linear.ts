/** Products of matrices. */
import type { Value } from '../../../ir/graph.ts';
import { isFloat } from '../../../ir/types.ts';
import type { HandlerTable, NodeContext } from '../context.ts';

/** As NumPy: a vector on the left is a row, on the right a column, and its dim is taken out again. */
function matmul(node: NodeContext): Value {
  return product(node, node.value(0), node.value(1));
}

export function product(node: NodeContext, a: Value, b: Value): Value {
  const { g } = node;
  const [isRow, isColumn] = [a.shape.length === 1, b.shape.length === 1];
  const left = isRow ? g.reshape(a, { shape: [1, ...a.shape] }) : a;
  const right = isColumn ? g.reshape(b, { shape: [...b.shape, 1] }) : b;
  node.site.equate(left.shape.at(-1) ?? 1, right.shape.at(-2) ?? 1);
  node.align(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const y = isFloat(left.dtype) ? g.matmul(left, right) : integerProduct(node, left, right);
  if (!isRow && !isColumn) return y;
  const leading = y.shape.slice(0, -2);
  const [rows = 1, columns = 1] = y.shape.slice(-2);
  return g.reshape(y, {
    shape: [...leading, ...(isRow ? [] : [rows]), ...(isColumn ? [] : [columns])],
  });
}

/** Sums of integers are exact, which a float32 is only below 2^24. */
export function integerProduct({ g }: NodeContext, a: Value, b: Value): Value {
  const terms = g.mul(
    g.reshape(a, { shape: [...a.shape, 1] }),
    g.reshape(b, { shape: [...b.shape.slice(0, -2), 1, ...b.shape.slice(-2)] }),
  );
  return g.reduce_sum(terms, { axes: [-2] });
}

/** alpha * A B + beta * C, with A and B transposed where the attributes say so. */
function gemm(node: NodeContext): Value {
  const { g } = node;
  const turned = (x: Value, is: number) => (is === 1 ? g.transpose(x, { permutation: [1, 0] }) : x);
  const a = turned(node.value(0), node.int('transA', 0));
  const b = turned(node.value(1), node.int('transB', 0));
  const scaled = (x: Value, by: number) => (by === 1 ? x : g.mul(x, by));
  const y = scaled(product(node, a, b), node.float('alpha', 1));
  const c = node.optional(2);
  const beta = node.float('beta', 1);
  if (c === null || beta === 0) return y;
  node.align(y.shape, c.shape);
  return g.add(y, scaled(c, beta));
}

export const linear: HandlerTable = {
  Gemm: gemm,
  MatMul: matmul,
};
