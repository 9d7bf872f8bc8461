/** The wire format against bytes written out by hand, and files that are cut, strange or hostile. */
import { describe, expect, it } from 'vitest';
import type { StoredBytes } from '../../src/onnx/byte-source.ts';
import {
  bytes,
  decode,
  double,
  encode,
  float,
  int32,
  int64,
  type Message,
  many,
  message,
  one,
  packed,
  string,
  uint64,
} from '../../src/onnx/codec.ts';
import { decodeModel, encodeModel } from '../../src/onnx/model-file.ts';
import type { Numbers } from '../../src/onnx/packed-numbers.ts';
import { DATA_TYPE } from '../../src/onnx/schema.ts';
import { windowed } from '../support/windowed.ts';

interface Sample {
  readonly name?: string;
  readonly count?: bigint;
  readonly kind?: number;
  readonly ratio?: number;
  readonly exact?: number;
  readonly raw?: StoredBytes;
  readonly large?: bigint;
  readonly dims: readonly bigint[];
  readonly numbers: Numbers<number>;
  readonly inner: readonly Sample[];
}

const SAMPLE: Message<Sample> = {
  name: one(1, string),
  count: one(2, int64),
  kind: one(3, int32),
  ratio: one(4, float),
  exact: one(5, double),
  raw: one(6, bytes),
  large: one(7, uint64),
  dims: many(8, int64),
  numbers: packed(9, int32),
  inner: many(
    10,
    message(() => SAMPLE),
  ),
};

/** What is read, with its numbers and bytes made: the same through windows of every size. */
function read(content: Uint8Array): object {
  const [whole, ...parts] = [content, ...WINDOWS.map((window) => windowed(content, window))].map(
    (source) => plain(decode(SAMPLE, source)),
  );
  for (const part of parts) expect(part).toEqual(whole);
  return whole ?? {};
}

const WINDOWS = [1, 3, 10, 64];

const plain = ({ numbers, inner, raw, ...rest }: Sample): object => ({
  ...rest,
  ...(raw && { raw: Uint8Array.from(raw.read()) }),
  numbers: Array.from(numbers.values()),
  inner: inner.map(plain),
});

const NOTHING = { dims: [], numbers: [], inner: [] };
const hex = (content: Uint8Array) => Buffer.from(content).toString('hex');
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('a message', () => {
  it.each<[object, string]>([
    [{}, ''],
    [{ name: 'é' }, '0a 02 c3a9'],
    [{ count: 300n }, '10 ac02'],
    [{ count: -1n }, '10 ffffffffffffffffff01'],
    [{ count: 0n }, '10 00'],
    [{ kind: 7 }, '18 07'],
    [{ ratio: 1 }, '25 0000803f'],
    [{ ratio: -Infinity }, '25 000080ff'],
    [{ exact: 1 }, '29 000000000000f03f'],
    [{ raw: Uint8Array.of(1, 2, 3) }, '32 03 010203'],
    [{ large: 2n ** 64n - 1n }, '38 ffffffffffffffffff01'],
    [{ dims: [1n, 300n] }, '40 01 40 ac02'],
    [{ numbers: [1, 300] }, '4a 03 01ac02'],
    [{ inner: [{ kind: 1 }, {}] }, '52 02 1801 52 00'],
  ])('%o is %s', (value, text) => {
    const content = encode(SAMPLE, value);
    expect(hex(content)).toBe(text.replaceAll(' ', ''));
    expect(encode(SAMPLE, decode(SAMPLE, content))).toEqual(content);
    expect(read(content)).toMatchObject(value);
  });

  it.each([2 ** 16 - 1, 2 ** 16, 2 ** 16 + 1])('holds %i bytes anywhere in it', (length) => {
    const raw = Uint8Array.from({ length }, (_, i) => i % 251);
    const content = encode(SAMPLE, { kind: 3, raw, inner: [{ inner: [{ raw, name: 'in' }, {}] }] });
    const found = decode(SAMPLE, content);
    expect(found.kind).toBe(3);
    expect(found.raw?.read()).toEqual(raw);
    expect(found.inner[0]?.inner.map(({ name }) => name)).toEqual(['in', undefined]);
    expect(found.inner[0]?.inner[0]?.raw?.read()).toEqual(raw);
  });

  it('has empty lists, and no single field, where nothing is written', () => {
    expect(read(new Uint8Array(0))).toEqual(NOTHING);
  });

  it('may have repeated numbers packed or not, whatever the schema says', () => {
    const expected = { ...NOTHING, dims: [1n, 300n], numbers: [1, 300] };
    expect(read(unhex('42 03 01ac02 48 01 48 ac02'))).toEqual(expected);
    const mixed = decode(SAMPLE, unhex('48 07 4a 03 01ac02 48 02 48 03 4a 01 05')).numbers;
    expect(mixed.length).toBe(6);
    expect([...Array.from(mixed.values())]).toEqual([7, 1, 300, 2, 3, 5]);
  });

  it('has the last of a single field that stands twice', () => {
    expect(read(unhex('18 01 18 02'))).toEqual({ ...NOTHING, kind: 2 });
  });

  it('is read past fields that nobody knows, of every wire type', () => {
    const unknown = 'f801 05 f901 0000000000000000 fa01 02 0102 fd01 00000000';
    expect(read(unhex(`${unknown} 18 07`))).toEqual({ ...NOTHING, kind: 7 });
  });

  it.each([
    ['cut in a length', '0a 05 61'],
    ['cut in a number', '10 ff'],
    ['of a wrong wire type', '08 01'],
    ['of a wrong wire type in a list', '45 00000000'],
    ['with a list of numbers that is cut', '4a 02 01ac'],
    ['with a number of more than 64 bits', '4a 0b ffffffffffffffffffff01'],
    ['with a length of 2^40', '0a 808080808020'],
    ['with a length of 2^40 of a message', '52 808080808020'],
  ])('%s is an error', (_, text) => {
    expect(() => read(unhex(text))).toThrow();
    for (const window of WINDOWS) {
      expect(() => plain(decode(SAMPLE, windowed(unhex(text), window)))).toThrow();
    }
  });

  it('with a string that is no UTF-8 is read, for it may be a comment', () => {
    expect(read(unhex('0a 01 ff'))).toEqual({ ...NOTHING, name: '\ufffd' });
  });

  it('nested without end is an error, and no end of the stack', () => {
    let nested = new Uint8Array(0);
    for (let i = 0; i < 200; i++) nested = new Uint8Array(encode(SAMPLE, { raw: nested }));
    const asInner = (content: Uint8Array, depth: number): Uint8Array =>
      depth === 0 ? content : wrapInner(asInner(content, depth - 1));
    expect(() => decode(SAMPLE, asInner(nested, 150))).toThrow(/more than 100 deep/);
  });
});

