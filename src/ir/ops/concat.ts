/**
 * concat: the operands one after another along the axis
 *
 * xs [..p, n1, ..q], [..p, n2, ..q], .. -> y [..p, n1 + n2 + .., ..q]
 * - c1: there is at least one, and all have the same dtype and the same number of dims
 * - c2: the axis exists
 * - c3: beside the axis all dims agree
 */
import { binary, constant, type Expression, index as indexOf } from '../../loops/nodes.ts';
import { integer } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import { add, type Dim, subtract } from '../dims.ts';
import type { Value } from '../graph.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import { scalarOf } from '../scalars.ts';
import type { AxisOk, ConcatOk, ConcatShape, SameDTypeOk } from '../shape-types.ts';

export type Concat = <const V extends readonly Value[], Axis extends number = -1>(
  xs: {
    readonly [I in keyof V]: V[I] &
      ConcatOk<V[0]['shape'], V[I]['shape'], Axis> &
      SameDTypeOk<'concat_c1', V[0]['dtype'], V[I]['dtype']>;
  },
  attributes?: { readonly axis?: Axis & AxisOk<'concat_c2', V[0]['shape'], Axis> },
) => Value<V[0]['dtype'], ConcatShape<{ [I in keyof V]: V[I]['shape'] }, Axis>>;

export const concat: OpDefinition<Concat> = defineOp({
  kind: 'view',
  summary: 'the operands one after another along the axis',
  operands: [{ name: 'xs', variadic: true }],
  attributes: { axis: integer(-1) },
  infer: ({ operand, operands, attributes, require }) => {
    require('c1', operands.length > 0, () => 'at least one operand is needed');
    const { dtype, shape } = operand(0);
    const axis = resolveAxis(attributes.axis, shape.length);
    let total: Dim = 0;
    operands.forEach((_, i) => {
      const x = operand(i);
      require('c1', x.dtype === dtype && x.shape.length === shape.length, () => {
        return 'all must have the same dtype and number of dims';
      });
      require('c2', axis !== null, () => `axis ${attributes.axis} does not exist`);
      const agrees = x.shape.every((dim, other) => other === axis || dim === shape[other]);
      require('c3', agrees, () => 'the shapes differ beside the axis');
      total = add(total, x.shape[axis ?? 0] ?? 1);
    });
    return [{ dtype, shape: shape.map((dim, other) => (other === axis ? total : dim)) }];
  },
  evaluate: ({ operands, operand, attributes, result }) => {
    const axis = resolveAxis(attributes.axis, result.shape.length) ?? 0;
    const y = tabulate(result, (index) => {
      const place = [...index];
      for (let i = 0; i < operands.length; i++) {
        const [k = 0, length = 0] = [place[axis], operand(i).shape[axis]];
        if (k < length) return at(operand(i), place);
        place[axis] = k - length;
      }
      throw new Error('concat: index beyond the last operand');
    });
    return [y];
  },
  lower: ({ index, types, type, attributes, operand, emit }) => {
    const axis = resolveAxis(attributes.axis, type.shape.length) ?? 0;
    const place = index[axis] ?? 0;
    let start: Dim = 0;
    let element: Expression = constant(0, scalarOf(type.dtype));
    types.forEach((_, i) => {
      const from = start;
      start = add(start, present(types, i).shape[axis] ?? 1);
      // Both bounds are tested, as every guard stands for itself: none may load out of range.
      const conditions = [
        ...(i > 0 ? [binary('le', indexOf(from), indexOf(place))] : []),
        ...(i < types.length - 1 ? [binary('lt', indexOf(place), indexOf(start))] : []),
      ];
      const within = index.map((k, other) => (other === axis ? subtract(place, from) : k));
      const [first, second] = conditions;
      if (first === undefined) element = operand(i, within);
      else {
        const inside = second === undefined ? first : binary('and', first, second);
        element = emit.guard(inside, () => operand(i, within), element);
      }
    });
    return element;
  },
});
