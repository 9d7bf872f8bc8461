/** The model that a command is given, with numbers in every weight. */
import { extname } from 'node:path';
import { withAttentionWeights } from '../attention-weights.ts';
import { EncompileError } from '../errors.ts';
import { loadModel } from '../frontends/load.ts';
import { type Graph, valueOf } from '../ir/graph.ts';
import { withOnlyOutputs } from '../only-outputs.ts';
import { fillRandomWeights } from '../random-weights.ts';
import { constantsOf, type ModelOptions } from './model-flags.ts';
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

export interface OpenOptions {
  /** Whether results depend on the weights' numbers, so that made-up ones deserve a warning. */
  readonly needsNumbers: boolean;
}

/** @throws EncompileError where there is no model at `path`, or it is wrong */
export async function openModel(
  path: string,
  { constants, fix, attentionWeights, onlyOutputs }: ModelOptions,
  { needsNumbers }: OpenOptions,
): Promise<OpenedModel> {
  if (constants !== undefined) checkOnnx(path, '--constants');
  if (fix !== undefined) checkOnnx(path, '--fix');
  const given = {
    ...(constants !== undefined && { constants: await constantsOf(constants) }),
    ...(fix !== undefined && { sizes: fix }),
  };
  const { graph: loaded, weights } = await loadModel(path, { onProgress: progress.show, ...given });
  const whole =
    attentionWeights === undefined
      ? loaded
      : withAttentionWeights(loaded, namesIn(attentionWeights));
  const graph = onlyOutputs === undefined ? whole : withOnlyOutputs(whole, namesIn(onlyOutputs));
  if (weights === 'bound') return { graph, randomWeights: null };
  if (needsNumbers) printNote(warning(path, graph));
  return { graph: fillRandomWeights(graph, SEED), randomWeights: SEED };
}

const namesIn = (list: string) => list.split(',').map((name) => name.trim());

function checkOnnx(model: string, flag: string): void {
  if (extname(model).toLowerCase() === '.onnx') return;
  throw new EncompileError(
    `${flag} fixes inputs of an ONNX file, and ${model} is none. Leave it out.`,
    2,
  );
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
