/** Runs a model on one backend, tensors in and tensors out. */
import { aroundAll, compiledFor, compileGraph } from '../compile.ts';
import { precisionOf, runProgram } from '../emulator/run-program.ts';
import { EncompileError } from '../errors.ts';
import { interpret } from '../interpreter/interpreter.ts';
import { evaluateDim } from '../ir/dims.ts';
import { type Graph, type ValueId, valueOf } from '../ir/graph.ts';
import { fromNdArray, toNdArray } from '../ir/nd-array.ts';
import { symbolCounts, withCounts } from '../ir/symbol-counts.ts';
import type { DType, TensorData, TypedData } from '../ir/types.ts';
import type { Target } from '../loops/program.ts';
import { storageOf } from '../loops/row-major.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import { type CompileTarget, checkExact, compileTargetOf } from '../targets.ts';
import type { InputTensors } from './input-tensors.ts';
import { withArtifact } from './loaded-artifact.ts';
import { type Modes, modesOf } from './modes.ts';
import { progress } from './progress.ts';

export const RUN_BACKENDS = [
  'interpreter',
  'emulator',
  'emulator-js',
  'emulator-wasm',
  'emulator-wasm-relaxed',
  'emulator-wgsl',
  'js',
  'wasm',
  'wgsl',
] as const;
export type RunBackend = (typeof RUN_BACKENDS)[number];

type Tensors = ReadonlyMap<string, TensorData>;
/** @throws EncompileError where the emulator sees a fault */
type Run = (inputs: InputTensors) => Promise<Tensors>;
type Use<T> = (run: Run) => Promise<T>;

/**
 * Compiles a model for a backend, once for all runs; what runs it lasts as long as `use`.
 *
 * @throws EncompileError where there is no WebGPU
 */
export async function withBackend<T>(
  backend: RunBackend,
  graph: Graph,
  modes: Modes,
  use: Use<T>,
): Promise<T> {
  if (backend === 'interpreter') return use(interpreterOf(graph, modesOf(modes)));
  const target = EMULATED[backend];
  if (target !== undefined) return use(emulatorOf(target, graph, modesOf(modes)));
  return withCompiled(backend as CompileTarget, graph, modesOf(modes), use);
}

/** One run. */
export async function runOn(
  backend: RunBackend,
  graph: Graph,
  inputs: InputTensors,
  modes: Modes = {},
): Promise<Tensors> {
  return withBackend(backend, graph, modes, (run) => run(inputs));
}

const EMULATED: { readonly [B in RunBackend]?: Target } = {
  emulator: 'wgsl',
  'emulator-js': 'js',
  'emulator-wasm': 'wasm',
  'emulator-wasm-relaxed': 'wasm-relaxed',
  'emulator-wgsl': 'wgsl',
};

function interpreterOf(declared: Graph, modes: Modes): Run {
  const { quantize, weights } = modes;
  const changed = quantize !== undefined || weights === 'f16';
  const { approximations } = changed
    ? compileGraph(declared, { ...modes, targets: [] })
    : { approximations: [] };
  const graph = aroundAll(approximations)?.after ?? declared;
  return async ({ tensors }) => {
    const arrays = new Map([...tensors].map(([name, tensor]) => [name, toNdArray(tensor)]));
    const { outputs } = interpret(graph, arrays, {
      onNode: ({ op }, index, count) => progress.show(`interpret ${op} (${index + 1} of ${count})`),
    });
    return new Map([...outputs].map(([name, array]) => [name, fromNdArray(array)]));
  };
}

function emulatorOf(target: Target, graph: Graph, modes: Modes): Run {
  if (modes.exact) checkExact(target);
  const targets = [compileTargetOf(target)];
  const compilation = compileGraph(graph, { ...modes, targets, onProgress: progress.show });
  const { program } = compiledFor(compilation, target);
  return async (inputs) => emulate(program, graph, inputs);
}

function emulate(
  program: VerifiedProgram,
  graph: Graph,
  { tensors, sizes }: InputTensors,
): Tensors {
  let step = 0;
  const { outputs, faults } = runProgram(program, {
    symbols: sizes,
    inputs: Object.fromEntries([...tensors].map(([name, tensor]) => [name, asStored(tensor)])),
    precision: precisionOf(program),
    onStep: ({ kernel }) =>
      progress.show(`emulate ${kernel} (${++step} of ${program.steps.length})`),
  });
  if (faults.length > 0) {
    const said = faults.slice(0, 3).map(({ message }) => message);
    const more = faults.length > said.length ? ` And ${faults.length - said.length} more.` : '';
    throw new EncompileError(
      `The emulator saw the kernels for ${program.target} do what they must not: ${said.join(' ')}${more} ` +
        'This is a bug in encompile; please report it with the model.',
    );
  }
  const whole = countedSizes(graph, { tensors, sizes });
  return new Map(
    graph.outputs.map(({ name, value }) => {
      const numbers = outputs[name] ?? new Float32Array(0);
      return [name, outputTensor(graph, value, numbers, whole)];
    }),
  );
}

async function withCompiled<T>(
  target: CompileTarget,
  graph: Graph,
  modes: Modes,
  use: Use<T>,
): Promise<T> {
  const targets = [target];
  const compilation = compileGraph(graph, { ...modes, targets, onProgress: progress.show });
  return withArtifact(compilation, target, ({ model }) =>
    use(async ({ tensors, sizes }) => {
      progress.show(`run on ${target}`);
      const outputs = await model.run(Object.fromEntries(tensors));
      const whole = countedSizes(graph, { tensors, sizes });
      return new Map(
        graph.outputs.map(({ name, value }) => {
          const data = outputs[name]?.data ?? new Float32Array(0);
          return [name, outputTensor(graph, value, data, whole)];
        }),
      );
    }),
  );
}

/** The sizes that shapes tell, and those that are counted in the numbers of inputs. */
function countedSizes(graph: Graph, { tensors, sizes }: InputTensors): InputTensors['sizes'] {
  return withCounts(symbolCounts(graph), sizes, (input) => tensors.get(input)?.data ?? []);
}

function asStored({ dtype, data }: TensorData): Float32Array | Int32Array {
  return storageOf(dtype) === 'f32'
    ? Float32Array.from(data, Number)
    : Int32Array.from(data, Number);
}

function outputTensor(
  graph: Graph,
  value: ValueId,
  numbers: ArrayLike<number> | BigInt64Array,
  sizes: InputTensors['sizes'],
): TensorData {
  const { dtype, shape: dims } = valueOf(graph, value);
  const shape = dims.map((dim) => evaluateDim(dim, sizes));
  return { dtype, shape, data: TYPED[dtype](Array.from<number | bigint>(numbers)) };
}

const TYPED: { readonly [D in DType]: (numbers: readonly (number | bigint)[]) => TypedData } = {
  f32: (numbers) => Float32Array.from(numbers, Number),
  f16: (numbers) => Float32Array.from(numbers, Number),
  i64: (numbers) => BigInt64Array.from(numbers, BigInt),
  i32: (numbers) => Int32Array.from(numbers, Number),
  i8: (numbers) => Int8Array.from(numbers, Number),
  u8: (numbers) => Uint8Array.from(numbers, Number),
  bool: (numbers) => Uint8Array.from(numbers, Number),
};
