/** ONNX files of strangers, each with words of the error that refuses it. */
import type { Draft } from '../../src/onnx/codec.ts';
import {
  DATA_TYPE,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from '../../src/onnx/schema.ts';
import { bytesOf, floats, info, ints, node } from '../frontends/onnx/made-model.ts';
import type { HostileFile, Sparse } from './safetensors-files.ts';

const MILLION = 1_000_000;
const FAR = 2 ** 31 - 1;

// Fields of the wire, which the writer of models would not write -------------------------------------

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}

const bytesField = (number: number, content: Uint8Array) =>
  Buffer.concat([varint((number << 3) | 2), varint(content.length), content]);
const numberField = (number: number, value: number | bigint) =>
  Buffer.concat([varint(number << 3), varint(value)]);
const repeated = (content: Uint8Array, count: number) =>
  Buffer.alloc(content.length * count, content);
const NOTHING = new Uint8Array(0);
const inGraph = (content: Uint8Array) => bytesField(7, content);
const inTensor = (content: Uint8Array) => inGraph(bytesField(5, content));
/** y = x + w, where the field `number` of w has all bytes from there to the end of the file. */
function tensorUpTo(length: number, number: number): Sparse {
  const nodes = Buffer.concat([adds(), declares(11, 'x'), declares(12, 'y')]);
  // Lengths of 300 million or two thousand million have five bytes.
  const tensor = (rest: number) =>
    Buffer.concat([
      ...[numberField(1, 2), numberField(2, DATA_TYPE.int64), bytesField(8, Buffer.from('w'))],
      ...[varint((number << 3) | 2), varint(rest)],
    ]);
  const start = tensor(length).length;
  const inTensor = length - nodes.length - 12;
  const head = Buffer.concat([nodes, varint((5 << 3) | 2), varint(inTensor)]);
  const graph = [varint((7 << 3) | 2), varint(length - 6), head, tensor(inTensor - start)];
  return { start: Buffer.concat(graph), length };
}
const adds = () =>
  bytesField(
    1,
    Buffer.concat([
      ...['x', 'w'].map((name) => bytesField(1, Buffer.from(name))),
      bytesField(2, Buffer.from('y')),
      bytesField(4, Buffer.from('Add')),
    ]),
  );
/** int64 of [2] */
const declares = (field: number, name: string) => {
  const type = Buffer.concat([numberField(1, 7), bytesField(2, bytesField(1, numberField(1, 2)))]);
  const fields = [bytesField(1, Buffer.from(name)), bytesField(2, bytesField(1, type))];
  return bytesField(field, Buffer.concat(fields));
};
const inNode = (content: Uint8Array) => inGraph(bytesField(1, content));

function graphInGraph(depth: number): Uint8Array {
  let inner: Uint8Array = NOTHING;
  for (let i = 0; i < depth; i++) inner = bytesField(1, bytesField(5, bytesField(6, inner)));
  return inGraph(inner);
}

const TOO_MANY = 'far more than any model';

