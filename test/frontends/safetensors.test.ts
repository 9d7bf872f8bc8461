import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as compiler from '../../src/compiler.ts';
import { EncompileError } from '../../src/errors.ts';
import {
  encodeSafetensors,
  parseSafetensors,
  readSafetensors,
  writeSafetensors,
} from '../../src/frontends/safetensors.ts';
import type { DType, TensorData } from '../../src/ir/types.ts';
import { processorClock } from '../support/processor-time.ts';
import { describeWithData } from '../support/test-data.ts';

/** A file of this header and data; `length` may lie about the header's. */
function file(header: string | Uint8Array, data: Uint8Array = new Uint8Array(), length?: bigint) {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function tensor(dtype: string, shape: readonly unknown[], begin: number, end: number) {
  return { dtype, shape, data_offsets: [begin, end] };
}

function parseOne(dtype: string, shape: readonly number[], data: Uint8Array): TensorData {
  const header = JSON.stringify({ w: tensor(dtype, shape, 0, data.length) });
  const parsed = parseSafetensors(file(header, data), 'x.safetensors').get('w');
  if (!parsed) throw new Error('the tensor was not read');
  return parsed;
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

describe('reading', () => {
  it('maps every stored type to a dtype and its numbers', () => {
    const cases: [string, ArrayBufferView, DType, number[] | bigint[]][] = [
      ['F32', Float32Array.of(1.5, -0), 'f32', [1.5, -0]],
      ['F16', Uint16Array.of(0x3e00, 0xfc00, 0x0001), 'f16', [1.5, -Infinity, 2 ** -24]],
      ['BF16', Uint16Array.of(0x3fc0, 0x7f80), 'f32', [1.5, Infinity]],
      ['F64', Float64Array.of(0.1, 1e300), 'f32', [Math.fround(0.1), Infinity]],
      ['I64', BigInt64Array.of(-(2n ** 63n), 7n), 'i64', [-(2n ** 63n), 7n]],
      ['I32', Int32Array.of(-(2 ** 31), 7), 'i32', [-(2 ** 31), 7]],
      ['I16', Int16Array.of(-32768, 7), 'i32', [-32768, 7]],
      ['I8', Int8Array.of(-128, 7), 'i8', [-128, 7]],
      ['U8', Uint8Array.of(255, 7), 'u8', [255, 7]],
      ['BOOL', Uint8Array.of(0, 1), 'bool', [0, 1]],
    ];
    for (const [stored, data, dtype, numbers] of cases) {
      const parsed = parseOne(stored, [numbers.length], bytesOf(data));
      expect(parsed.dtype, stored).toBe(dtype);
      expect([...parsed.data], stored).toEqual(numbers);
    }
  });

  it('decodes all 65,536 float16 values the same with and without the table', () => {
    const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
    const few = [...parseOne('F16', [100], bytesOf(all.subarray(0x3bb0, 0x3bb0 + 100))).data];
    const whole = [...parseOne('F16', [65_536], bytesOf(all)).data] as number[];
    expect(whole.slice(0x3bb0, 0x3bb0 + 100)).toEqual(few);
    for (const [bits, value] of whole.entries()) {
      const exponent = (bits >> 10) & 31;
      const fraction = bits & 1023;
      const magnitude =
        exponent === 31
          ? fraction === 0
            ? Infinity
            : Number.NaN
          : exponent === 0
            ? fraction * 2 ** -24
            : (1 + fraction / 1024) * 2 ** (exponent - 15);
      if (!Object.is(value, bits >> 15 ? -magnitude : magnitude)) {
        expect.fail(`float16 bits 0x${bits.toString(16)} gave ${value}`);
      }
    }
  });

  it('copies data that is not aligned', () => {
    const data = new Uint8Array(1 + 8);
    data.set(bytesOf(Float32Array.of(1, 2)), 1);
    const header = JSON.stringify({ flag: tensor('U8', [1], 0, 1), w: tensor('F32', [2], 1, 9) });
    for (const padding of ['', ' ', '  ', '   ']) {
      const parsed = parseSafetensors(file(header + padding, data), 'x');
      expect([...(parsed.get('w')?.data ?? [])]).toEqual([1, 2]);
    }
  });

  it('reads scalars, empty tensors, no tensors, and a Buffer', () => {
    const header = JSON.stringify({
      scalar: tensor('F32', [], 0, 4),
      none: tensor('F32', [0, 2 ** 50], 4, 4),
      bytes: tensor('U8', [1], 4, 5),
    });
    const data = Uint8Array.of(...bytesOf(Float32Array.of(3)), 9);
    const parsed = parseSafetensors(Buffer.from(file(header, data)), 'x');
    expect(parsed.get('scalar')).toEqual({ dtype: 'f32', shape: [], data: Float32Array.of(3) });
    expect(parsed.get('none')?.data.length).toBe(0);
    expect(parsed.get('bytes')?.data).toStrictEqual(Uint8Array.of(9));
    expect(parseSafetensors(file('{}'), 'x').size).toBe(0);
  });

  it('gives tensors in the order of their bytes, whatever their names are', () => {
    const header =
      '{"10":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},' +
      '"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},' +
      '"":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"__metadata__":{"constructor":"x"}}';
    const parsed = parseSafetensors(file(header, Uint8Array.of(1, 2, 3)), 'x');
    expect([...parsed].map(([name, { data }]) => [name, data[0]])).toEqual([
      ['__proto__', 1],
      ['', 2],
      ['10', 3],
    ]);
  });
});

describe('hostile and damaged files are refused within a second, by name', () => {
  const valid = tensor('F32', [2], 0, 8);
  const eight = new Uint8Array(8);
  const one = (description: unknown) => file(JSON.stringify({ 'a.b': description }), eight);
  const named = /"a\.b" in bad\.safetensors/;
  const cases: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(), /bad\.safetensors .* has 0 bytes/],
    ['seven bytes', new Uint8Array(7), /has 7 bytes/],
    [
      'a Git LFS pointer',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n'),
      /Git LFS pointer.*git lfs pull/,
    ],
    ['a header longer than the file', file('{}', eight, 11n), /header of 11 bytes.* has 10 left/],
    ['a header of 2^64 - 1 bytes', file('{}', eight, 2n ** 64n - 1n), /18446744073709551615/],
    ['a header past the cap', file(new Uint8Array(12_000_001)), /at most 12000000 are taken/],
    ['no header', file('', eight), /begins with ""/],
    ['a header that is not UTF-8', file(Uint8Array.of(0x7b, 0xff, 0x7d)), /not UTF-8/],
    ['a byte order mark', file('\u{feff}{}'), /begins with "\\u\{feff\}\{\}"/],
    ['text that is no JSON', file('{"a": }'), /not valid JSON/],
    ['an open string', file(`{"${'a'.repeat(5_000_000)}`), /not valid JSON/],
    ['a JSON list', file('[]'), /begins with "\[\]"/],
    ['a million open brackets', file('{"a":'.repeat(1_000_000)), /more than 64 levels/],
    ['a million lists', file(`{"a":[${'[],'.repeat(1_000_000)}0]}`), /1000000 values/],
    ['a million numbers', file(`{"a":[${'1,'.repeat(1_000_000)}0]}`), /1000000 values/],
    ['a name twice', file('{"a":{},"b":{},"a":{}}'), /key "a" twice/],
    ['a name twice, once escaped', file('{"a":{},"\\u0061":{}}'), /key "a" twice/],
    ['dtype twice', file('{"a.b":{"dtype":"U8","dtype":"F32"}}'), /key "dtype" twice/],
    ['metadata that is no text', file('{"__metadata__":{"a":1}}'), /__metadata__ in the header/],
    ['a tensor that is a number', one(3), /described by 3/],
    ['a tensor that is a list', one([]), named],
    ['no dtype', one({ ...valid, dtype: undefined }), /has dtype undefined.*F32, F16/],
    ['an unknown dtype', one({ ...valid, dtype: 'F8_E4M3' }), /dtype "F8_E4M3"/],
    ['a dtype of Object.prototype', one({ ...valid, dtype: 'constructor' }), /"constructor"/],
    ['no shape', one({ ...valid, shape: undefined }), /shape undefined/],
    ['a negative dim', one({ ...valid, shape: [-2] }), /shape \[-2\]/],
    ['a negative zero', file('{"a.b":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}'), named],
    ['a fractional dim', one({ ...valid, shape: [2.5] }), /shape \[2.5\]/],
    ['a dim as text', one({ ...valid, shape: ['2'] }), /shape \["2"\]/],
    ['a dim beyond 2^53', file('{"a.b":{"dtype":"U8","shape":[9007199254740993]}}'), named],
    ['an infinite dim', file('{"a.b":{"dtype":"U8","shape":[1e999]}}'), named],
    ['900,000 dims', one({ ...valid, shape: Array(900_000).fill(1) }), /at most 64/],
    ['a shape that overflows', one({ ...valid, shape: [2 ** 32, 2 ** 32] }), /more than a file/],
    ['a shape past the data', one({ ...valid, shape: [2 ** 40] }), /needs 4398046511104/],
    ['a shape that needs less', one({ ...valid, shape: [1] }), /has 8 bytes.*needs 4/],
    ['no offsets', one({ ...valid, data_offsets: undefined }), /data_offsets undefined/],
    ['one offset', one({ ...valid, data_offsets: [0] }), /data_offsets \[0\]/],
    ['negative offsets', one({ ...valid, data_offsets: [-8, 0] }), /data_offsets \[-8,0\]/],
    ['reversed offsets', one({ ...valid, data_offsets: [8, 0] }), /data_offsets \[8,0\]/],
    ['fractional offsets', one({ ...valid, data_offsets: [0.5, 8.5] }), /data_offsets \[0.5/],
    ['offsets past the end', one(tensor('F32', [3], 0, 12)), /bytes 0 to 12.*only 8 bytes/],
    ['a hole at the start', one(tensor('F32', [1], 4, 8)), /hole after the start/],
    ['bytes after the last', one(tensor('F32', [1], 0, 4)), /8 bytes of data.*end at byte 4/],
    [
      'a hole between tensors',
      file(JSON.stringify({ a: tensor('U8', [1], 0, 1), b: tensor('U8', [6], 2, 8) }), eight),
      /"b".*byte 2.*hole after tensor "a", which ends at byte 1/,
    ],
    [
      'an overlap',
      file(JSON.stringify({ a: tensor('U8', [5], 0, 5), b: tensor('U8', [4], 4, 8) }), eight),
      /"b".*byte 4.*overlaps tensor "a"/,
    ],
    [
      'the same bytes twice',
      file(JSON.stringify({ a: valid, b: valid }), eight),
      /"b".*overlaps tensor "a"/,
    ],
    [
      'a bool of 7',
      file(
        JSON.stringify({ a: tensor('BOOL', [8], 0, 8) }),
        eight.map(() => 7),
      ),
      /7/,
    ],
    [
      'a name that would steer a terminal',
      file(JSON.stringify({ '\u001b[2J\u009b2J\u202e': 1 })),
      /"\\u001b\[2J\\u\{9b\}2J\\u\{202e\}"/,
    ],
    ['a name of a megabyte', file(JSON.stringify({ ['a'.repeat(1_000_000)]: 1 })), /\(cut\)/],
  ];
  it.each(cases)('%s', (_, bytes, message) => {
    const elapsed = processorClock();
    let thrown: unknown;
    try {
      parseSafetensors(bytes, 'bad.safetensors');
    } catch (error) {
      thrown = error;
    }
    const time = elapsed();
    expect(thrown).toBeInstanceOf(EncompileError);
    const text = (thrown as EncompileError).message;
    expect(text).toMatch(message);
    expect(text).toContain('bad.safetensors');
    expect(text.length).toBeLessThan(800);
    expect(time).toBeLessThan(1000);
  });

  it('survives any bytes with a valid length, and any damage to one byte', () => {
    const whole = encodeSafetensors(
      new Map([
        ['a', { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) }],
        ['b', { dtype: 'i8', shape: [3], data: Int8Array.of(1, 2, 3) }],
      ]),
    );
    const refusesOrReads = (bytes: Uint8Array) => {
      try {
        parseSafetensors(bytes, 'x');
      } catch (error) {
        expect(error).toBeInstanceOf(EncompileError);
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => refusesOrReads(file(bytes))),
    );
    fc.assert(fc.property(fc.json(), (json) => refusesOrReads(file(json))));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = whole.slice();
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        refusesOrReads(damaged);
      }),
    );
  });
});

