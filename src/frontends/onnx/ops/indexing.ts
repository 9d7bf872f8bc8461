/** Ops whose places are data: looking up, sorting, scattering. */
import { add, type Dim, isAtLeast } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import { expandTopK } from '../../../ir/ops/top_k.ts';
import type { Shape } from '../../../ir/types.ts';
import type { Handler, HandlerTable, NodeContext, Result } from '../context.ts';
import { known, knownSizes, numbersOf } from '../operand.ts';

/** Negative indices count from the end. */
function gather(node: NodeContext): Value {
  const { g } = node;
  const table = node.value(0);
  const axis = node.axis('axis', 0, table.shape.length);
  return sliceOf(node, table, axis) ?? g.gather(table, fromStart(node, 1, table, axis), { axis });
}

/** One place that is known is a view, which costs nothing. */
function sliceOf(node: NodeContext, table: Value, axis: number): Value | null {
  const given = node.operand(1);
  const [at, ...others] = given.kind === 'known' ? given.elements : [];
  const dim = table.shape[axis] ?? 1;
  if (typeof at !== 'number' || others.length > 0) return null;
  const start = at < 0 ? add(dim, at) : at;
  if (!isAtLeast(start, 0) || !isAtLeast(dim, add(start, 1))) return null;
  const one = node.g.slice(table, {
    starts: table.shape.map((_, other) => (other === axis ? start : 0)),
    ends: table.shape.map((whole, other) => (other === axis ? add(start, 1) : whole)),
  });
  return node.g.reshape(one, { shape: table.shape.toSpliced(axis, 1, ...node.type(1).shape) });
}

/** The operand `index` as places along an axis of x, negative ones counted from the start. */
function fromStart(node: NodeContext, index: number, x: Value, axis: number): Value {
  const { g } = node;
  const dim = x.shape[axis] ?? 1;
  const given = node.operand(index);
  const numbers = given.kind === 'known' ? numbersOf(given) : null;
  if (given.kind === 'known' && numbers !== null) {
    if (numbers.every((place) => place >= 0)) return node.value(index);
    if (typeof dim === 'number') {
      const places = numbers.map((place) => (place < 0 ? place + dim : place));
      return node.site.materialise(known(given.dtype, given.shape, places));
    }
  }
  const places = node.value(index);
  const size = g.cast(g.iota({ shape: [1], axis: 0, start: dim }), { dtype: places.dtype });
  const scalar = g.reshape(size, { shape: [] });
  return g.select(g.less(places, 0), g.add(places, scalar), places);
}

/** Indices of several dims in their last axis, negative ones counted from the start. */
function fromStarts(node: NodeContext, index: number, dims: Shape): Value {
  const { g } = node;
  const places = node.value(index);
  const sizes = g.cast(node.site.materialise(knownSizes(dims)), { dtype: places.dtype });
  return g.select(g.less(places, 0), g.add(places, sizes), places);
}

function gatherElements(node: NodeContext): Value {
  const x = node.value(0);
  const axis = node.axis('axis', 0, x.shape.length);
  return node.g.gather_elements(x, fromStart(node, 1, x, axis), { axis });
}

function gatherNd(node: NodeContext): Value {
  const x = node.value(0);
  const batch = node.int('batch_dims', 0);
  const named = x.shape.slice(batch, batch + depthOf(node));
  return node.g.gather_nd(x, fromStarts(node, 1, named), { batch_dims: batch });
}

/** How many dims an index of operand 1 names. */
function depthOf(node: NodeContext): number {
  const depth = node.type(1).shape.at(-1);
  if (typeof depth === 'number') return depth;
  return node.unsupported('the last dim of its indices is no number');
}

function scatterElements(node: NodeContext): Value {
  const x = node.value(0);
  const axis = node.axis('axis', 0, x.shape.length);
  const reduction = node.text('reduction', 'none');
  return node.g.scatter_elements(x, fromStart(node, 1, x, axis), node.value(2), {
    axis,
    reduction,
  });
}

function scatterNd(node: NodeContext): Value {
  const x = node.value(0);
  const indices = fromStarts(node, 1, x.shape.slice(0, depthOf(node)));
  return node.g.scatter_nd(x, indices, node.value(2), {
    reduction: node.text('reduction', 'none'),
  });
}

const extreme =
  (op: 'argmax' | 'argmin'): Handler =>
  (node) => {
    const x = node.value(0);
    const axis = node.axis('axis', 0, x.shape.length);
    const [keep, last] = [node.int('keepdims', 1), node.int('select_last_index', 0)];
    return node.g[op](x, { axis, keep: keep === 1, last: last === 1 });
  };

/** k is an attribute up to opset 9. Unsorted results may be in any order: here they are sorted, too. */
function topK(node: NodeContext): readonly Value[] {
  const x = node.value(0);
  const [k = 1] = node.opset < 10 ? [node.int('k', 1)] : node.dims(1, 'k');
  const axis = node.axis('axis', -1, x.shape.length);
  const largest = node.int('largest', 1) === 1;
  // PyTorch sorts a packed batch by its lengths: k is the size of the axis
  if (typeof k !== 'number') return expandTopK(node.g, x, { k, axis, largest });
  return node.g.top_k(x, { k, axis, largest });
}

