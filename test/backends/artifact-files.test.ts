/** The files of an artifact: what they hold, that they agree, and that they need nothing else. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packWeights } from '../../src/backends/weights-file.ts';
import { writeArtifact } from '../../src/backends/write-artifact.ts';
import type { Program, Target, WeightBuffer } from '../../src/loops/program.ts';
import { verifyProgram } from '../../src/loops/verify-program.ts';
import type { WeightRange } from '../../src/runtime/definition.mts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { emit } from './artifact-folder.ts';
import { emptyProgram, HOSTILE, io, PLAIN, program } from './programs.ts';

const run = promisify(execFile);
const all = () => emit(PROGRAM_TARGETS.map((target) => program(target)));

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'encompile-files-'));
});
afterAll(() => rm(parent, { recursive: true }));

describe('an artifact', () => {
  it('holds these files', async () => {
    expect([...(await all()).keys()].sort()).toEqual([
      'kernels/kernels.mjs',
      'kernels/kernels.relaxed.wasm',
      'kernels/kernels.relaxed.wat',
      'kernels/kernels.wasm',
      'kernels/kernels.wat',
      'kernels/kernels.wgsl',
      'manifest.json',
      'model.d.mts',
      'model.d.ts',
      'model.mjs',
      'runtime/assets.mjs',
      'runtime/inputs.mjs',
      'runtime/js.mjs',
      'runtime/load.mjs',
      'runtime/outputs.mjs',
      'runtime/wasm-features.mjs',
      'runtime/wasm-threads.mjs',
      'runtime/wasm-worker.mjs',
      'runtime/wasm.mjs',
      'runtime/webgpu-device.mjs',
      'runtime/webgpu-memory.mjs',
      'runtime/webgpu.mjs',
      'runtime/weights.mjs',
      'weights.bin',
    ]);
    const js = await emit([program('js')]);
    expect([...js.keys()].filter((path) => /w(eb)?g[ps]|wa[st]/.test(path))).toEqual([]);
  });

  it('is equal byte by byte for equal programs', async () => {
    expect([...(await all())]).toEqual([...(await all())]);
  });

  it('imports its own files alone, and makes no code from text', async () => {
    for (const [path, content] of await all()) {
      if (typeof content !== 'string' || !path.endsWith('.mjs')) continue;
      for (const [, specifier] of content.matchAll(/\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)) {
        expect(specifier, path).toMatch(/^\.\/[\w/-]+\.mjs$/);
      }
      expect(content, path).not.toMatch(/(?<!'wasm-unsafe-)\beval\b|\bFunction\(|sourceMappingURL/);
    }
  });

  it('is described by its manifest, hash by hash', async () => {
    const files = await all();
    const manifest = JSON.parse(String(files.get('manifest.json')));
    expect(Object.keys(manifest.files)).toEqual(
      [...files.keys()].filter((path) => path !== 'manifest.json'),
    );
    for (const [path, content] of files) {
      if (path === 'manifest.json') continue;
      const sha256 = createHash('sha256').update(content).digest('hex');
      expect(manifest.files[path]).toEqual({ bytes: Buffer.byteLength(content), sha256 });
    }
    expect(Object.keys(manifest.backends)).toEqual([
      'js',
      'wasm/simd128',
      'wasm/relaxed',
      'webgpu',
    ]);
    expect(manifest.backends.webgpu.kernels[1]).toEqual({
      entry: 'activate',
      computes: ['%active = tanh(x) + sin(2 x) x - erf(x)'],
      invocations: 16,
      workgroups: ['floor((8*batch*seq+63)/64)', 1, 1],
    });
    expect(manifest.backends.js.memory.slots).toEqual([
      { size: '8*batch*seq', values: [{ name: 'hidden', size: '8*batch*seq' }] },
      { size: '8*batch*seq', values: [{ name: 'active', size: '8*batch*seq' }] },
    ]);
  });

  it('names no folder of this machine', async () => {
    const [first, ...others] = program('js').steps;
    if (first === undefined) throw new Error('the program has steps');
    const location = '/home/someone/models/two-layers.ts:12:3';
    const steps = [{ ...first, provenance: { ...first.provenance, location } }, ...others];
    const files = await emit([verifyProgram({ ...program('js'), steps } as Program)]);
    expect(JSON.parse(String(files.get('manifest.json'))).backends.js.steps[0].location).toBe(
      'two-layers.ts:12:3',
    );
    for (const [path, content] of files) {
      expect(String(content).includes('someone'), path).toBe(false);
      expect(String(content).includes(process.cwd()), path).toBe(false);
    }
  });

  it('runs in a process that makes no code from strings', async () => {
    const folder = join(parent, 'strict');
    await writeArtifact(folder, await emit([program('js', HOSTILE), program('wgsl', HOSTILE)]));
    const script = join(parent, 'use.mjs');
    await writeFile(
      script,
      `import { load } from './strict/model.mjs';
      const model = await load();
      const tensor = { data: [1, 0], shape: [1, 2] };
      const inputs = Object.fromEntries(model.inputs.map(({ name }) => [name, tensor]));
      const outputs = await model.run(inputs);
      console.log(JSON.stringify([model.backend, Object.keys(outputs)]));`,
    );
    const { stdout } = await run(process.execPath, [
      '--disallow-code-generation-from-strings',
      script,
    ]);
    expect(JSON.parse(stdout)).toEqual(['js', [HOSTILE.states, HOSTILE.lengths, HOSTILE.seen]]);
  });

  it.each([
    ['plain', PLAIN],
    ['hostile', HOSTILE],
  ])('has types for %s names, which catch mistakes', async (kind, names) => {
    const folder = join(parent, kind);
    await writeArtifact(join(folder, 'model'), await emit([program('js', names)]));
    const key = JSON.stringify;
    const good = `
      import { load, type Inputs } from './model/model.mjs';
      const model = await load({ backend: 'js' });
      const inputs: Inputs = {
        [${key(names.ids)}]: { data: Int32Array.of(1), shape: [1, 1] },
        [${key(names.mask)}]: { data: [true], shape: [1, 1] },
      };
      const outputs = await model.run(inputs);
      export const states: Float32Array = outputs[${key(names.states)}].data;
      export const width: 8 = outputs[${key(names.states)}].shape[2];
      export const lengths: BigInt64Array = outputs[${key(names.lengths)}].data;`;
    const bad = `
      import { load, type Inputs } from './model/model.mjs';
      export const model = await load({ backend: 'webgpu' });
      export const a: Inputs[${key(names.ids)}] = { data: [1], shape: [1] };
      export const b: Inputs[${key(names.ids)}] = { data: [0.5, 'x'], shape: [1, 2] };`;
    await writeFile(join(folder, 'good.mts'), good);
    await writeFile(join(folder, 'bad.mts'), bad);
    const compiler = join(process.cwd(), 'node_modules/typescript/bin/tsc');
    const check = async (file: string) => {
      const compilerOptions = {
        noEmit: true,
        strict: true,
        skipLibCheck: false,
        target: 'es2022',
        lib: ['es2022', 'dom'],
        module: 'nodenext',
        types: [],
      };
      const project = join(folder, `${file}.json`);
      await writeFile(project, JSON.stringify({ compilerOptions, files: [file] }));
      return run(process.execPath, [compiler, '-p', project]).then(
        () => '',
        (error: { stdout: string }) => error.stdout,
      );
    };
    expect(await check('good.mts')).toBe('');
    const lines = [...(await check('bad.mts')).matchAll(/bad\.mts\((\d+),/g)].map(([, n]) => n);
    expect([...new Set(lines)]).toEqual(['3', '4', '5']);
  });
});

describe('weights.bin', () => {
  function weight(buffer: string, layout: string, numbers: readonly number[]): WeightBuffer {
    const data = () => Float32Array.from(numbers);
    return { buffer, layout, type: 'f32', size: numbers.length, data };
  }
  const js: Program = {
    ...emptyProgram([], 'js'),
    weights: [
      weight('shared', 'rows', [1, 2, 3]),
      weight('packed', 'panels of 4', [4, 5, 6, 7]),
      weight('twin of shared', 'rows', [1, 2, 3]),
    ],
  };
  const wgsl: Program = {
    ...emptyProgram([], 'wgsl'),
    weights: [weight('packed', 'rows', [4, 6, 5, 7]), weight('shared', 'rows', [1, 2, 3])],
  };

  it('stores each content once, aligned, and for each target no more than it reads', () => {
    const { content, entries, offsetOf, rangesOf } = packWeights([js, wgsl], 'f32');
    expect(entries.map(({ offset, bytes, uses }) => [offset, bytes, uses.length])).toEqual([
      [0, 16, 1],
      [256, 12, 3],
      [512, 16, 1],
    ]);
    expect([rangesOf('js'), rangesOf('wgsl')]).toEqual([[[0, 512]], [[256, 528]]]);
    expect(offsetOf('js', 'shared')).toBe(256);
    expect(offsetOf('wgsl', 'shared')).toBe(0);
    const read = (target: Target, buffer: string) =>
      numbersOf(content, rangesOf(target), offsetOf(target, buffer));
    expect(read('js', 'packed').slice(0, 4)).toEqual([4, 5, 6, 7]);
    expect(read('wgsl', 'packed')).toEqual([4, 6, 5, 7]);
    expect(read('js', 'twin of shared').slice(0, 3)).toEqual([1, 2, 3]);
  });

  it('gives a target several ranges where what others read lies between', () => {
    const simd = (target: Target): Program => ({
      ...emptyProgram([], target),
      weights: [weight('shared', 'rows', [1, 2, 3]), weight('packed', 'panels of 8', [7, 6, 5])],
    });
    const { content, offsetOf, rangesOf } = packWeights(
      [js, simd('wasm'), simd('wasm-relaxed'), wgsl],
      'f32',
    );
    for (const [target, bytes] of [
      ['js', 512],
      ['wasm', 512],
      ['wasm-relaxed', 512],
      ['wgsl', 272],
    ] as const) {
      const read = rangesOf(target).map(([from, to]) => to - from);
      expect(read.reduce((a, b) => a + b)).toBe(bytes);
      const at = offsetOf(target, 'shared');
      expect(numbersOf(content, rangesOf(target), at).slice(0, 3)).toEqual([1, 2, 3]);
    }
    expect(rangesOf('wasm')).toEqual(rangesOf('wasm-relaxed'));
    expect(rangesOf('js')).toEqual([
      [0, 256],
      [512, 768],
    ]);
  });

  it('tells contents apart that differ in one number anywhere', () => {
    const numbers = Array.from({ length: 5000 }, (_, i) => i);
    const changed = [0, 2, 1234, 4999].map((at) => numbers.with(at, -1));
    const weights = [numbers, ...changed, numbers, ...changed].map((content, i) =>
      weight(`w${i}`, 'rows', content),
    );
    const { entries } = packWeights([{ ...js, weights }], 'f32');
    const stored = entries.map(({ uses }) => uses.map(({ buffer }) => buffer));
    expect(stored).toEqual([0, 1, 2, 3, 4].map((i) => [`w${i}`, `w${i + 5}`]));
  });

  /** What a host finds from an offset on, once it has read some ranges. */
  function numbersOf(
    content: Uint8Array,
    ranges: readonly WeightRange[],
    offset: number,
  ): number[] {
    const bytes = ranges.flatMap(([from, to]) => [...content.subarray(from, to)]);
    return [...new Float32Array(Uint8Array.from(bytes.slice(offset)).buffer)];
  }

  it('is refused without numbers, by the names of all that lack them', () => {
    const weights = ['a', 'b'].map((name) => ({ ...weight(name, 'rows', [0]), data: () => null }));
    expect(() => packWeights([{ ...js, weights }])).toThrow(
      'An artifact needs the numbers of all weights, but "a", "b" have none.',
    );
  });
});

