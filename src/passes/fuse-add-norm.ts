/**
 * fuse-add-norm: sum = x + residual, out = layer_norm(sum, gamma, beta)
 *   ->  out, sum = add_norm(x, residual, gamma, beta)
 *
 * Post-norm blocks use `out` alone; pre-norm blocks go on with the sum too, which is kept.
 * Requires: x and residual have the shape of the sum. A vector that is added is a bias, and stays
 * with its matmul.
 * Guarantees: the sum is computed once, in the kernel of the norm.
 */
import type { Node, ValueId } from '../ir/graph.ts';
import { sameShape } from '../ir/types.ts';
import type { GraphIndex } from './graph-index.ts';
import type { GraphWriter } from './graph-writer.ts';
import { firstResult, operandOf } from './node-reading.ts';
import { type Outcome, refuse, rewritingPass } from './rewrite.ts';

export const fuseAddNorm = rewritingPass(
  {
    name: 'fuse-add-norm',
    summary: 'joins a residual sum with the layer norm behind it',
    reason:
      'after fuse-embedding-norm, whose last sum it would take; before fuse-epilogue, which would take the sum from the norm',
  },
  (index) =>
    index.graph.nodes
      .filter((node) => node.op === 'layer_norm')
      .map((node) => {
        return { pattern: 'add_norm', at: firstResult(node), outcome: match(node, index) };
      }),
);

function match(norm: Node, index: GraphIndex): Outcome {
  const [sum, gamma, beta] = norm.operands;
  const at = firstResult(norm);
  if (sum == null || gamma == null || beta == null) {
    return refuse(at, `${index.nameOf(at)} has no gamma or no beta`);
  }
  const add = index.madeBy(sum, 'add');
  if (add === null) {
    const maker = index.producerOf(sum)?.op ?? 'no node';
    return refuse(sum, `${index.nameOf(sum)} is made by ${maker}, not by an add of a residual`);
  }
  const [a, b] = [operandOf(add, 0), operandOf(add, 1)];
  for (const id of [a, b]) {
    if (sameShape(index.shapeOf(id), index.shapeOf(sum))) continue;
    const shape = index.shapeOf(id).join(', ');
    return refuse(id, `${index.nameOf(id)} has the shape [${shape}]: it is a bias, not a residual`);
  }
  return fused(norm, sum, [a, b], [gamma, beta], index);
}

function fused(
  norm: Node,
  sum: ValueId,
  [a, b]: readonly [ValueId, ValueId],
  [gamma, beta]: readonly [ValueId, ValueId],
  index: GraphIndex,
): Outcome {
  const other = index.otherUseOf(sum, [norm]);
  const late = [gamma, beta].find((id) => index.placeOf(id) >= index.placeOf(sum));
  if (other !== null && late !== undefined) {
    const kept = `${index.nameOf(sum)}, which ${other} needs`;
    return refuse(late, `${index.nameOf(late)} is computed only after the sum ${kept}`);
  }
  // the residual is what was there first
  const [x, residual] = index.placeOf(a) >= index.placeOf(b) ? [a, b] : [b, a];
  const out = firstResult(norm);
  const replaces = late === undefined ? [out, sum] : [out];
  const { axis, eps } = norm.attributes;
  const write = (into: GraphWriter) => {
    const operands = [x, residual, gamma, beta].map((id) => into.get(id));
    return into.nodeOfSeveral('add_norm', operands, { axis, eps }).slice(0, replaces.length);
  };
  const kept = other === null ? '' : `, the sum kept for ${other}`;
  const [p, q] = [index.nameOf(x), index.nameOf(residual)];
  return { rewrite: { replaces, write }, detail: `x ${p}, residual ${q}${kept}` };
}
