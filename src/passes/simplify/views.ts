/** Rules of simplify for ops that move elements. */
import { broadcastShapes } from '../../ir/broadcasting.ts';
import type { Node, ValueId } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { type Shape, sameShape, sameType } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import {
  axisOf,
  firstResult,
  numbersOf,
  operandOf,
  permutationOf,
  resultShape,
  swapLast,
} from '../node-reading.ts';
import type { Rewrite } from '../rewrite.ts';
import type { Rule } from '../simplify.ts';

type Write = Rewrite['write'];

/** What a view of one operand does to the shape. */
interface View {
  readonly from: ValueId;
  readonly shape: Shape;
  readonly result: Shape;
}

export const viewRules: readonly Rule[] = [
  {
    equation: 'reshape(x) to the shape of x = x',
    apply: (node, index) => identity(viewOf(node, index, ['reshape', 'broadcast']), sameShapes),
  },
  {
    equation: 'transpose(x) that moves no axis = x',
    apply: (node, index) =>
      identity(viewOf(node, index, ['transpose']), () =>
        permutationOf(node).every((axis, i) => axis === i),
      ),
  },
  {
    equation: 'slice(x) of all of x = x',
    apply: (node, index) => {
      const isForward = numbersOf(node.attributes.steps).every((step) => step > 0);
      return isForward ? identity(viewOf(node, index, ['slice']), sameShapes) : null;
    },
  },
  {
    equation: 'pad(x) by nothing = x',
    apply: (node, index) => identity(viewOf(node, index, ['pad']), sameShapes),
  },
  {
    equation: 'concat(x) = x',
    apply: (node, index) =>
      node.operands.length === 1 ? identity(viewOf(node, index, ['concat']), sameShapes) : null,
  },
  {
    equation: 'cast(x) to the dtype of x = x',
    apply: (node, index) => {
      const view = viewOf(node, index, ['cast']);
      return identity(view, ({ from }) =>
        sameType(index.value(from), index.value(firstResult(node))),
      );
    },
  },
  {
    equation: 'reshape(reshape(x)) = reshape(x)',
    apply: (node, index) =>
      chained(node, index, 'reshape', () => ({ shape: resultShape(node, index) })),
  },
  {
    equation: 'broadcast(broadcast(x)) = broadcast(x)',
    apply: (node, index) =>
      chained(node, index, 'broadcast', () => ({ shape: resultShape(node, index) })),
  },
  {
    equation: 'transpose(transpose(x)) = transpose(x)',
    apply: (node, index) =>
      chained(node, index, 'transpose', (inner) => {
        const before = permutationOf(inner);
        return { permutation: permutationOf(node).map((axis) => before[axis] ?? axis) };
      }),
  },
  {
    equation: 'transpose(x) that moves only dims of 1 = reshape(x)',
    apply: (node, index) => {
      const view = viewOf(node, index, ['transpose']);
      const moved = permutationOf(node).filter((axis) => view?.shape[axis] !== 1);
      const inOrder = moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? 0));
      if (view === null || !inOrder) return null;
      return (into) => [into.node('reshape', [into.get(view.from)], { shape: view.result })];
    },
  },
  {
    equation: 'transpose of matrices with their leading dims joined = transpose of matrices',
    apply: transposedMatrices,
  },
  { equation: '(a b)^T = b^T a^T, a and b being transposed', apply: transposedProduct },
  { equation: 'softmax(x)^T = softmax(x^T) over the other axis', apply: transposedSoftmax },
  {
    equation: 'view of a constant c = c',
    apply: (node, index) => {
      const view = viewOf(node, index, ['reshape', 'broadcast', 'transpose', 'slice']);
      const number = view === null ? null : index.scalarOf(view.from);
      if (view === null || number === null) return null;
      return (into) => [into.scalar(number, index.value(view.from).dtype, view.result)];
    },
  },
  {
    equation: 'f(broadcast(x), y) = f(x, y)',
    apply: (node, index) => {
      if (opDefinition(node.op).meaning.kind !== 'elementwise') return null;
      const which = node.operands.findIndex((_, i) => isNeedless(node, i, index));
      return which < 0 ? null : (into) => [withSmaller(node, which, into)];
    },
  },
];

/** reshape(transpose(reshape(x))), where only the last two axes are moved and both reshapes keep matrices. */
function transposedMatrices(node: Node, index: GraphIndex): Write | null {
  const turned = node.op === 'reshape' ? index.madeBy(node.operands[0], 'transpose') : null;
  const joined = index.madeBy(turned?.operands[0], 'reshape');
  const x = joined?.operands[0];
  if (turned === null || joined === null || x == null) return null;
  const [before, within, after] = [
    index.shapeOf(x),
    resultShape(joined, index),
    resultShape(node, index),
  ];
  if (before.length < 2 || within.length < 2) return null;
  const isSwap = permutationOf(turned).every((axis, i) => axis === swapLast(within.length)[i]);
  const permutation = swapLast(before.length);
  const keepsMatrices = sameShape(before.slice(-2), within.slice(-2));
  const expected = permutation.map((axis) => before[axis] ?? 1);
  if (before.length < 2 || within.length < 2 || !isSwap) return null;
  if (!keepsMatrices || !sameShape(after, expected)) return null;
  return (into) => [into.node('transpose', [into.get(x)], { permutation })];
}

