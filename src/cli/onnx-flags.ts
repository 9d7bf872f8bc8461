/** The flags that say how `--target onnx` writes the model. */
import { InvalidArgumentError } from 'commander';
import type { OnnxFileOptions } from '../artifact-files.ts';
import {
  isOnnxOpset,
  NEWEST_OPSET,
  OLDEST_OPSET,
  type OnnxOpset,
} from '../backends/onnx/opsets.ts';
import { EncompileError } from '../errors.ts';

export const OPSET_FLAG = '--opset <number>';
export const OPSET_MEANING = `of --target onnx, ${OLDEST_OPSET} to ${NEWEST_OPSET} (default: ${OLDEST_OPSET})`;
export const OPTIMISED_FLAG = '--optimised';
export const OPTIMISED_MEANING =
  'with --target onnx, write the model behind the passes, not as declared';

export function readOpset(text: string): OnnxOpset {
  const opset = /^\d+$/.test(text) ? Number(text) : 0;
  if (isOnnxOpset(opset)) return opset;
  throw new InvalidArgumentError(`Choose from ${OLDEST_OPSET} to ${NEWEST_OPSET}.`);
}

/**
 * How the model is written; null where it is not.
 *
 * @throws EncompileError where it is not, and a flag says how
 */
export function onnxOptions(
  isTarget: boolean,
  { opset, optimised = false }: OnnxFileOptions,
): Required<OnnxFileOptions> | null {
  if (isTarget) return { opset: opset ?? OLDEST_OPSET, optimised };
  const flag = opset === undefined ? (optimised ? '--optimised' : null) : '--opset';
  if (flag === null) return null;
  throw new EncompileError(
    `${flag} is for the target 'onnx': add it to --target, or leave ${flag} out.`,
    2,
  );
}
