/** The host code of the WebAssembly backend: which module it takes, and how its memory grows. */
import { readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { assembleWat } from '../../src/backends/wasm/module.ts';
import { compileGraph } from '../../src/compile.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { f32 } from '../../src/ir/types.ts';
import {
  binary,
  constant,
  type Kernel,
  letOf,
  load,
  loop,
  read,
  store,
} from '../../src/loops/nodes.ts';
import { verifyProgram } from '../../src/loops/verify-program.ts';
import { RELAXED_MODULE, SIMD128_MODULE } from '../../src/runtime/wasm-features.mts';
import { type ArtifactFolder, artifactFolder } from './artifact-folder.ts';
import { buffer, emptyProgram, expected, io, parameter, program, step } from './programs.ts';

let folder: ArtifactFolder;
/** With JavaScript to fall back on. */
let withJs: ArtifactFolder;

beforeAll(async () => {
  folder = await artifactFolder([program('wasm'), program('wasm-relaxed')]);
  withJs = await artifactFolder([program('js'), program('wasm'), program('wasm-relaxed')]);
});
afterAll(async () => {
  await folder.remove();
  await withJs.remove();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const { validate } = WebAssembly;

/** Takes features away from the host, by the modules that test for them. */
function lacking(...modules: readonly Uint8Array[]): void {
  vi.spyOn(WebAssembly, 'validate').mockImplementation((bytes) => {
    const tested = new Uint8Array(bytes as ArrayBuffer | Uint8Array<ArrayBuffer>);
    return modules.every((module) => Buffer.compare(module, tested) !== 0) && validate(bytes);
  });
}

function inputs(batch: number, seq: number) {
  const shape = [batch, seq];
  const ids = Array.from({ length: batch * seq }, (_, i) => (3 * i + batch) % 10);
  const mask = ids.map((id) => id % 2 === 0);
  const want = expected(ids, mask, seq).states;
  return { given: { ids: { data: ids, shape }, mask: { data: mask, shape } }, want };
}

async function expectRight(
  model: Awaited<ReturnType<ArtifactFolder['load']>>,
  batch: number,
  seq: number,
) {
  const { given, want } = inputs(batch, seq);
  const { states } = await model.run(given);
  expect(states?.data).toHaveLength(want.length);
  const far = want.findIndex((x, i) => !(Math.abs(x - Number(states?.data[i])) < 1e-5));
  expect(far).toBe(-1);
}

describe('the feature tests', () => {
  const source = readFileSync(
    new URL('../../src/runtime/wasm-features.mts', import.meta.url),
    'utf8',
  );
  it.each([
    ['SIMD128_MODULE', SIMD128_MODULE],
    ['RELAXED_MODULE', RELAXED_MODULE],
  ])('%s are the bytes of the text beside them', async (name, bytes) => {
    const before = source.slice(0, source.indexOf(`export const ${name}`));
    const text = /`([^`]*)`\s*\*\/\n$/.exec(before)?.[1]?.replaceAll('*', '') ?? '';
    expect([...bytes]).toEqual([...(await assembleWat(text, name))]);
  });
});

describe('the choice of a module', () => {
  const hiding = async (file: string, use: () => Promise<void>) => {
    const path = join(folder.path, 'kernels', file);
    await rename(path, `${path}.hidden`);
    try {
      await use();
    } finally {
      await rename(`${path}.hidden`, path);
    }
  };

  it('is relaxed SIMD where the host has it, and the other file is not read', () =>
    hiding('kernels.wasm', async () => {
      await expectRight(await folder.load({ backend: 'wasm' }), 2, 3);
    }));

  it('is 128-bit SIMD elsewhere, and the other file is not read', () =>
    hiding('kernels.relaxed.wasm', async () => {
      lacking(RELAXED_MODULE);
      await expectRight(await folder.load({ backend: 'wasm' }), 2, 3);
    }));

  it('says what is missing on a host without SIMD', async () => {
    lacking(RELAXED_MODULE, SIMD128_MODULE);
    await expect(folder.load({ backend: 'wasm' })).rejects.toThrow(
      'This host has no WebAssembly with 128-bit SIMD, which the model',
    );
    // the only backend there is, so its error is the best answer
    await expect(folder.load()).rejects.toThrow('no WebAssembly with 128-bit SIMD');
    expect((await withJs.load()).backend).toBe('js');
  });

  it('says what is missing on a host without WebAssembly', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    await expect(withJs.load({ backend: 'wasm' })).rejects.toThrow('This host has no WebAssembly');
    expect((await withJs.load()).backend).toBe('js');
  });

  it('says what a policy that forbids WebAssembly must allow', async () => {
    vi.spyOn(WebAssembly, 'compile').mockRejectedValue(new WebAssembly.CompileError('blocked'));
    await expect(withJs.load({ backend: 'wasm' })).rejects.toThrow(
      "This host refuses to compile WebAssembly: blocked. If the page has a Content-Security-Policy, add 'wasm-unsafe-eval' to its script-src",
    );
    expect((await withJs.load()).backend).toBe('js');
  });
});

describe('the memory', () => {
  it('grows where a run needs more than any before, and else stays', async () => {
    const model = await folder.load({ backend: 'wasm' });
    const grow = vi.spyOn(WebAssembly.Memory.prototype, 'grow');
    await expectRight(model, 1, 2);
    await expectRight(model, 40, 200);
    expect(grow).toHaveBeenCalledTimes(1);
    await expectRight(model, 2, 3);
    await expectRight(model, 40, 200);
    expect(grow).toHaveBeenCalledTimes(1);
    await expectRight(model, 41, 400);
    expect(grow).toHaveBeenCalledTimes(2);
  });

  it('that the host does not give fails the run alone', async () => {
    const model = await folder.load({ backend: 'wasm' });
    const grow = vi.spyOn(WebAssembly.Memory.prototype, 'grow').mockImplementation(() => {
      throw new RangeError('no more');
    });
    await expect(model.run(inputs(40, 200).given)).rejects.toThrow(
      /^A run of these sizes needs \d+ MiB of WebAssembly memory, and the host gave no more\. Run smaller/,
    );
    await expectRight(model, 2, 3);
    grow.mockRestore();
    await expectRight(model, 40, 200);
  });

  it('has at most 4 GiB, which an error says before anything is reserved', async () => {
    const graph = buildGraph('wide', (g) => {
      const row = g.iota({ shape: [1, 100_000], axis: 1, dtype: 'f32' });
      return { y: g.add(g.reshape(g.input('x', f32('n')), { shape: ['n', 1] }), row) };
    });
    const wide = await artifactFolder([
      ...compileGraph(graph, { targets: ['wasm'] }).programs.values(),
    ]);
    const model = await wide.load();
    const run = model.run({ x: { data: new Float32Array(20_000), shape: [20_000] } });
    await expect(run).rejects.toThrow(RangeError);
    await expect(run).rejects.toThrow('7630 MiB of WebAssembly memory, which has at most 4096 MiB');
    const { y } = await model.run({ x: { data: [5], shape: [1] } });
    expect(y?.data[99_999]).toBe(100_004);
    await wide.remove();
  });

  it('for the weights that the host does not give fails the load', async () => {
    class Refused {
      constructor() {
        throw new RangeError('no');
      }
    }
    vi.stubGlobal('WebAssembly', { ...functionsOf(WebAssembly), Memory: Refused });
    await expect(folder.load({ backend: 'wasm' })).rejects.toThrow(
      'The weights need 1 MiB of WebAssembly memory, and the host gave none of that size.',
    );
  });

  it('holds one model, so that two run beside each other', async () => {
    const [a, b] = [await folder.load(), await folder.load()];
    await Promise.all([expectRight(a, 3, 50), expectRight(b, 1, 2), expectRight(a, 1, 2)]);
    a.dispose();
    await expectRight(b, 3, 50);
    await expect(a.run(inputs(1, 1).given)).rejects.toThrow('was disposed');
  });

  it('shows kernels zeros behind an input in a longer buffer, whatever was there before', async () => {
    const padded = await artifactFolder([sumOfPadded()]);
    const model = await padded.load();
    const sum = async (data: readonly number[]) => {
      return (await model.run({ x: { data, shape: [data.length] } })).y?.data[0];
    };
    expect(await sum([1, 2, 3, 4, 5])).toBe(15);
    expect(await sum([10])).toBe(10);
    expect(await sum([1, 1])).toBe(2);
    await padded.remove();
  });
});

function functionsOf(object: object): object {
  return Object.fromEntries(
    Object.getOwnPropertyNames(object).map((name) => [name, Reflect.get(object, name)]),
  );
}

/** The sum over a buffer that is longer than the input in it. */
function sumOfPadded() {
  const kernel: Kernel = {
    name: 'sum',
    summary: ['%y = reduce_sum %x'],
    symbols: ['n'],
    buffers: [parameter('x', 'read', 'n+4'), parameter('y', 'write', 1)],
    body: [
      { tag: 'alloc', buffer: 'sum', type: 'f32', size: 1, space: 'register' },
      store('sum', 0, constant(0)),
      loop('serial', 'i', 'n+4', [
        letOf('x_i', load('x', 'i')),
        store('sum', 0, binary('add', load('sum', 0), read('x_i'))),
      ]),
      store('y', 0, load('sum', 0)),
    ],
  };
  return verifyProgram({
    ...emptyProgram([kernel], 'wasm'),
    inputs: [io('x', 'f32', ['n'], 'x')],
    outputs: [io('y', 'f32', [1], 'y')],
    buffers: [buffer('x', 'input', 'f32', ['n+4']), buffer('y', 'output', 'f32', [1])],
    steps: [step('sum', 'x', 'y')],
  });
}
