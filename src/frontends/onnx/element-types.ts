/**
 * Element types as the file has them. A dtype of the graph may hold more: int16 stands in i32, uint4 in u8,
 * bfloat16 in f32. Where wrapping around or rounding depends on it, an op asks for the type in the file.
 */
import type { GraphProto, NodeProto } from '../../onnx/schema.ts';
import type { Operand } from './operand.ts';
import type { Scope } from './scope.ts';
import { DTYPE_OF, type ElementType, elementTypeOf } from './tensors.ts';

/** What inputs, outputs, initializers and the values between them are declared as. */
export function declareTypes(graph: GraphProto, scope: Scope): void {
  for (const { name, type } of [...graph.valueInfo, ...graph.input, ...graph.output]) {
    scope.declare(name, elementTypeOf(type?.tensorType?.elemType));
  }
  for (const { name, dataType } of graph.initializer) {
    scope.declare(name, elementTypeOf(dataType));
  }
}

/** Held in a wider dtype, by which alone they are not known. */
const NARROW: ReadonlySet<ElementType> = new Set([
  ...(['int16', 'uint16', 'int4', 'uint4', 'int2', 'uint2'] as const),
]);

/** The type of a result that the file does not declare; null where the dtype says it. */
export function typeOfResult(
  { opType, input, attribute }: NodeProto,
  result: Operand | undefined,
  scope: Scope,
): ElementType | null {
  const number = (name: string) => attribute.find((given) => given.name === name);
  if (opType === 'Cast') return elementTypeOf(Number(number('to')?.i ?? 0n));
  if (opType === 'Constant') return elementTypeOf(number('value')?.t?.dataType);
  // a quantised number has the type of its zero point; others that of what they are made of
  const from = opType === 'CastLike' ? 1 : opType === 'QuantizeLinear' ? 2 : 0;
  const type = scope.typeOf(input[from] ?? '');
  if (result === undefined || result.kind === 'sequence') return null;
  const dtype = result.kind === 'known' ? result.dtype : result.value.dtype;
  return type !== null && NARROW.has(type) && DTYPE_OF[type] === dtype ? type : null;
}
