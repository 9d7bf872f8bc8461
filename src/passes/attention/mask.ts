/**
 * Recognises masks, for fuse-attention: which keys a query may see, in the forms that declarations
 * and exporters give it. Nothing is written before the match is sure.
 */
import type { Node, Value, ValueId } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders } from '../node-reading.ts';

/** A score this low or lower vanishes in the softmax beside any that is visible. */
export const VERY_LOW = -1e4;

/** A bool value that is true where a key is visible, or, negated, where it is hidden. */
export interface MaskTerm {
  readonly source: ValueId;
  readonly isNegated: boolean;
  /** Reshapes and broadcasts to do after it, first to last. */
  readonly views: readonly Node[];
  /** What a hidden score is, or what is added to it: of finite numbers alone a row has a softmax. */
  readonly low: number;
}

export function maskTerm(source: ValueId, isNegated = false, low = -Infinity): MaskTerm {
  return { source, isNegated, views: [], low };
}

export function writeMask({ source, isNegated, views }: MaskTerm, into: GraphWriter): Value {
  const mask = into.get(source);
  const visible = isNegated ? into.node('not', [mask], {}, { name: `${mask.name}.not` }) : mask;
  return writeViews(visible, views, into);
}

/** The views of another value, done to this one. */
export function writeViews(value: Value, views: readonly Node[], into: GraphWriter): Value {
  return views.reduce((current, { op, attributes, origin }) => {
    return into.node(op, [current], attributes, { name: `${value.name}.${op}`, origin });
  }, value);
}

/** What stands before the reshapes, transposes, slices and broadcasts that a value ends in. */
export function beforeViews(
  id: ValueId,
  index: GraphIndex,
): { readonly source: ValueId; readonly views: readonly Node[] } {
  const views: Node[] = [];
  let source = id;
  for (;;) {
    const node = index.producerOf(source);
    const [operand, other] = node?.operands ?? [];
    if (node === null || !isView(node.op) || operand == null || other !== undefined) break;
    views.unshift(node);
    source = operand;
  }
  return { source, views };
}

/** Ops whose elements are all of the operand's. */
export function isView(op: string): boolean {
  return VIEWS.has(op);
}

const VIEWS: ReadonlySet<string> = new Set(['reshape', 'transpose', 'slice', 'broadcast']);

/** What looks like a mask that is added, but counts with numbers that need not be 0 and 1. */
export interface NotBool {
  readonly notBool: ValueId;
}

/**
 * The mask inside a term that is added to scores, where b is bool and low at most -1e4:
 * (1 - b) * low, (b - 1) * -low, select(b, 0, low); negated b * low, select(b, low, 0).
 */
export function additiveMask(term: ValueId, index: GraphIndex): MaskTerm | NotBool | null {
  const { source, views } = beforeViews(term, index);
  const node = index.producerOf(source);
  const found = node?.op === 'select' ? selectedMask(node, index) : scaledMask(node, index);
  if (found === null || 'notBool' in found) return found;
  return { ...found, views: [...found.views, ...views] };
}

function selectedMask(node: Node, index: GraphIndex): MaskTerm | null {
  const [condition, then, otherwise] = node.operands;
  const [a, b] = [index.scalarOf(then), index.scalarOf(otherwise)];
  if (condition == null || a === null || b === null) return null;
  if (a === 0 && b <= VERY_LOW) return maskTerm(condition, false, b);
  return b === 0 && a <= VERY_LOW ? maskTerm(condition, true, a) : null;
}

function scaledMask(node: Node | null, index: GraphIndex): MaskTerm | NotBool | null {
  if (node?.op !== 'mul') return null;
  for (const [x, c] of bothOrders(node)) {
    const by = index.scalarOf(c);
    if (by === null || Math.abs(by) < -VERY_LOW) continue;
    const { source, views } = beforeViews(x, index);
    const found = differenceFromOne(source, by, index);
    if (found === null || 'notBool' in found) return found;
    return { ...found, views: [...found.views, ...views], low: -Math.abs(by) };
  }
  return null;
}

function differenceFromOne(id: ValueId, by: number, index: GraphIndex): MaskTerm | NotBool | null {
  const difference = index.madeBy(id, 'sub');
  if (difference === null) return by < 0 ? boolOf(id, index, true) : null;
  const [a, b] = difference.operands;
  if (index.scalarOf(a) === 1 && by < 0) return boolOf(b, index, false);
  return index.scalarOf(b) === 1 && by > 0 ? boolOf(a, index, false) : null;
}

function boolOf(
  id: ValueId | null | undefined,
  index: GraphIndex,
  isNegated: boolean,
): MaskTerm | NotBool | null {
  if (id == null) return null;
  const { source, views } = beforeViews(id, index);
  const x = index.madeBy(source, 'cast')?.operands[0] ?? source;
  if (index.value(x).dtype !== 'bool') return { notBool: x };
  return { ...maskTerm(x, isNegated), views };
}

/** The parts of a mask that is an `and` of several. */
export function conjuncts(id: ValueId, index: GraphIndex): readonly ValueId[] {
  const node = index.madeBy(id, 'and');
  if (node === null) return [id];
  return node.operands.flatMap((operand) => (operand === null ? [] : conjuncts(operand, index)));
}
