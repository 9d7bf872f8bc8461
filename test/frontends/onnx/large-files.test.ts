/** Model files as files: read through a window, a tensor at a time, while they stay as they are. */
import { appendFileSync, mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { withModelFile } from '../../../src/frontends/onnx/file.ts';
import { graphOfModel } from '../../../src/frontends/onnx/index.ts';
import { printGraph } from '../../../src/ir/print.ts';
import type { ByteSource } from '../../../src/onnx/byte-source.ts';
import { decodeModel } from '../../../src/onnx/model-file.ts';
import type { TensorProto } from '../../../src/onnx/schema.ts';
import { folderWith } from '../../cli/command.ts';
import { windowed } from '../../support/windowed.ts';
import { bytesOf, floats, info, ints, node } from './made-model.ts';

const LARGE = 1000;
const weights = Float32Array.from({ length: LARGE }, (_, i) => i / 7);
const raw = new Uint8Array(weights.buffer);

const model = (w: object) =>
  bytesOf({
    input: [info('x', ['n', LARGE])],
    initializer: [
      { ...floats('w', [LARGE], []), ...w },
      floats('b', [2, 3], [1, 2, 3, -4, 5, 6]),
      ints('axes', [2], [-1, 0]),
    ],
    node: [
      node('Add', ['x', 'w'], ['s'], { direction: 'forward and a text that is longer than most' }),
      node('ReduceSum', ['b', 'axes'], ['r'], { keepdims: 0 }),
      node('Identity', ['s'], ['y']),
    ],
    output: [info('y'), info('r')],
  });

const elsewhere = {
  dataLocation: 1,
  externalData: [
    { key: 'location', value: 'data.bin' },
    { key: 'offset', value: '8' },
  ],
};

describe('a model that is read through a window', () => {
  const content = model({ rawData: raw });
  const graphOf = (source: Uint8Array | ByteSource) =>
    graphOfModel({ model: decodeModel(source, 'm'), external: new Map() }, 'm');
  const whole = graphOf(content);

  it.each([1, 2, 7, 64, 4096])('of %i bytes is the model', (window) => {
    const graph = graphOf(windowed(content, window));
    expect(printGraph(graph)).toBe(printGraph(whole));
    expect(graph.parameters).toEqual(whole.parameters);
  });

  it.each([1, 3, 10])('of %i bytes is cut where it is cut', (window) => {
    for (let length = 1; length < 200; length++) {
      const cut = content.subarray(0, length);
      const wanted = messageOf(() => decodeModel(cut, 'm'));
      expect(messageOf(() => decodeModel(windowed(cut, window), 'm'))).toBe(wanted);
    }
  });

  it('has only what is used of it read', () => {
    const read: number[] = [];
    const source = windowed(content, 256);
    const watched = {
      ...source,
      read: (start: number, end: number) => {
        read.push(end - start);
        return source.read(start, end);
      },
    };
    const { graph } = decodeModel(watched, 'm');
    expect(Math.max(...read)).toBe(256);
    const total = read.reduce((sum, length) => sum + length, 0);
    expect(total).toBeLessThan(content.length - raw.length + 512);
    expect(graph?.initializer[0]?.rawData?.read()).toEqual(raw);
  });
});

function messageOf(read: () => unknown): string {
  try {
    read();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a file that changes while it is read', () => {
  let folder = '';
  let path = '';
  const data = () => join(folder, 'data.bin');
  beforeEach(() => {
    folder = folderWith({});
    mkdirSync(join(folder, 'sub'));
    path = join(folder, 'm.onnx');
    writeFileSync(path, model({ rawData: raw }));
    writeFileSync(data(), Buffer.concat([new Uint8Array(8), raw]));
  });

  const first = (tensors: readonly TensorProto[] = []) => tensors[0] as TensorProto;

  it('is read where it does not', () => {
    const found = withModelFile(path, 'm.onnx', ({ model }) =>
      first(model.graph?.initializer).rawData?.read(),
    );
    expect(found).toEqual(raw);
  });

  it.each<[string, (file: string) => void]>([
    ['cut', (file) => truncateSync(file, 100)],
    ['written on', (file) => appendFileSync(file, 'more')],
    ['written over', (file) => utimesSync(file, new Date(), new Date(0))],
  ])('is an error where it is %s', (_, change) => {
    const read = () =>
      withModelFile(path, 'm.onnx', ({ model }) => {
        change(path);
        return first(model.graph?.initializer).rawData?.read();
      });
    expect(read).toThrow(/m\.onnx changed while it was read/);
  });

  it.each<[string, (file: string) => void]>([
    ['cut', (file) => truncateSync(file, 100)],
    ['written on', (file) => appendFileSync(file, 'more')],
  ])('is an error where the file of its tensors is %s', (_, change) => {
    writeFileSync(path, model(elsewhere));
    const read = () =>
      withModelFile(path, 'm.onnx', ({ model, external }) => {
        change(data());
        return external.get(first(model.graph?.initializer))?.read();
      });
    expect(read).toThrow(/data\.bin changed while it was read/);
  });

  it('is an error where one of very many files is another when it is opened again', () => {
    const names = Array.from({ length: 70 }, (_, i) => `part-${i}.bin`);
    for (const name of names) writeFileSync(join(folder, name), raw);
    const tensors = names.map((value, i) => ({
      ...{ ...floats(`w${i}`, [LARGE], []), dataLocation: 1 },
      externalData: [{ key: 'location', value }],
    }));
    writeFileSync(path, bytesOf({ initializer: tensors, output: [info('w0')] }));
    const readAll = (change: () => void) =>
      withModelFile(path, 'm.onnx', ({ model, external }) => {
        change();
        return model.graph?.initializer.map((tensor) => external.get(tensor)?.read());
      });
    expect(readAll(() => {})).toEqual(names.map(() => raw));
    const replaced = join(folder, 'part-69.bin');
    expect(() => readAll(() => writeFileSync(replaced, new Uint8Array(4004)))).toThrow(
      /part-69\.bin changed while it was read/,
    );
  });
});
