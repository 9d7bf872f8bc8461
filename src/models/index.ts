/** The parts that encoders are declared from; the package's subpath `encompile/models`. */
export { type Activation, activate } from './activations.ts';
export { attend, scaledDotProductAttention, type VisibleKeys } from './attention.ts';
export {
  type BertInputs,
  type BertOptions,
  bert,
  bertPooler,
  type SequenceClassifierOptions,
  sequenceClassifier,
} from './bert.ts';
export { type TokenEmbeddingOptions, tokenEmbedding } from './embedding.ts';
export { type EncoderBlockOptions, encoderBlock } from './encoder-block.ts';
export { type FeedForwardOptions, feedForward } from './feed-forward.ts';
export { mergeHeads, splitHeads } from './heads.ts';
export { type LinearOptions, linear } from './linear.ts';
export { causalMask, type KeyMaskOk, maskOfScores } from './masks.ts';
export { type MultiHeadAttentionOptions, multiHeadAttention } from './multi-head-attention.ts';
export { layerNorm, normalize } from './normalization.ts';
export { firstToken, meanPool, poolTokens, type TokenPooling } from './pooling.ts';
export {
  type LearnedPositionOptions,
  learnedPositions,
  type PositionOptions,
  sinusoidalPositions,
  timingSignal,
} from './positions.ts';
export { type Pooled, type Widened, withShape } from './shape.ts';
