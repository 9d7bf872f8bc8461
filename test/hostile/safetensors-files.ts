/** Safetensors files of strangers, each with words of the error that refuses it. */

/** A file of `length` bytes, which are zeros behind its start. */
export interface Sparse {
  readonly start: Uint8Array;
  readonly length: number;
}

export type HostileFile = readonly [
  name: string,
  words: string,
  content: () => Uint8Array | Sparse,
];

const MEGABYTE = 1_000_000;
/** The longest header that the format allows, and the longest that is taken. */
const [FORMAT, TAKEN] = [100 * MEGABYTE, 12 * MEGABYTE];

/** A file of this header; `length` may lie about it. */
function file(header: string | Uint8Array, data = new Uint8Array(), length?: bigint): Uint8Array {
  const text = Buffer.from(header as string);
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(length ?? BigInt(text.length));
  return Buffer.concat([start, text, data]);
}

/** A file of this header, and of zeros behind it. */
function sparse(header: string, data: number): Sparse {
  const start = file(header);
  return { start, length: start.length + data };
}

const tensor = (name: string, shape: string, begin: number, end: number, dtype = 'F32') =>
  `"${name}":{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${begin},${end}]}`;
const tensors = (...all: readonly string[]) => `{${all.join(',')}}`;
const keys = (count: number, long = '', value = '0') =>
  Array.from({ length: count }, (_, i) => `"${i.toString(36)}${long}":${value}`).join(',');
/** `"a": ["b", ...]` of as many characters as a header may have. */
const filled = (item: string) => `{"a":[${item.repeat(Math.floor(TAKEN / item.length) - 8)}0]}`;
const many = (item: string, count: number) => `{"a":[${`${item},`.repeat(count)}${item}]}`;
const NUL = 0;

export const SAFETENSORS: readonly HostileFile[] = [
  ['zeros', 'begins with', () => file(new Uint8Array(MEGABYTE).fill(NUL))],
  ['a header of 100 MB', 'at most 12000000', () => file(' '.repeat(FORMAT))],
  ['one of 100 MB of keys', 'at most 12000000', () => file(`{${keys(7_000_000)}}`)],
  ['one of 2^63 bytes', 'announce', () => file('{}', new Uint8Array(8), 2n ** 63n)],
  ['one that is longer than its file', 'announce', () => file('{}', new Uint8Array(8), 11n)],
  ['spaces', 'do not fit', () => file(`{${' '.repeat(TAKEN - 2)}}`)],
  ['a string', 'described by', () => file(`{"a":"${'a'.repeat(TAKEN - 8)}"}`)],
  ['a wide string', 'described by', () => file(`{"a":"\u20ac${'a'.repeat(TAKEN - 11)}"}`)],
  ['keys', 'described by', () => file(`{${keys(199_990)}}`)],
  ['long keys', 'described by', () => file(`{${keys(199_990, 'q'.repeat(45), '"u"')}}`)],
  ['wide keys', 'described by', () => file(`{${keys(199_990, '\u20ac'.repeat(8))}}`)],
  ['more keys', '1000000 values', () => file(`{${keys(1_000_000)}}`)],
  ['lists', 'described by', () => file(many('[]', 499_990))],
  ['objects', 'described by', () => file(many('{}', 499_990))],
  ['numbers', 'described by', () => file(many('1.5', 999_980))],
  ['strings', 'described by', () => file(many('"abcdefgh"', 999_980))],
  ['more numbers', '1000000 values', () => file(filled('1,'))],
  ['brackets', 'more than 64 levels', () => file(`{"a":${'['.repeat(MEGABYTE)}`)],
  ['deep objects', 'more than 64 levels', () => file('{"a":'.repeat(1_000_000))],
  [
    'texts about the file',
    'do not fit',
    () => file(`{"__metadata__":{${keys(199_900, '', '"u"')}}}`),
  ],
  ['what is no UTF-8', 'not UTF-8', () => file(Uint8Array.of(0x7b, 0xff, 0x7d))],
  ['11 MB and no UTF-8', 'not UTF-8', () => file(Buffer.alloc(11 * MEGABYTE, '{\xff', 'latin1'))],
  ['a name twice', 'twice', () => file(tensors(tensor('w', '1', 0, 4), tensor('w', '1', 4, 8)))],
  [
    'tensors that overlap',
    'overlaps',
    () => file(tensors(tensor('v', '1', 0, 4), tensor('w', '1', 2, 6)), new Uint8Array(6)),
  ],
  ['offsets past the end', 'lies at bytes', () => file(tensors(tensor('w', '4', 0, 16)))],
  ['offsets beyond 2^53', 'data_offsets', () => file(tensors(tensor('w', '4', 0, 2 ** 64)))],
  ['reversed offsets', 'data_offsets', () => file(tensors(tensor('w', '4', 16, 0)))],
  [
    '2^80 elements',
    'more than a file',
    () => file(tensors(tensor('w', `${2 ** 40},${2 ** 40}`, 0, 4))),
  ],
  ['2^63 elements', 'has shape', () => file(tensors(tensor('w', '9223372036854775808', 0, 4)))],
  [
    '3 GB of honest zeros that nobody wants',
    '1 extra',
    () => sparse(tensors(tensor('zeros', '750000000', 0, 3_000_000_000)), 3_000_000_000),
  ],
  [
    '3 GB of honest zeros in another shape',
    'expected f32[4, 3]',
    () => sparse(tensors(tensor('weight', '750000000', 0, 3_000_000_000)), 3_000_000_000),
  ],
  [
    '3 GB of which the header knows nothing',
    'belongs to no tensor',
    () => sparse(tensors(tensor('w', '1', 0, 4)), 3_000_000_000),
  ],
  ['negative dims', 'has shape', () => file(tensors(tensor('w', '-1', 0, 4)))],
];

/** Files of a Hugging Face folder that has a sound config.json, each by its name. */
export const FOLDER: readonly (readonly [file: string, ...HostileFile])[] = [
  [
    'config.json',
    'zeros',
    'at most 12000000',
    () => ({ start: new Uint8Array(), length: 10 ** 9 }),
  ],
  ['config.json', 'keys', 'has no weights', () => Buffer.from(`{${keys(199_990)}}`)],
  ['config.json', 'brackets', '64 levels', () => Buffer.from('['.repeat(MEGABYTE))],
  [
    'modules.json',
    'modules',
    'cannot be compiled',
    () => Buffer.from(`[${'{},'.repeat(200_000)}{}]`),
  ],
  [
    'model.safetensors.index.json',
    'shards',
    'cannot be reached',
    () => Buffer.from(`{"weight_map":{${keys(100_000, '', '"no.safetensors"')}}}`),
  ],
];
