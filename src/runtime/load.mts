/**
 * Loads a compiled model and runs it. A generated `model.mjs` passes its tables here.
 *
 * Calls of `run` may overlap: inputs are checked and copied at once, and the runs follow one another.
 */
import { readBytes, type WeightsOption } from './assets.mts';
import type { BackendName, DType, Executor, ModelDefinition, TensorEntry } from './definition.mts';
import { checkInputs } from './inputs.mts';
import { makeOutputs, type OutputTensor } from './outputs.mts';
import { held, readParts } from './weights.mts';

export interface LoadOptions {
  /**
   * 'auto' takes the first that the model has kernels for and the host can run: WebGPU where there is
   * an adapter, WebAssembly where it has SIMD, js.
   */
  readonly backend?: 'auto' | 'js' | 'wasm' | 'webgpu';
  /** The content, address or path of weights.bin, where it does not lie beside model.mjs. */
  readonly weights?: WeightsOption;
  /** A WebGPU device to use, or a function that gives one; it stays the caller's. */
  readonly device?: GPUDevice | (() => GPUDevice | Promise<GPUDevice>);
  /** What to ask for a device instead of navigator.gpu. */
  readonly gpu?: GPU;
  /**
   * How many threads run the wasm backend together; 1 where it is left out. A page must be cross-origin
   * isolated for more; where it is not, one runs, as `threads` of the model says.
   */
  readonly threads?: number;
}

export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
  readonly range: readonly [number, number] | null;
}

export interface Model {
  readonly backend: BackendName;
  /** Of the host, which run the model together. */
  readonly threads: number;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  run(inputs: object): Promise<Readonly<Record<string, OutputTensor>>>;
  dispose(): void;
}

/** @throws Error where the backend is not in this artifact or cannot start, or weights are missing. */
export async function loadModel(
  definition: ModelDefinition,
  options: LoadOptions = {},
): Promise<Model> {
  const backend = await chooseBackend(definition, options);
  const executor = await OPEN[backend](definition, options);
  return makeModel(definition, backend, executor);
}

async function chooseBackend(
  definition: ModelDefinition,
  options: LoadOptions,
): Promise<BackendName> {
  const { name, backends } = definition;
  const wanted = options.backend ?? 'auto';
  const present = FASTEST_FIRST.filter((backend) => backends[backend] !== undefined);
  if (wanted === 'auto') {
    for (const [i, backend] of present.entries()) {
      // The last one tells better than anyone what it lacks.
      const isLast = i === present.length - 1;
      if (isLast || (await CAN_RUN[backend](definition, options))) return backend;
    }
    throw new Error(`${JSON.stringify(name)} has no backend compiled in.`);
  }
  const chosen = present.find((backend) => backend === wanted);
  if (chosen !== undefined) return chosen;
  const listed = present.toReversed().join(', ');
  throw new Error(
    `The backend ${JSON.stringify(wanted)} is not in this artifact of ${JSON.stringify(name)}, which ` +
      `has ${listed.replace(/, (?=[^,]*$)/, ' and ')}. Load with one of these or 'auto', or compile ` +
      'again with the --target that you need (js for js, wasm for wasm, wgsl for webgpu).',
  );
}

const FASTEST_FIRST: readonly BackendName[] = ['webgpu', 'wasm', 'js'];

type CanRun = (definition: ModelDefinition, options: LoadOptions) => Promise<boolean>;

/** Whether the host has what a backend needs. */
const CAN_RUN: { readonly [B in BackendName]: CanRun } = {
  js: async () => true,
  wasm: async ({ backends }) => {
    const { hasWasm } = await import('./wasm-features.mts');
    return hasWasm(backends.wasm ?? {});
  },
  webgpu: async (_, options) => {
    const { hasWebGpu } = await import('./webgpu-device.mts');
    return hasWebGpu(options);
  },
};

type Open = (definition: ModelDefinition, options: LoadOptions) => Promise<Executor>;

const OPEN: { readonly [B in BackendName]: Open } = {
  js: async (definition, options) => {
    const tables = definition.backends.js;
    if (tables === undefined) throw new Error('no js kernels');
    const { inputs, outputs, weights } = definition;
    const parts = await readParts(options.weights, weights, tables.weights);
    const { openJs } = await import('./js.mts');
    return openJs(tables, inputs, outputs, held(parts));
  },
  wasm: async (definition, options) => {
    const { requireWasm } = await import('./wasm-features.mts');
    const tables = await requireWasm(definition.backends.wasm ?? {});
    const { inputs, outputs, weights } = definition;
    const threads = threadsOf(options);
    const parts = readParts(options.weights, weights, tables.weights);
    // Whoever awaits them below hears of it; until then it is no unhandled failure.
    parts.catch(() => {});
    const [{ openWasm }, module] = await Promise.all([
      import('./wasm.mts'),
      readBytes(tables.module()),
    ]);
    const symbols = definition.symbols.length;
    return openWasm({ tables, symbols, inputs, outputs }, module, parts, threads);
  },
  webgpu: async (definition, options) => {
    const tables = definition.backends.webgpu;
    if (tables === undefined) throw new Error('no WebGPU kernels');
    const read = async () =>
      held(await readParts(options.weights, definition.weights, tables.weights));
    const { openWebGpu } = await import('./webgpu.mts');
    return openWebGpu(definition, tables, options, read);
  },
};

/** @throws RangeError where they are no number of threads */
function threadsOf({ threads = 1 }: LoadOptions): number {
  if (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS) return threads;
  throw new RangeError(
    `threads is ${JSON.stringify(threads)}, but must be an integer from 1 to ${MOST_THREADS}.`,
  );
}

const MOST_THREADS = 64;

function makeModel(definition: ModelDefinition, backend: BackendName, executor: Executor): Model {
  let last: Promise<unknown> = Promise.resolve();
  let isDisposed = false;
  return Object.freeze({
    backend,
    threads: executor.threads ?? 1,
    inputs: definition.inputs.map(infoOf),
    outputs: definition.outputs.map(infoOf),
    async run(inputs: object) {
      const { data, sizes } = checkInputs(definition, inputs);
      const result = last.then(async () => {
        if (isDisposed) throw new Error(`${JSON.stringify(definition.name)} was disposed of.`);
        return makeOutputs(definition, await executor.run(data, sizes), sizes);
      });
      last = result.catch(() => undefined);
      return result;
    },
    dispose() {
      if (isDisposed) return;
      isDisposed = true;
      // A run under way keeps its memory until it ends.
      last = last.then(() => executor.dispose());
    },
  });
}

function infoOf({ name, dtype, shape, range }: TensorEntry): TensorInfo {
  return Object.freeze({ name, dtype, shape, range });
}
