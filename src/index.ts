/** The public interface of encompile: what a model file imports. */
export { attentionsOf, withAttentionWeights } from './attention-weights.ts';
export { type Compiled, type CompileOptions, compile } from './compile-model.ts';
export { EncompileError } from './errors.ts';
export type { Builder } from './ir/builder.ts';
export type { Graph, Value } from './ir/graph.ts';
export type { Dim, DType, Shape, TensorData, TensorType } from './ir/types.ts';
export { bool, dims, f16, f32, i8, i32, i64, u8 } from './ir/types.ts';
export { type Model, type ModelOptions, model, type Outputs } from './model.ts';
export { withOnlyOutputs } from './only-outputs.ts';
export {
  type RandomWeights,
  randomWeights,
  type SafetensorsOptions,
  type SafetensorsWeights,
  safetensors,
  type WeightArray,
  type WeightArrays,
  type WeightSource,
} from './weight-sources.ts';
