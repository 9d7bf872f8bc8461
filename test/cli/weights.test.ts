/** `--weights` of the commands. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { roundToFloat16 } from '../../src/ir/float16.ts';
import { seededWeight } from '../support/seeded-numbers.ts';
import { encompile, folderWith, tensorFile } from './command.ts';

const DENSE_IR = `graph @dense(%x: f32[batch, 48]) {
  param %weight: f32[48, 40]
  param %bias: f32[40]
  param %large: f32[40]
  %product = matmul %x, %weight : f32[batch, 40]
  %moved = add %product, %bias : f32[batch, 40]
  %y = add %moved, %large : f32[batch, 40]
  return %y
}
`;

const weight = seededWeight(1, [48, 40]);
const bias = seededWeight(2, [40]);
const large = seededWeight(4, [40], 1e6);
const half = <T extends { readonly data: Float32Array }>(tensor: T): T => ({
  ...tensor,
  data: roundToFloat16(tensor.data),
});

const folder = folderWith({
  'dense.ir': DENSE_IR,
  'dense.safetensors': tensorFile({ weight, bias, large }),
  'half.ir': DENSE_IR,
  'half.safetensors': tensorFile({
    weight: { ...half(weight), dtype: 'f16' },
    bias: { ...half(bias), dtype: 'f16' },
    large: { ...half(bias), dtype: 'f16' },
  }),
  'rounded.ir': DENSE_IR,
  'rounded.safetensors': tensorFile({ weight: half(weight), bias: half(bias), large }),
  'in.safetensors': tensorFile({ x: seededWeight(3, [5, 48]) }),
});

const command = (...args: readonly string[]) => encompile(folder, ...args);

describe('compile --weights', () => {
  it('f16 halves what is stored, and says what rounding did', async () => {
    const { status, stdout, stderr } = await command(
      ...['compile', 'dense.ir', '--weights', 'f16', '--target', 'js', '-o', 'f16'],
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/\n {2}weights\.bin: 4\.43 kB, 4\.11 kB of it in float16\n/);
    expect(stdout).toMatch(/\nf16: 2 weights rounded, 1 kept in f32\n/);
    expect(stdout).toMatch(/\n {2}a number by at most 2\.\de-4 \((weight|bias)\)\n/);
    expect(stdout).toMatch(/\n {2}kept: %large holds -?\d+.*, and float16 ends at 65504\n/);
    expect(stdout).not.toMatch('cosine');
  });

  it('f16 compares outputs on inputs, as JSON, too', async () => {
    const args = ['compile', 'dense.ir', '--weights', 'f16', '--inputs', 'in.safetensors'];
    const { stdout } = await command(...args, '-o', 'text');
    expect(stdout).toMatch(/\nOn in\.safetensors at batch=5:\n/);
    expect(stdout).toMatch(/\ny +1\.000000 +/);
    const json = await command(...args, '-o', 'json', '--json');
    const { rounding, quantization, weights } = JSON.parse(json.stdout);
    expect(quantization).toBeNull();
    expect(weights.float16Bytes).toBeGreaterThan(0);
    expect(rounding).toMatchObject({
      rounded: [{ name: 'weight' }, { name: 'bias' }],
      unchanged: [],
      kept: [{ name: 'large' }],
      outputs: [{ name: 'y' }],
      sizes: { batch: 5 },
    });
    expect(rounding.rounded[0].relativeError).toBeLessThan(2 ** -11);
    expect(rounding.rounded[0].relativeError).toBeGreaterThan(2 ** -14);
  });

  it('f16 goes with --quantize, whose report has both', async () => {
    const args = ['--weights', 'f16', '--quantize', 'int8', '-o', 'both', '--json'];
    const { status, stdout } = await command('compile', 'dense.ir', ...args);
    expect(status).toBe(0);
    const { rounding, quantization } = JSON.parse(stdout);
    expect(quantization.layers).toHaveLength(1);
    expect(rounding.outputs).toBeNull();
    expect(rounding.rounded.map(({ name }: { readonly name: string }) => name)).toEqual([
      'bias',
      'weight.scale',
    ]);
    const manifest = JSON.parse(readFileSync(join(folder, 'both', 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({
      quantize: 'int8',
      weights: { float16: { numbers: 'rounded' } },
    });
  });

  it('left out stores float16 weights as they are', async () => {
    const { stdout } = await command('compile', 'half.ir', '--target', 'js', '-o', 'half');
    expect(stdout).toMatch(/\n {2}weights\.bin: \d\.\d+ kB, \d\.\d+ kB of it in float16\n/);
    const wide = ['compile', 'half.ir', '--target', 'js', '-o', 'wide', '--weights', 'f32'];
    expect((await command(...wide)).stdout).not.toMatch('float16');
    const length = (name: string) => readFileSync(join(folder, name, 'weights.bin')).length;
    expect(length('half')).toBeLessThan(0.55 * length('wide'));
  });

  it.each([
    [['--weights', 'f16', '--target', 'onnx'], /Leave it out, or --weights\./],
    [['--weights', 'f8'], /Choose from f32, f16/],
    [
      ['--weights', 'f32', '--seed', '1'],
      /--seed is for the report of --quantize or --weights f16/,
    ],
  ])('%j is an error', async (args, message) => {
    const { status, stderr } = await command('compile', 'dense.ir', '-o', 'no', ...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describe('other commands', () => {
  it('check with the rounded weights', async () => {
    const args = ['check', 'dense.ir', '--weights', 'f16', '--backend', 'js,wasm'];
    const { status, stdout } = await command(...args);
    expect(stdout).toMatch(/dense: check passed/);
    expect(status).toBe(0);
  });

  it('run with them, bit for bit as with weights that were rounded before', async () => {
    const outputs = async (model: string, backend: string, ...args: readonly string[]) => {
      const run = ['run', model, '--inputs', 'in.safetensors', '--json', '--backend', backend];
      return JSON.parse((await command(...run, ...args)).stdout).outputs.y.data;
    };
    for (const backend of ['js', 'wasm', 'interpreter', 'emulator-wasm']) {
      const [rounding, rounded, exact] = await Promise.all([
        outputs('dense.ir', backend, '--weights', 'f16'),
        outputs('rounded.ir', backend),
        outputs('dense.ir', backend),
      ]);
      expect(rounding).toEqual(rounded);
      expect(rounding).not.toEqual(exact);
    }
  });

  it('explain what was rounded, and what was not and why', async () => {
    const { stdout } = await command('explain', 'dense.ir', '--weights', 'f16', '--exact');
    expect(stdout).toMatch(/matched +%weight +weight: \[48, 40\] is rounded to float16/);
    expect(stdout).toMatch(/refused +%large +weight: %large holds/);
  });
});
