/**
 * A Hugging Face folder as a graph with its weights.
 *
 * Invariant: what is returned computes what transformers and sentence-transformers compute from the
 * folder, for padding on the right.
 */
import { basename, resolve } from 'node:path';
import type { Graph } from '../../ir/graph.ts';
import type { TensorData } from '../../ir/types.ts';
import { withData } from '../../model.ts';
import type { JsonValue } from '../json.ts';
import { type BertConfig, parseBertConfig } from './config.ts';
import { type HuggingFaceFolder, readHuggingFaceFolder } from './folder.ts';
import { bindBertWeights } from './names.ts';
import { isRotaryFamily, parseRotaryConfig, type RotaryConfig } from './rotary-config.ts';
import { bindRotaryWeights } from './rotary-names.ts';
import { graphOfRotary, graphOfTask, type HuggingFaceTask, taskOf, topOf } from './task.ts';

export type { BertConfig } from './config.ts';
export type { HuggingFaceTask } from './task.ts';

export interface HuggingFaceModel {
  /** Named as the folder; every parameter has its data. Inputs and outputs: see `graphOfTask`. */
  readonly graph: Graph;
  readonly config: BertConfig | RotaryConfig;
  readonly task: HuggingFaceTask;
  /** The most tokens that a text may have, special tokens included. */
  readonly maxTokens: number;
  /** Tensors of the file that belong to heads which the task does not use. */
  readonly unused: readonly string[];
  /** What `@huggingface/tokenizers` takes, as two arguments; null where the folder has none. */
  readonly tokenizerJson: JsonValue | null;
  readonly tokenizerConfig: JsonValue | null;
}

/**
 * Reads the model folder at `path`: config.json, model.safetensors or its shards, tokenizer files,
 * and the module files of sentence-transformers where they are there.
 *
 * @throws EncompileError where the folder, its config or its weights are absent, damaged or of a
 * model that is not supported
 */
export async function loadHuggingFace(path: string): Promise<HuggingFaceModel> {
  return modelOfFolder(await readHuggingFaceFolder(path));
}

/** The model of a folder that has been read; throws as `loadHuggingFace` does. */
export function modelOfFolder(folder: HuggingFaceFolder): HuggingFaceModel {
  if (isRotaryFamily(folder.config)) return rotaryModelOf(folder);
  const config = parseBertConfig(folder.config, folder.configOrigin);
  const task = taskOf(folder, config);
  const { weights, unused } = bindBertWeights(
    config,
    topOf(task),
    folder.tensors,
    folder.tensorsOrigin,
  );
  const graph = graphOfTask(basename(resolve(folder.path)), config, task);
  const room = config.maxPositions - config.positionOffset;
  return {
    graph: withData(graph, inRowVectorStyle(weights)),
    config,
    task,
    maxTokens: Math.min(room, folder.sentenceTransformers?.maxTokens ?? room),
    unused,
    tokenizerJson: folder.tokenizerJson,
    tokenizerConfig: folder.tokenizerConfig,
  };
}

function rotaryModelOf(folder: HuggingFaceFolder): HuggingFaceModel {
  const config = parseRotaryConfig(folder.config, folder.configOrigin);
  const task = taskOf(folder, config);
  const { weights, unused } = bindRotaryWeights(
    hasHead(task) ? config : { ...config, head: 'base' },
    folder.tensors,
    folder.tensorsOrigin,
  );
  const graph = graphOfRotary(basename(resolve(folder.path)), config, task);
  const { maxPositions } = config;
  return {
    graph: withData(graph, weights),
    config,
    task,
    maxTokens: Math.min(maxPositions, folder.sentenceTransformers?.maxTokens ?? maxPositions),
    unused,
    tokenizerJson: folder.tokenizerJson,
    tokenizerConfig: folder.tokenizerConfig,
  };
}

const hasHead = ({ kind }: HuggingFaceTask): boolean =>
  kind !== 'sentence-embedding' && kind !== 'token-vectors';

/** As graphs want them: files keep x W^T, [out, in], for linear layers alone; graphs compute x W. */
function inRowVectorStyle(
  weights: ReadonlyMap<string, TensorData>,
): ReadonlyMap<string, TensorData> {
  return new Map(
    [...weights].map(([name, data]) => [name, name.endsWith('.weight') ? transposed(data) : data]),
  );
}

/** [rows, columns] -> [columns, rows], of the float32 numbers that all bound weights are. */
function transposed({ dtype, shape, data }: TensorData): TensorData {
  const [rows = 0, columns = 0] = shape;
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = Number(data[row * columns + column]);
    }
  }
  return { dtype, shape: [columns, rows], data: turned };
}