/** Tensors of any dtype, name and shape, with numbers that the file can hold. */
const anyTensor: fc.Arbitrary<TensorData> = fc
  .tuple(
    fc.constantFrom<DType>('f32', 'f16', 'i64', 'i32', 'i8', 'u8', 'bool'),
    fc.array(fc.nat(4), { maxLength: 4 }),
  )
  .chain(([dtype, shape]) => {
    const length = shape.reduce((product, dim) => product * dim, 1);
    const array = <T>(item: fc.Arbitrary<T>) =>
      fc.array(item, { minLength: length, maxLength: length });
    const data: { readonly [D in DType]: fc.Arbitrary<TensorData['data']> } = {
      f32: fc.float32Array({ minLength: length, maxLength: length }),
      f16: array(fc.nat(0xffff)).map((bits) => {
        const stored = Uint16Array.from(bits, (value) => (((value >> 10) & 31) === 31 ? 0 : value));
        return parseOne('F16', [length], bytesOf(stored)).data;
      }),
      i64: array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map((values) =>
        BigInt64Array.from(values),
      ),
      i32: fc.int32Array({ minLength: length, maxLength: length }),
      i8: fc.int8Array({ minLength: length, maxLength: length }),
      u8: fc.uint8Array({ minLength: length, maxLength: length }),
      bool: fc.uint8Array({ minLength: length, maxLength: length, max: 1 }),
    };
    return data[dtype].map((values) => ({ dtype, shape, data: values }));
  });
