/** A whole artifact, loaded from its folder, on every backend. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NodeGpu, requestNodeDevice } from '../../src/check/webgpu-node.ts';
import type { Program } from '../../src/loops/program.ts';
import { type VerifiedProgram, verifyProgram } from '../../src/loops/verify-program.ts';
import type { Model } from '../../src/runtime/load.mts';
import type { OutputTensor } from '../../src/runtime/outputs.mts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { type ArtifactFolder, artifactFolder } from './artifact-folder.ts';
import {
  buffer,
  expected,
  HOSTILE,
  type ModelNames,
  PLAIN,
  program,
  ROWS,
  TABLE,
  WIDTH,
} from './programs.ts';

let node: NodeGpu;
let plain: ArtifactFolder;
let hostile: ArtifactFolder;
/** Of a model whose js program has one weight more. */
let uneven: ArtifactFolder;

beforeAll(async () => {
  node = await requestNodeDevice();
  plain = await artifactFolder(PROGRAM_TARGETS.map((target) => program(target)));
  hostile = await artifactFolder(PROGRAM_TARGETS.map((target) => program(target, HOSTILE)));
  uneven = await artifactFolder([
    withExtraWeight(program('js')),
    ...PROGRAM_TARGETS.slice(1).map((target) => program(target)),
  ]);
});
afterAll(async () => {
  node.release();
  await plain.remove();
  await hostile.remove();
  await uneven.remove();
});

function withExtraWeight(model: Program): VerifiedProgram {
  const [weight] = model.weights;
  if (weight === undefined) throw new Error('the program has a weight');
  const data = () => TABLE.toReversed();
  return verifyProgram({
    ...model,
    buffers: [...model.buffers, buffer('extra', 'weight', 'f32', [TABLE.length])],
    weights: [...model.weights, { ...weight, buffer: 'extra', data }],
  });
}

interface Case {
  readonly ids: readonly number[];
  readonly mask: readonly boolean[];
  readonly shape: readonly [number, number];
}

function inputCase(batch: number, seq: number, seed = 1): Case {
  const count = batch * seq;
  const ids = Array.from({ length: count }, (_, i) => (i * 7 + seed * 3 + (i >> 2)) % ROWS);
  const mask = Array.from({ length: count }, (_, i) => (i + seed) % 3 !== 0);
  return { ids, mask, shape: [batch, seq] };
}

function inputsOf({ ids, mask, shape }: Case, names: ModelNames = PLAIN): object {
  return Object.fromEntries([
    [names.ids, { data: ids, shape }],
    [names.mask, { data: mask, shape }],
  ]);
}

type Outputs = Readonly<Record<string, OutputTensor>>;

function compare(outputs: Outputs, { ids, mask, shape }: Case, names: ModelNames = PLAIN): void {
  const [batch, seq] = shape;
  const want = expected(ids, mask, seq);
  const states = outputs[names.states];
  expect(states?.data).toBeInstanceOf(Float32Array);
  expect(states?.shape).toEqual([batch, seq, WIDTH]);
  const errors = want.states.map((x, i) => Math.abs(x - Number(states?.data[i])));
  expect(Math.max(0, ...errors)).toBeLessThan(1e-5);
  expect(outputs[names.lengths]).toEqual({
    data: BigInt64Array.from(want.lengths, BigInt),
    shape: [batch],
  });
  expect(outputs[names.seen]).toEqual({ data: Uint8Array.from(want.seen), shape });
}

