/** The model that a command is given, with numbers in every weight. */
import { extname } from 'node:path';
import { InvalidArgumentError } from 'commander';
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

/** Sizes by symbol. */
export type FixedSizes = ReadonlyMap<string, number>;

export const FIX_FLAG = '--fix <symbol=size>';
export const FIX_MEANING = 'of an ONNX file: the one size that a symbol of its inputs has';

/** Reads one `--fix seq=128`, after those before it. */
export function readFix(text: string, before: FixedSizes = new Map()): FixedSizes {
  const [, symbol = '', digits = ''] = /^([A-Za-z_]\w*)=(\d+)$/.exec(text) ?? [];
  const size = Number(digits);
  if (symbol === '' || !Number.isSafeInteger(size) || size === 0) {
    throw new InvalidArgumentError('Write a symbol and its size, as in --fix seq=128.');
  }
  return new Map([...before, [symbol, size]]);
}

export interface OpenOptions {
  /** Whether results depend on the weights' numbers, so that made-up ones deserve a warning. */
  readonly needsNumbers: boolean;
  /** The tensor file that `--constants` names. */
  readonly constants?: string | undefined;
  /** The attentions that `--attention-weights` names, whose weights become outputs. */
  readonly attentionWeights?: string | undefined;
  /** What `--fix` gives. */
  readonly fix?: FixedSizes | undefined;
}

/** @throws EncompileError where there is no model at `path`, or it is wrong */
export async function openModel(
  path: string,
  { needsNumbers, constants, fix, attentionWeights }: OpenOptions,
): Promise<OpenedModel> {
  if (constants !== undefined) checkOnnx(path, '--constants');
  if (fix !== undefined) checkOnnx(path, '--fix');
  const given = {
    ...(constants !== undefined && { constants: await readConstants(constants) }),
    ...(fix !== undefined && { sizes: fix }),
  };
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

function checkOnnx(model: string, flag: string): void {
  if (extname(model).toLowerCase() === '.onnx') return;
  throw new EncompileError(
    `${flag} fixes inputs of an ONNX file, and ${model} is none. Leave it out.`,
    2,
  );
}

async function readConstants(path: string) {
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
