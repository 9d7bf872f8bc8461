/** The model that a command is given, with numbers in every weight. */
import { extname } from 'node:path';
import { withAttentionWeights } from '../attention-weights.ts';
import { EncompileError } from '../errors.ts';
import { fileExists } from '../frontends/files.ts';
import { loadModel } from '../frontends/load.ts';
import { readSafetensors } from '../frontends/safetensors.ts';
import { type Graph, valueOf } from '../ir/graph.ts';
import { fillRandomWeights } from '../random-weights.ts';
import { progress } from './progress.ts';
import { counted } from './quantities.ts';
import { printNote } from './standard-output.ts';

export interface OpenedModel {
  /** Every parameter has its data. */
  readonly graph: Graph;
  /** The seed of weights that were made up; null where they are the model's own. */
  readonly randomWeights: number | null;
}

const SEED = 1;

export const CONSTANTS_FLAG = '--constants <file>';
export const CONSTANTS_MEANING =
  'of an ONNX file: a safetensors file with inputs whose numbers decide how the model is built';

export const ATTENTION_FLAG = '--attention-weights <names>';
export const ATTENTION_MEANING =
  'attentions whose weights are outputs, too: layer.0.attention, layer.0.attention:3 for a head, all';

export interface OpenOptions {
  /** Whether results depend on the weights' numbers, so that made-up ones deserve a warning. */
  readonly needsNumbers: boolean;
  /** The tensor file that `--constants` names. */
  readonly constants?: string | undefined;
  /** The attentions that `--attention-weights` names, whose weights become outputs. */
  readonly attentionWeights?: string | undefined;
}

/** @throws EncompileError where there is no model at `path`, or it is wrong */
export async function openModel(
  path: string,
  { needsNumbers, constants, attentionWeights }: OpenOptions,
): Promise<OpenedModel> {
  const given = constants === undefined ? {} : { constants: await readConstants(path, constants) };
  const { graph: loaded, weights } = await loadModel(path, { onProgress: progress.show, ...given });
  const graph =
    attentionWeights === undefined
      ? loaded
      : withAttentionWeights(
          loaded,
          attentionWeights.split(',').map((name) => name.trim()),
        );
  if (weights === 'bound') return { graph, randomWeights: null };
  if (needsNumbers) printNote(warning(path, graph));
  return { graph: fillRandomWeights(graph, SEED), randomWeights: SEED };
}

async function readConstants(model: string, path: string) {
  if (extname(model).toLowerCase() !== '.onnx') {
    throw new EncompileError(
      `--constants fixes inputs of an ONNX file, and ${model} is none. Leave it out.`,
      2,
    );
  }
  if (await fileExists(path)) return readSafetensors(path);
  throw new EncompileError(`There is no file ${path}, which --constants names. Check the path.`, 2);
}

function warning(path: string, graph: Graph): string {
  const missing = graph.parameters.flatMap(({ value, data }) => {
    return data === null ? [valueOf(graph, value).name] : [];
  });
  return (
    `warning: ${path} has no numbers for ${counted(missing.length, 'weight')} (the first is ` +
    `'${missing[0]}'): random ones of seed ${SEED} stand in, so its results mean nothing.`
  );
}
