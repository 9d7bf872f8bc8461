/** `encompile compile`: the artifact, its summary, and folders that stay as they were. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeModel } from '../../src/onnx/model-file.ts';
import type { Model } from '../../src/runtime/load.mts';
import { encompile, folderWith, LINEAR_IR, LINEAR_WEIGHTS, TINY_TS } from './command.ts';

const ARTIFACT = ['kernels', 'manifest.json', 'model.d.mts', 'model.d.ts', 'model.mjs', 'runtime'];

function linearFolder() {
  return folderWith({ 'linear.ir': LINEAR_IR, 'linear.safetensors': LINEAR_WEIGHTS });
}

function manifestIn(folder: string) {
  return JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
}

describe('a TypeScript model', () => {
  it('becomes an artifact that runs, in out/NAME', async () => {
    const folder = folderWith({ 'tiny.ts': TINY_TS });
    const { status, stdout, stderr } = await encompile(folder, 'compile', 'tiny.ts');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Compiled tiny to out\/tiny\n/);
    expect(stdout).toMatch(/js: \d+ ops -> 8 kernel calls \(\d different kernels\)/);
    expect(stdout).toMatch(/weights\.bin: [\d.]+ kB\n$/);
    const artifact = join(folder, 'out', 'tiny');
    expect(readdirSync(artifact)).toEqual([...ARTIFACT, 'weights.bin']);
    expect(manifestIn(artifact).weights.random).toBeUndefined();

    const module = await import(pathToFileURL(join(artifact, 'model.mjs')).href);
    const model: Model = await module.load({ backend: 'js' });
    const ids = { data: Int32Array.of(1, 2, 3), shape: [1, 3] };
    const { states } = await model.run({ ids, mask: { data: [1, 1, 1], shape: [1, 3] } });
    expect(states?.shape).toEqual([1, 3, 16]);
  });
});

describe('a model', () => {
  it('is compiled for the targets that are named', async () => {
    const folder = linearFolder();
    const { status } = await encompile(folder, 'compile', 'linear.ir', '--target', 'js', '-o', 'o');
    expect(status).toBe(0);
    expect(readdirSync(join(folder, 'o', 'kernels'))).toEqual(['kernels.mjs']);
    expect(Object.keys(manifestIn(join(folder, 'o')).backends)).toEqual(['js']);
  });

  it('is compiled exactly for js and wasm, and says so', async () => {
    const folder = linearFolder();
    const exact = (...args: readonly string[]) =>
      encompile(folder, 'compile', 'linear.ir', '--exact', '-o', 'o', ...args);
    expect(await exact()).toMatchObject({ status: 0, stderr: '' });
    const manifest = manifestIn(join(folder, 'o'));
    expect(manifest.exact).toBe(true);
    expect(Object.keys(manifest.backends)).toEqual(['js', 'wasm/simd128']);
    expect(readFileSync(join(folder, 'o', 'kernels', 'kernels.mjs'), 'utf8')).toContain(
      'Math.fround',
    );
    for (const target of ['wgsl', 'js,wgsl', 'onnx']) {
      const { status, stderr } = await exact('--target', target);
      expect(status).toBe(2);
      expect(stderr).toMatch(/^error: .* has no exact mode: /);
    }
  });

  it('is written for other runtimes, alone or beside the artifact, and listed', async () => {
    const folder = linearFolder();
    const compile = (target: string) =>
      encompile(folder, 'compile', 'linear.ir', '--target', target, '-o', 'o');
    const { status, stdout } = await compile('onnx');
    expect(status).toBe(0);
    expect(stdout).toMatch(/\n {2}model\.onnx: \d+ B with its weights, opset 17\n$/);
    expect(readdirSync(join(folder, 'o'))).toEqual(['manifest.json', 'model.onnx']);
    const alone = readFileSync(join(folder, 'o', 'model.onnx'));
    const onnx = decodeModel(alone, 'model.onnx');
    expect(onnx.graph?.node.map(({ opType }) => opType)).toEqual(['MatMul', 'Add', 'Tanh']);
    expect(manifestIn(join(folder, 'o'))).toMatchObject({
      model: 'linear',
      symbols: ['batch'],
      outputs: [{ name: 'y', dtype: 'f32', shape: ['batch', 3] }],
      files: { 'model.onnx': { bytes: alone.length } },
    });

    expect((await compile('js,onnx')).status).toBe(0);
    expect(readdirSync(join(folder, 'o'))).toEqual([
      ...[...ARTIFACT, 'model.onnx'].sort(),
      'weights.bin',
    ]);
    expect(manifestIn(join(folder, 'o')).files['model.onnx'].bytes).toBe(alone.length);
    expect(readFileSync(join(folder, 'o', 'model.onnx'))).toEqual(alone);

    expect((await compile('js')).status).toBe(0);
    expect(existsSync(join(folder, 'o', 'model.onnx'))).toBe(false);
  });

  it('is written for other runtimes in the opset asked for, optimised or as declared', async () => {
    const folder = folderWith({ 'tiny.ts': TINY_TS });
    const compile = (...more: readonly string[]) =>
      encompile(folder, 'compile', 'tiny.ts', '-o', 'o', ...more);
    const opTypes = () => {
      const model = decodeModel(readFileSync(join(folder, 'o', 'model.onnx')), 'model.onnx');
      const types = model.graph?.node.map(({ opType }) => opType) ?? [];
      return { opset: Number(model.opsetImport[0]?.version), types };
    };
    const newest = await compile('--target', 'onnx', '--opset', '23', '--optimised');
    expect(newest).toMatchObject({ status: 0, stderr: '' });
    expect(newest.stdout).toContain('with its weights, opset 23, optimised\n');
    expect(opTypes().opset).toBe(23);
    expect(opTypes().types).toContain('Attention');
    expect((await compile('--target', 'onnx', '--opset', '23')).status).toBe(0);
    expect(opTypes().types).not.toContain('Attention');

    const unknown = await compile('--target', 'onnx', '--opset', '16');
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('Choose from 17 to 23.');
    for (const flags of [['--opset', '18'], ['--optimised']]) {
      const { status, stderr } = await compile('--target', 'js', ...flags);
      expect(status).toBe(2);
      expect(stderr).toContain(`${flags[0]} is for the target 'onnx'`);
    }
  });

  it('without weights gets random ones, a warning and a note in the manifest', async () => {
    const folder = folderWith({ 'linear.ir': LINEAR_IR });
    const { status, stdout, stderr } = await encompile(folder, 'compile', 'linear.ir');
    expect(status).toBe(0);
    expect(stderr).toBe(
      "warning: linear.ir has no numbers for 2 weights (the first is 'weight'): random ones of seed " +
        '1 stand in, so its results mean nothing.\n',
    );
    expect(stdout).toMatch(/weights\.bin: .* \(random, seed 1\)\n$/);
    expect(manifestIn(join(folder, 'out', 'linear')).weights.random).toEqual({ seed: 1 });
  });

  it('gives the same bytes each time', async () => {
    const folder = linearFolder();
    for (const out of ['a', 'b']) await encompile(folder, 'compile', 'linear.ir', '-o', out);
    const files = readdirSync(join(folder, 'a'), { recursive: true, encoding: 'utf8' });
    expect(files).toContain('manifest.json');
    for (const file of files.filter((path) => path.includes('.'))) {
      expect(readFileSync(join(folder, 'a', file))).toEqual(readFileSync(join(folder, 'b', file)));
    }
  });

  it('is summed up as JSON alone with --json', async () => {
    const folder = linearFolder();
    const { status, stdout, stderr } = await encompile(folder, 'compile', 'linear.ir', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      model: 'linear',
      operations: 3,
      targets: [
        { target: 'js', calls: 1, kernels: 1 },
        { target: 'wasm', calls: 1, kernels: 1 },
        { target: 'wasm-relaxed', calls: 1, kernels: 1 },
        { target: 'wgsl', calls: 1, kernels: 1 },
      ],
      weights: { randomSeed: null },
    });
  });
});

describe('an output folder', () => {
  it('is replaced whole if it holds an artifact', async () => {
    const folder = linearFolder();
    await encompile(folder, 'compile', 'linear.ir', '-o', 'out');
    const { status } = await encompile(
      folder,
      'compile',
      'linear.ir',
      '-o',
      'out',
      '--target',
      'js',
    );
    expect(status).toBe(0);
    expect(readdirSync(join(folder, 'out', 'kernels'))).toEqual(['kernels.mjs']);
    expect(readdirSync(folder)).toEqual(['linear.ir', 'linear.safetensors', 'out']);
  });

  it('with files of another origin is left alone', async () => {
    const folder = linearFolder();
    const { status, stdout, stderr } = await encompile(folder, 'compile', 'linear.ir', '-o', '.');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toBe(
      'error: The artifact is not written to ., because it holds files, and no artifact of encompile. ' +
        'Choose another folder, or remove what is there.\n',
    );
    expect(readdirSync(folder)).toEqual(['linear.ir', 'linear.safetensors']);
  });

  it('does not appear where the model is wrong', async () => {
    const folder = folderWith({
      'wrong.ir': LINEAR_IR.replace('%weight: f32[4, 3]', '%weight: f32[5, 3]'),
      'wrong.ts': TINY_TS.replace('f32(50, 16)', "f32(50, 'width')"),
    });
    for (const file of ['wrong.ir', 'wrong.ts']) {
      const { status, stdout, stderr } = await encompile(folder, 'compile', file, '-o', 'out');
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/^error: /);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(existsSync(join(folder, 'out'))).toBe(false);
    }
  });

  it('does not appear where a weight does not fit', async () => {
    const folder = folderWith({
      'linear.ir': LINEAR_IR.replace('f32[4, 3]', 'f32[4, 3]').replaceAll('%bias', '%offset'),
      'linear.safetensors': LINEAR_WEIGHTS,
    });
    const { status, stderr } = await encompile(folder, 'compile', 'linear.ir', '-o', 'out');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: The weights in linear\.safetensors do not fit the model: /);
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  it('that is a file is an error', async () => {
    const folder = linearFolder();
    writeFileSync(join(folder, 'out'), 'mine');
    const { status, stderr } = await encompile(folder, 'compile', 'linear.ir', '-o', 'out');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: The artifact is not written to out, because it is .*\n$/);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('mine');
  });
});
