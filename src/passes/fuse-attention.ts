/**
 * fuse-attention:
 *   softmax(scale * query key^T + bias, over the visible keys) value
 *     ->  attention(query, key, value, mask, bias) {scale, causal, window}
 *
 * Requires: the softmax runs along the keys, the last axis; from the product of query and key to
 * that with the value nothing has a second use. In between may stand scales, factors that are the same for
 * all keys of a query or all queries of a key, terms that are added, also where rows or columns of the scores are
 * split for them, selects with a constant of at most -1e4, and reshapes of the leading dims. The scale may
 * also stand before or after the views of query and key. Heads have a width that is a number. Masks that compare positions become `causal` and `window`.
 * Guarantees: the scores are no value of the graph any more. Where a mask of keys was a finite constant,
 * or one of positions, a query that sees no key now gives zeros and not a mean of the values; all else is
 * equal. Other masks of finite constants that differ from query to query become biases.
 */
import { divideExactly } from '../ir/dims.ts';
import type { Node, ValueId } from '../ir/graph.ts';
import { type Shape, sameShape } from '../ir/types.ts';
import { multipliedByFactors } from './attention/factors.ts';
import {
  type Operand,
  operandAt,
  swapped,
  withLeading,
  withoutRepeats,
  withoutScale,
  writeOperand,
} from './attention/operand.ts';
import { readScores, type Scores } from './attention/scores.ts';
import { detailOfTerms, readTerms, type Terms, writeTerms } from './attention/terms.ts';
import type { GraphIndex } from './graph-index.ts';
import type { GraphWriter } from './graph-writer.ts';
import { axisOf, firstResult, operandOf, resultShape } from './node-reading.ts';
import { isNear } from './raise/constants.ts';
import { isRefusal, type Outcome, type Refusal, refuse, rewritingPass } from './rewrite.ts';

export const fuseAttention = rewritingPass(
  {
    name: 'fuse-attention',
    summary:
      'makes one attention of query key^T, scale, bias, mask, softmax and the product with the value',
    reason:
      'after simplify and merge-duplicates, which leave one form; before merge-projections, so that the scale of the query is gone from behind its projection',
  },
  (index) =>
    index.graph.nodes
      .filter((node) => node.op === 'softmax')
      .map((node) => {
        return { pattern: 'attention', at: firstResult(node), outcome: match(node, index) };
      }),
);

interface Attention {
  readonly query: Operand;
  readonly key: Operand;
  readonly value: Operand;
  readonly terms: Terms;
  readonly scale: number;
}

function match(softmax: Node, index: GraphIndex): Outcome {
  const at = firstResult(softmax);
  const rank = index.shapeOf(at).length;
  const axis = axisOf(softmax, rank);
  if (rank < 2 || axis !== rank - 1) {
    const keys = rank < 2 ? 'a row of scores has no query axis' : `not the key axis (${rank - 1})`;
    return refuse(at, `the softmax axis is ${axis}, ${keys}`);
  }
  const product = productWithValue(softmax, index);
  if (isRefusal(product)) return product;
  const scores = readScores(softmax, index);
  if (isRefusal(scores)) return scores;
  const attention = place(scores, product, index);
  if (isRefusal(attention)) return attention;
  const write = (into: GraphWriter) => [writeAttention(attention, product, into)];
  const rewrite = { replaces: product.results, write };
  return { rewrite, detail: detailOf(attention, index) };
}

/** The matmul of the probabilities with the value, behind reshapes of the leading dims. */
function productWithValue(from: Node, index: GraphIndex): Node | Refusal {
  const id = firstResult(from);
  const name = index.nameOf(id);
  const [user] = index.usersOf(id);
  if (index.isOutput(id)) return refuse(id, `${name} is ${index.otherUseOf(id, [])}`);
  if (user === undefined) return refuse(id, `${name} has no use`);
  const other = index.otherUseOf(id, [user]);
  if (other !== null) return refuse(id, `${name} has a second use: ${other}`);
  const result = firstResult(user);
  const [before, after] = [index.shapeOf(id).slice(-2), index.shapeOf(result).slice(-2)];
  if (user.op === 'reshape' && sameShape(before, after)) return productWithValue(user, index);
  if (user.op === 'matmul' && user.operands[0] === id && user.operands[1] !== id) return user;
  if (user.op === 'matmul') {
    return refuse(result, `${name} is the second factor of ${index.nameOf(result)}, not the first`);
  }
  const use = `${name} goes into ${user.op} (${index.nameOf(result)})`;
  return refuse(result, `${use}, not into a matmul with the value`);
}

