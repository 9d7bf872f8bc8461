/** Ops that move elements and compute none: shapes, order, copies; parts are in `parts.ts`. */
import { type Dim, divideExactly, maximum, multiply, sizeOf } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext, Result } from '../context.ts';
import { pad } from './padding.ts';

/** The shape is an operand since opset 5: 0 keeps a dim (unless `allowzero`), -1 takes the rest. */
function reshape(node: NodeContext): Value {
  const x = node.value(0);
  const wanted = node.has(1) ? node.dims(1, 'shape') : (node.ints('shape') ?? []);
  const keepsZero = node.int('allowzero', 0) === 1;
  const shape = wanted.map((dim, axis) => (dim === 0 && !keepsZero ? (x.shape[axis] ?? 0) : dim));
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = sizeOf(shape.filter((_, axis) => axis !== open));
    const size = rest === 0 ? 0 : divideExactly(sizeOf(x.shape), rest);
    if (size === null) {
      return node.unsupported(
        `[${x.shape.join(', ')}] does not divide into rows of ${rest} for every size`,
        'Fix the sizes that it depends on: --fix SYMBOL=SIZE.',
      );
    }
    shape[open] = size;
  }
  return reshapeTo(node, x, shape);
}

function reshapeTo(node: NodeContext, x: Value, shape: readonly Dim[]): Value {
  if (sizeOf(x.shape) !== sizeOf(shape)) {
    const [from, to] = withoutShared(x.shape, shape);
    node.site.equate(sizeOf(from), sizeOf(to));
  }
  return node.g.reshape(x, { shape });
}

/** What is left of both shapes when dims that stand in both are taken out. */
function withoutShared(a: readonly Dim[], b: readonly Dim[]): readonly [Dim[], Dim[]] {
  const right = [...b];
  const left = a.filter((dim) => {
    const at = right.indexOf(dim);
    if (at >= 0) right.splice(at, 1);
    return at < 0;
  });
  return [left, right];
}

function flatten(node: NodeContext): Value {
  const x = node.value(0);
  const rank = x.shape.length;
  const axis = node.int('axis', 1);
  const split = axis < 0 ? axis + rank : axis;
  return node.g.reshape(x, {
    shape: [sizeOf(x.shape.slice(0, split)), sizeOf(x.shape.slice(split))],
  });
}

function transpose(node: NodeContext): Value {
  const x = node.value(0);
  const reversed = x.shape.map((_, axis) => x.shape.length - 1 - axis);
  return node.g.transpose(x, { permutation: node.ints('perm') ?? reversed });
}

/** The axes are an attribute up to opset 12, and an operand since; all dims of 1 where none is named. */
function squeeze(node: NodeContext): Value {
  const x = node.value(0);
  const named = node.intsOrOperand('axes', 1);
  const axes = named?.map((axis) => node.resolve(axis, x.shape.length));
  const isGone = (dim: Dim, axis: number) => axes?.includes(axis) ?? dim === 1;
  for (const axis of axes ?? []) node.site.equate(x.shape[axis] ?? 1, 1);
  return node.g.reshape(x, { shape: x.shape.filter((dim, axis) => !isGone(dim, axis)) });
}

function unsqueeze(node: NodeContext): Value {
  const x = node.value(0);
  const named = node.intsOrOperand('axes', 1) ?? [];
  const rank = x.shape.length + named.length;
  const axes = new Set(named.map((axis) => node.resolve(axis, rank)));
  const kept = x.shape[Symbol.iterator]();
  const shape = Array.from({ length: rank }, (_, axis) => {
    return axes.has(axis) ? 1 : (kept.next().value ?? 1);
  });
  return node.g.reshape(x, { shape });
}

function expand(node: NodeContext): Value {
  const x = node.value(0);
  const wanted = node.dims(1, 'shape');
  node.align(x.shape, wanted);
  const rank = Math.max(x.shape.length, wanted.length);
  const shape = Array.from({ length: rank }, (_, axis) => {
    const [own, other] = [
      x.shape[axis - rank + x.shape.length],
      wanted[axis - rank + wanted.length],
    ];
    if (other === undefined || other === 1) return own ?? 1;
    return own === 1 ? withoutOne(other) : other;
  });
  return node.g.broadcast(x, { shape });
}

