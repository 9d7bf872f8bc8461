/** Models of one node, for tests of importers: a call of an op, and the outputs that are wanted. */
import { describe, expect, it } from 'vitest';
import { fromNdArray, type NdArray } from '../../../src/ir/nd-array.ts';
import { decodeModel, encodeModel } from '../../../src/onnx/model-file.ts';
import { ATTRIBUTE_TYPE, DATA_TYPE } from '../../../src/onnx/schema.ts';
import { expectOutputs, importCase, type NodeCase } from './node-case.ts';

type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] };
export type Attributes = { readonly [name: string]: Attribute };

/** An operand or output, and its type in the file where the dtype does not say it. */
export type Tensor = NdArray & { readonly type?: keyof typeof DATA_TYPE };
/** null stands for an operand that is left out. */
export type Call = readonly [
  op: string,
  operands: readonly (Tensor | null)[],
  attributes: Attributes,
  ...expected: readonly Tensor[],
];

export const typed = (type: keyof typeof DATA_TYPE, x: NdArray): Tensor => ({ ...x, type });

const ELEMENT = {
  ...{ f32: DATA_TYPE.float, f16: DATA_TYPE.float16, i64: DATA_TYPE.int64 },
  ...{ i32: DATA_TYPE.int32, i8: DATA_TYPE.int8, u8: DATA_TYPE.uint8, bool: DATA_TYPE.bool },
} as const;

function attribute(name: string, value: Attribute) {
  if (typeof value === 'string') {
    return { name, s: new TextEncoder().encode(value), type: ATTRIBUTE_TYPE.string };
  }
  if (typeof value === 'number') return { name, i: BigInt(value), type: ATTRIBUTE_TYPE.int };
  if ('float' in value) return { name, f: value.float, type: ATTRIBUTE_TYPE.float };
  if ('floats' in value) return { name, floats: value.floats, type: ATTRIBUTE_TYPE.floats };
  return { name, ints: value.map(BigInt), type: ATTRIBUTE_TYPE.ints };
}

export interface CallOptions {
  readonly opset?: number;
  /** Names of dims, by operand; null keeps the number. */
  readonly symbols?: { readonly [operand: string]: readonly (string | null)[] };
}

/** A model with inputs `x0`, `x1`, .. and outputs `y0`, `y1`, .. */
export function caseOf(
  [op, operands, attributes, ...expected]: Call,
  { opset = 23, symbols = {} }: CallOptions = {},
): NodeCase {
  const info = (name: string, { dtype, shape, type }: Tensor) => ({
    name,
    type: {
      tensorType: {
        elemType: type === undefined ? ELEMENT[dtype] : DATA_TYPE[type],
        shape: { dim: shape.map((size, axis) => dimOf(size, symbols[name]?.[axis])) },
      },
    },
  });
  const given = operands.flatMap((x, i) => (x === null ? [] : [[`x${i}`, x] as const]));
  const wanted = expected.map((y, i) => [`y${i}`, y] as const);
  const bytes = encodeModel({
    irVersion: 9n,
    opsetImport: [{ domain: '', version: BigInt(opset) }],
    graph: {
      name: op,
      node: [
        {
          opType: op,
          input: operands.map((x, i) => (x === null ? '' : `x${i}`)),
          output: wanted.map(([name]) => name),
          attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
        },
      ],
      input: given.map(([name, x]) => info(name, x)),
      output: wanted.map(([name, y]) => info(name, y)),
    },
  });
  const tensors = (list: readonly (readonly [string, Tensor])[]) =>
    new Map(list.map(([name, { type: _, ...x }]) => [name, fromNdArray(x)] as const));
  return {
    name: op,
    model: decodeModel(bytes, op),
    inputs: tensors(given),
    outputs: tensors(wanted),
  };
}

function dimOf(size: number, symbol: string | null | undefined) {
  return symbol == null ? { dimValue: BigInt(size) } : { dimParam: symbol };
}

/** The interpreter, and compiled code of every kind. */
export async function expectCall(call: Call, options: CallOptions = {}): Promise<void> {
  const one = caseOf(call, options);
  const graph = importCase(one);
  for (const backend of ['interpreter', 'js', 'wasm', 'emulator-wgsl'] as const) {
    await expectOutputs(graph, one, backend);
  }
}

export function describeCalls(name: string, calls: readonly Call[], opset?: number): void {
  describe(name, () => {
    it.each(calls.map((call) => ({ call, op: call[0], of: call[1], with: call[2] })))(
      '$op of $of with $with',
      ({ call }) => expectCall(call, opset === undefined ? {} : { opset }),
    );
  });
}

/** Calls that must be refused, and what the error must say. */
export function describeRefusals(refusals: readonly (readonly [RegExp, Call])[]): void {
  describe('refusals', () => {
    it.each(refusals)('%s', (message, call) => {
      expect(() => importCase(caseOf(call))).toThrow(message);
    });
  });
}
