/**
 * The flags that say which model a command is about, beside its path: the same for every command that
 * opens one.
 */
import { extname } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { EncompileError } from '../errors.ts';
import { fileExists } from '../frontends/files.ts';
import { readSafetensors } from '../frontends/safetensors.ts';
import type { TensorData } from '../ir/types.ts';

/** What `--constants` gives, in files and on the command line. */
export interface GivenConstants {
  readonly files: readonly string[];
  readonly numbers: ReadonlyMap<string, readonly number[]>;
}

/** Sizes by symbol. */
export type FixedSizes = ReadonlyMap<string, number>;

export interface ModelOptions {
  readonly constants?: GivenConstants;
  /** The attentions whose weights become outputs. */
  readonly attentionWeights?: string;
  readonly fix?: FixedSizes;
  /** The outputs that are wanted. */
  readonly onlyOutputs?: string;
}

/** `command` with the flags of `ModelOptions`. */
export function addModelFlags(command: Command): Command {
  return command
    .option(
      '--constants <file|name=numbers>',
      'of an ONNX file: inputs whose numbers decide how the model is built, in a safetensors file or ' +
        'as sr=16000 or shape=1,-1; repeat for more',
      readConstant,
    )
    .option(
      '--fix <symbol=size>',
      'of an ONNX file: the one size that a symbol of its inputs has; repeat for more',
      readFix,
    )
    .option(
      '--attention-weights <names>',
      'attentions whose weights are outputs, too: layer.0.attention, layer.0.attention:3 for a head, all',
    )
    .option(
      '--only-outputs <names>',
      'the outputs that are wanted, as in last_hidden_state,logits; what the others alone need is left out',
    );
}

const NONE: GivenConstants = { files: [], numbers: new Map() };
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** Reads one `--constants in.safetensors` or `--constants sr=16000`, after those before it. */
function readConstant(text: string, before: GivenConstants = NONE): GivenConstants {
  const at = text.lastIndexOf('=');
  if (at < 0 || extname(text).toLowerCase() === '.safetensors') {
    return { ...before, files: [...before.files, text] };
  }
  const [name, list] = [text.slice(0, at), text.slice(at + 1).split(',')];
  if (name === '' || !list.every((number) => NUMBER.test(number.trim()))) {
    throw new InvalidArgumentError(
      'Write the name of an input and its numbers, as in --constants sr=16000 or --constants shape=1,-1, ' +
        'or a safetensors file.',
    );
  }
  if (before.numbers.has(name)) {
    throw new InvalidArgumentError(`The input '${name}' is given twice. Leave one out.`);
  }
  return { ...before, numbers: new Map([...before.numbers, [name, list.map(Number)]]) };
}

/** Reads one `--fix seq=128`, after those before it. */
function readFix(text: string, before: FixedSizes = new Map()): FixedSizes {
  const [, symbol = '', digits = ''] = /^([A-Za-z_]\w*)=(\d+)$/.exec(text) ?? [];
  const size = Number(digits);
  if (symbol === '' || !Number.isSafeInteger(size) || size === 0) {
    throw new InvalidArgumentError('Write a symbol and its size, as in --fix seq=128.');
  }
  return new Map([...before, [symbol, size]]);
}

/** All that `--constants` gave. @throws EncompileError where a file is not there, or an input is given twice */
export async function constantsOf({
  files,
  numbers,
}: GivenConstants): Promise<ReadonlyMap<string, TensorData | readonly number[]>> {
  const all = new Map<string, TensorData | readonly number[]>(numbers);
  for (const path of files) {
    if (!(await fileExists(path))) {
      throw new EncompileError(
        `There is no file ${path}, which --constants names. Check the path, or write numbers as in ` +
          '--constants sr=16000.',
        2,
      );
    }
    for (const [name, tensor] of await readSafetensors(path)) {
      if (all.has(name)) {
        throw new EncompileError(
          `--constants gives the input '${name}' twice, in ${path} and before. Leave one out.`,
          2,
        );
      }
      all.set(name, tensor);
    }
  }
  return all;
}
