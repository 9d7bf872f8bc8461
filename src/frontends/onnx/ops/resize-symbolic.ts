/**
 * Resize of axes whose sizes only a run knows: the model itself computes which elements an element is a
 * sum of. Places are quotients of whole numbers, so that every backend finds the same floor and rest.
 */
import { type Dim, multiply, subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { NodeContext } from '../context.ts';

export interface SymbolicAxis {
  readonly axis: number;
  readonly to: Dim;
  /** Elements of the axis for `den` elements of the result. */
  readonly num: Dim;
  readonly den: Dim;
  readonly from: Dim;
}

export interface SymbolicResampling {
  /** `coordinate_transformation_mode`. */
  readonly coordinates: string;
  readonly mode: string;
  readonly rounding: string;
  /** The constant of Keys' kernel. */
  readonly a: number;
}

/** Place n / d of an axis, as floor and rest. */
interface Place {
  readonly floor: Value;
  /** From 0, below 1. */
  readonly rest: Value;
}

/** Numerators and the denominator of all places, as whole numbers; at least -d. */
type Fraction = (node: NodeContext, axis: SymbolicAxis) => readonly [Value, Dim];

const FRACTIONS: { readonly [mode: string]: Fraction | undefined } = {
  // (i + 1/2) num / den - 1/2
  half_pixel: (node, { to, num, den }) => {
    const { g } = node;
    const twice = g.mul(counted(node, to), 2);
    const middles = g.mul(g.add(twice, 1), sizeValue(node, num));
    return [g.sub(middles, sizeValue(node, den)), multiply(2, den)];
  },
  pytorch_half_pixel: (node, axis) => {
    const { g } = node;
    const [n, d] = halfPixel(node, axis);
    return [g.select(g.greater(sizeValue(node, axis.to), 1), n, 0), d];
  },
  // i (from - 1) / (to - 1), and 0 where there is one element
  align_corners: (node, { from, to }) => {
    const last = sizeValue(node, subtract(from, 1));
    return [node.g.mul(counted(node, to), last), subtract(to, 1)];
  },
  // i num / den
  asymmetric: (node, { to, num, den }) => {
    return [node.g.mul(counted(node, to), sizeValue(node, num)), den];
  },
};
const halfPixel = FRACTIONS.half_pixel as Fraction;

const counted = ({ g }: NodeContext, count: Dim): Value => g.iota({ shape: [count], axis: 0 });
const sizeValue = ({ g }: NodeContext, size: Dim): Value => g.iota({ shape: [1], start: size });

function placesOf(node: NodeContext, axis: SymbolicAxis, fraction: Fraction): Place {
  const { g } = node;
  const [n, d] = fraction(node, axis);
  const divisor = g.maximum(sizeValue(node, d), 1);
  // a quotient is cut towards 0: one more than each is at least 0
  const above = g.add(n, divisor);
  const floor = g.sub(g.div(above, divisor), 1);
  const over = g.sub(n, g.mul(floor, divisor));
  const floats = (value: Value) => g.cast(value, { dtype: 'f32' });
  return { floor, rest: g.div(floats(over), floats(divisor)) };
}

/** How far the place is rounded up from its floor: 0 or 1. */
const ROUNDINGS: { readonly [mode: string]: (node: NodeContext, rest: Value) => Value | null } = {
  floor: () => null,
  ceil: ({ g }, rest) => g.greater(rest, 0),
  round_prefer_floor: ({ g }, rest) => g.greater(rest, 0.5),
  round_prefer_ceil: ({ g }, rest) => g.greater_equal(rest, 0.5),
};

/** A resized axis; null where that takes more than is known of the axis. */
export function resizeSymbolic(
  node: NodeContext,
  x: Value,
  axis: SymbolicAxis,
  { coordinates, mode, rounding, a }: SymbolicResampling,
): Value | null {
  const { g } = node;
  const fraction = FRACTIONS[coordinates];
  if (fraction === undefined) return null;
  const { floor, rest } = placesOf(node, axis, fraction);
  // a gather clamps its indices: beyond the edge it finds the edge
  const tap = (place: Value) => g.gather(x, place, { axis: axis.axis });
  if (mode === 'nearest') {
    const up = ROUNDINGS[rounding]?.(node, rest) ?? null;
    return tap(up === null ? floor : g.add(floor, g.cast(up, { dtype: 'i32' })));
  }
  const along = x.shape.map((_, other) => (other === axis.axis ? axis.to : 1));
  const weighted = (step: number, weight: Value) => {
    const fitting = g.cast(g.reshape(weight, { shape: along }), { dtype: x.dtype });
    return g.mul(tap(step === 0 ? floor : g.add(floor, step)), fitting);
  };
  const terms =
    mode === 'linear'
      ? [weighted(0, g.sub(1, rest)), weighted(1, rest)]
      : [
          weighted(-1, outer(node, g.add(rest, 1), a)),
          weighted(0, inner(node, rest, a)),
          weighted(1, inner(node, g.sub(1, rest), a)),
          weighted(2, outer(node, g.sub(2, rest), a)),
        ];
  return terms.reduce((sum, term) => g.add(sum, term));
}

/** Keys' kernel for distances up to 1. */
function inner({ g }: NodeContext, d: Value, a: number): Value {
  return g.add(g.mul(g.mul(g.sub(g.mul(d, a + 2), a + 3), d), d), 1);
}

/** Keys' kernel for distances from 1 to 2. */
function outer({ g }: NodeContext, d: Value, a: number): Value {
  return g.sub(g.mul(g.add(g.mul(g.sub(g.mul(d, a), 5 * a), d), 8 * a), d), 4 * a);
}
