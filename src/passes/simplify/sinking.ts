/**
 * Rules of simplify that move views behind what is computed element by element, where they meet other
 * views and vanish, and where less is computed in front of them.
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { firstResult, operandOf, resultShape } from '../node-reading.ts';
import type { Rewrite } from '../rewrite.ts';
import type { Rule } from '../simplify.ts';

type Write = Rewrite['write'];

export const sinkingRules: readonly Rule[] = [
  {
    equation: 'f(broadcast(x)) = broadcast(f(x))',
    apply: (node, index) => sunk(node, index, 'broadcast', () => true),
  },
  {
    equation: 'f(x with dims of 1) = f(x) with dims of 1',
    apply: (node, index) => sunk(node, index, 'reshape', sameButOnes),
  },
  { equation: 'attention(x with a batch of 1) = attention(x) with a batch of 1', apply: unbatched },
  { equation: 'reshape(f(reshape(x))) = f(reshape(x))', apply: betweenReshapes },
  { equation: 'c + x = x + c', apply: constantsLast },
];

/** Shapes that are equal without their dims of 1. */
export function sameButOnes(a: Shape, b: Shape): boolean {
  const real = (shape: Shape) => shape.filter((dim) => dim !== 1);
  return sameShape(real(a), real(b));
}

/**
 * An output stays as it is: it is a buffer of its own, into which the kernel of f writes.
 */
function sunk(
  node: Node,
  index: GraphIndex,
  view: string,
  accepts: (from: Shape, to: Shape) => boolean,
): Write | null {
  if (opDefinition(node.op).meaning.kind !== 'elementwise') return null;
  const at = firstResult(node);
  const varying = node.operands.flatMap((id, which) => {
    return id === null || index.scalarOf(id) !== null ? [] : [which];
  });
  const [which, other] = varying;
  if (which === undefined || other !== undefined || index.isOutput(at)) return null;
  const x = operandOf(node, which);
  const from = index.madeBy(x, view)?.operands[0];
  const shape = resultShape(node, index);
  if (from == null || !sameShape(index.shapeOf(x), shape)) return null;
  if (!accepts(index.shapeOf(from), shape)) return null;
  // a reduction takes its dims of 1 back
  if (index.producerOf(from)?.attributes.keep === false) return null;
  return (into) => [into.node(view, [inFront(node, which, from, into)], { shape })];
}

/** f of the operand before the view; of constants only the number counts. */
function inFront(node: Node, which: number, from: ValueId, into: GraphWriter) {
  const { index } = into;
  const operands = node.operands.map((id, i) => {
    if (i === which) return into.get(from);
    return id === null ? null : into.scalar(index.scalarOf(id) ?? 0, index.value(id).dtype);
  });
  const name = `${index.value(firstResult(node)).name}.${node.op}`;
  return into.node(node.op, operands, node.attributes, { name });
}

/** Of heads, rows and widths, to which exporters add a batch because the standard op wants one. */
function unbatched(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'attention' || index.isOutput(firstResult(node))) return null;
  const inFrontOf = (which: number) => {
    const x = operandOf(node, which);
    const from = index.madeBy(x, 'reshape')?.operands[0];
    const isBatched = from != null && sameShape([1, ...index.shapeOf(from)], index.shapeOf(x));
    return isBatched && index.shapeOf(from).length === 3 ? from : null;
  };
  const heads = [0, 1, 2].flatMap((which) => inFrontOf(which) ?? []);
  if (heads.length < 3) return null;
  return (into) => {
    const masks = node.operands.slice(3).map((id) => (id === null ? null : withoutBatch(id, into)));
    const operands = [...heads.map((id) => into.get(id)), ...masks];
    const name = `${index.value(firstResult(node)).name}.heads`;
    const y = into.node('attention', operands, node.attributes, { name });
    return [into.node('reshape', [y], { shape: resultShape(node, index) })];
  };
}

/** What broadcasts to [1, heads, n, m], for [heads, n, m]. */
function withoutBatch(id: ValueId, into: GraphWriter) {
  const shape = into.index.shapeOf(id);
  const x = into.get(id);
  return shape.length < 4 ? x : into.node('reshape', [x], { shape: shape.slice(1) });
}

/** f of one value and constants: of two reshapes around it one is left, which other rules may know. */
function betweenReshapes(node: Node, index: GraphIndex): Write | null {
  const f = node.op === 'reshape' ? index.producerOf(operandOf(node, 0)) : null;
  if (f === null || opDefinition(f.op).meaning.kind !== 'elementwise') return null;
  if (index.soleUserOf(firstResult(f)) === null) return null;
  const varying = f.operands.flatMap((id, which) => {
    return id === null || index.scalarOf(id) !== null ? [] : [which];
  });
  const [which, other] = varying;
  if (which === undefined || other !== undefined) return null;
  const x = operandOf(f, which);
  const from = index.madeBy(x, 'reshape')?.operands[0];
  if (from == null || index.soleUserOf(x) === null) return null;
  if (!sameShape(index.shapeOf(x), resultShape(f, index))) return null;
  const shape = resultShape(node, index);
  return (into) => {
    const view = into.node('reshape', [into.get(from)], { shape });
    const operands = f.operands.map((id, i) => {
      if (i === which) return view;
      return id === null ? null : into.scalar(index.scalarOf(id) ?? 0, index.value(id).dtype);
    });
    return [into.node(f.op, operands, f.attributes)];
  };
}

const COMMUTATIVE: ReadonlySet<string> = new Set(['add', 'mul', 'equal', 'not_equal']);

/** What is computed first, constants and weights second, as declarations write it. */
function constantsLast(node: Node, index: GraphIndex): Write | null {
  if (!COMMUTATIVE.has(node.op)) return null;
  const [a, b] = [operandOf(node, 0), operandOf(node, 1)];
  if (!isConstant(a, index) || isConstant(b, index)) return null;
  return (into) => [into.node(node.op, [into.get(b), into.get(a)])];
}

function isConstant(id: ValueId, index: GraphIndex): boolean {
  return index.parameterOf(id) !== null || index.madeBy(id, 'constant') !== null;
}
