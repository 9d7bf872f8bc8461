/**
 * Runs a model's kernels on WebGPU: one command encoder a run, one copy of all outputs to read.
 *
 * A lost device fails the next run, or the run under way, with an error that says so; the run after
 * it opens a new device, builds the pipelines and loads the weights again.
 */

import type { Executor, ModelDefinition, Numbers, Sizes, WebGpuTables } from './definition.mts';
import { type DeviceSource, openSession, type Session } from './webgpu-device.mts';
import { WebGpuMemory } from './webgpu-memory.mts';

const READ = 1;

export async function openWebGpu(
  model: ModelDefinition,
  tables: WebGpuTables,
  source: DeviceSource,
  weights: () => Promise<Uint8Array>,
): Promise<Executor> {
  const executor = new WebGpuExecutor(model, tables, source, weights);
  await executor.open(false);
  return executor;
}

class WebGpuExecutor implements Executor {
  private readonly model: ModelDefinition;
  private readonly tables: WebGpuTables;
  private readonly source: DeviceSource;
  private readonly weights: () => Promise<Uint8Array>;
  private current: { readonly session: Session; readonly memory: WebGpuMemory } | null = null;

  constructor(
    model: ModelDefinition,
    tables: WebGpuTables,
    source: DeviceSource,
    weights: () => Promise<Uint8Array>,
  ) {
    this.model = model;
    this.tables = tables;
    this.source = source;
    this.weights = weights;
  }

  async open(isAgain: boolean): Promise<void> {
    const hasSymbols = this.model.symbols.length > 0;
    const [session, weights] = await Promise.all([
      openSession(this.tables, hasSymbols, this.source, isAgain),
      this.weights(),
    ]);
    const memory = new WebGpuMemory(session, this.tables);
    memory.loadWeights(weights);
    this.current = { session, memory };
  }

  async run(inputs: readonly Numbers[], sizes: Sizes): Promise<readonly Numbers[]> {
    if (this.current === null) await this.open(true);
    const current = this.current;
    if (current === null) throw new Error('no WebGPU device is open');
    const { session, memory } = current;
    try {
      if (session.loss !== null) throw new Error('the device was lost before this run');
      return await this.runOn(session, memory, inputs, sizes);
    } catch (error) {
      const loss = session.loss ?? (await lossWithin(session.device, LOSS_GRACE_MS));
      if (loss === null) throw error;
      this.current = null;
      throw new Error(
        `The WebGPU device was lost (${loss.reason ?? 'unknown'}${loss.message === '' ? '' : `: ${loss.message}`}), ` +
          'so this run gave no result. The next run makes a new device.',
        { cause: error },
      );
    }
  }

  dispose(): void {
    this.current?.memory.dispose();
    if (this.current?.session.isOwn) this.current.session.device.destroy();
    this.current = null;
  }

  private async runOn(
    session: Session,
    memory: WebGpuMemory,
    inputs: readonly Numbers[],
    sizes: Sizes,
  ): Promise<readonly Numbers[]> {
    const { device } = session;
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    let results: Promise<readonly Numbers[]>;
    try {
      memory.fit(sizes);
      memory.writeSymbols(sizes);
      this.model.inputs.forEach((entry, i) => {
        const data = inputs[i];
        if (data !== undefined && data.length > 0) memory.writeInput(entry, data);
      });
      results = this.submit(session, memory, sizes);
    } catch (error) {
      results = Promise.reject(error);
    }
    const [outcome, ...errors] = await Promise.all([
      results.then(
        (value) => ({ value, error: null }),
        (error: unknown) => ({ value: null, error }),
      ),
      device.popErrorScope(),
      device.popErrorScope(),
    ]);
    const failed = errors.find((error) => error !== null);
    if (failed != null) {
      throw new Error(`WebGPU refused the run: ${failed.message}`, { cause: outcome.error });
    }
    if (outcome.value === null) throw outcome.error;
    return outcome.value;
  }

  /** Encodes all steps, and reads the outputs back. */
  private async submit(
    { device, pipelines }: Session,
    memory: WebGpuMemory,
    sizes: Sizes,
  ): Promise<readonly Numbers[]> {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const kernels = new Map(this.tables.kernels.map((kernel) => [kernel.name, kernel]));
    for (const step of this.tables.steps) {
      const pipeline = pipelines.get(step.kernel);
      const [x = 1, y = 1, z = 1] = kernels.get(step.kernel)?.workgroups(...sizes) ?? [];
      if (pipeline === undefined) throw new Error(`there is no kernel ${step.kernel}`);
      if (x * y * z === 0) continue;
      checkWorkgroups(device, step.kernel, [x, y, z]);
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, memory.bindGroup(step.kernel, pipeline, step.buffers));
      pass.dispatchWorkgroups(x, y, z);
    }
    pass.end();
    const parts = this.copyOutputs(encoder, memory, sizes);
    device.queue.submit([encoder.finish()]);
    if (parts.total === 0) return this.model.outputs.map(() => new Float32Array(0));
    await parts.staging.mapAsync(READ, 0, parts.total);
    const bytes = parts.staging.getMappedRange(0, parts.total).slice(0);
    parts.staging.unmap();
    return parts.list.map(({ type, at, elements }) =>
      type === 'f32' ? new Float32Array(bytes, at, elements) : new Int32Array(bytes, at, elements),
    );
  }

  private copyOutputs(encoder: GPUCommandEncoder, memory: WebGpuMemory, sizes: Sizes) {
    let total = 0;
    const list = this.model.outputs.map((output) => {
      const elements = output.dims(...sizes).reduce((product, size) => product * size, 1);
      const type = this.tables.buffers.find(({ name }) => name === output.buffer)?.type ?? 'f32';
      const part = { buffer: output.buffer, type, at: total, elements };
      // Mapped ranges end at multiples of 8.
      total += Math.ceil((4 * elements) / 8) * 8;
      return part;
    });
    const staging = memory.staging(total);
    for (const { buffer, at, elements } of list) {
      if (elements === 0) continue;
      encoder.copyBufferToBuffer(memory.bufferOf(buffer), 0, staging, at, 4 * elements);
    }
    return { staging, list, total };
  }
}

function checkWorkgroups(device: GPUDevice, kernel: string, counts: readonly number[]): void {
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const axis = counts.findIndex((count) => count > limit);
  if (axis < 0) return;
  throw new RangeError(
    `The kernel ${kernel} needs ${counts[axis]} workgroups over ${'xyz'[axis]} for these sizes, and ` +
      `WebGPU allows ${limit}. Run smaller batches or shorter inputs.`,
  );
}

const LOSS_GRACE_MS = 100;

/** A failed call may be known a little before the loss behind it. */
function lossWithin(device: GPUDevice, milliseconds: number): Promise<GPUDeviceLostInfo | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), milliseconds);
    device.lost.then((loss) => {
      clearTimeout(timer);
      resolve(loss);
    });
  });
}
