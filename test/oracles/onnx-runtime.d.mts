import type { NdArray } from '../../src/ir/nd-array.ts';

/** An ONNX model that ONNX Runtime has loaded. */
export interface OnnxSession {
  /** Outputs by name; all integers and bools as numbers. */
  run(inputs: ReadonlyMap<string, NdArray>): Promise<ReadonlyMap<string, NdArray>>;
  release(): Promise<void>;
}

export const version: string;

/** @param optimisation of the runtime's own: `disabled`, `basic`, `extended` or `all` */
export function openOnnx(model: Uint8Array, optimisation?: string): Promise<OnnxSession>;
