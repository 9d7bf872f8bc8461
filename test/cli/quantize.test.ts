/** `--quantize int8` of the commands. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededWeight } from '../support/seeded-numbers.ts';
import { encompile, folderWith, LINEAR_IR, LINEAR_WEIGHTS, tensorFile } from './command.ts';

const DENSE_IR = `graph @dense(%x: f32[batch, 48]) {
  param %weight: f32[48, 40]
  param %bias: f32[40]
  %product = matmul %x, %weight : f32[batch, 40]
  %y = add %product, %bias : f32[batch, 40]
  return %y
}
`;

const folder = folderWith({
  'dense.ir': DENSE_IR,
  'dense.safetensors': tensorFile({
    weight: seededWeight(1, [48, 40]),
    bias: seededWeight(2, [40]),
  }),
  'in.safetensors': tensorFile({ x: seededWeight(3, [5, 48]) }),
});

const quantize = (...args: readonly string[]) => encompile(folder, ...args, '--quantize', 'int8');

describe('compile --quantize', () => {
  it('writes kernels of bytes for wasm, and says what that does to the outputs', async () => {
    const { status, stdout, stderr } = await quantize('compile', 'dense.ir', '-o', 'bytes');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(readdirSync(join(folder, 'bytes', 'kernels')).join()).not.toMatch('kernels.mjs');
    const text = readFileSync(join(folder, 'bytes', 'kernels', 'kernels.relaxed.wat'), 'utf8');
    expect(text).toContain('i32x4.relaxed_dot_i8x16_i7x16_add_s');
    expect(stdout).toMatch(
      /\nint8: 1 product with weights in bytes, weights 7\.84 kB -> 2\.24 kB\n/,
    );
    expect(stdout).toMatch(/\nOn random inputs \(seed 1\) at batch=1, /);
    expect(stdout).toMatch(/\nproduct +weight \[48, 40\] +0\.999\d+ /);
    expect(stdout).toMatch(/\ny +\(an output\) +0\.999\d+ /);
  });

  it('says it as JSON, on inputs of a file', async () => {
    const args = ['dense.ir', '-o', 'json', '--json', '--inputs', 'in.safetensors'];
    const { status, stdout } = await quantize('compile', ...args);
    expect(status).toBe(0);
    const { quantization } = JSON.parse(stdout);
    expect(quantization).toMatchObject({
      type: 'int8',
      inputs: 'in.safetensors',
      sizes: { batch: 5 },
      weightBytes: { before: 4 * (48 * 40 + 40), after: 48 * 40 + 2 * 4 * 40 },
      layers: [{ name: 'product', weight: 'weight', shape: [48, 40] }],
      outputs: [{ name: 'y' }],
    });
    expect(quantization.outputs[0].cosine).toBeGreaterThan(0.999);
    expect(quantization.outputs[0].largestError).toBeGreaterThan(0);
  });

  it('computes on js, too, with a note that it is slow', async () => {
    const args = ['dense.ir', '--target', 'js,wasm', '-o', 'both'];
    const { status, stderr } = await quantize('compile', ...args);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^note: js compute quantised products without instructions for bytes/);
    expect(existsSync(join(folder, 'both', 'kernels', 'kernels.mjs'))).toBe(true);
  });

  it.each([
    [['--quantize', 'int8', '--target', 'onnx'], /The target 'onnx' is the model as declared/],
    [['--quantize', 'int8', '--exact'], /exact and quantize exclude each other/],
    [['--quantize', 'int4'], /Choose from int8/],
    [['--inputs', 'in.safetensors'], /--inputs is for the report of --quantize or --weights f16/],
    [['--seed', '3'], /--seed is for the report of --quantize or --weights f16/],
  ])('%j is an error', async (args, message) => {
    const { status, stderr } = await encompile(folder, 'compile', 'dense.ir', '-o', 'no', ...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync(join(folder, 'no'))).toBe(false);
  });

  it('says of a model without such products that it has none', async () => {
    const small = folderWith({ 'linear.ir': LINEAR_IR, 'linear.safetensors': LINEAR_WEIGHTS });
    const { status, stdout } = await encompile(small, 'compile', 'linear.ir', '--quantize', 'int8');
    expect(status).toBe(0);
    expect(stdout).toMatch(/\nint8: 0 products with weights in bytes, weights 140 B -> 140 B\n/);
  });
});

describe('other commands', () => {
  it('check kernels of bytes', async () => {
    const { status, stdout } = await quantize(
      'check',
      'dense.ir',
      '--backend',
      'wasm,emulator-wasm',
    );
    expect(stdout).toMatch(/wasm .* ok .* 1 of 1 kernels ok/);
    expect(stdout).toMatch(/dense: check passed/);
    expect(status).toBe(0);
  });

  it('run them as the interpreter does', async () => {
    const outputs = async (backend: string, ...args: readonly string[]) => {
      const run = ['run', 'dense.ir', '--inputs', 'in.safetensors', '--json', '--backend', backend];
      const { stdout } = await encompile(folder, ...run, ...args);
      const data: Readonly<Record<string, number>> = JSON.parse(stdout).outputs.y.data;
      return Object.values(data);
    };
    const bytes = ['--quantize', 'int8'];
    const [wasm, js, interpreted, exact] = await Promise.all([
      outputs('wasm', ...bytes),
      outputs('js', ...bytes),
      outputs('interpreter', ...bytes),
      outputs('wasm'),
    ]);
    interpreted.forEach((want, i) => {
      expect(wasm[i]).toBeCloseTo(want, 4);
      expect(js[i]).toBeCloseTo(want, 4);
    });
    const errors = exact.map((x, i) => Math.abs(x - (wasm[i] ?? 0)));
    expect(Math.max(...errors)).toBeGreaterThan(1e-3);
  });

  it('time them', async () => {
    const args = ['bench', 'dense.ir', '--backend', 'wasm', '--json', '--dim', 'batch=2'];
    const { status, stdout } = await quantize(...args);
    expect(status).toBe(0);
    expect(JSON.parse(stdout).backends.wasm.kernels[0].ops).toContain('quantized_matmul');
  });

  it('show the pass, its graph, which is a model again, and its kernels', async () => {
    const text = await quantize('dump', 'dense.ir', '--after', 'quantize', '-o', 'bytes.ir');
    expect(text).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(folder, 'bytes.ir'), 'utf8')).toContain(
      'param %weight.int8: i8[48, 40]',
    );
    const checked = await encompile(folder, 'check', 'bytes.ir', '--backend', 'wasm');
    expect(checked.stdout).toMatch(/dense: check passed/);
    const wat = await quantize('dump', 'dense.ir', '--stage', 'source', '--target', 'wasm-relaxed');
    expect(wat.stdout).toContain('i32x4.relaxed_dot_i8x16_i7x16_add_s');
    const explained = await quantize('explain', 'dense.ir');
    expect(explained.stdout).toMatch(/%weight \[48, 40\] is stored in bytes/);
    const { status, stderr } = await encompile(folder, 'dump', 'dense.ir', '--after', 'quantize');
    expect(status).toBe(2);
    expect(stderr).toMatch(/There is no pass 'quantize'/);
  });
});
