/** Ops whose places are data: looking up, sorting, scattering. */
import { subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { Handler, HandlerTable, NodeContext } from '../context.ts';
import { known, numbersOf } from '../operand.ts';

/** Negative indices count from the end. */
function gather(node: NodeContext): Value {
  const { g } = node;
  const table = node.value(0);
  const axis = node.axis('axis', 0, table.shape.length);
  return g.gather(table, fromStart(node, 1, table, axis), { axis });
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

/** Of equal elements the first, or the last: then the first in reversed order. */
const extreme =
  (op: 'argmax' | 'argmin'): Handler =>
  (node) => {
    const { g } = node;
    const x = node.value(0);
    const axis = node.axis('axis', 0, x.shape.length);
    const keep = node.int('keepdims', 1) === 1;
    if (node.int('select_last_index', 0) === 0) return g[op](x, { axis, keep });
    const last = subtract(x.shape[axis] ?? 1, 1);
    const reversed = g.slice(x, {
      starts: x.shape.map((_, other) => (other === axis ? last : 0)),
      ends: x.shape.map((dim, other) => (other === axis ? -1 : dim)),
      steps: x.shape.map((_, other) => (other === axis ? -1 : 1)),
    });
    const end = g.iota({ shape: [1], axis: 0, start: last, dtype: 'i64' });
    return g.sub(g.reshape(end, { shape: [] }), g[op](reversed, { axis, keep }));
  };

export const indexing: HandlerTable = {
  ArgMax: extreme('argmax'),
  ArgMin: extreme('argmin'),
  Gather: gather,
};