describe('the sizes of symbols', () => {
  it('must follow from the inputs', async () => {
    const unknown = verifyProgram({
      ...emptyProgram([]),
      name: 'model',
      symbols: ['n', 'm'],
      inputs: [],
    });
    await expect(emit([unknown])).rejects.toThrow(
      "The model 'model' uses the dim 'n', whose size no input's shape tells: the inputs are none.",
    );
  });

  it('may stand in expressions', async () => {
    const given = verifyProgram({
      ...emptyProgram([]),
      symbols: ['n'],
      inputs: [{ ...io('x', 'i32', ['2*n+3'], 'x') }],
      buffers: [
        {
          name: 'x',
          role: 'input',
          type: 'i32',
          size: '2*n+3',
          tensor: { dtype: 'i32', shape: ['2*n+3'] },
        },
      ],
    });
    expect(String((await emit([given])).get('model.mjs'))).toContain(
      '{ name: "n", input: 0, axis: 0, solve: (dim) => (dim - 3) / 2 }',
    );
  });
});

describe('writeArtifact', () => {
  it('replaces an empty folder and an artifact, and leaves nothing else behind', async () => {
    const place = join(parent, 'replace');
    await mkdir(join(place, 'model'), { recursive: true });
    await writeArtifact(join(place, 'model'), await all());
    await writeArtifact(join(place, 'model'), await emit([program('js')]));
    expect(await readdir(place)).toEqual(['model']);
    expect(await readdir(join(place, 'model', 'kernels'))).toEqual(['kernels.mjs']);
    expect(await readFile(join(place, 'model', 'weights.bin'))).toHaveLength(320);
  });

  it('makes the folders above', async () => {
    const place = join(parent, 'a', 'b', 'model');
    await writeArtifact(place, await emit([program('js')]));
    expect(await readdir(place)).toContain('model.mjs');
  });

  it.each([
    ['notes.txt', 'notes', 'it holds files, and no artifact of encompile'],
    ['manifest.json', '{"name": "a web page"}', 'it holds files, and no artifact of encompile'],
    ['manifest.json', '{ no json', 'it holds files, and no artifact of encompile'],
  ])('refuses a folder with a %s of %s', async (name, content, message) => {
    const place = join(parent, `other-${content.length}`);
    await mkdir(place);
    await writeFile(join(place, name), content);
    await expect(writeArtifact(place, await all())).rejects.toThrow(message);
    expect(await readFile(join(place, name), 'utf8')).toBe(content);
  });

  it("refuses an artifact's folder with other files in it, by their names", async () => {
    const place = join(parent, 'mixed');
    await writeArtifact(place, await all());
    await mkdir(join(place, 'kernels', 'mine'));
    await writeFile(join(place, 'kernels', 'mine', 'notes.txt'), 'notes');
    await expect(writeArtifact(place, await all())).rejects.toThrow(
      'it holds files that encompile did not write: kernels/mine/notes.txt',
    );
    expect(await readdir(place)).toContain('model.mjs');
  });

  it('refuses a file', async () => {
    const place = join(parent, 'file');
    await writeFile(place, 'text');
    await expect(writeArtifact(place, await all())).rejects.toThrow('is no folder');
    await expect(writeArtifact(join(place, 'below'), await all())).rejects.toThrow(
      'could not be written',
    );
  });
});
