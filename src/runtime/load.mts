/**
 * Loads a compiled model and runs it. A generated `model.mjs` passes its tables here.
 *
 * Calls of `run` may overlap: inputs are checked and copied at once, and the runs follow one another.
 */
import { readWeights, type WeightsOption } from './assets.mts';
import type { BackendName, DType, Executor, ModelDefinition, TensorEntry } from './definition.mts';
import { checkInputs } from './inputs.mts';
import { makeOutputs, type OutputTensor } from './outputs.mts';

export interface LoadOptions {
  /** 'auto' takes WebGPU where the model has kernels for it and the host an adapter, else js. */
  readonly backend?: 'auto' | 'js' | 'wasm' | 'webgpu';
  /** The content, address or path of weights.bin, where it does not lie beside model.mjs. */
  readonly weights?: WeightsOption;
  /** A WebGPU device to use, or a function that gives one; it stays the caller's. */
  readonly device?: GPUDevice | (() => GPUDevice | Promise<GPUDevice>);
  /** What to ask for a device instead of navigator.gpu. */
  readonly gpu?: GPU;
  /** For the wasm backend; others run on one thread. */
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
  { name, backends }: ModelDefinition,
  options: LoadOptions,
): Promise<BackendName> {
  const wanted = options.backend ?? 'auto';
  const present = BACKENDS.filter((backend) => backends[backend] !== undefined);
  if (wanted === 'auto') {
    const [first] = present;
    if (first === undefined) throw new Error(`${JSON.stringify(name)} has no backend compiled in.`);
    if (!present.includes('webgpu') || !present.includes('js')) return first;
    const { hasWebGpu } = await import('./webgpu-device.mts');
    return (await hasWebGpu(options)) ? 'webgpu' : 'js';
  }
  const chosen = present.find((backend) => backend === wanted);
  if (chosen !== undefined) return chosen;
  throw new Error(
    `The backend ${JSON.stringify(wanted)} is not in this artifact of ${JSON.stringify(name)}, which ` +
      `has ${present.join(' and ')}. Load with one of these or 'auto', or compile again with ` +
      'the --target that you need (js for js, wgsl for webgpu).',
  );
}

const BACKENDS: readonly BackendName[] = ['js', 'webgpu'];

type Open = (definition: ModelDefinition, options: LoadOptions) => Promise<Executor>;

const OPEN: { readonly [B in BackendName]: Open } = {
  js: async (definition, options) => {
    const tables = definition.backends.js;
    if (tables === undefined) throw new Error('no js kernels');
    const { inputs, outputs, weights } = definition;
    const bytes = await readWeights(options.weights, weights.url, weights.bytes, tables.weights);
    const { openJs } = await import('./js.mts');
    return openJs(tables, inputs, outputs, bytes);
  },
  webgpu: async (definition, options) => {
    const tables = definition.backends.webgpu;
    if (tables === undefined) throw new Error('no WebGPU kernels');
    const { bytes, url } = definition.weights;
    const read = () => readWeights(options.weights, url, bytes, tables.weights);
    const { openWebGpu } = await import('./webgpu.mts');
    return openWebGpu(definition, tables, options, read);
  },
};

function makeModel(definition: ModelDefinition, backend: BackendName, executor: Executor): Model {
  let last: Promise<unknown> = Promise.resolve();
  let isDisposed = false;
  return Object.freeze({
    backend,
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