/** Paddle expands one row to max(1, n), and an empty batch has none: n of max(1, n), else the dim itself. */
function withoutOne(dim: Dim): Dim {
  const [, a, b] = typeof dim === 'string' ? (/^max\((.*),(.*)\)$/.exec(dim) ?? []) : [];
  const inner = a === '1' ? b : b === '1' ? a : undefined;
  if (inner === undefined || !/^\w+$/.test(inner)) return dim;
  return maximum(1, inner) === dim ? inner : dim;
}

function concat(node: NodeContext): Value {
  const values = node.values();
  const [first] = values;
  const rank = first?.shape.length ?? 0;
  const axis = node.axis('axis', 1, rank);
  for (const { shape } of values.slice(1)) {
    shape.forEach((dim, other) => {
      if (other !== axis) node.site.equate(first?.shape[other] ?? 1, dim);
    });
  }
  return node.g.concat(values, { axis });
}

function tile(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const repeats = node.dims(1, 'repeats');
  const apart = x.shape.flatMap((dim) => [1, dim]);
  const copied = x.shape.flatMap((dim, axis) => [repeats[axis] ?? 1, dim]);
  const copies = g.broadcast(g.reshape(x, { shape: apart }), { shape: copied });
  return g.reshape(copies, {
    shape: x.shape.map((dim, axis) => multiply(dim, repeats[axis] ?? 1)),
  });
}

function blocks(node: NodeContext, dim: Dim, by: number): Dim {
  const size = divideExactly(dim, by);
  const always = typeof dim === 'number' ? '' : ' at every size';
  return size ?? node.unsupported(`${dim} elements are no whole blocks of ${by}${always}`);
}

function blockSize(node: NodeContext): number {
  const { length } = node.type(0).shape;
  if (length !== 4)
    node.unsupported(`its operand has ${length} dims, where [n, c, h, w] was expected`);
  const by = node.int('blocksize', 1);
  return by >= 1
    ? by
    : node.unsupported(`its blocksize is ${by}, and blocks have at least one place`);
}

function spaceToDepth(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const by = blockSize(node);
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  const [rows, columns] = [blocks(node, h, by), blocks(node, w, by)];
  const apart = g.reshape(x, { shape: [n, c, rows, by, columns, by] });
  const isColumnFirst = node.text('mode', 'DCR') === 'CRD';
  const permutation = isColumnFirst ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
  const moved = g.transpose(apart, { permutation });
  return g.reshape(moved, { shape: [n, multiply(c, by * by), rows, columns] });
}

function depthToSpace(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const by = blockSize(node);
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  const depth = blocks(node, c, by * by);
  const isColumnFirst = node.text('mode', 'DCR') === 'CRD';
  const apart = isColumnFirst ? [n, depth, by, by, h, w] : [n, by, by, depth, h, w];
  const permutation = isColumnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  const moved = g.transpose(g.reshape(x, { shape: apart }), { permutation });
  return g.reshape(moved, { shape: [n, depth, multiply(h, by), multiply(w, by)] });
}

/** The first elements of each sequence in reversed order, as many as its length says. */
function reverseSequence(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const [time, batch] = [node.int('time_axis', 0), node.int('batch_axis', 1)];
  const along = (axis: number) => x.shape.map((dim, other) => (other === axis ? dim : 1));
  const lengths = g.reshape(g.cast(node.value(1), { dtype: 'i32' }), { shape: along(batch) });
  const places = g.iota({ shape: along(time), axis: time });
  const turned = g.select(g.less(places, lengths), g.sub(g.sub(lengths, 1), places), places);
  return g.gather_elements(x, g.broadcast(turned, { shape: x.shape }), { axis: time });
}

/** Of a model that is not trained: the operand, and a mask that hides nothing. */
function dropout(node: NodeContext): readonly Result[] {
  const isTraining = node.has(2) && node.number(2, 'training_mode') !== 0;
  const isRandom = isTraining && (!node.has(1) || node.number(1, 'ratio') !== 0);
  if (isRandom)
    return node.unsupported('it drops at random', 'Export the model in inference mode.');
  if (!node.wants(1)) return [node.operand(0)];
  const { shape } = node.type(0);
  return [node.operand(0), node.g.constant({ value: [1], dtype: 'bool', shape })];
}

export const movement: HandlerTable = {
  ReverseSequence: reverseSequence,
  Concat: concat,
  DepthToSpace: depthToSpace,
  Dropout: dropout,
  Expand: expand,
  Flatten: flatten,
  Pad: pad,
  Reshape: reshape,
  SpaceToDepth: spaceToDepth,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
