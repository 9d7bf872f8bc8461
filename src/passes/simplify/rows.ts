/**
 * Rules of simplify for products with weights, around which exporters join the leading dims and split
 * the last one: Keras' Dense and EinsumDense, PyTorch's addmm.
 */
import { sizeOf } from '../../ir/dims.ts';
import type { Node, ValueId } from '../../ir/graph.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { bothOrders, firstResult, operandOf, resultShape } from '../node-reading.ts';
import { writeVector } from '../raise/reading.ts';
import type { Rewrite } from '../rewrite.ts';
import type { Rule } from '../simplify.ts';

type Write = Rewrite['write'];

export const rowRules: readonly Rule[] = [
  { equation: 'x w of rows that are joined for it = x w', apply: joinedRows },
  { equation: 'x split into heads + bias = (x + bias) split into heads', apply: splitBias },
];

/** reshape(reshape(x to [P, k]) w to [..p, ..q]) = reshape(reshape(x to [..p, k]) w), P the size of p. */
function joinedRows(node: Node, index: GraphIndex): Write | null {
  const product = node.op === 'reshape' ? index.madeBy(node.operands[0], 'matmul') : null;
  if (product === null || index.soleUserOf(firstResult(product)) === null) return null;
  const [rows, weight] = [operandOf(product, 0), operandOf(product, 1)];
  const x = index.madeBy(rows, 'reshape')?.operands[0];
  const [count, k] = index.shapeOf(rows);
  const [, m] = index.shapeOf(weight);
  if (x == null || k === undefined || index.shapeOf(rows).length !== 2) return null;
  if (m === undefined || index.shapeOf(weight).length !== 2) return null;
  const shape = resultShape(node, index);
  const split = splitAt(shape, m);
  const leading = shape.slice(0, split ?? 0);
  if (split === null || leading.length < 2 || sizeOf(leading) !== count) return null;
  return (into) => {
    const apart = into.node('reshape', [into.get(x)], { shape: [...leading, k] });
    const made = into.node('matmul', [apart, into.get(weight)]);
    return [sameShape(made.shape, shape) ? made : into.node('reshape', [made], { shape })];
  };
}

/** Where the dims begin of which the last axis of size m consists. */
function splitAt(shape: Shape, m: Shape[number]): number | null {
  for (let at = shape.length - 1; at > 0; at--) if (sizeOf(shape.slice(at)) === m) return at;
  return null;
}

/** reshape(x [..p, n] to [..p, h, d]) + b [h, d] = reshape(x + b [n]) */
function splitBias(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'add') return null;
  for (const [a, bias] of bothOrders(node)) {
    const x = splitOnly(a, index);
    const dims = index.shapeOf(bias);
    if (x === null || index.parameterOf(bias)?.data == null || dims.length < 2) continue;
    const { shape } = index.value(a);
    const from = index.shapeOf(x);
    const split = from.length - 1;
    if (!sameShape(dims, shape.slice(split)) || !sameShape(shape, resultShape(node, index)))
      continue;
    const n = from.at(-1) ?? 1;
    return (into) => {
      const sum = into.node('add', [into.get(x), writeVector(bias, n, into)]);
      return [into.node('reshape', [sum], { shape })];
    };
  }
  return null;
}

/** The x of a reshape that splits its last axis and has no other use. */
function splitOnly(id: ValueId, index: GraphIndex): ValueId | null {
  const x = index.madeBy(id, 'reshape')?.operands[0];
  if (x == null || index.soleUserOf(id) === null) return null;
  const [from, to] = [index.shapeOf(x), index.shapeOf(id)];
  const leading = from.slice(0, -1);
  const isSplit = to.length > from.length && sameShape(to.slice(0, leading.length), leading);
  return isSplit ? x : null;
}
