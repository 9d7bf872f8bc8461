/**
 * Do all targets of an exact program compute the same bits? JS, the same loops printed as scalar
 * WebAssembly, and WebAssembly with SIMD run the same inputs, and every number is compared as the int32
 * of its bits. All NaN are equal: which of them arithmetic gives, processors choose.
 */
import { expect } from 'vitest';
import { jsBackend } from '../../src/backends/js/module.ts';
import { randomInputs } from '../../src/check/inputs.ts';
import { evaluateDim } from '../../src/ir/dims.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { withCounts } from '../../src/ir/symbol-counts.ts';
import { lower } from '../../src/loops/lower.ts';
import { storageOf } from '../../src/loops/row-major.ts';
import { type VerifiedProgram, verifyProgram } from '../../src/loops/verify-program.ts';
import type { Numbers } from '../backends/kernel-runs.ts';
import { runWasm } from '../backends/wasm-runs.ts';

export type Tensors = Readonly<Record<string, Numbers>>;
type JsKernel = (...args: readonly (Numbers | number)[]) => void;

/** `optimised` is the graph that kernels are made of. */
export async function expectSameBits(optimised: Graph, allSizes: readonly Sizes[]): Promise<void> {
  const runs = allSizes.map((sizes) => {
    return { sizes, inputs: storedInputs(randomInputs(optimised, sizes, 1)) };
  });
  await expectSameRuns(optimised, runs);
}

/** As `expectSameBits`, with given inputs; of programs that are not exact, too. */
export async function expectSameRuns(
  optimised: Graph,
  runs: readonly { readonly sizes: Sizes; readonly inputs: Tensors }[],
  exact = true,
): Promise<void> {
  const scalar = verifyProgram(lower(optimised, 'js', exact));
  const simd = verifyProgram(lower(optimised, 'wasm', exact));
  const runJs = await openJs(scalar);
  for (const { sizes: ofShapes, inputs } of runs) {
    const numbersOf = (input: string) => inputs[input] ?? [];
    const sizes = withCounts(scalar.counts ?? [], ofShapes, numbersOf);
    const js = runJs(inputs, sizes);
    const others = [
      ['scalar WebAssembly', (await runWasm(scalar, inputs, sizes)).outputs],
      ['WebAssembly with SIMD', (await runWasm(simd, inputs, sizes)).outputs],
    ] as const;
    for (const [name, outputs] of others) {
      const difference = firstDifference(js, outputs);
      if (difference !== null) {
        expect.fail(`at ${JSON.stringify(sizes)}, JS and ${name}: ${difference}`);
      }
    }
  }
}

/** Where two runs differ by a bit, in words; null where they are the same. */
function firstDifference(a: Tensors, b: Tensors): string | null {
  expect(Object.keys(b)).toEqual(Object.keys(a));
  for (const [name, x] of Object.entries(a)) {
    const y = b[name] ?? new Float32Array(0);
    if (x.length !== y.length) return `${name} has ${x.length} numbers and ${y.length}`;
    const [bitsOfX, bitsOfY] = [bitsOf(x), bitsOf(y)];
    for (let i = 0; i < x.length; i++) {
      if (bitsOfX[i] === bitsOfY[i]) continue;
      if (Number.isNaN(x[i]) && Number.isNaN(y[i])) continue;
      return `${name}[${i}] is ${x[i]} and ${y[i]}`;
    }
  }
  return null;
}

function bitsOf(x: Numbers): Int32Array {
  return new Int32Array(x.buffer, x.byteOffset, x.length);
}

/** As kernels take them. */
function storedInputs(arrays: ReadonlyMap<string, NdArray>): Tensors {
  const stored = [...arrays].map(([name, { dtype, data }]) => {
    const numbers = storageOf(dtype) === 'f32' ? Float32Array.from(data) : Int32Array.from(data);
    return [name, numbers] as const;
  });
  return Object.fromEntries(stored);
}

/** The printed module in this process; floats that no kernel writes are NaN. */
async function openJs(
  program: VerifiedProgram,
): Promise<(inputs: Tensors, sizes: Sizes) => Tensors> {
  const { text, kernels } = jsBackend.print(program);
  const module: Readonly<Record<string, JsKernel>> = await import(
    `data:text/javascript,${encodeURIComponent(text)}`
  );
  const entries = new Map(kernels.map(({ name, entry }) => [name, entry]));
  const symbols = new Map(program.kernels.map((kernel) => [kernel.name, kernel.symbols]));
  const weights = new Map(program.weights.map(({ buffer, data }) => [buffer, data()]));
  return (inputs, sizes) => {
    const buffers = new Map<string, Numbers>();
    for (const { name, type, size } of program.buffers) {
      const count = evaluateDim(size, sizes);
      const empty = type === 'f32' ? new Float32Array(count).fill(NaN) : new Int32Array(count);
      buffers.set(name, weights.get(name) ?? empty);
    }
    for (const { name, buffer } of program.inputs) {
      const given = inputs[name];
      if (given !== undefined) buffers.set(buffer, given);
    }
    const bufferOf = (name: string) => buffers.get(name) ?? new Float32Array(0);
    for (const step of program.steps) {
      const run = module[entries.get(step.kernel) ?? ''];
      const ofSymbols = (symbols.get(step.kernel) ?? []).map((symbol) => sizes[symbol] ?? 0);
      run?.(...step.arguments.map(bufferOf), ...ofSymbols);
    }
    const outputs = program.outputs.map(({ name, buffer }) => [name, bufferOf(buffer)] as const);
    return Object.fromEntries(outputs);
  };
}
