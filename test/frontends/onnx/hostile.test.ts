/** Files of strangers: each is refused with a reason, at once, and before memory is taken. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EncompileError } from '../../../src/errors.ts';
import { importOnnx } from '../../../src/frontends/onnx/index.ts';
import type { Draft } from '../../../src/onnx/codec.ts';
import { DATA_TYPE, type GraphProto, type TensorProto } from '../../../src/onnx/schema.ts';
import { processorClock } from '../../support/processor-time.ts';
import { bytesOf, floats, imported, info, ints, node } from './made-model.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'encompile-onnx-'));
  mkdirSync(join(folder, 'sub'));
  symlinkSync('/etc/passwd', join(folder, 'link.bin'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Milliseconds of processor time: a second, and what a cold start may take beside it. */
const BOUND = 3000;

/** The message with which the work is refused, at once. */
async function refusal(work: () => unknown): Promise<string> {
  const elapsed = processorClock();
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(EncompileError);
    expect(elapsed()).toBeLessThan(BOUND);
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

const save = (name: string, content: Uint8Array) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

/** y = x + w, with a weight of one's own. */
const adding = (weight: Draft<TensorProto>, dims: readonly number[] = [2]): Draft<GraphProto> => ({
  input: [info('x', dims)],
  initializer: [weight],
  node: [node('Add', ['x', 'w'], ['y'])],
  output: [info('y')],
});

describe('tensors', () => {
  const ENDLESS = [2 ** 31, 2 ** 31];
  it.each<[string, Draft<TensorProto>, string]>([
    [
      'of more elements than there are bytes',
      { ...floats('w', [1 << 30], []), rawData: new Uint8Array(8) },
      'for which 4294967296 bytes were expected',
    ],
    ['of 2^62 elements', floats('w', ENDLESS, []), 'at most 2^40 elements'],
    [
      'of 2^63 - 1 rows',
      { ...floats('w', [], []), dims: [2n ** 63n - 1n] },
      'at most 2^40 elements',
    ],
    ['of a negative dim', { ...floats('w', [], []), dims: [-1n] }, 'dims from 0'],
    [
      'of too few numbers',
      floats('w', [3], [1, 2]),
      'for which 3 numbers were expected, but 2 are there',
    ],
    [
      'of strings',
      { name: 'w', dims: [2n], dataType: DATA_TYPE.string },
      'where numbers or bools were expected',
    ],
    ['of an unknown type', { name: 'w', dims: [2n], dataType: 99 }, 'the type 99'],
  ])('%s', async (_, weight, message) => {
    expect(await refusal(() => imported(adding(weight)))).toContain(message);
  });
});

describe('inputs', () => {
  it.each<[string, Draft<GraphProto>['input'], string]>([
    [
      'of 2^63 - 1 rows',
      [
        {
          ...info('x'),
          type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2n ** 63n - 1n }] } } },
        },
      ],
      'elements along axis 0',
    ],
    ['of -1 rows', [info('x', [-1])], 'elements along axis 0'],
    ['without a shape', [{ name: 'x', type: { tensorType: { elemType: 1 } } }], 'has no shape'],
    ['that are no tensors', [{ name: 'x', type: {} }], 'is no tensor'],
    ['twice', [info('x', [2]), info('x', [2])], 'declared twice'],
  ])('%s', async (_, input = [], message) => {
    const graph = { input, node: [node('Relu', ['x'], ['y'])], output: [info('y')] };
    expect(await refusal(() => imported(graph))).toContain(message);
  });
});

