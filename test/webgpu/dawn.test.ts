/** WebGPU in Node computes, and reports what is wrong with a shader. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type NodeGpu, requestNodeDevice } from '../../src/check/webgpu-node.ts';

const VECTOR_ADD = `
@group(0) @binding(0) var<storage, read> left: array<f32>;
@group(0) @binding(1) var<storage, read> right: array<f32>;
@group(0) @binding(2) var<storage, read_write> sum: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&sum)) { sum[id.x] = left[id.x] + right[id.x]; }
}`;

let nodeGpu: NodeGpu;
let device: GPUDevice;

beforeAll(async () => {
  nodeGpu = await requestNodeDevice();
  const adapter = await nodeGpu.gpu.requestAdapter();
  if (adapter === null) throw new Error('requestNodeDevice promised an adapter.');
  device = await adapter.requestDevice();
});
afterAll(() => nodeGpu.release());

function storageBuffer(values: Float32Array<ArrayBuffer>): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const buffer = device.createBuffer({ size: values.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, values);
  return buffer;
}

async function readBack(buffer: GPUBuffer): Promise<Float32Array> {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: buffer.size, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  return new Float32Array(staging.getMappedRange().slice(0));
}

async function run(code: string, buffers: readonly GPUBuffer[], workgroups: number): Promise<void> {
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const layout = pipeline.getBindGroupLayout(0);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(workgroups);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

describe('Dawn', () => {
  test('names its adapter', () => {
    expect(nodeGpu.adapterName).not.toBe('');
  });

  test('adds two vectors whose length is no multiple of the workgroup', async () => {
    const left = Float32Array.from({ length: 1000 }, (_, i) => i / 8);
    const right = Float32Array.from({ length: 1000 }, (_, i) => 1000 - i);
    const sum = storageBuffer(new Float32Array(1000));
    device.pushErrorScope('validation');
    await run(VECTOR_ADD, [storageBuffer(left), storageBuffer(right), sum], Math.ceil(1000 / 64));
    expect(await device.popErrorScope()).toBeNull();
    expect(await readBack(sum)).toEqual(left.map((value, i) => value + (right[i] ?? Number.NaN)));
  });

  test('rejects a shader that adds a float to an integer, and says where', async () => {
    device.pushErrorScope('validation');
    const module = device.createShaderModule({
      code: VECTOR_ADD.replace('right[id.x]', 'id.x'),
    });
    expect((await device.popErrorScope())?.message).toContain('operator + (f32, u32)');
    const { messages } = await module.getCompilationInfo();
    expect(messages.map(({ type, lineNum }) => ({ type, lineNum }))).toEqual([
      { type: 'error', lineNum: 8 },
    ]);
  });

  test('reports a binding that the shader needs and the bind group lacks', async () => {
    device.pushErrorScope('validation');
    await run(VECTOR_ADD, [storageBuffer(new Float32Array(4))], 1);
    expect((await device.popErrorScope())?.message).toMatch(/bind/i);
  });

  test('destroys its devices on release', async () => {
    const other = await requestNodeDevice();
    const adapter = await other.gpu.requestAdapter();
    const otherDevice = await adapter?.requestDevice();
    other.release();
    expect((await otherDevice?.lost)?.reason).toBe('destroyed');
  });
});
