/**
 * Factors of scores, for fuse-attention, that are the same for all keys of a query or for all queries
 * of a key: a learned temperature a head (Swin v2), a weight a query. They move into the product.
 *   c_i (q_i . k_j) = (c_i q_i) . k_j        c_j (q_i . k_j) = q_i . (c_j k_j)
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { resultShape } from '../node-reading.ts';
import { type Refusal, refuse } from '../rewrite.ts';
import { fittedShape } from './fitted-shape.ts';
import { multiplied, type Operand } from './operand.ts';
import type { Placed } from './scores.ts';

export interface Factor extends Placed {
  /** `mul`, or `div` where the scores are divided by it. */
  readonly op: string;
}

/** Whether `node` multiplies scores x by a c that does not vary with both the query and the key. */
export function isFactor(x: ValueId, c: ValueId, node: Node, index: GraphIndex): boolean {
  if (!sameShape(index.shapeOf(x), resultShape(node, index))) return false;
  const [rows = 1, columns = 1] = matrixOf(index.shapeOf(c));
  return rows === 1 || columns === 1;
}

/**
 * Query and key with the factors of their scores, each in front of a product with these leading dims.
 */
export function multipliedByFactors(
  { query, key }: { readonly query: Operand; readonly key: Operand },
  factors: readonly Factor[],
  leading: Shape,
  index: GraphIndex,
): { readonly query: Operand; readonly key: Operand } | Refusal {
  let [ofQuery, ofKey] = [query, key];
  for (const { value, frame, op } of factors) {
    const shape = fittedShape(index.shapeOf(value), frame, leading);
    if (shape === null) {
      const reason =
        'meets the scores where they have other dims than the product of query and key';
      return refuse(value, `${index.nameOf(value)} ${reason}`);
    }
    const [rows = 1, columns = 1] = matrixOf(shape);
    const others = shape.slice(0, -2);
    if (columns === 1)
      ofQuery = multiplied(ofQuery, { op, value, shape: [...others, rows, 1] }, index);
    else ofKey = multiplied(ofKey, { op, value, shape: [...others, columns, 1] }, index);
  }
  return { query: ofQuery, key: ofKey };
}

/** The last two of the dims, of which a value may have fewer. */
const matrixOf = (shape: Shape): Shape => [1, 1, ...shape].slice(-2);
