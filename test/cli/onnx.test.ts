/** ONNX files through the commands. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { toOnnx } from '../../src/backends/onnx/export.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { bytesOf, info, ints, node } from '../frontends/onnx/made-model.ts';
import { encompile, folderWith, tensorFile } from './command.ts';

const { batch } = dims('batch');
const doubled = buildGraph('doubled', (g) => ({ y: g.mul(g.input('x', f32(batch, 2)), 2) }));
const shaped = {
  input: [info('x', ['n', 4]), info('shape', [2], 'int64')],
  node: [node('Reshape', ['x', 'shape'], ['y'])],
  output: [info('y')],
};
/** One average of four elements, or more: then there is nothing to squeeze. */
const squeezed = {
  input: [info('x', [1, 1, 'n'])],
  initializer: [ints('axes', [1], [2])],
  node: [
    node('AveragePool', ['x'], ['p'], { kernel_shape: [4], strides: [4] }),
    node('Squeeze', ['p', 'axes'], ['y']),
  ],
  output: [info('y')],
};

const folder = folderWith({
  'squeezed.onnx': bytesOf(squeezed),
  'doubled.onnx': toOnnx(doubled),
  'shaped.onnx': bytesOf(shaped),
  'strange.onnx': bytesOf({ ...shaped, node: [node('Fancy', ['x'], ['y'])] }),
  'in.safetensors': tensorFile({
    x: { dtype: 'f32', shape: [1, 2], data: Float32Array.of(1, 2) },
  }),
  'shape.safetensors': tensorFile({
    shape: { dtype: 'i32', shape: [2], data: Int32Array.of(-1, 2) },
  }),
});

it('run, check, dump, explain and compile take a file', async () => {
  const ran = await encompile(
    folder,
    'run',
    'doubled.onnx',
    '--inputs',
    'in.safetensors',
    '--json',
  );
  expect(JSON.parse(ran.stdout)).toMatchObject({ outputs: { y: { data: [2, 4] } } });
  for (const [command, ...more] of [
    ['check', '--backend', 'js'],
    ['dump'],
    ['explain'],
    ['compile', '--target', 'js', '-o', join(folder, 'out')],
  ] as const) {
    const { status, stderr } = await encompile(folder, command, 'doubled.onnx', ...more);
    expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
  }
});

it('an input that decides a shape is named, and fixed by --constants', async () => {
  const asked = await encompile(folder, 'dump', 'shaped.onnx');
  expect(asked.status).toBe(1);
  expect(asked.stderr).toContain('its shape depends on what the input "shape" holds');
  expect(asked.stderr).toContain('--constants FILE.safetensors');
  const withConstants = (file: string) =>
    encompile(folder, 'dump', 'shaped.onnx', '--constants', file);
  expect((await withConstants('shape.safetensors')).stdout).toContain(
    'reshape %x {shape = [2*n, 2]}',
  );
  expect((await withConstants('none')).stderr).toContain('There is no file none');
});

it('--constants takes numbers, in the type and shape that the file declares', async () => {
  const given = (...numbers: readonly string[]) => {
    const flags = numbers.flatMap((text) => ['--constants', text]);
    return encompile(folder, 'dump', 'shaped.onnx', ...flags);
  };
  expect((await given('shape=-1,2')).stdout).toContain('reshape %x {shape = [2*n, 2]}');
  for (const [numbers, message] of [
    [['shape=2'], 'the numbers given are 1 numbers, where i64[2] was expected'],
    [['shape=1,1.5'], 'the numbers given have 1.5 among them, where i64[2] was expected'],
    [['shape=two'], "'shape=two' is invalid. Write the name of an input and its numbers"],
    [['shape=1,2', 'shape=2,1'], "The input 'shape' is given twice"],
    [['shape=1,2', 'shape.safetensors'], "gives the input 'shape' twice, in shape.safetensors"],
    [['size=1'], 'There is no input "size" to fix'],
  ] as const) {
    const { status, stderr } = await given(...numbers);
    expect({ numbers, status }).toEqual({ numbers, status: 2 });
    expect(stderr).toContain(message);
  }
});

it('the error says which flags fix what decides the shape', async () => {
  const asked = await encompile(folder, 'dump', 'shaped.onnx');
  expect(asked.stderr).toContain('compile with --constants shape=NUMBERS');
  const sized = await encompile(folder, 'dump', 'squeezed.onnx');
  expect(sized.stderr).toContain(
    'compile with --fix n=SIZE (n from 4 to 7 makes floor(n/4) equal 1)',
  );
  const fixed = await encompile(folder, 'dump', 'squeezed.onnx', '--fix', 'n=5');
  expect(fixed).toMatchObject({ status: 0, stderr: '' });
});

it('what is not taken is an error, and nothing is written', async () => {
  const { status, stderr } = await encompile(folder, 'compile', 'strange.onnx', '-o', 'none');
  expect(status).toBe(1);
  expect(stderr).toContain('the op Fancy is not taken');
  expect(existsSync(join(folder, 'none'))).toBe(false);
});