const anyName = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('__proto__', 'constructor', '0', '"\n*/`${', 'ünï.cödé'),
);
const anyTensors = fc
  .uniqueArray(fc.tuple(anyName, anyTensor), { selector: ([name]) => name, maxLength: 6 })
  .map((entries) => new Map(entries));

describe('writing', () => {
  it('reads back what it wrote, with the same bytes for any order of the tensors', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        const bytes = encodeSafetensors(tensors);
        const parsed = parseSafetensors(bytes, 'x');
        expect(parsed.size).toBe(tensors.size);
        for (const [name, expected] of tensors) expect(parsed.get(name)).toStrictEqual(expected);
        expect(encodeSafetensors(new Map([...tensors].reverse()))).toEqual(bytes);
      }),
    );
  });

  it('aligns every tensor and writes metadata in order', () => {
    const bytes = encodeSafetensors(
      new Map<string, TensorData>([
        ['a', { dtype: 'i8', shape: [3], data: Int8Array.of(1, 2, 3) }],
        ['b', { dtype: 'i64', shape: [1], data: BigInt64Array.of(5n) }],
        ['c', { dtype: 'f16', shape: [1], data: Float32Array.of(1) }],
      ]),
      new Map([
        ['z', '1'],
        ['format', 'pt'],
      ]),
    );
    const length = new DataView(bytes.buffer).getUint32(0, true);
    expect(length % 8).toBe(0);
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length)).trimEnd()).toBe(
      '{"__metadata__":{"format":"pt","z":"1"},' +
        '"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
        '"c":{"dtype":"F16","shape":[1],"data_offsets":[8,10]},' +
        '"a":{"dtype":"I8","shape":[3],"data_offsets":[10,13]}}',
    );
  });

  it('rounds f16 to nearest, ties to even', () => {
    const values = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 65_519.996, 65_520, 2 ** -25, 3 * 2 ** -26];
    const data = Float32Array.from(values);
    const bytes = encodeSafetensors(new Map([['w', { dtype: 'f16', shape: [6], data }]]));
    expect([...(parseSafetensors(bytes, 'x').get('w')?.data ?? [])]).toEqual([
      1,
      1 + 2 ** -9,
      65_504,
      Infinity,
      0,
      2 ** -24,
    ]);
  });

  it.each<[string, string, TensorData, RegExp]>([
    [
      'a reserved name',
      '__metadata__',
      { dtype: 'u8', shape: [], data: Uint8Array.of(1) },
      /reserves/,
    ],
    [
      'half a surrogate',
      'a\ud800',
      { dtype: 'u8', shape: [], data: Uint8Array.of(1) },
      /surrogate/,
    ],
    [
      'too few numbers',
      'w',
      { dtype: 'u8', shape: [2], data: Uint8Array.of(1) },
      /2 elements.* 1\./,
    ],
    ['another array', 'w', { dtype: 'f32', shape: [1], data: Int32Array.of(1) }, /a Int32Array/],
    ['a bool of 2', 'w', { dtype: 'bool', shape: [1], data: Uint8Array.of(2) }, /element 0 is 2/],
    ['a fractional dim', 'w', { dtype: 'u8', shape: [0.5], data: Uint8Array.of(2) }, /whole/],
  ])('refuses %s', (_, name, bad, message) => {
    const write = () => encodeSafetensors(new Map([[name, bad]]));
    expect(write).toThrow(EncompileError);
    expect(write).toThrow(message);
  });
});

