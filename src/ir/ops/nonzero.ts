/**
 * nonzero: y = the flat row-major positions of the elements of x that are not 0, ascending
 *
 * x integer or bool[.., n] -> y i32[symbol]. `symbol` names the size of y, which no shape tells: it is
 * counted in the numbers of x once they are there, so x is an input of the graph (verify_v12). The
 * elements at the indices `always` of the last axis count as not 0 whatever they are.
 * - c1: x is an integer or bool, and has a last axis
 * - c2: the symbol is a name, and stands in no dim of x
 */
import { binary, constant, type Expression, index as indexOf, select } from '../../loops/nodes.ts';
import { dim, dimList } from '../attributes.ts';
import { countedPositions } from '../counted-positions.ts';
import { type Dim, sizeOf, symbolsOf } from '../dims.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import type { DTypeOk } from '../shape-types.ts';
import type { DType, IntegerType, Shape } from '../types.ts';

export type Nonzero = <D extends DType, S extends Shape, const N extends string>(
  x: Value<D, S> & DTypeOk<'nonzero_c1', IntegerType | 'bool', D>,
  attributes: { readonly symbol: N; readonly always?: readonly Dim[] },
) => Value<'i32', [N]>;

export const nonzero: OpDefinition<Nonzero> = defineOp({
  kind: 'ordered',
  summary: 'the flat row-major positions of the elements that are not 0, ascending',
  operands: [{ name: 'x' }],
  attributes: { symbol: dim(), always: dimList([]) },
  infer: ({ operand, attributes: { symbol }, require }) => {
    const { dtype, shape } = operand(0);
    require('c1', dtype !== 'f32' && dtype !== 'f16' && shape.length > 0, () => {
      return 'x must be integers or bools with a last axis';
    });
    require('c2', typeof symbol === 'string' && symbolsOf(symbol)[0] === symbol, () => {
      return `'${symbol}' is no name of a size`;
    });
    require('c2', !shape.some((size) => symbolsOf(size).includes(String(symbol))), () => {
      return `'${symbol}' is already the size of a dim of x`;
    });
    return [{ dtype: 'i32', shape: [symbol] }];
  },
  counts: ({ attributes: { symbol, always } }) => ({ symbol: String(symbol), always }),
  evaluate: ({ operand, attributes: { always }, result, size }) => {
    const { data, shape } = operand(0);
    const positions = countedPositions(data, shape.at(-1) ?? 1, always.map(size));
    return [{ ...result, data: Float64Array.from(positions) }];
  },
  lower: ({ index: [t = 0], types, attributes: { always }, operand, emit }) => {
    const { shape } = present(types, 0);
    const zero = constant(0, 'i32');
    const [found] = emit.fold(sizeOf(shape), [zero, zero], (k, [place = zero, before = zero]) => {
      const at = indexAt(k, shape, emit);
      const counts = isCounted(operand(0, at), at.at(-1) ?? 0, always);
      const isIt = binary('and', counts, binary('eq', before, indexOf(t)));
      const next = binary('add', before, constant(1, 'i32'));
      return [select(isIt, indexOf(k), place), select(counts, next, before)];
    });
    return found ?? zero;
  },
});

/** The index of the element at a row-major position. */
export function indexAt(
  position: Dim,
  shape: Shape,
  { divide, modulo }: { readonly [N in 'divide' | 'modulo']: (x: Dim, by: Dim) => Dim },
): readonly Dim[] {
  return shape.map((size, axis) => {
    const outer = divide(position, sizeOf(shape.slice(axis + 1)));
    return axis === 0 ? outer : modulo(outer, size);
  });
}

/** Whether an element counts, given its index along the last axis. */
export function isCounted(x: Expression, last: Dim, always: readonly Dim[]): Expression {
  const isSet = x.type === 'bool' ? x : binary('ne', x, constant(0, x.type));
  return always.reduce((counts, place) => {
    return binary('or', counts, binary('eq', indexOf(last), indexOf(place)));
  }, isSet);
}