/** `values` are the two numbers off and on; an index that is none of the depth is off throughout. */
function oneHot(node: NodeContext): Value {
  const { g } = node;
  const [depth = 0] = node.dims(1, 'depth');
  const given = node.value(0);
  const indices = given.dtype === 'i64' ? given : g.cast(given, { dtype: 'i32' });
  const axis = node.axis('axis', -1, indices.shape.length + 1);
  const size = g.reshape(g.iota({ shape: [1], start: depth, dtype: indices.dtype }), { shape: [] });
  const places = g.select(g.less(indices, 0), g.add(indices, size), indices);
  const column = [...indices.shape.slice(0, axis), 1, ...indices.shape.slice(axis)];
  const along = column.map((_, other) => (other === axis ? depth : 1));
  const isHere = g.equal(
    g.reshape(places, { shape: column }),
    g.iota({ shape: along, axis, dtype: indices.dtype }),
  );
  const values = node.value(2);
  const [off, on] = [0, 1].map((at) =>
    g.reshape(g.slice(values, { starts: [at], ends: [at + 1] }), { shape: [] }),
  );
  return g.select(isHere, on, off);
}

function cumSum(node: NodeContext): Value {
  const x = node.value(0);
  const axis = node.resolve(node.integer(1, 'axis'), x.shape.length);
  const [exclusive, reverse] = [node.int('exclusive', 0) === 1, node.int('reverse', 0) === 1];
  return node.g.cumsum(x, { axis, exclusive, reverse });
}

/** Where the largest of a row stands 1, the first of several, and 0 elsewhere. */
function hardmax(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const rank = x.shape.length;
  const axis = node.axis('axis', node.opset < 13 ? 1 : -1, rank);
  // up to opset 12 the dims from the axis on are one
  const rows =
    node.opset < 13 ? [...x.shape.slice(0, axis), node.size(x.shape.slice(axis))] : x.shape;
  const flat = g.reshape(x, { shape: rows });
  const best = g.argmax(flat, { axis, keep: true });
  const along = rows.map((dim, other) => (other === axis ? dim : 1));
  const isBest = g.equal(g.iota({ shape: along, axis, dtype: 'i64' }), best);
  return g.reshape(g.cast(isBest, { dtype: x.dtype }), { shape: x.shape });
}

/** The places of what is not 0, where that is known, or counted in an input: other counts are data. */
function nonZero(node: NodeContext): Result {
  const isKnown = node.known(0) !== null;
  const positions = isKnown ? null : node.site.positions(node.value(0));
  if (positions !== null) return indicesAt(node, positions, node.type(0).shape);
  const { shape, elements } = node.contents(0, 'operand');
  const places = elements.flatMap((element, flat) => {
    if (element === 0) return [];
    let rest = flat;
    const place = shape.toReversed().map((dim) => {
      const at = rest % dim;
      rest = Math.floor(rest / dim);
      return at;
    });
    return [place.reverse()];
  });
  const columns = shape.map((_, axis) => places.map((place) => place[axis] ?? 0));
  return known('i64', [shape.length, places.length], columns.flat());
}

/** The places at which a condition holds that is known: else the number of results would be data. */
function compress(node: NodeContext): Value {
  const { g } = node;
  const given = node.value(0);
  const named = node.attributes.int('axis');
  const x = named === undefined ? g.reshape(given, { shape: [node.size(given.shape)] }) : given;
  const axis = node.resolve(named ?? 0, x.shape.length);
  const { elements } = node.contents(1, 'condition');
  const places = elements.flatMap((holds, place) => (holds === 0 ? [] : [place]));
  const indices = node.site.materialise(known('i64', [places.length], places));
  return g.gather(x, indices, { axis });
}

/** [rank, count]: each flat position as an index of every axis. */
function indicesAt(node: NodeContext, positions: Value, shape: Shape): Value {
  const { g } = node;
  const size = (dim: Dim) =>
    g.cast(node.site.materialise(knownSizes([dim])), { dtype: positions.dtype });
  const rows = shape.map((dim, axis) => {
    const inner = node.size(shape.slice(axis + 1));
    const outer = inner === 1 ? positions : g.div(positions, size(inner));
    const index = axis === 0 ? outer : g.rem(outer, size(dim));
    return g.reshape(index, { shape: [1, ...positions.shape] });
  });
  const [first, ...others] = rows;
  const all = first !== undefined && others.length === 0 ? first : g.concat(rows, { axis: 0 });
  return g.cast(all, { dtype: 'i64' });
}

export const indexing: HandlerTable = {
  ArgMax: extreme('argmax'),
  ArgMin: extreme('argmin'),
  Compress: compress,
  CumSum: cumSum,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Hardmax: hardmax,
  NonZero: nonZero,
  OneHot: oneHot,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  TopK: topK,
};