describe('structure', () => {
  it('a file that is cut anywhere', async () => {
    const whole = bytesOf(adding(floats('w', [2], [1, 2])));
    for (let length = 0; length < whole.length; length += 3) {
      const path = save('cut.onnx', whole.subarray(0, length));
      await refusal(() => importOnnx(path));
    }
  });

  it('subgraphs in subgraphs', async () => {
    let graph: Draft<GraphProto> = { node: [node('Relu', ['x'], ['r'])], output: [info('r')] };
    for (let depth = 0; depth < 40; depth++) {
      const name = `if${depth}`;
      graph = {
        node: [node('If', ['yes'], [name], { then_branch: graph, else_branch: { node: [] } })],
        output: [info(name)],
      };
    }
    const yes = { name: 'yes', dims: [], dataType: DATA_TYPE.bool, int32Data: [1] };
    const whole = { ...graph, input: [info('x', [2])], initializer: [yes] };
    expect(await refusal(() => imported(whole))).toMatch(
      /nested more than 100 deep|more than 30 deep/,
    );
  });

  it.each(['ConstantOfShape', 'Expand'])(
    '%s to 2^62 elements, and a range of as many',
    async (op) => {
      const wide = ints('wide', [2], [2 ** 31 - 1, 2 ** 31 - 1]);
      const graph = {
        input: [info('x', [1])],
        initializer: [wide, ints('zero', [], [0]), ints('one', [], [1])],
        node: [
          node(op, op === 'Expand' ? ['x', 'wide'] : ['wide'], ['big']),
          node('Size', ['big'], ['n']),
          node('Range', ['zero', 'n', 'one'], ['y']),
        ],
        output: [info('y')],
      };
      expect(await refusal(() => imported(graph))).toContain('at most 2^40 elements');
    },
  );

  it('a loop without an end', async () => {
    const body = {
      input: [info('i', [], 'int64'), info('on', [], 'bool'), info('s', [1])],
      node: [node('Identity', ['on'], ['go']), node('Relu', ['s'], ['t'])],
      output: [info('go'), info('t')],
    };
    const graph = {
      input: [info('x', [1])],
      node: [node('Loop', ['', '', 'x'], ['y'], { body })],
      output: [info('y')],
    };
    expect(await refusal(() => imported(graph))).toContain('more than 1024 steps');
  });

  it('no outputs, and no graph', async () => {
    expect(await refusal(() => imported({ input: [info('x', [2])] }))).toContain('has no outputs');
    const path = save('empty.onnx', new Uint8Array(0));
    expect(await refusal(() => importOnnx(path))).toContain('has no graph');
  });
});

describe('external data', () => {
  const outside = (location: string, more: Record<string, string> = {}): Draft<TensorProto> => ({
    name: 'w',
    dims: [2n],
    dataType: DATA_TYPE.float,
    dataLocation: 1,
    externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
  });
  const taking = (tensor: Draft<TensorProto>) => () =>
    importOnnx(save('model.onnx', bytesOf(adding(tensor))));

  it('is read from where it says', async () => {
    save('weights.bin', new Uint8Array(Float32Array.of(0, 3, 4, 0).buffer));
    const graph = await taking(outside('weights.bin', { offset: '4', length: '8' }))();
    // a small tensor is known, and becomes a parameter where it is used
    expect([...(graph.parameters[0]?.data?.data ?? [])]).toEqual([3, 4]);
  });

  it.each<[string, string, Record<string, string>, string]>([
    ['above the folder', '../weights.bin', {}, "no '..'"],
    ['at an absolute path', '/etc/passwd', {}, "no '..'"],
    ['that is not there', 'absent.bin', {}, 'cannot be reached'],
    ['behind a link out of the folder', 'link.bin', {}, 'leads out of'],
    ['that is a folder', 'sub', {}, 'is not a file'],
    ['from behind its end', 'weights.bin', { offset: '16' }, 'which has 16'],
    ['from 2^64 on', 'weights.bin', { offset: '18446744073709551616' }, 'a number of bytes'],
    ['from before its start', 'weights.bin', { offset: '-4' }, 'a number of bytes'],
    ['of another length', 'weights.bin', { length: '4' }, 'said to be the 4 bytes'],
  ])('%s', async (_, location, more, message) => {
    save('weights.bin', new Uint8Array(16));
    expect(await refusal(taking(outside(location, more)))).toContain(message);
  });
});
