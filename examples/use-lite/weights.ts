/**
 * The trained weights of Universal Sentence Encoder Lite under readable names.
 *
 * Matrices are [in, out], so that y = x W + b. The graph keeps the projections to query, key and
 * value in one matrix [in, 3 in]; here each has its own, cut out of its columns. The equations and
 * the table of names are in docs/use-lite.md.
 */
import { readGraphModel, type StoredTensor } from './graph-model.ts';
import { useLiteFolder } from './package-folder.ts';

/** The numbers that shape the model, as its graph holds them. */
export const useLiteConfig = {
  /** Rows of the embedding table. The tokenizer makes ids below 8000 only. */
  vocabulary: 8002,
  embeddingWidth: 256,
  /** Width of the states after the first layer, and of the result. */
  width: 512,
  heads: 4,
  /** Total width of queries, keys and values, by layer. */
  attentionWidths: [256, 512],
  feedForwardWidth: 1536,
  normEps: 1e-6,
  minTimescale: 1,
  maxTimescale: 10_000,
  /** The graph ignores every token after this many. */
  maxTokens: 128,
  /** Lower bound of the squared norm that the unit norm divides by. */
  unitNormEps: 1e-12,
} as const;

export interface WeightTensor {
  readonly dtype: 'f32';
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Where a weight comes from: a tensor of the graph, or a range of its columns. */
export interface WeightSource {
  readonly name: string;
  readonly shape: readonly number[];
  readonly tensor: string;
  readonly storedShape: readonly number[];
  /** First column and the one after the last, along the last axis of the stored tensor. */
  readonly columns: readonly [from: number, to: number];
}

const ENCODER = 'Encoder_en/KonaTransformer/Encode';

/** Every weight with its origin, in the order in which the model reads them. */
export const useLiteWeightSources: readonly WeightSource[] = weightSources();

/**
 * The 37 weights by readable name, ready to be given to the declaration.
 * @throws Error when the package is absent or incomplete, or when its tensors are not those of
 *   version 0.2.0; all missing and misshaped tensors are listed at once.
 */
export async function loadUseLiteWeights(
  folder: string = useLiteFolder(),
): Promise<Map<string, WeightTensor>> {
  const stored = await readGraphModel(folder);
  const weights = new Map<string, WeightTensor>();
  const faults: string[] = [];
  for (const source of useLiteWeightSources) {
    const tensor = stored.get(source.tensor);
    if (tensor?.dtype === 'f32' && sameShape(tensor.shape, source.storedShape)) {
      const data = takeColumns(tensor.data, source);
      weights.set(source.name, { dtype: 'f32', shape: source.shape, data });
    } else {
      faults.push(faultOf(source, tensor));
    }
  }
  if (faults.length > 0) {
    throw new Error(
      `The graph model in ${folder} is not Universal Sentence Encoder Lite as package version ` +
        `0.2.0 has it:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  }
  return weights;
}

function faultOf(source: WeightSource, tensor: StoredTensor | undefined): string {
  if (tensor === undefined) return `${source.name}: the tensor "${source.tensor}" is missing`;
  const expected = `f32[${source.storedShape.join(', ')}]`;
  const found = `${tensor.dtype}[${tensor.shape.join(', ')}]`;
  return `${source.name}: the tensor "${source.tensor}" is ${found}; expected ${expected}`;
}

function sameShape(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((dim, axis) => dim === right[axis]);
}

function takeColumns(data: Float32Array, { storedShape, columns }: WeightSource): Float32Array {
  const stride = storedShape.at(-1) ?? 1;
  const [from, to] = columns;
  const rows = data.length / stride;
  const taken = new Float32Array(rows * (to - from));
  for (let row = 0; row < rows; row++) {
    taken.set(data.subarray(row * stride + from, row * stride + to), row * (to - from));
  }
  return taken;
}

function weightSources(): WeightSource[] {
  const { vocabulary, embeddingWidth, width, attentionWidths } = useLiteConfig;
  const hidden = 'module/Encoder_en/hidden_layers/tanh_layer_0';
  const dense = `module_apply_default/${ENCODER}/Layer_0/TransformerLayer/dense`;
  const joined = 'ConcatPartitions/concat';
  return [
    whole('embeddings', 'module/Embeddings_en', [vocabulary, embeddingWidth]),
    whole('layer.0.residual.weight', `${dense}/kernel/${joined}`, [embeddingWidth, width]),
    whole('layer.0.residual.bias', `${dense}/bias/${joined}`, [width]),
    ...attentionWidths.flatMap((attentionWidth, layer) => layerSources(layer, attentionWidth)),
    whole('tanh.weight', `${hidden}/weights`, [width, width]),
    whole('tanh.bias', `${hidden}/bias`, [width]),
  ];
}

/** A layer's weights. Its input is as wide as its queries: 256 in the first layer, then 512. */
function layerSources(layer: number, inputWidth: number): WeightSource[] {
  const { width, feedForwardWidth } = useLiteConfig;
  const block = `Layer_${layer}/TransformerLayer`;
  const applied = `module_apply_default/${ENCODER}/${block}`;
  const norm = 'layer_prepostprocess/layer_norm/layer_norm';
  const joined = 'ConcatPartitions/concat';
  const kernels = `module/${ENCODER}/${block}/MultiheadAttention`;
  const tensordot = `module_apply_default/${ENCODER}/TransformerStack/${block}/FFN`;
  const attention = `layer.${layer}.attention`;
  const ffn = `layer.${layer}.ffn`;
  const merged = 'qkv_transform_single';
  const biases = `${applied}/MultiheadAttention`;
  const output = 'output_transform_single';
  return [
    whole(`${attention}.norm.gamma`, `${applied}/${norm}_scale/${joined}`, [inputWidth]),
    whole(`${attention}.norm.beta`, `${applied}/${norm}_bias/${joined}`, [inputWidth]),
    ...['query', 'key', 'value'].flatMap((role, part) => [
      third(`${attention}.${role}.weight`, `${kernels}/${merged}/kernel/part_0`, part, [
        inputWidth,
        inputWidth,
      ]),
      third(`${attention}.${role}.bias`, `${biases}/${merged}/bias/${joined}`, part, [inputWidth]),
    ]),
    {
      ...whole(`${attention}.output.weight`, `${kernels}/${output}/kernel/part_0`, [
        inputWidth,
        width,
      ]),
      storedShape: [1, 1, inputWidth, width],
    },
    whole(`${attention}.output.bias`, `${biases}/${output}/bias/${joined}`, [width]),
    whole(`${ffn}.norm.gamma`, `${applied}/FFN/${norm}_scale/${joined}`, [width]),
    whole(`${ffn}.norm.beta`, `${applied}/FFN/${norm}_bias/${joined}`, [width]),
    whole(`${ffn}.hidden.weight`, `${tensordot}/conv1/Tensordot/Reshape_1`, [
      width,
      feedForwardWidth,
    ]),
    whole(`${ffn}.hidden.bias`, `${applied}/FFN/conv1/bias/${joined}`, [feedForwardWidth]),
    whole(`${ffn}.output.weight`, `${tensordot}/conv2/Tensordot/Reshape_1`, [
      feedForwardWidth,
      width,
    ]),
    whole(`${ffn}.output.bias`, `${applied}/FFN/conv2/bias/${joined}`, [width]),
  ];
}

function whole(name: string, tensor: string, shape: readonly number[]): WeightSource {
  return { name, shape, tensor, storedShape: shape, columns: [0, shape.at(-1) ?? 1] };
}

/** A third of the columns of the merged projection; its kernel is a 1 x 1 convolution's. */
function third(name: string, tensor: string, part: number, shape: readonly number[]): WeightSource {
  const columns = shape.at(-1) ?? 1;
  const stored = [...shape.slice(0, -1), 3 * columns];
  return {
    name,
    shape,
    tensor,
    storedShape: shape.length === 2 ? [1, 1, ...stored] : stored,
    columns: [part * columns, (part + 1) * columns],
  };
}
