/**
 * Sequences of tensors and optional values, as scripted models have them. They are lists while importing: of
 * a model whose sequences have lengths that are known, none is left.
 */
import { add, type Dim } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext, Result } from '../context.ts';
import { known, type Sequence, type TensorOperand, tensorOf } from '../operand.ts';

/** No sequence has more: each step of a file that changes one makes another list. */
const MOST_ELEMENTS = 256;
/** What a part counts as, of the work that an import may take on. */
const PART = 256;

function sequence(node: NodeContext, elements: readonly TensorOperand[]): Sequence {
  if (elements.length <= MOST_ELEMENTS) return { kind: 'sequence', elements };
  return node.unsupported(`its sequence has more than ${MOST_ELEMENTS} elements`);
}

function elementsOf(node: NodeContext): readonly TensorOperand[] {
  const operand = node.operand(0);
  if (operand.kind === 'sequence') return operand.elements;
  return node.unsupported('its operand is a tensor, where a sequence was expected');
}

/** The operand `index` as a place among `count`, at most `last`; negative ones are counted from the end. */
function placeAmong(node: NodeContext, index: number, count: number, last = count - 1): number {
  const at = node.integer(index, 'position');
  const place = at < 0 ? at + count : at;
  if (place >= 0 && place <= last) return place;
  return node.unsupported(`its position ${at} lies outside of a sequence of ${count}`);
}

function at(node: NodeContext): Result {
  const elements = elementsOf(node);
  return elements[placeAmong(node, 1, elements.length)] as TensorOperand;
}

function insert(node: NodeContext): Result {
  const elements = elementsOf(node);
  const { length } = elements;
  const place = node.has(2) ? placeAmong(node, 2, length, length) : length;
  return sequence(node, elements.toSpliced(place, 0, tensorOf(node.operand(1))));
}

function erase(node: NodeContext): Result {
  const elements = elementsOf(node);
  const place = node.has(1) ? placeAmong(node, 1, elements.length) : elements.length - 1;
  return sequence(node, elements.toSpliced(place, 1));
}

/** One after another along an axis, which is a new one where `new_axis` says so. */
function joined(node: NodeContext): Value {
  const { g } = node;
  const values = elementsOf(node).map((element) => node.site.materialise(element));
  const [first] = values;
  if (first === undefined) return node.unsupported('its sequence is empty');
  const isNew = node.int('new_axis', 0) === 1;
  const axis = node.axis('axis', 0, first.shape.length + (isNew ? 1 : 0));
  const parts = isNew
    ? values.map((x) => g.reshape(x, { shape: x.shape.toSpliced(axis, 0, 1) }))
    : values;
  return parts.length === 1 ? (parts[0] as Value) : g.concat(parts, { axis });
}

/** Parts of the sizes listed, of one size (the last may be smaller), or single elements. */
function splitToSequence(node: NodeContext): Result {
  const { g } = node;
  const x = node.value(0);
  const axis = node.axis('axis', 0, x.shape.length);
  const isDropped = !node.has(1) && node.int('keepdims', 1) === 0;
  let start: Dim = 0;
  const parts = sizesOf(node, x.shape[axis] ?? 1).map((size): TensorOperand => {
    const end = add(start, size);
    const part = g.slice(x, {
      starts: x.shape.map((_, other) => (other === axis ? start : 0)),
      ends: x.shape.map((dim, other) => (other === axis ? end : dim)),
    });
    start = end;
    const value = isDropped ? g.reshape(part, { shape: x.shape.toSpliced(axis, 1) }) : part;
    return { kind: 'computed', value };
  });
  return sequence(node, parts);
}

function sizesOf(node: NodeContext, dim: Dim): readonly Dim[] {
  const isListed = node.has(1) && node.type(1).shape.length === 1;
  if (isListed) return node.dims(1, 'split');
  const each = node.has(1) ? node.integer(1, 'split') : 1;
  if (typeof dim !== 'number') {
    return node.unsupported(
      `it splits ${dim} elements into parts, whose number only a run knows`,
      'Fix the sizes that it depends on: --fix SYMBOL=SIZE.',
    );
  }
  const count = each < 1 ? Infinity : Math.ceil(dim / each);
  const isFew = count <= MOST_ELEMENTS && node.site.affords(count * PART);
  if (!isFew) return node.unsupported(`it splits ${dim} elements into parts of ${each}`);
  return Array.from({ length: count }, (_, i) => Math.min(each, dim - i * each));
}

function hasElement({ operands }: NodeContext): Result {
  return known('bool', [], [operands[0] == null ? 0 : 1]);
}

export const sequences: HandlerTable = {
  ConcatFromSequence: joined,
  Optional: (node) => node.operand(0),
  OptionalGetElement: (node) => node.operand(0),
  OptionalHasElement: hasElement,
  SequenceAt: at,
  SequenceConstruct: (node) =>
    sequence(
      node,
      node.operands.map((_, i) => tensorOf(node.operand(i))),
    ),
  SequenceEmpty: (node) => sequence(node, []),
  SequenceErase: erase,
  SequenceInsert: insert,
  SequenceLength: (node) => known('i64', [], [elementsOf(node).length]),
  SplitToSequence: splitToSequence,
};
