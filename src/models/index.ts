/** The parts that encoders are declared from; the package's subpath `encompile/models`. */
export { type Activation, activate } from './activations.ts';
export { attend, scaledDotProductAttention, type WeighingOptions } from './attention.ts';
export {
  type BertInputs,
  type BertOptions,
  bert,
  bertPooler,
  type MaskedLmOptions,
  maskedLmHead,
  type SequenceClassifierOptions,
  sequenceClassifier,
} from './bert.ts';
export {
  batchNorm,
  type ConvolutionOptions,
  convolution,
  type ResidualBlockOptions,
  residualBlock,
} from './convolution.ts';
export {
  type DecoderBlockOptions,
  decoderBlock,
  type EncoderDecoderOptions,
  encoderDecoder,
} from './decoder-block.ts';
export { type TokenEmbeddingOptions, tokenEmbedding } from './embedding.ts';
export { type EncoderBlockOptions, encoderBlock } from './encoder-block.ts';
export {
  type ExpertsOptions,
  expertGate,
  type GateOptions,
  mixtureOfExperts,
} from './experts.ts';
export { type FeedForwardOptions, feedForward } from './feed-forward.ts';
export { mergeHeads, splitHeads } from './heads.ts';
export { type LinearOptions, linear } from './linear.ts';
export {
  causalMask,
  type KeyMaskOk,
  maskOfKeys,
  maskOfScores,
  type VisibleKeys,
  visibleKeys,
  windowMask,
} from './masks.ts';
export {
  type MaskedIds,
  type ModernBertOptions,
  modernBert,
  type NomicBertOptions,
  nomicBert,
  type RotaryEncoderOptions,
} from './modern-bert.ts';
export {
  type HeadOptions,
  type MultiHeadAttentionOptions,
  multiHeadAttention,
} from './multi-head-attention.ts';
export { layerNorm, normalize } from './normalization.ts';
export { attendAtOffsets } from './offset-attention.ts';
export { attentionPool, firstToken, meanPool, poolTokens, type TokenPooling } from './pooling.ts';
export {
  type BucketBiasOptions,
  bucketBias,
  type PositionBiasOptions,
  slopeBias,
  slopes,
  windowBias,
} from './position-bias.ts';
export {
  type GivenPositionOptions,
  givenPositions,
  type LearnedPositionOptions,
  learnedPositions,
  type PositionOptions,
  sinusoidalPositions,
  timingSignal,
} from './positions.ts';
export {
  gru,
  lstm,
  type Recurrence,
  type RecurrentLayers,
  type RecurrentOptions,
  type RecurrentOutput,
  type RecurrentState,
  rnn,
} from './recurrent.ts';
export { type NormOrder, type ResidualNormOptions, residual, residualNorm } from './residual.ts';
export { type RotaryOptions, rotaryPositions } from './rotary.ts';
export {
  additiveScores,
  concatLinearScores,
  concatTanhScores,
  dotScores,
  generalScores,
  joinContext,
  scaledDotScores,
  type UnitsOptions,
} from './scores.ts';
export {
  type DecoderStep,
  type DecoderStepOptions,
  decoderStep,
  type EncodedSequence,
  type ScoredStep,
  type SequenceEncoderOptions,
  sequenceEncoder,
} from './seq2seq.ts';
export { type Pooled, type Widened, withShape } from './shape.ts';
export { type PatchOptions, patchEmbedding, type VitOptions, vit } from './vit.ts';
export { type WhisperEncoderOptions, whisperEncoder } from './whisper.ts';
export { cbow, cosines, skipGram, type WordVectorOptions } from './word2vec.ts';
