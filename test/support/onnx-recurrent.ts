/**
 * PyTorch's recurrent layers as ONNX files: their weights, in the layout of this project's ops. ONNX
 * holds them as [directions, gates * h, k] with gates in an order of its own, and a bias as [W, R].
 */
import { readFileSync } from 'node:fs';
import { parseSafetensors } from '../../src/frontends/safetensors.ts';
import { type NdArray, toNdArray } from '../../src/ir/nd-array.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';
import { f32 } from './op-runs.ts';

export interface RecurrentCase {
  readonly x: NdArray;
  readonly weight: NdArray;
  readonly recurrent: NdArray;
  readonly bias: NdArray;
  readonly recurrentBias: NdArray;
  /** PyTorch's results, by name: y [n, batch, h], h and c [1, batch, h]. */
  readonly want: (name: string) => NdArray;
}

/** @param order where each of this project's gates stands among those of ONNX */
export function readRecurrentCase(
  onnx: string,
  tensors: string,
  order: readonly number[],
): RecurrentCase {
  const { graph } = decodeModel(readFileSync(onnx), onnx);
  const [w, r, b] = (graph?.initializer ?? []).map(({ dims, rawData }) => {
    const bytes = Uint8Array.from(rawData?.read() ?? []);
    return { shape: dims.map(Number), data: [...new Float32Array(bytes.buffer)] };
  });
  if (w === undefined || r === undefined || b === undefined) throw new Error(`${onnx}: weights`);
  const width = r.shape[2] ?? 0;
  const known = parseSafetensors(readFileSync(tensors), tensors);
  const tensor = (name: string): NdArray => {
    const found = known.get(name);
    if (found === undefined) throw new Error(`${tensors} has no ${name}`);
    return toNdArray(found);
  };
  const count = order.length * width;
  const vector = (from: number) => f32([count], gatesOf(b.data.slice(from), width, 1, order));
  return {
    x: tensor('in:x'),
    weight: matrix(w.data, w.shape[2] ?? 0, width, order),
    recurrent: matrix(r.data, width, width, order),
    bias: vector(0),
    recurrentBias: vector(count),
    want: (name) => tensor(`out:${name}`),
  };
}

/** [gates * h, k] -> [k, gates * h]. */
function matrix(
  data: readonly number[],
  inner: number,
  width: number,
  order: readonly number[],
): NdArray {
  const rows = gatesOf(data, width, inner, order);
  const columns = order.length * width;
  const transposed = Array.from({ length: inner * columns }, (_, i) => {
    const [k, column] = [Math.floor(i / columns), i % columns];
    return rows[column * inner + k] ?? Number.NaN;
  });
  return f32([inner, columns], transposed);
}

/** Blocks of `width` rows in the order of this project. */
function gatesOf(
  data: readonly number[],
  width: number,
  inner: number,
  order: readonly number[],
): readonly number[] {
  return order.flatMap((gate) => data.slice(gate * width * inner, (gate + 1) * width * inner));
}

/** ONNX has i o f c, and z r h. */
export const GATE_ORDER = { rnn: [0], lstm: [0, 2, 3, 1], gru: [1, 0, 2] } as const;
