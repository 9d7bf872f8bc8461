/** The model that a command is given, with numbers in every weight. */
import { loadModel } from '../frontends/load.ts';
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

export interface OpenOptions {
  /** Whether results depend on the weights' numbers, so that made-up ones deserve a warning. */
  readonly needsNumbers: boolean;
}

/** @throws EncompileError where there is no model at `path`, or it is wrong */
export async function openModel(path: string, { needsNumbers }: OpenOptions): Promise<OpenedModel> {
  const { graph, weights } = await loadModel(path, { onProgress: progress.show });
  if (weights === 'bound') return { graph, randomWeights: null };
  if (needsNumbers) printNote(warning(path, graph));
  return { graph: fillRandomWeights(graph, SEED), randomWeights: SEED };
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
