/**
 * A WebGPU device with a model's pipelines on it. WebGPU's flags are numbers here, as hosts outside
 * browsers may lack the global names of them.
 */
import { readText } from './assets.mts';
import type { WebGpuKernel, WebGpuTables } from './definition.mts';

/** A device, a function that gives one, or where to ask for one. */
export interface DeviceSource {
  readonly device?: GPUDevice | (() => GPUDevice | Promise<GPUDevice>) | undefined;
  readonly gpu?: GPU | undefined;
}

export interface Session {
  readonly device: GPUDevice;
  readonly pipelines: ReadonlyMap<string, GPUComputePipeline>;
  /** Whether this session requested the device, and so destroys it. */
  readonly isOwn: boolean;
  /** Set once the device is lost. */
  loss: GPUDeviceLostInfo | null;
}

const COMPUTE = 4;

/** Whether a device can be asked for at all, and an adapter is there. */
export async function hasWebGpu(source: DeviceSource): Promise<boolean> {
  if (source.device !== undefined) return true;
  const gpu = findGpu(source);
  return gpu !== undefined && (await gpu.requestAdapter()) !== null;
}

/**
 * Opens a device and builds all pipelines in parallel. `isAgain`: the last device was lost, so a
 * device object that was passed cannot serve.
 *
 * @throws Error where there is no WebGPU, no adapter, or a kernel does not compile.
 */
export async function openSession(
  tables: WebGpuTables,
  hasSymbols: boolean,
  source: DeviceSource,
  isAgain: boolean,
): Promise<Session> {
  const { device, isOwn } = await openDevice(source, isAgain);
  const code = await readText(tables.source());
  const module = device.createShaderModule({ code, label: 'encompile kernels' });
  const layouts = new Map<string, GPUPipelineLayout>();
  const layoutOf = (access: WebGpuKernel['access']) => {
    const key = access.join();
    let layout = layouts.get(key);
    if (layout === undefined) {
      layout = pipelineLayout(device, access, hasSymbols);
      layouts.set(key, layout);
    }
    return layout;
  };
  const built = await Promise.all(
    tables.kernels.map(async ({ name, access }) => {
      const compute = { module, entryPoint: name };
      try {
        const pipeline = await device.createComputePipelineAsync({
          layout: layoutOf(access),
          compute,
          label: name,
        });
        return [name, pipeline] as const;
      } catch (error) {
        throw new Error(await compileError(name, module, error), { cause: error });
      }
    }),
  );
  const session: Session = { device, pipelines: new Map(built), isOwn, loss: null };
  device.lost.then((loss) => {
    session.loss = loss;
  });
  return session;
}

function findGpu(source: DeviceSource): GPU | undefined {
  const scope: { readonly navigator?: { readonly gpu?: GPU } } = globalThis;
  return source.gpu ?? scope.navigator?.gpu;
}

async function openDevice(
  source: DeviceSource,
  isAgain: boolean,
): Promise<{ readonly device: GPUDevice; readonly isOwn: boolean }> {
  if (typeof source.device === 'function') return { device: await source.device(), isOwn: false };
  if (source.device !== undefined && !isAgain) return { device: source.device, isOwn: false };
  const gpu = findGpu(source);
  if (gpu === undefined) {
    throw new Error(
      source.device !== undefined
        ? 'The WebGPU device that was passed to load is lost, and this host has no navigator.gpu to ' +
            'ask for another. Pass `device` as a function that makes one, or load the model again.'
        : 'This host has no WebGPU (navigator.gpu). In Node, run `npm i webgpu` and pass its GPU, ' +
            "load({ backend: 'webgpu', gpu: create([]) }) with the package's `create`, or a `device` " +
            'of it. Elsewhere, use a browser with WebGPU, or the js backend.',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    throw new Error(
      'WebGPU is there, but it found no adapter: no GPU with a driver that it supports. Use the js ' +
        'backend on this host.',
    );
  }
  // Sizes are known only at run time, so ask for buffers as large as the adapter has them.
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
  return { device: await adapter.requestDevice({ requiredLimits }), isOwn: true };
}

/** Binding 0 is the uniform of symbols; the kernel's buffers follow. */
function pipelineLayout(
  device: GPUDevice,
  access: WebGpuKernel['access'],
  hasSymbols: boolean,
): GPUPipelineLayout {
  const buffers = access.map(
    (mode, i): GPUBindGroupLayoutEntry => ({
      binding: i + 1,
      visibility: COMPUTE,
      buffer: { type: mode === 'read' ? 'read-only-storage' : 'storage' },
    }),
  );
  const symbols: GPUBindGroupLayoutEntry[] = hasSymbols
    ? [{ binding: 0, visibility: COMPUTE, buffer: { type: 'uniform' } }]
    : [];
  const layout = device.createBindGroupLayout({ entries: [...symbols, ...buffers] });
  return device.createPipelineLayout({ bindGroupLayouts: [layout] });
}

async function compileError(
  name: string,
  module: GPUShaderModule,
  error: unknown,
): Promise<string> {
  const { messages } = await module.getCompilationInfo();
  const lines = messages
    .filter(({ type }) => type === 'error')
    .map(({ message, lineNum, linePos }) => `${message} (kernels.wgsl:${lineNum}:${linePos})`);
  const reason = error instanceof Error ? error.message : String(error);
  return `The kernel ${name} does not compile on this WebGPU device: ${[...lines, reason].join('; ')}`;
}