/** Brings all operands to common leading dims. */
function place(scores: Scores, product: Node, index: GraphIndex): Attention | Refusal {
  const { products } = scores;
  const matmulLeading = leadingOf(resultShape(products, index));
  const productLeading = leadingOf(resultShape(product, index));
  const probabilities = leadingOf(index.shapeOf(operandOf(product, 0)));
  if (!sameShape(productLeading, probabilities)) {
    const value = operandOf(product, 1);
    return refuse(value, `${index.nameOf(value)} has more leading dims than the probabilities`);
  }
  const terms = readTerms(scores, [matmulLeading, productLeading], index);
  if (isRefusal(terms)) return terms;
  const wide = tooWide(products, product, index);
  if (wide !== null) return wide;
  const { leading } = terms;
  const unscaledQuery = withoutScale(operandOf(products, 0), index);
  const keyTransposed = withoutScale(operandOf(products, 1), index);
  const unscaled = {
    query: unscaledQuery.operand,
    key: swapped(keyTransposed.operand, index),
  };
  const multiplied = multipliedByFactors(unscaled, scores.factors, matmulLeading, index);
  if (isRefusal(multiplied)) return multiplied;
  const { query, key } = multiplied;
  const value = operandAt(operandOf(product, 1), index);
  const grouped = [key, value].map((operand) => withoutRepeats(operand, index));
  const [groupedKey = key, groupedValue = value] = grouped;
  const isGrouped =
    sameShape(matmulLeading, leading) &&
    sameShape(productLeading, leading) &&
    sameShape(leadingOf(groupedKey.shape), leadingOf(groupedValue.shape)) &&
    dividesHeads(leadingOf(groupedKey.shape), leading);
  return {
    query: withLeading(query, matmulLeading, leading),
    key: isGrouped ? groupedKey : withLeading(key, matmulLeading, leading),
    value: isGrouped ? groupedValue : withLeading(value, productLeading, leading),
    terms,
    scale: rootOfWidth(scores.scale * unscaledQuery.factor * keyTransposed.factor, query.shape),
  };
}

/** Heads of more columns are not from attention between tokens, and are too wide for the tiles of a GPU. */
const WIDEST_HEAD = 256;

/**
 * Attention between the channels of a head (XCiT), whose width is the number of tokens: kernels of attention
 * hold whole rows, and the scores are smaller than what they are made of, so that storing them costs little.
 */
function tooWide(products: Node, product: Node, index: GraphIndex): Refusal | null {
  const query = operandOf(products, 0);
  const keys = resultShape(products, index).at(-1) ?? 1;
  for (const width of [index.shapeOf(query).at(-1), resultShape(product, index).at(-1)]) {
    const heads = `the heads of ${index.nameOf(query)} and their values`;
    if (typeof width === 'string') {
      return refuse(query, `${heads} have the width ${width}, which is no number`);
    }
    if (width !== undefined && width > WIDEST_HEAD && typeof keys === 'number' && keys < width) {
      return refuse(query, `${heads} are ${width} wide for ${keys} keys, so the scores are small`);
    }
  }
  return null;
}

/** 1 / sqrt(width) where a file's rounding of it, or of its root before each product, is left. */
function rootOfWidth(scale: number, query: Shape): number {
  const width = query.at(-1);
  const root = typeof width === 'number' ? 1 / Math.sqrt(width) : scale;
  return isNear(scale, root) ? root : scale;
}

const leadingOf = (shape: Shape): Shape => shape.slice(0, -2);

/** Whether leading dims of the key differ from those of the query by fewer heads at most. */
function dividesHeads(ofKey: Shape, ofQuery: Shape): boolean {
  if (ofKey.length === 0 || !sameShape(ofKey.slice(0, -1), ofQuery.slice(0, -1))) return false;
  return divideExactly(ofQuery.at(-1) ?? 1, ofKey.at(-1) ?? 1) !== null;
}

function writeAttention(attention: Attention, product: Node, into: GraphWriter) {
  const { query, key, value, terms, scale } = attention;
  const { mask, bias } = writeTerms(terms, into.index.value(query.source).dtype, into);
  const { name } = into.index.value(firstResult(product));
  const operands = [...[query, key, value].map((o) => writeOperand(o, into)), mask, bias];
  const attributes = { scale, causal: terms.isCausal, window: terms.window };
  const context = into.node('attention', operands, attributes, { name: `${name}.attention` });
  const shape = resultShape(product, into.index);
  return sameShape(context.shape, shape) ? context : into.node('reshape', [context], { shape });
}

function detailOf({ query, key, value, terms, scale }: Attention, index: GraphIndex): string {
  const [q, k, v] = [query, key, value].map(({ source }: { source: ValueId }) =>
    index.nameOf(source),
  );
  const parts = [`query ${q}`, `key ${k}`, `value ${v}`, `scale ${scale}`];
  return [...parts, ...detailOfTerms(terms, index)].join(', ');
}