const WIRE: readonly HostileFile[] = [
  ['zeros', 'not an ONNX model', () => ({ start: NOTHING, length: 300 * MILLION })],
  ['a length of 2^40', 'where 0 are left', () => Buffer.concat([varint(58), varint(2n ** 40n)])],
  [
    'a varint of 11 bytes',
    'not an ONNX model',
    () => Buffer.from('08ffffffffffffffffffff01', 'hex'),
  ],
  ['groups in groups', 'groups are nested', () => repeated(varint((31 << 3) | 3), 10 * MILLION)],
  ['graphs in graphs', 'more than 100 deep', () => graphInGraph(3000)],
  ['empty nodes', TOO_MANY, () => inGraph(repeated(bytesField(1, NOTHING), 8 * MILLION))],
  [
    'just not too many nodes',
    '10000 of its 349000 nodes',
    () => inGraph(repeated(bytesField(1, NOTHING), 349_000)),
  ],
  ['empty tensors', TOO_MANY, () => inGraph(repeated(bytesField(5, NOTHING), MILLION))],
  ['empty attributes', TOO_MANY, () => inNode(repeated(bytesField(5, NOTHING), MILLION))],
  ['names', TOO_MANY, () => inNode(repeated(bytesField(1, Buffer.from('abcdefgh')), 2 * MILLION))],
  ['graphs', TOO_MANY, () => repeated(inGraph(NOTHING), MILLION)],
  [
    'a note of 100 MB',
    'bytes of text',
    () => bytesField(6, new Uint8Array(100 * MILLION).fill(97)),
  ],
  [
    '60 million packed numbers',
    'no outputs',
    () => inTensor(bytesField(5, new Uint8Array(60 * MILLION))),
  ],
  [
    '8 million packed wide numbers',
    'no outputs',
    () => inTensor(bytesField(7, new Uint8Array(8 * MILLION))),
  ],
  [
    '300 million packed numbers for a tensor of two',
    '2 numbers were expected',
    () => tensorUpTo(300 * MILLION, 7),
  ],
  [
    '2 GB of raw bytes for a tensor of two',
    '16 bytes were expected',
    () => tensorUpTo(2000 * MILLION, 9),
  ],
  [
    'fields that nobody knows',
    'far more than any model',
    () => repeated(numberField(31, 0), 9 * MILLION),
  ],
  ['dims', TOO_MANY, () => inTensor(repeated(numberField(1, 1), 8 * MILLION))],
  [
    'integers of an attribute',
    TOO_MANY,
    () => inNode(bytesField(5, repeated(numberField(8, 1), 8 * MILLION))),
  ],
  [
    'a file that is cut',
    'not an ONNX model',
    () => bytesOf(one(node('Relu', ['x'], ['y']))).subarray(0, -5),
  ],
];

// Graphs ------------------------------------------------------------------------------------------

/** y = the op of x and constants. */
function one(
  made: Draft<NodeProto>,
  initializer: readonly Draft<TensorProto>[] = [],
  x: readonly (number | string)[] = [1],
): Draft<GraphProto> {
  return { input: [info('x', x)], initializer, node: [made], output: [info('y')] };
}

/** What is called `name` inside of `depth` ops with bodies. */
function nested(depth: number, wrap: (inner: Draft<GraphProto>, at: number) => Draft<NodeProto>) {
  let graph: Draft<GraphProto> = { node: [node('Relu', ['x'], ['r0'])], output: [info('r0')] };
  for (let at = 1; at <= depth; at++) {
    graph = { node: [wrap(graph, at)], output: [info(`r${at}`)] };
  }
  return { ...graph, input: [info('x', [2])] };
}

const yes = { name: 'yes', dims: [], dataType: DATA_TYPE.bool, int32Data: [1] };
const ifs = nested(40, (inner, at) =>
  node('If', ['yes'], [`r${at}`], { then_branch: inner, else_branch: { node: [] } }),
);
const trips = { name: 'trips', dims: [], dataType: DATA_TYPE.int64, int64Data: [32n] };
/** Loops of 32 steps, each around the next. */
function loops(depth: number): Draft<NodeProto> {
  const step = (at: number): Draft<NodeProto> => {
    const [state, result] = at === 0 ? ['x', 'y'] : [`s${at}`, `t${at}`];
    if (at === depth) return node('Relu', [state], [result]);
    const next = at + 1;
    const body = {
      input: [info(`i${next}`, [], 'int64'), info(`on${next}`, [], 'bool'), info(`s${next}`, [1])],
      node: [node('Identity', [`on${next}`], [`go${next}`]), step(next)],
      output: [info(`go${next}`), info(`t${next}`)],
    };
    return node('Loop', ['trips', '', state], [result], { body });
  };
  return step(0);
}

const call = (name: string, from: string, to: string) => ({
  ...node(name, [from], [to]),
  domain: 'd',
});
const twice = (name: string, next: string) => ({
  ...{ name, domain: 'd', input: ['a'], output: ['c'] },
  node: [call(next, 'a', 'b'), call(next, 'b', 'c')],
});
const functions = Array.from({ length: 24 }, (_, i) => twice(`f${i}`, `f${i + 1}`));
const opsetImport = [{ version: 17n }, { domain: 'd', version: 1n }];