/** Keras multiplies the keys by the queries, both of them transposed, and transposes the scores. */
function transposedProduct(node: Node, index: GraphIndex): Write | null {
  const product = node.op === 'transpose' ? index.madeBy(node.operands[0], 'matmul') : null;
  if (product === null || index.soleUserOf(firstResult(product)) === null) return null;
  const permutation = swapLast(permutationOf(node).length);
  if (!permutationOf(node).every((axis, i) => axis === permutation[i])) return null;
  const [a, b] = [operandOf(product, 0), operandOf(product, 1)];
  const rank = permutation.length;
  const isTurned = (id: ValueId) =>
    index.madeBy(id, 'transpose') !== null && index.shapeOf(id).length === rank;
  if (!isTurned(a) || !isTurned(b)) return null;
  return (into) => {
    const [left, right] = [b, a].map((id) =>
      into.node('transpose', [into.get(id)], { permutation }),
    );
    return [into.node('matmul', [left ?? null, right ?? null])];
  };
}

/** Where x is a product, to whose operands the transpose goes on. */
function transposedSoftmax(node: Node, index: GraphIndex): Write | null {
  const softmax = node.op === 'transpose' ? index.madeBy(node.operands[0], 'softmax') : null;
  if (softmax === null || index.soleUserOf(firstResult(softmax)) === null) return null;
  const permutation = permutationOf(node);
  const rank = permutation.length;
  const axis = axisOf(softmax, rank);
  const product = index.madeBy(softmax.operands[0], 'matmul');
  const isSwap = permutation.every((to, i) => to === swapLast(rank)[i]);
  if (axis !== rank - 2 || product === null || softmax.operands[1] != null || !isSwap) return null;
  if (index.soleUserOf(firstResult(product)) === null) return null;
  return (into) => {
    const turned = into.node('transpose', [into.get(operandOf(softmax, 0))], { permutation });
    return [into.node('softmax', [turned], { axis: -1 })];
  };
}

/** Whether an elementwise op has its shape without the broadcast that an operand is. */
function isNeedless(node: Node, which: number, index: GraphIndex): boolean {
  const old = index.shapeOf(operandOf(node, which));
  const smaller = beforeBroadcast(operandOf(node, which), index);
  if (smaller === null || sameShape(smaller.shape, old) || node.operands.length < 2) return false;
  const shapes = node.operands.map((_, i) =>
    i === which ? smaller.shape : index.shapeOf(operandOf(node, i)),
  );
  const together = shapes.reduce<Shape | null>((a, b) => a && broadcastShapes(a, b), []);
  return together !== null && sameShape(together, resultShape(node, index));
}

function withSmaller(node: Node, which: number, into: GraphWriter) {
  const { index } = into;
  const operands = node.operands.map((id, i) => {
    if (id === null) return null;
    const smaller = i === which ? beforeBroadcast(id, index) : null;
    if (smaller === null) return into.get(id);
    if (smaller.from !== null) return into.get(smaller.from);
    return into.scalar(index.scalarOf(id) ?? 0, index.value(id).dtype);
  });
  return into.node(node.op, operands, node.attributes);
}

/** What a value is a broadcast of; `from` is null for a constant of one number. */
function beforeBroadcast(
  id: ValueId,
  index: GraphIndex,
): { readonly from: ValueId | null; readonly shape: Shape } | null {
  if (index.scalarOf(id) !== null) return { from: null, shape: [] };
  const from = index.madeBy(id, 'broadcast')?.operands[0];
  return from == null ? null : { from, shape: index.shapeOf(from) };
}

function viewOf(node: Node, index: GraphIndex, ops: readonly string[]): View | null {
  const [from] = node.operands;
  if (!ops.includes(node.op) || from == null) return null;
  return { from, shape: index.shapeOf(from), result: resultShape(node, index) };
}

function identity(view: View | null, holds: (view: View) => boolean): Write | null {
  return view !== null && holds(view) ? (into) => [into.get(view.from)] : null;
}

function chained(
  node: Node,
  index: GraphIndex,
  op: string,
  attributes: (inner: Node) => { readonly [name: string]: unknown },
): Write | null {
  const inner = node.op === op ? index.madeBy(node.operands[0], op) : null;
  const from = inner?.operands[0];
  if (inner === null || from == null) return null;
  return (into) => [into.node(op, [into.get(from)], attributes(inner))];
}

const sameShapes = ({ shape, result }: View) => sameShape(shape, result);
