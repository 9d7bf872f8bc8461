/** Ops of the places in a matrix: triangles, diagonals, the determinant. */
import type { Value } from '../../../ir/graph.ts';
import { type Shape, staticShape } from '../../../ir/types.ts';
import type { HandlerTable, NodeContext } from '../context.ts';
import { dtypeOf } from '../tensors.ts';

/** Rows and columns of the last two dims, as columns [n, 1] and rows [1, m] of places. */
function places(node: NodeContext, shape: Shape, shift: Value | number) {
  const { g } = node;
  if (shape.length < 2)
    node.unsupported(`its operand has ${shape.length} dims, and a matrix has two`);
  const [n = 1, m = 1] = shape.slice(-2);
  const rows = g.iota({
    shape: [n, 1],
    axis: 0,
    ...(typeof shift === 'number' ? { start: shift } : {}),
  });
  const columns = g.iota({ shape: [1, m], axis: 1 });
  return { rows: typeof shift === 'number' ? rows : g.add(rows, shift), columns };
}

/** What lies on the diagonal k and above it, or on it and below; 0 elsewhere. */
function trilu(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const k = node.known(1)?.elements[0];
  const shift = () => g.reshape(g.cast(node.value(1), { dtype: 'i32' }), { shape: [] });
  const isKnown = !node.has(1) || typeof k === 'number';
  const { rows, columns } = places(node, x.shape, isKnown ? Number(k ?? 0) : shift());
  const isKept =
    node.int('upper', 1) === 1 ? g.less_equal(rows, columns) : g.less_equal(columns, rows);
  return g.select(isKept, x, 0);
}

function eyeLike(node: NodeContext): Value {
  const { dtype: given, shape } = node.type(0);
  if (shape.length > 2)
    node.unsupported(`its operand has ${shape.length} dims, and a matrix has two`);
  const { rows, columns } = places(node, shape, node.int('k', 0));
  const dtype = node.attributes.has('dtype') ? dtypeOf(node.int('dtype', 1), 'its result') : given;
  return node.g.cast(node.g.equal(rows, columns), { dtype });
}

/** Each row is one step of elimination, written out. */
const LARGEST_MATRIX = 32;

function det(node: NodeContext): Value {
  const x = node.value(0);
  const [n, m] = staticShape(x.shape.slice(-2)) ?? [];
  if (n === undefined || n !== m || n > LARGEST_MATRIX) {
    return node.unsupported(
      `its matrices are [${x.shape.slice(-2).join(', ')}]`,
      `Square matrices of a fixed size of at most ${LARGEST_MATRIX} are taken.`,
    );
  }
  return determinant(node, x, n);
}

/**
 * Gaussian elimination: the row with the largest first element p, times the determinant of the other
 * rows less their multiples of it. Row 0 takes that row's place, which turns the sign, unless it is it.
 */
function determinant(node: NodeContext, x: Value, n: number): Value {
  const { g } = node;
  const batch = x.shape.slice(0, -2);
  if (n === 0) return g.constant({ value: [1], dtype: x.dtype, shape: batch });
  if (n === 1) return g.reshape(x, { shape: batch });
  const part = (of: Value, rows: [number, number], columns: [number, number]) =>
    g.slice(of, {
      starts: [...batch.map(() => 0), rows[0], columns[0]],
      ends: [...batch, rows[1], columns[1]],
    });
  const largest = g.argmax(g.abs(part(x, [0, n], [0, 1])), { axis: -2, keep: true });
  const row = g.iota({ shape: [n, 1], axis: 0, dtype: 'i64' });
  const isPivot = g.equal(row, largest);
  const pivotRow = g.reduce_sum(g.select(isPivot, x, 0), { axes: [-2], keep: true });
  const pivot = part(pivotRow, [0, 1], [0, 1]);
  const rest = part(g.select(isPivot, part(x, [0, 1], [0, n]), x), [1, n], [0, n]);
  const divisor = g.select(g.equal(pivot, 0), 1, pivot);
  const multiples = g.mul(
    g.div(part(rest, [0, n - 1], [0, 1]), divisor),
    part(pivotRow, [0, 1], [1, n]),
  );
  const eliminated = g.sub(part(rest, [0, n - 1], [1, n]), multiples);
  const signed = g.select(g.equal(largest, 0), pivot, g.neg(pivot));
  return g.mul(g.reshape(signed, { shape: batch }), determinant(node, eliminated, n - 1));
}

export const matrices: HandlerTable = {
  Det: det,
  EyeLike: eyeLike,
  Trilu: trilu,
};
