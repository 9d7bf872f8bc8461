/**
 * Casts. A graph computes float16 and bfloat16 in float32, and rounds what becomes one; integers of 2, 4 and
 * 16 bits stand in wider ones, and wrap around to their own width.
 */
import type { Value } from '../../../ir/graph.ts';
import { type DType, isFloat } from '../../../ir/types.ts';
import type { HandlerTable, NodeContext, Result } from '../context.ts';
import { type Known, known } from '../operand.ts';
import { DTYPE_OF, dtypeOf, type ElementType, elementTypeOf } from '../tensors.ts';

function cast(node: NodeContext): Value {
  const to = node.int('to', 0);
  const dtype = dtypeOf(to, 'its result');
  return castTo(node, node.value(0), elementTypeOf(to) ?? dtype);
}

function castLike(node: NodeContext): Value {
  return castTo(node, node.value(0), node.types[1] ?? node.type(1).dtype);
}

/** The value as an element type of a file, or as a dtype. */
export function castTo(node: NodeContext, x: Value, to: ElementType | DType): Value {
  if (to === 'float16' || to === 'f16') return toFloat16(node, x);
  if (to === 'bfloat16') return toBfloat16(node, x);
  const dtype = isElementType(to) ? (DTYPE_OF[to] ?? x.dtype) : to;
  const bits = BITS[to];
  return bits === undefined ? held(node, x, dtype) : wrapped(node, x, dtype, bits);
}

/** `bool` is both, and means the same. */
function isElementType(type: ElementType | DType): type is ElementType {
  return Object.hasOwn(DTYPE_OF, type);
}

export function held({ g }: NodeContext, x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : g.cast(x, { dtype });
}

/** Whole numbers of 8 bits have at most the 8 digits of a bfloat16. */
const SHORT: ReadonlySet<DType> = new Set(['bool', 'u8', 'i8']);

function toFloat16(node: NodeContext, x: Value): Value {
  if (x.dtype === 'f16' || SHORT.has(x.dtype)) return held(node, x, 'f16');
  return held(node, node.g.round_float16(held(node, x, 'f32')), 'f16');
}

function toBfloat16(node: NodeContext, x: Value): Value {
  const wide = held(node, x, 'f32');
  return SHORT.has(x.dtype) ? wide : node.g.round_bfloat16(wide);
}

const BITS: { readonly [T in ElementType | DType]?: { count: number; isSigned: boolean } } = {
  int2: { count: 2, isSigned: true },
  uint2: { count: 2, isSigned: false },
  int4: { count: 4, isSigned: true },
  uint4: { count: 4, isSigned: false },
  int16: { count: 16, isSigned: true },
  uint16: { count: 16, isSigned: false },
};

/** The lowest bits; of a signed type the highest of them counts below 0. */
function wrapped(
  node: NodeContext,
  x: Value,
  dtype: DType,
  { count, isSigned }: { count: number; isSigned: boolean },
): Value {
  const { g } = node;
  if (x.dtype === 'bool') return held(node, x, dtype);
  const whole = isFloat(x.dtype) ? g.cast(x, { dtype: 'i32' }) : x;
  const low = g.bit_and(held(node, whole, 'i32'), 2 ** count - 1);
  const half = 2 ** (count - 1);
  const value = isSigned ? g.sub(g.bit_xor(low, half), half) : low;
  return held(node, value, dtype);
}

/** Bits of the integers that have another of their width. */
const WIDTH: { readonly [T in ElementType]?: number } = {
  ...{ bool: 8, int8: 8, uint8: 8, int16: 16, uint16: 16, int32: 32, uint32: 32 },
};

/** Types of 32 bits, of which known numbers show their bits. */
const WORDS = { float: Float32Array, int32: Int32Array, uint32: Uint32Array } as const;

function isWord(type: ElementType): type is keyof typeof WORDS {
  return Object.hasOwn(WORDS, type);
}

/** Of floats a graph has no bits: they must be known. */
function knownBits(node: NodeContext, from: keyof typeof WORDS, to: keyof typeof WORDS): Known {
  const { dtype, shape, elements } = node.contents(0, 'bits');
  const bits = WORDS[from].from(elements.map(Number));
  return known(DTYPE_OF[to] ?? dtype, shape, Array.from(new WORDS[to](bits.buffer)));
}

/** The same bits as another type of the same width. */
function bitCast(node: NodeContext): Result {
  const x = node.value(0);
  const from = node.types[0] ?? usualType(x.dtype);
  const to = elementTypeOf(node.int('to', 0)) ?? 'string';
  const isTaken = from === to || (WIDTH[from] !== undefined && WIDTH[from] === WIDTH[to]);
  if (isTaken && to !== 'uint32' && to !== 'bool') return castTo(node, x, to);
  if (isWord(from) && isWord(to)) return knownBits(node, from, to);
  return node.unsupported(
    `it takes the bits of ${from} for ${to}`,
    'Taken: integers of one width, and known numbers of 32 bits.',
  );
}

function usualType(dtype: DType): ElementType {
  const names = Object.entries(DTYPE_OF) as [ElementType, DType | null][];
  return names.find(([, holder]) => holder === dtype)?.[0] ?? 'string';
}

export const casts: HandlerTable = {
  BitCast: bitCast,
  Cast: cast,
  CastLike: castLike,
};
