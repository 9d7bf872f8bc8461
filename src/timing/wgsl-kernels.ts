/**
 * Times WGSL kernels one by one with timestamp queries: a compute pass a step, its dispatch repeated
 * until it is long beside the clock's resolution, which hosts blur to as much as 0.1 ms.
 */
import type { KernelSource } from '../backends/backend.ts';
import { evaluateDim } from '../ir/dims.ts';
import { type Block, kernelMemory, type TimedProgram } from './kernel-memory.ts';
import { measureRounds, medians, type RoundOptions } from './rounds.ts';

/** What a pass is stretched to, and with how many dispatches at most. */
const PASS_MS = 1;
const MAX_REPEATS = 64;
/** Steps of one query set, which WebGPU limits to 4096 queries. */
const STEPS_OF_SET = 2048;

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** The median milliseconds of each step; null where the adapter has no timestamp queries. */
export async function timeWgslKernels(
  gpu: GPU,
  timed: TimedProgram,
  source: KernelSource,
  options?: RoundOptions,
): Promise<readonly number[] | null> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null || !adapter.features.has('timestamp-query')) return null;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: ['timestamp-query'],
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  try {
    const dispatches = await prepareDispatches(device, timed, source);
    const first = await timeRound(
      device,
      dispatches,
      dispatches.map(() => 1),
    );
    const repeats = first.map((ms) => {
      return Math.min(MAX_REPEATS, Math.max(1, Math.ceil(PASS_MS / Math.max(ms, 1e-3))));
    });
    const rounds = await measureRounds(() => timeRound(device, dispatches, repeats), options);
    return medians(rounds);
  } finally {
    device.destroy();
  }
}

async function prepareDispatches(
  device: GPUDevice,
  timed: TimedProgram,
  source: KernelSource,
): Promise<readonly Dispatch[]> {
  const { program, sizes } = timed;
  const memory = kernelMemory(timed);
  const buffers = new Map(memory.blocks.map((block) => [block.key, upload(device, block)]));
  const symbols = symbolBuffer(
    device,
    program.symbols.map((symbol) => sizes[symbol] ?? 0),
  );
  const module = device.createShaderModule({ code: source.text });
  const kernels = new Map(program.kernels.map((kernel) => [kernel.name, kernel]));
  const pipelines = new Map(
    await Promise.all(
      source.kernels.map(async ({ name, entry, dispatch }) => {
        const access = kernels.get(name)?.buffers.map((buffer) => buffer.access) ?? [];
        const layout = groupLayout(device, access, program.symbols.length > 0);
        const pipeline = await device.createComputePipelineAsync({
          layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
          compute: { module, entryPoint: entry },
        });
        const [x, y, z] = dispatch?.workgroups ?? [1, 1, 1];
        const counts = [x, y, z].map((count) => evaluateDim(count, sizes));
        const workgroups = [counts[0] ?? 1, counts[1] ?? 1, counts[2] ?? 1] as const;
        return [name, { pipeline, layout, workgroups }] as const;
      }),
    ),
  );
  return program.steps.map((step) => {
    const found = pipelines.get(step.kernel);
    if (found === undefined) throw new Error(`the module has no kernel ${step.kernel}`);
    const { pipeline, layout, workgroups } = found;
    const bound = step.arguments.map((name, i): GPUBindGroupEntry => {
      const buffer = buffers.get(memory.blockOf(name));
      if (buffer === undefined) throw new Error(`${name} has no memory`);
      return { binding: i + 1, resource: { buffer } };
    });
    const entries =
      program.symbols.length > 0
        ? [{ binding: 0, resource: { buffer: symbols } }, ...bound]
        : bound;
    return { pipeline, workgroups, group: device.createBindGroup({ layout, entries }) };
  });
}

function groupLayout(
  device: GPUDevice,
  access: readonly ('read' | 'write')[],
  hasSymbols: boolean,
): GPUBindGroupLayout {
  const visibility = GPUShaderStage.COMPUTE;
  const buffers = access.map((mode, i): GPUBindGroupLayoutEntry => {
    const type = mode === 'read' ? 'read-only-storage' : 'storage';
    return { binding: i + 1, visibility, buffer: { type } };
  });
  const uniform: GPUBindGroupLayoutEntry = { binding: 0, visibility, buffer: { type: 'uniform' } };
  return device.createBindGroupLayout({ entries: hasSymbols ? [uniform, ...buffers] : buffers });
}

function upload(device: GPUDevice, { elements, content }: Block): GPUBuffer {
  const size = Math.max(16, 4 * elements);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size, usage });
  if (content !== null) {
    device.queue.writeBuffer(buffer, 0, content.buffer, content.byteOffset, content.byteLength);
  }
  return buffer;
}

function symbolBuffer(device: GPUDevice, sizes: readonly number[]): GPUBuffer {
  const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
  const padded = Int32Array.from({ length: Math.ceil((sizes.length + 1) / 4) * 4 }, (_, i) => {
    return sizes[i] ?? 0;
  });
  const buffer = device.createBuffer({ size: padded.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, padded);
  return buffer;
}

/** Milliseconds of one dispatch of each step. */
async function timeRound(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  repeats: readonly number[],
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let from = 0; from < dispatches.length; from += STEPS_OF_SET) {
    const part = dispatches.slice(from, from + STEPS_OF_SET);
    times.push(...(await timePart(device, part, repeats.slice(from))));
  }
  return times;
}

async function timePart(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  repeats: readonly number[],
): Promise<readonly number[]> {
  const count = 2 * dispatches.length;
  const querySet = device.createQuerySet({ type: 'timestamp', count });
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size: 8 * count, usage: QUERY_RESOLVE | COPY_SRC });
  const staging = device.createBuffer({ size: 8 * count, usage: COPY_DST | MAP_READ });
  try {
    const encoder = device.createCommandEncoder();
    dispatches.forEach(({ pipeline, group, workgroups }, i) => {
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet,
          beginningOfPassWriteIndex: 2 * i,
          endOfPassWriteIndex: 2 * i + 1,
        },
      });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let n = 0; n < (repeats[i] ?? 1); n++) pass.dispatchWorkgroups(...workgroups);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const stamps = new BigUint64Array(staging.getMappedRange().slice(0));
    return dispatches.map((_, i) => {
      const nanoseconds = Number((stamps[2 * i + 1] ?? 0n) - (stamps[2 * i] ?? 0n));
      return nanoseconds / 1e6 / (repeats[i] ?? 1);
    });
  } finally {
    querySet.destroy();
    resolved.destroy();
    staging.destroy();
  }
}