describe('what a short file stands for is bounded', () => {
  const repeated = (text: string, count: number) =>
    new Uint8Array(Buffer.alloc(unhex(text).length * count, unhex(text)));

  it.each([
    ['messages', '52 00', 600_000],
    ['numbers one by one', '40 01', 1_100_000],
    ['numbers of tensors one by one', '48 01', 4_300_000],
    ['groups in groups that nobody knows', 'fb01', 1000],
    ['fields that nobody knows', 'f801 00', 4_300_000],
    ['a single field again and again', '18 00', 4_300_000],
    ['packed lists of nothing', '4a 00', 1_100_000],
  ])('%s', (_, text, count) => {
    expect(() => decode(SAMPLE, repeated(text, count))).toThrow(/far more than|groups are nested/);
  });

  it('text', () => {
    const name = encode(SAMPLE, { name: 'n'.repeat(2 ** 20) });
    const content = new Uint8Array(Buffer.alloc(name.length * 33, name));
    expect(() => decode(SAMPLE, content)).toThrow(/more than 33554432 bytes of text/);
  });

  it('packed numbers of a tensor stay bytes until they are asked for', () => {
    const content = Buffer.concat([unhex('4a 80ade204'), new Uint8Array(10_000_000)]);
    const before = process.memoryUsage().heapUsed;
    const { numbers } = decode(SAMPLE, content);
    expect(numbers.length).toBe(10_000_000);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
  });
});

/** The bytes as the only `inner` of another message. */
function wrapInner(content: Uint8Array): Uint8Array {
  const raw = encode(SAMPLE, { raw: content });
  raw[0] = (10 << 3) | 2;
  return raw;
}

describe('a model file', () => {
  const model = {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'g',
      node: [{ opType: 'Relu', input: ['x'], output: ['y'] }],
      initializer: [
        { name: 'w', dims: [2n], dataType: DATA_TYPE.float, rawData: new Uint8Array(8) },
      ],
    },
  };

  it('reads back as it was written', () => {
    const content = encodeModel(model);
    const found = decodeModel(content, 'the model');
    expect(encodeModel(found)).toEqual(content);
    expect(found).toMatchObject({ irVersion: 8n, graph: { name: 'g', node: model.graph.node } });
    expect(found.graph?.initializer[0]?.rawData?.read()).toEqual(new Uint8Array(8));
  });

  it('that is cut says which file it is', () => {
    const cut = encodeModel(model).subarray(0, 20);
    expect(() => decodeModel(cut, 'model.onnx')).toThrow(/^model\.onnx is not an ONNX model: /);
  });
});
