/** Multi-head attention: from a sequence to itself, or to another one. */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { HeadsOk } from '../ir/shape-types.ts';
import type { Dim, FloatType, Shape } from '../ir/types.ts';
import { scaledDotProductAttention, type WeighingOptions } from './attention.ts';
import { mergeHeads, splitHeads } from './heads.ts';
import { linear } from './linear.ts';
import { type KeyMaskOk, maskOfScores, type VisibleKeys } from './masks.ts';
import { type Widened, widen, widthOf, withShape } from './shape.ts';

/** What happens inside the heads; the scores are [.., h, n, m]. */
export interface HeadOptions<D extends FloatType> extends WeighingOptions<D> {
  /** Done to queries and keys [.., h, n, dk], each by its own positions: `rotaryPositions`. */
  readonly rotate?: ((x: Value<D>) => Value<D>) | undefined;
  /** What scores are multiplied by (1 / sqrt(dk)). */
  readonly scale?: number | undefined;
}

export interface MultiHeadAttentionOptions<
  D extends FloatType,
  S extends Shape,
  H extends number,
  K extends Shape,
  M extends Shape,
  N extends Dim | undefined,
> extends VisibleKeys<Value<'bool', M> & KeyMaskOk<K, M>>,
    HeadOptions<D> {
  /** Number of heads; it divides the width of x. */
  readonly heads: H & HeadsOk<'multi_head_attention_c1', S, H>;
  /** Heads of keys and values, of which each serves equally many query heads (as many as `heads`). */
  readonly keyValueHeads?: number;
  /** The sequence [.., m, e] that gives keys and values, for cross-attention (x itself). */
  readonly memory?: Value<D, K>;
  /** Width of the result (the width of x). */
  readonly width?: N;
  /** Whether the four projections have a bias (true). */
  readonly bias?: boolean;
}

/**
 * multiHeadAttention: concat(head_1 .. head_h) W_output with head_i = attention(x W_query_i,
 * memory W_key_i, memory W_value_i) (Vaswani et al. 2017, section 3.2.2)
 *
 * x [.., n, d], memory [.., m, e] -> y [.., n, width]; each head is d / heads wide. The mask is
 * bool[.., m], true for the keys that may be seen; bool[.., n, m] and bool[.., heads, n, m] tell
 * queries and heads apart. A query that sees no key gives the bias of the output.
 *
 * Weights, with r = keyValueHeads / heads: `query.weight` [d, d], `key.weight` and `value.weight`
 * [e, r d], `output.weight` [d, width], and the `bias` of each. The heads lie side by side.
 */
export function multiHeadAttention<
  D extends FloatType,
  S extends Shape,
  H extends number,
  K extends Shape = S,
  M extends Shape = Shape,
  N extends Dim | undefined = undefined,
>(
  g: Builder,
  x: Value<D, S>,
  options: MultiHeadAttentionOptions<D, S, H, K, M, N>,
): Value<D, Widened<S, N>> {
  const { keyValueHeads = options.heads, bias = true, mask, causal, window } = options;
  const { rotate = (head: Value<D>) => head, scale, scoreBias, onWeights } = options;
  const heads: number = options.heads;
  const memory: Value<D> = options.memory ?? x;
  const projection = (name: string, from: Value<D>, count: number) => {
    const width = count * headWidth(x, heads);
    const projected = linear(g.scope(name), from, { width, bias });
    return g.named(name, splitHeads<D, Shape, number>(g, projected, count));
  };
  const query = rotate(projection('query', x, heads));
  const key = rotate(projection('key', memory, keyValueHeads));
  const value = projection('value', memory, keyValueHeads);
  const visible = mask === undefined ? undefined : maskOfScores(g, mask, memory);
  const weighing = { mask: visible, causal, window, scale, scoreBias, onWeights };
  const context = scaledDotProductAttention(g, query, key, value, weighing);
  const merged = g.named('context', mergeHeads<D, Shape>(g, context));
  const width = options.width ?? widthOf<Shape>(x);
  const output = linear(g.scope('output'), merged, { width, bias });
  return withShape(output, widen(x.shape, options.width as N));
}

function headWidth(x: Value, heads: number): number {
  const width = widthOf<Shape>(x);
  if (typeof width === 'number' && Number.isInteger(heads) && heads > 0 && width % heads === 0) {
    return width / heads;
  }
  throw new EncompileError(
    `multi_head_attention_c1: ${heads} heads do not divide the width ${width} of '${x.name}'. Take ` +
      'a number of heads that divides it.',
  );
}