const GRAPHS: readonly HostileFile[] = [
  [
    '2^63 elements',
    'at most 2^40',
    () => bytesOf(adding({ ...floats('w', [], []), dims: [2n ** 63n - 1n] })),
  ],
  ['negative dims', 'dims from 0', () => bytesOf(adding({ ...floats('w', [], []), dims: [-1n] }))],
  ['more elements than bytes', 'were expected', () => bytesOf(adding(floats('w', [1 << 30], [1])))],
  [
    'strings',
    'numbers or bools',
    () => bytesOf(adding({ name: 'w', dims: [2n], dataType: DATA_TYPE.string })),
  ],
  [
    'an input twice',
    'declared twice',
    () => bytesOf({ ...one(node('Relu', ['x'], ['y'])), input: [info('x', [2]), info('x', [2])] }),
  ],
  [
    'a value twice',
    '"y"',
    () =>
      bytesOf({
        ...one(node('Relu', ['x'], ['y'])),
        node: [node('Relu', ['x'], ['y']), node('Abs', ['x'], ['y'])],
      }),
  ],
  ['a cycle', 'nothing before it defines', () => bytesOf(one(node('Add', ['x', 'y'], ['y'])))],
  [
    'Expand',
    '2^40',
    () => bytesOf(one(node('Expand', ['x', 's'], ['y']), [ints('s', [4], [FAR, FAR, FAR, FAR])])),
  ],
  [
    'Tile',
    'at most 2^40',
    () => bytesOf(one(node('Tile', ['x', 's'], ['y']), [ints('s', [2], [FAR, FAR])], [2, 3])),
  ],
  [
    'ConstantOfShape',
    '2^40',
    () => bytesOf(one(node('ConstantOfShape', ['s'], ['y']), [ints('s', [2], [FAR, FAR])])),
  ],
  ['loops in loops', 'stands for more than', () => bytesOf(one(loops(9), [trips]))],
  ['branches in branches', 'deep', () => bytesOf({ ...ifs, initializer: [yes] })],
  [
    'functions that call the next twice',
    'stands for more than',
    () =>
      bytesOf(one(call('f0', 'x', 'y')), {
        opsetImport,
        functions: [...functions, { ...twice('f24', ''), node: [node('Relu', ['a'], ['c'])] }],
      }),
  ],
  [
    'functions in a ring',
    'in a ring',
    () => bytesOf(one(call('f', 'x', 'y')), { opsetImport, functions: [twice('f', 'f')] }),
  ],
];

// Tensors in other files ------------------------------------------------------------------------------

/** y = x + w. */
function adding(...weights: readonly Draft<TensorProto>[]): Draft<GraphProto> {
  const names = weights.map(({ name = '' }) => name);
  return {
    input: [info('x', [2])],
    initializer: weights,
    node: names.map((name, i) =>
      node('Add', [i === 0 ? 'x' : `s${i}`, name], [i + 1 === names.length ? 'y' : `s${i + 1}`]),
    ),
    output: [info('y')],
  };
}

const outside = (location: string, name = 'w', count = 2, offset = 0): Draft<TensorProto> => ({
  ...{ name, dims: [BigInt(count)], dataType: DATA_TYPE.float, dataLocation: 1 },
  externalData: Object.entries({ location, offset: `${offset}` }).map(([key, value]) => ({
    key,
    value,
  })),
});
/** Each has all of `data.bin` but a number. */
const overlapping = Array.from({ length: 400 }, (_, i) =>
  outside('data.bin', `w${i}`, 999_000, i * 4),
);

const ELSEWHERE: readonly HostileFile[] = [
  ['a file above the folder', "no '..'", () => bytesOf(adding(outside('../data.bin')))],
  ['a file at an absolute path', "no '..'", () => bytesOf(adding(outside('/etc/passwd')))],
  ['a link out of the folder', 'leads out of', () => bytesOf(adding(outside('link.bin')))],
  [
    'a tensor behind the end of a file',
    'has 4000000',
    () => bytesOf(adding(outside('data.bin', 'w', 2, 4_000_000))),
  ],
  [
    'a tensor of 2^40 elements of a file',
    'has 4000000',
    () => bytesOf(adding(outside('data.bin', 'w', 2 ** 40))),
  ],
  ['tensors over one another', 'lie over one another', () => bytesOf(adding(...overlapping))],
];

export const ONNX: readonly HostileFile[] = [...WIRE, ...GRAPHS, ...ELSEWHERE];
