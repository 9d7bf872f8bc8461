/** Runs WGSL kernels one by one on a WebGPU device, each dispatch with buffers of its own. */
import type { PrintedKernel } from '../backends/backend.ts';
import { printProgram } from '../backends/print.ts';
import { evaluateDim } from '../ir/dims.ts';
import type { Sizes } from '../ir/sizes.ts';
import type { Kernel } from '../loops/nodes.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import { type KernelRunner, kernelBuffers, kernelOf, type Numbers } from './kernel-runner.ts';

export function gpuKernelRunner(program: VerifiedProgram, device: GPUDevice): KernelRunner {
  const { text, kernels } = printProgram(program);
  const module = device.createShaderModule({ code: text });
  const entries = new Map(kernels.map((kernel) => [kernel.name, kernel]));
  const pipelines = new Map<string, Promise<GPUComputePipeline>>();
  const { symbols } = program;
  return {
    run: async (step, inputs, sizes) => {
      const kernel = kernelOf(program, step.kernel);
      const printed = entries.get(kernel.name);
      if (printed === undefined) throw new Error(`no entry point for ${kernel.name}`);
      const layout = layoutOf(device, kernel, symbols.length > 0);
      let pipeline = pipelines.get(kernel.name);
      if (pipeline === undefined) {
        pipeline = device.createComputePipelineAsync({
          layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
          compute: { module, entryPoint: printed.entry },
        });
        pipelines.set(kernel.name, pipeline);
      }
      device.pushErrorScope('validation');
      const { all, outputs } = kernelBuffers(kernel, inputs, sizes);
      const job = { device, kernel, printed, layout, pipeline: await pipeline, symbols };
      await dispatch(job, all, outputs, sizes);
      const error = await device.popErrorScope();
      return { outputs, faults: error === null ? [] : [error.message] };
    },
    close: async () => {},
  };
}

interface Job {
  readonly device: GPUDevice;
  readonly kernel: Kernel;
  readonly printed: PrintedKernel;
  readonly layout: GPUBindGroupLayout;
  readonly pipeline: GPUComputePipeline;
  readonly symbols: readonly string[];
}

async function dispatch(
  { device, kernel, printed, layout, pipeline, symbols }: Job,
  all: readonly Numbers[],
  outputs: readonly Numbers[],
  sizes: Sizes,
): Promise<void> {
  const made: GPUBuffer[] = [];
  const make = (numbers: Numbers, usage: number): GPUBuffer => {
    const size = Math.max(16, Math.ceil(numbers.byteLength / 16) * 16);
    const buffer = device.createBuffer({ size, usage });
    made.push(buffer);
    return buffer;
  };
  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ, UNIFORM } = GPUBufferUsage;
  const buffers = all.map((numbers) => {
    const buffer = make(numbers, STORAGE | COPY_DST | COPY_SRC);
    device.queue.writeBuffer(buffer, 0, numbers as Float32Array<ArrayBuffer>);
    return buffer;
  });
  const entries: GPUBindGroupEntry[] = buffers.map((buffer, i) => ({
    binding: i + 1,
    resource: { buffer },
  }));
  if (symbols.length > 0) {
    const values = Int32Array.from(symbols, (symbol) => sizes[symbol] ?? 0);
    const uniform = make(values, UNIFORM | COPY_DST);
    device.queue.writeBuffer(uniform, 0, values);
    entries.unshift({ binding: 0, resource: { buffer: uniform } });
  }
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  const [x = 1, y = 1, z = 1] = (printed.dispatch?.workgroups ?? []).map((n) =>
    evaluateDim(n, sizes),
  );
  pass.dispatchWorkgroups(x, y, z);
  pass.end();
  const staged = outputs.map((output) => {
    const from = buffers[all.indexOf(output)];
    if (from === undefined) throw new Error(`${kernel.name} has no buffer for a result`);
    const to = make(output, MAP_READ | COPY_DST);
    encoder.copyBufferToBuffer(from, 0, to, 0, to.size);
    return { to, output };
  });
  device.queue.submit([encoder.finish()]);
  for (const { to, output } of staged) {
    await to.mapAsync(GPUMapMode.READ);
    const bytes = to.getMappedRange();
    const Numbers = output instanceof Float32Array ? Float32Array : Int32Array;
    output.set(new Numbers(bytes).subarray(0, output.length));
    to.unmap();
  }
  for (const buffer of made) buffer.destroy();
}

function layoutOf(device: GPUDevice, kernel: Kernel, hasSymbols: boolean): GPUBindGroupLayout {
  const { COMPUTE } = GPUShaderStage;
  const buffers = kernel.buffers.map(({ access }, i): GPUBindGroupLayoutEntry => {
    const type = access === 'read' ? 'read-only-storage' : 'storage';
    return { binding: i + 1, visibility: COMPUTE, buffer: { type } };
  });
  const symbols: GPUBindGroupLayoutEntry[] = hasSymbols
    ? [{ binding: 0, visibility: COMPUTE, buffer: { type: 'uniform' } }]
    : [];
  return device.createBindGroupLayout({ entries: [...symbols, ...buffers] });
}
