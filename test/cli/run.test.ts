/** `encompile run`: every backend gives the interpreter's outputs, and wrong inputs are explained. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSafetensors } from '../../src/frontends/safetensors.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import {
  encompile,
  folderWith,
  LINEAR_INPUTS,
  LINEAR_IR,
  LINEAR_WEIGHTS,
  tensorFile,
} from './command.ts';

const LOOKUP_IR = `graph @lookup(%ids: i64[batch]) {
  param %table: f32[5, 2]
  %rows = gather %table, %ids {axis = 0} : f32[batch, 2]
  return %rows
}
`;

const ATTEND_IR = `graph @attend(%scores: f32[2, rows, 3]) {
  %heads.probs = softmax %scores {axis = -1} : f32[2, rows, 3]
  %sum = reduce_sum %heads.probs {axes = [0], keep = false} : f32[rows, 3]
  return %sum
}
`;

const folder = folderWith({
  'attend.ir': ATTEND_IR,
  'linear.ir': LINEAR_IR,
  'linear.safetensors': LINEAR_WEIGHTS,
  'in.safetensors': LINEAR_INPUTS,
  'lookup.ir': LOOKUP_IR,
  'lookup.safetensors': tensorFile({
    table: { dtype: 'f32', shape: [5, 2], data: Float32Array.from({ length: 10 }, (_, i) => i) },
  }),
});

function inputFile(name: string, tensors: Parameters<typeof tensorFile>[0]): string {
  writeFileSync(join(folder, name), tensorFile(tensors));
  return name;
}

async function outputs(...args: readonly string[]) {
  const { status, stdout, stderr } = await encompile(folder, 'run', ...args, '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout).outputs;
}

describe('a run', () => {
  const input = ['linear.ir', '--inputs', 'in.safetensors'];

  it.each([
    ...['js', 'wasm', 'wgsl', 'emulator'],
    ...PROGRAM_TARGETS.map((target) => `emulator-${target}`),
  ])('on %s gives what the interpreter gives', async (backend) => {
    const want = await outputs(...input, '--backend', 'interpreter');
    const got = await outputs(...input, '--backend', backend);
    expect(want.y.shape).toEqual([2, 3]);
    expect(got.y.shape).toEqual([2, 3]);
    got.y.data.forEach((value: number, i: number) => {
      expect(value).toBeCloseTo(want.y.data[i], 5);
    });
  });

  it('gives the same bits on js and wasm with --exact', async () => {
    const run = (backend: string) => outputs(...input, '--exact', '--backend', backend);
    expect(await run('wasm')).toEqual(await run('js'));
    expect(await run('js')).not.toEqual(await outputs(...input, '--backend', 'interpreter'));
  });

  it('sums its outputs up without --output', async () => {
    const { status, stdout, stderr } = await encompile(folder, 'run', ...input);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^y: f32\[2, 3\]\n {2}min -?[\d.]+, mean -?[\d.]+, max [\d.]+\n {2}\[(-?[\d.]+(, )?){6}\]\n$/,
    );
  });

  it('writes every output with --output', async () => {
    const args = [...input, '--backend', 'interpreter'];
    const { stdout } = await encompile(folder, 'run', ...args, '--output', 'out.safetensors');
    expect(stdout).toBe('Wrote y to out.safetensors\n');
    const written = parseSafetensors(readFileSync(join(folder, 'out.safetensors')), 'out');
    expect([...(written.get('y')?.data ?? [])]).toEqual((await outputs(...args)).y.data);
  });

  it('takes integers of another width', async () => {
    const file = inputFile('ids.safetensors', {
      ids: { dtype: 'i32', shape: [2], data: Int32Array.of(4, 1) },
    });
    const { rows } = await outputs('lookup.ir', '--inputs', file);
    expect(rows).toEqual({ dtype: 'f32', shape: [2, 2], data: [8, 9, 2, 3] });
  });
});

describe('--attention-weights', () => {
  const file = inputFile('scores.safetensors', {
    scores: { dtype: 'f32', shape: [2, 1, 3], data: Float32Array.of(0, 0, 0, -1e9, -1e9, 5) },
  });
  const args = ['attend.ir', '--inputs', file, '--attention-weights'];

  it('makes the weights of an attention, or of one of its heads, outputs', async () => {
    const { 'heads.weights': all, 'heads.weights.1': last } = await outputs(
      ...args,
      'heads,heads:1',
    );
    expect(all.shape).toEqual([2, 1, 3]);
    all.data.forEach((x: number, i: number) => {
      expect(x).toBeCloseTo([1 / 3, 1 / 3, 1 / 3, 0, 0, 1][i] ?? Number.NaN, 6);
    });
    expect(last).toEqual({ dtype: 'f32', shape: [1, 3], data: [0, 0, 1] });
  });

  it.each([
    [
      'tails',
      "The model 'attend' has no attention 'tails'; it has heads. Name one of them, or 'all'.",
    ],
    ['heads:2', "The attention 'heads' has 2 heads, counted from 0, and no head 2."],
  ])('refuses %s', async (names, message) => {
    const { status, stdout, stderr } = await encompile(folder, 'run', ...args, names);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

describe('--only-outputs', () => {
  const file = inputFile('zeros.safetensors', {
    scores: { dtype: 'f32', shape: [2, 1, 3], data: new Float32Array(6) },
  });
  const args = ['attend.ir', '--inputs', file, '--attention-weights', 'heads', '--only-outputs'];

  it('leaves the other outputs out', async () => {
    expect(Object.keys(await outputs(...args, 'heads.weights'))).toEqual(['heads.weights']);
  });

  it('refuses what is no output', async () => {
    const { status, stderr } = await encompile(folder, 'run', ...args, 'tails');
    expect(status).toBe(2);
    expect(stderr).toMatch(/no output 'tails'; it has .*heads\.weights\. Name at least one/);
  });
});

describe('wrong inputs', () => {
  const f32 = (shape: readonly number[]) => {
    const data = new Float32Array(shape.reduce((count, dim) => count * dim, 1));
    return { dtype: 'f32', shape, data } as const;
  };

  it.each([
    [
      'linear.ir',
      'a misspelt name',
      { X: f32([1, 4]) },
      "The inputs in wrong.safetensors do not fit the model 'linear': 'x' is missing. Did you mean " +
        "'X'? The model takes x: f32[batch, 4]; wrong.safetensors has X: f32[1, 4].",
    ],
    [
      'linear.ir',
      'a wrong dim',
      { x: f32([2, 5]) },
      "The inputs in wrong.safetensors do not fit the model 'linear': 'x' is declared as [batch, 4], but " +
        'a tensor of shape [2, 5] was given. The model takes x: f32[batch, 4]; wrong.safetensors has ' +
        'x: f32[2, 5].',
    ],
    [
      'linear.ir',
      'a wrong rank',
      { x: f32([4]) },
      "The inputs in wrong.safetensors do not fit the model 'linear': 'x' has 2 dims, [batch, 4], but a " +
        'tensor of shape [4] was given. The model takes x: f32[batch, 4]; wrong.safetensors has x: f32[4].',
    ],
    [
      'lookup.ir',
      'a wrong dtype',
      { ids: f32([2]) },
      "The inputs in wrong.safetensors do not fit the model 'lookup': 'ids' is f32[2], where i64[batch] " +
        'was expected. The model takes ids: i64[batch]; wrong.safetensors has ids: f32[2].',
    ],
    [
      'lookup.ir',
      'a token out of range',
      { ids: { dtype: 'i32', shape: [2], data: Int32Array.of(1, 5) } as const },
      "The inputs in wrong.safetensors do not fit the model 'lookup': 'ids' has 5 at element 1, where " +
        'a number from 0 to 4 was expected. The model takes ids: i64[batch]; wrong.safetensors has ' +
        'ids: i32[2].',
    ],
  ])('%s with %s', async (model, _, tensors, message) => {
    const file = inputFile('wrong.safetensors', tensors);
    const { status, stdout, stderr } = await encompile(folder, 'run', model, '--inputs', file);
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: `error: ${message}\n`,
    });
  });

  it('that are not there', async () => {
    const { status, stderr } = await encompile(folder, 'run', 'linear.ir', '--inputs', 'no.file');
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'error: There is no file no.file, which --inputs names. Check the path.\n',
    });
  });
});

it('refuses an output that cannot be written', async () => {
  const inputs = inputFile('right.safetensors', {
    x: { dtype: 'f32', shape: [2, 4], data: new Float32Array(8) },
  });
  const run = ['run', 'linear.ir', '--inputs', inputs, '--output'];
  expect(await encompile(folder, ...run, '.')).toMatchObject({
    status: 2,
    stderr: 'error: . is a folder, where a file was to be written. Give the path of a file.\n',
  });
  const { status, stderr } = await encompile(folder, ...run, 'no/such/out.safetensors');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^error: no\/such\/out\.safetensors could not be written: ENOENT[^']*\n$/);
});