describe.each(['js', 'wasm', 'webgpu'] as const)('an artifact on %s', (backend) => {
  let model: Model;
  beforeAll(async () => {
    model = await plain.load({ backend, gpu: node.gpu });
  });
  afterAll(() => model.dispose());

  it('describes itself', () => {
    expect(model.backend).toBe(backend);
    expect(model.inputs).toEqual([
      { name: 'ids', dtype: 'i32', shape: ['batch', 'seq'], range: [0, 9] },
      { name: 'mask', dtype: 'bool', shape: ['batch', 'seq'], range: null },
    ]);
    expect(model.outputs.map(({ name, dtype }) => [name, dtype])).toEqual([
      ['states', 'f32'],
      ['lengths', 'i64'],
      ['seen', 'bool'],
    ]);
  });

  it('serves every size, growing and shrinking between runs', async () => {
    for (const [batch, seq] of [
      [1, 1],
      [2, 3],
      [3, 50],
      [1, 2],
      [7, 11],
      [3, 50],
    ] as const) {
      const given = inputCase(batch, seq, batch + seq);
      compare(await model.run(inputsOf(given)), given);
    }
  });

  it('runs an empty batch', async () => {
    const given = inputCase(0, 5);
    compare(await model.run(inputsOf(given)), given);
  });

  it('runs calls that overlap one after another, on the inputs they were called with', async () => {
    const cases = [inputCase(2, 3), inputCase(5, 4, 2), inputCase(1, 40, 5), inputCase(2, 3, 9)];
    const results = await Promise.all(
      cases.map(async (given) => {
        const ids = Int32Array.from(given.ids);
        const result = model.run({
          ids: { data: ids, shape: given.shape },
          mask: { data: given.mask, shape: given.shape },
        });
        ids.fill(0);
        return result;
      }),
    );
    results.forEach((outputs, i) => {
      compare(outputs, cases[i] ?? inputCase(0, 0));
    });
  });

  it('gives arrays of their own in every run', async () => {
    const given = inputCase(2, 4);
    const first = await model.run(inputsOf(given));
    const copy = structuredClone(first);
    await model.run(inputsOf(inputCase(2, 4, 8)));
    expect(first).toEqual(copy);
    expect(first.states?.data.buffer.byteLength).toBe(2 * 4 * WIDTH * 4);
  });

  it('goes on after an error', async () => {
    const given = inputCase(2, 2);
    await expect(model.run({})).rejects.toThrow('"ids" (i32[batch, seq]) is missing');
    compare(await model.run(inputsOf(given)), given);
  });

  it('computes under hostile names, which stay inert', async () => {
    const other = await hostile.load({ backend, gpu: node.gpu });
    const given = inputCase(2, 6);
    compare(await other.run(inputsOf(given, HOSTILE)), given, HOSTILE);
    expect(other.inputs.map(({ name }) => name)).toEqual([HOSTILE.ids, HOSTILE.mask]);
    other.dispose();
  });

  it('finds its weights in bytes at any offset, behind those of another backend', async () => {
    const given = inputCase(3, 4);
    const bytes = await readFile(join(uneven.path, 'weights.bin'));
    expect(bytes.length).toBeGreaterThan(4 * TABLE.length);
    const odd = new Uint8Array(bytes.length + 1);
    odd.set(bytes, 1);
    for (const weights of [undefined, bytes, odd.subarray(1)]) {
      const options = weights === undefined ? {} : { weights };
      const other = await uneven.load({ backend, gpu: node.gpu, ...options });
      compare(await other.run(inputsOf(given)), given);
      other.dispose();
    }
  });

  it('does not run after dispose', async () => {
    const other = await plain.load({ backend, gpu: node.gpu });
    other.dispose();
    other.dispose();
    await expect(other.run(inputsOf(inputCase(1, 1)))).rejects.toThrow('"looked-up" was disposed');
  });
});

describe('the choice of a backend', () => {
  it("takes WebGPU for 'auto' where there is a GPU, else WebAssembly", async () => {
    const withGpu = await plain.load({ gpu: node.gpu });
    expect(withGpu.backend).toBe('webgpu');
    withGpu.dispose();
    const none = { requestAdapter: async () => null } as unknown as GPU;
    expect((await plain.load({ gpu: none })).backend).toBe('wasm');
  });

  it('names the backends there are where another is asked for', async () => {
    await expect(plain.load({ backend: 'cuda' as 'js' })).rejects.toThrow(
      'The backend "cuda" is not in this artifact of "looked-up", which has js, wasm and webgpu.',
    );
    const onlyJs = await artifactFolder([program('js')]);
    for (const backend of ['wasm', 'webgpu'] as const) {
      await expect(onlyJs.load({ backend })).rejects.toThrow('which has js.');
    }
    expect((await onlyJs.load()).backend).toBe('js');
    await onlyJs.remove();
  });
});
