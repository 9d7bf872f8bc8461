/** Does an exported model give in ONNX Runtime what the interpreter gives for the graph? */
import { Float16Array } from '@petamoriken/float16';
import { expect } from 'vitest';
import { toOnnx } from '../../src/backends/onnx/export.ts';
import type { OnnxOpset } from '../../src/backends/onnx/opsets.ts';
import { randomInputs } from '../../src/check/inputs.ts';
import { compare, passes } from '../../src/check/report.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { isFloat } from '../../src/ir/types.ts';
import { openOnnx } from './onnx-runtime.mjs';

/** Of float32 against float64 over a whole model. */
const TOLERANCE = { absolute: 1e-4, relative: 1e-3 };
const EXACT = { absolute: 0, relative: 0 };

type Inputs = ReadonlyMap<string, NdArray>;

/** Every opset in which some op is spelled otherwise than in the one before. */
export const OPSETS = [17, 18, 19, 20, 21, 23] as const satisfies readonly OnnxOpset[];

/** Compares every output, with the runtime's own optimisations and without. */
export async function expectSameInOnnx(
  graph: Graph,
  runs: readonly Inputs[],
  opset: OnnxOpset = 17,
): Promise<void> {
  const bytes = toOnnx(graph, { opset });
  const wanted = runs.map((inputs) => interpret(graph, inputs).outputs);
  for (const optimisation of ['disabled', 'all']) {
    const session = await openOnnx(bytes, optimisation);
    for (const [i, inputs] of runs.entries()) {
      const got = await session.run(inputs);
      for (const [name, want] of wanted[i] ?? []) {
        expectEqual(`${name}, run ${i}, optimisation ${optimisation}`, got.get(name), want);
      }
    }
    await session.release();
  }
}

export function expectSameAtSizes(
  graph: Graph,
  sizes: readonly Sizes[],
  opset?: OnnxOpset,
): Promise<void> {
  const runs = sizes.map((size, i) => randomInputs(graph, size, 1 + i));
  return expectSameInOnnx(graph, runs, opset);
}

function expectEqual(name: string, got: NdArray | undefined, want: NdArray): void {
  expect(got?.dtype, name).toBe(want.dtype);
  expect(got?.shape, name).toEqual(want.shape);
  const tolerance = isFloat(want.dtype) ? TOLERANCE : EXACT;
  const comparison = compare(name, got?.data ?? [], asStored(want), tolerance);
  if (!passes([comparison])) expect.fail(JSON.stringify(comparison));
}

/** f16 is computed in float32, and rounded where it leaves the model. */
function asStored({ dtype, data }: NdArray): ArrayLike<number> {
  return dtype === 'f16' ? Float16Array.from(data) : data;
}