describe('files', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'encompile-safetensors-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const tensors = new Map<string, TensorData>([
    ['w', { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) }],
  ]);

  it('writes whole files, over older ones, and leaves nothing else behind', async () => {
    const path = join(folder, 'weights.safetensors');
    await writeFile(path, 'old');
    await compiler.writeSafetensors(path, tensors);
    expect(await readdir(folder)).toEqual(['weights.safetensors']);
    expect(await compiler.readSafetensors(path)).toEqual(tensors);
    expect(new Uint8Array(await readFile(path))).toEqual(encodeSafetensors(tensors));
  });

  it('leaves the old file and nothing else where it cannot write', async () => {
    const occupied = join(folder, 'occupied');
    await writeSafetensors(join(folder, 'weights.safetensors'), tensors);
    await mkdir(join(occupied, 'inner'), { recursive: true });
    await expect(writeSafetensors(occupied, tensors)).rejects.toThrow('is a folder, where a file');
    await expect(writeSafetensors(join(folder, 'no', 'x'), tensors)).rejects.toThrow(
      EncompileError,
    );
    expect((await readdir(folder)).sort()).toEqual(['occupied', 'weights.safetensors']);
  });

  it('says which file is absent, a folder, or cut short', async () => {
    const path = join(folder, 'short.safetensors');
    const bytes = encodeSafetensors(tensors);
    await writeFile(path, bytes.subarray(0, bytes.length - 1));
    await expect(readSafetensors(path)).rejects.toThrow(/short\.safetensors lies .* only 7 bytes/);
    await expect(readSafetensors(join(folder, 'absent'))).rejects.toThrow(/no file .*absent/);
    await expect(readSafetensors(folder)).rejects.toThrow(/is not a file/);
  });

  it.skipIf(process.platform === 'win32')('does not wait for a pipe', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    await expect(readSafetensors(path)).rejects.toThrow(/pipe is not a file/);
  });

  it('checks a file of a terabyte without reading it', async () => {
    const path = join(folder, 'vast.safetensors');
    await writeFile(path, file(JSON.stringify({ w: tensor('F32', [3], 0, 12) })));
    await truncate(path, 2 ** 40);
    const elapsed = processorClock();
    await expect(readSafetensors(path)).rejects.toThrow(/belongs to no tensor/);
    expect(elapsed()).toBeLessThan(1000);
  });
});

describeWithData('a file of another writer', 'torch-cases/self_attention.safetensors', (path) => {
  it('is read, and written back with the same tensors', async () => {
    const tensors = await readSafetensors(path);
    expect(tensors.size).toBeGreaterThan(0);
    expect(parseSafetensors(encodeSafetensors(tensors), 'again')).toEqual(tensors);
  });
});
