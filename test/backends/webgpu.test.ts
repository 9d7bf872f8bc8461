/** Devices, memory and limits of the WebGPU runtime. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NodeGpu, requestNodeDevice } from '../../src/check/webgpu-node.ts';
import type { Model } from '../../src/runtime/load.mts';
import { type ArtifactFolder, artifactFolder } from './artifact-folder.ts';
import { expected, program } from './programs.ts';

let node: NodeGpu;
let folder: ArtifactFolder;
beforeAll(async () => {
  node = await requestNodeDevice();
  folder = await artifactFolder([program('wgsl')]);
});
afterAll(async () => {
  node.release();
  await folder.remove();
});

async function openDevice(): Promise<GPUDevice> {
  const adapter = await node.gpu.requestAdapter();
  if (adapter === null) throw new Error('there was an adapter');
  return adapter.requestDevice();
}

function inputs(batch: number, seq: number): object {
  const shape = [batch, seq];
  const count = batch * seq;
  const ids = Int32Array.from({ length: count }, (_, i) => i % 10);
  return { ids: { data: ids, shape }, mask: { data: new Uint8Array(count).fill(1), shape } };
}

async function checkRun(model: Model, batch = 2, seq = 5): Promise<void> {
  const { states } = await model.run(inputs(batch, seq));
  const ids = Array.from({ length: batch * seq }, (_, i) => i % 10);
  const want = expected(
    ids,
    ids.map(() => true),
    seq,
  ).states;
  const errors = want.map((x, i) => Math.abs(x - Number(states?.data[i])));
  expect(Math.max(...errors)).toBeLessThan(1e-5);
}

describe('a lost device', () => {
  it('fails one run with words that say so, and the next run works on a new device', async () => {
    const devices: GPUDevice[] = [];
    const device = async () => {
      devices.push(await openDevice());
      return devices.at(-1) as GPUDevice;
    };
    const model = await folder.load({ backend: 'webgpu', device });
    await checkRun(model);
    devices[0]?.destroy();
    await expect(model.run(inputs(2, 5))).rejects.toThrow(
      /The WebGPU device was lost \(destroyed.*\), so this run gave no result. The next run makes a new device/,
    );
    await checkRun(model);
    await checkRun(model, 3, 9);
    expect(devices).toHaveLength(2);
    model.dispose();
  });

  it('fails the run under way', async () => {
    const device = await openDevice();
    const model = await folder.load({ backend: 'webgpu', device, gpu: node.gpu });
    await checkRun(model);
    const run = model.run(inputs(4, 200));
    const failure = expect(run).rejects.toThrow('The WebGPU device was lost');
    await Promise.resolve();
    device.destroy();
    await failure;
    await checkRun(model);
    model.dispose();
  });

  it('is made good from navigator.gpu alone where a device object was passed', async () => {
    const device = await openDevice();
    const model = await folder.load({ backend: 'webgpu', device });
    device.destroy();
    await expect(model.run(inputs(1, 1))).rejects.toThrow('The WebGPU device was lost');
    await expect(model.run(inputs(1, 1))).rejects.toThrow(
      'Pass `device` as a function that makes one, or load the model again.',
    );
  });

  it('is asked for again after a device could not be made', async () => {
    const first = await openDevice();
    const answers = [() => first, () => Promise.reject(new Error('no driver')), openDevice];
    let asked = 0;
    const device = async () => (answers[asked++] ?? openDevice)();
    const model = await folder.load({ backend: 'webgpu', device });
    first.destroy();
    await expect(model.run(inputs(1, 1))).rejects.toThrow('was lost');
    await expect(model.run(inputs(1, 1))).rejects.toThrow('no driver');
    await checkRun(model);
    expect(asked).toBe(3);
    model.dispose();
  });
});

describe('memory', () => {
  it('is allocated once and reused, until a run needs more', async () => {
    const device = await openDevice();
    let buffers = 0;
    let groups = 0;
    const create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      buffers++;
      return create(descriptor);
    };
    const bind = device.createBindGroup.bind(device);
    device.createBindGroup = (descriptor) => {
      groups++;
      return bind(descriptor);
    };
    const model = await folder.load({ backend: 'webgpu', device });
    const counts: string[] = [];
    for (const [batch, seq] of [
      [2, 30],
      [2, 30],
      [1, 7],
      [2, 30],
      [8, 30],
      [3, 5],
    ] as const) {
      await checkRun(model, batch, seq);
      counts.push(`${buffers} buffers, ${groups} groups`);
    }
    expect(new Set(counts.slice(0, 4))).toEqual(new Set(['10 buffers, 4 groups']));
    expect(new Set(counts.slice(4))).toEqual(new Set(['18 buffers, 8 groups']));
    model.dispose();
    device.destroy();
  });

  it('builds all pipelines before it waits for one', async () => {
    const device = await openDevice();
    let pending = 0;
    let most = 0;
    const create = device.createComputePipelineAsync.bind(device);
    device.createComputePipelineAsync = async (descriptor) => {
      most = Math.max(most, ++pending);
      const pipeline = await create(descriptor);
      pending--;
      return pipeline;
    };
    (await folder.load({ backend: 'webgpu', device })).dispose();
    expect(most).toBe(4);
    device.destroy();
  });
});

describe("a device's limits", () => {
  it('are asked of the adapter as large as it has them', async () => {
    const adapter = await node.gpu.requestAdapter();
    const requested: unknown[] = [];
    const gpu = {
      requestAdapter: async () => {
        const inner = await node.gpu.requestAdapter();
        const request = inner?.requestDevice.bind(inner);
        if (inner === null || request === undefined) return null;
        inner.requestDevice = (descriptor) => {
          requested.push(descriptor?.requiredLimits);
          return request(descriptor);
        };
        return inner;
      },
    } as unknown as GPU;
    (await folder.load({ backend: 'webgpu', gpu })).dispose();
    expect(requested).toEqual([
      {
        maxBufferSize: adapter?.limits.maxBufferSize,
        maxStorageBufferBindingSize: adapter?.limits.maxStorageBufferBindingSize,
      },
    ]);
  });

  it('refuse a tensor that is too large, by its name', async () => {
    const device = await openDevice();
    const model = await folder.load({ backend: 'webgpu', device });
    await expect(model.run(inputs(100, 50_000))).rejects.toThrow(
      'This WebGPU device cannot hold the intermediate "hidden": it needs 153 MiB, and the ' +
        "device's maxStorageBufferBindingSize is 128 MiB.",
    );
    await checkRun(model);
    model.dispose();
    device.destroy();
  });

  it('refuse more workgroups than a dimension has', async () => {
    const model = await folder.load({ backend: 'webgpu', gpu: node.gpu });
    await expect(model.run(inputs(1, 70_000))).rejects.toThrow(
      'The kernel add_row_sum needs 70000 workgroups over x for these sizes, and WebGPU allows 65535.',
    );
    await checkRun(model);
    model.dispose();
  });
});

describe('a host without WebGPU', () => {
  it('is told how to get it', async () => {
    await expect(folder.load({ backend: 'webgpu' })).rejects.toThrow(
      'This host has no WebGPU (navigator.gpu). In Node, run `npm i webgpu` and pass its GPU',
    );
  });

  it('is told where it has no adapter', async () => {
    const gpu = { requestAdapter: async () => null } as unknown as GPU;
    await expect(folder.load({ backend: 'webgpu', gpu })).rejects.toThrow('it found no adapter');
  });
});
