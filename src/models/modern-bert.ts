/**
 * Encoders with rotary positions and gated feed-forward networks: ModernBERT (Warner et al. 2024) and
 * nomic-bert (Nussbaum et al. 2024).
 */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { SameShapeOk } from '../ir/shape-types.ts';
import { f32, type IntegerType, type Shape } from '../ir/types.ts';
import type { Activation } from './activations.ts';
import { tokenEmbedding } from './embedding.ts';
import { encoderBlock } from './encoder-block.ts';
import { feedForward } from './feed-forward.ts';
import { multiHeadAttention } from './multi-head-attention.ts';
import { layerNorm } from './normalization.ts';
import { residual, residualNorm } from './residual.ts';
import { rotaryPositions } from './rotary.ts';
import { withShape } from './shape.ts';

export interface RotaryEncoderOptions<W extends number> {
  /** Width of the token vectors. */
  readonly hidden: W;
  /** Number of attention heads; it divides `hidden`. */
  readonly heads: number;
  /** Width inside the feed-forward network. */
  readonly intermediate: number;
  /** Of the feed-forward network's gate. */
  readonly activation?: Activation;
  /** Of the layer norms. */
  readonly eps?: number;
  /** Rows of the table of tokens. */
  readonly vocab: number;
}

export interface ModernBertOptions<W extends number> extends RotaryEncoderOptions<W> {
  /** One entry a layer: whether its tokens see all others or those in the window. */
  readonly attention: readonly ('global' | 'local')[];
  /** A local layer's tokens see those at most this far away (64). */
  readonly window?: number;
  /** Bases of the rotations in layers of each kind (160000 and 10000). */
  readonly globalBase?: number;
  readonly localBase?: number;
  /** Which layers have a bias (none). */
  readonly attentionBias?: boolean;
  readonly ffnBias?: boolean;
  readonly normBias?: boolean;
}

export interface MaskedIds<R extends Shape, M extends Shape> {
  /** Token ids, [batch, seq]. */
  readonly ids: Value<IntegerType, R>;
  /** True for tokens, false for padding. */
  readonly mask: Value<'bool', M> & SameShapeOk<'rotary_encoder_c1', R, M>;
  /** The table of tokens [vocab, hidden], for a head that uses it, too; its weight where it is left out. */
  readonly table?: Value<'f32'> | undefined;
}

/**
 * modernBert: word embeddings, normalised; pre-norm blocks whose attention is global or local, turned by
 * rotary positions, with GEGLU; and a last norm. The first block has no norm before its attention.
 *
 * ids integer[batch, seq], mask bool[batch, seq] -> y f32[batch, seq, hidden]. Weights: `embeddings.word`
 * and `.norm`, below `layer.<i>` those of `multiHeadAttention` below `attention` and of a gated `feedForward`
 * below `ffn`, each with its `norm`, and the last `norm`.
 */
export function modernBert<W extends number, R extends Shape, M extends Shape = Shape>(
  g: Builder,
  options: ModernBertOptions<W>,
  { ids, mask, table }: MaskedIds<R, M>,
): Value<'f32', [...R, W]> {
  const { hidden: width, heads, intermediate, activation = 'gelu', eps = 1e-5, vocab } = options;
  const { attention: kinds, window = 64, globalBase = 160_000, localBase = 10_000 } = options;
  const { attentionBias = false, ffnBias = false, normBias: beta = false } = options;
  const words: Value<'f32'> = tokenEmbedding(g.scope('embeddings'), ids, { vocab, width, table });
  let x = layerNorm(g.scope('embeddings.norm'), words, { eps, beta });
  const order = { norm: 'pre', eps, beta } as const;
  kinds.forEach((kind, i) => {
    const [attentionScope, ffnScope] = [`layer.${i}.attention`, `layer.${i}.ffn`].map((name) =>
      g.scope(name),
    );
    if (attentionScope === undefined || ffnScope === undefined) return;
    const base = kind === 'local' ? localBase : globalBase;
    const attend = (from: Value<'f32'>) =>
      multiHeadAttention<'f32', Shape, number, Shape, Shape>(attentionScope, from, {
        heads,
        mask,
        window: kind === 'local' ? window : undefined,
        rotate: (head) => rotaryPositions(attentionScope, head, { base }),
        bias: attentionBias,
      });
    const ffn = (from: Value<'f32'>) =>
      feedForward<'f32', Shape>(ffnScope, from, {
        hidden: intermediate,
        activation,
        gated: true,
        bias: ffnBias,
      });
    const y =
      i === 0
        ? residual(attentionScope, x, attend)
        : residualNorm(attentionScope, x, attend, order);
    x = residualNorm<'f32', Shape>(ffnScope, y, ffn, order);
  });
  const states = layerNorm(g.scope('norm'), x, { eps, beta });
  return withShape(states, [...ids.shape, width] as [...R, W]);
}

export interface NomicBertOptions<W extends number> extends RotaryEncoderOptions<W> {
  readonly layers: number;
  /** Base of the rotations (1000). */
  readonly base?: number;
  /** Rows of the table of token types; 0 for none (0). */
  readonly typeVocab?: number;
}

/**
 * nomicBert: the sum of word and token type embeddings, normalised; then post-norm blocks with rotary
 * positions and SwiGLU, without biases but those of the norms
 *
 * ids integer[batch, seq], mask bool[batch, seq] -> y f32[batch, seq, hidden]. All tokens are of type 0
 * where no types are given. Weights: `embeddings.word`, `.token_type` and `.norm`, and below `layer.<i>`
 * those of `encoderBlock`.
 */
export function nomicBert<W extends number, R extends Shape, M extends Shape = Shape>(
  g: Builder,
  options: NomicBertOptions<W>,
  {
    ids,
    mask,
    tokenTypes,
  }: MaskedIds<R, M> & { readonly tokenTypes?: Value<IntegerType> | undefined },
): Value<'f32', [...R, W]> {
  const { layers, hidden: width, heads, intermediate, vocab, typeVocab = 0 } = options;
  const { activation = 'silu', eps = 1e-12, base = 1000 } = options;
  const embeddings = g.scope('embeddings');
  const words: Value<'f32'> = tokenEmbedding(embeddings, ids, { vocab, width });
  const types = typeVocab > 0 ? typesOf(embeddings, tokenTypes, typeVocab, width) : null;
  const sum: Value<'f32'> =
    types === null ? words : g.add<'f32', Shape, 'f32', Shape>(words, types);
  let x = layerNorm(g.scope('embeddings.norm'), sum, { eps });
  for (let i = 0; i < layers; i++) {
    const layer = g.scope(`layer.${i}`);
    x = encoderBlock<'f32', Shape, number>(layer, x, {
      heads,
      hidden: intermediate,
      activation,
      gated: true,
      bias: false,
      eps,
      mask: mask as Value<'bool'>,
      rotate: (head) => rotaryPositions(layer, head, { base }),
    });
  }
  return withShape(x, [...ids.shape, width] as [...R, W]);
}

function typesOf(
  g: Builder,
  tokenTypes: Value<IntegerType> | undefined,
  vocab: number,
  width: number,
): Value<'f32'> {
  if (tokenTypes) return tokenEmbedding(g, tokenTypes, { vocab, width, name: 'token_type' });
  const table = g.weight('token_type', f32(vocab, width));
  return g.slice(table, { starts: [0, 0], ends: [1, width] });
}
