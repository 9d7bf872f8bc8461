/** Mixtures of experts: several functions of one input, mixed by a gate that the input chooses. */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { FloatType, Shape } from '../ir/types.ts';
import { linear } from './linear.ts';
import { lastDims, withShape } from './shape.ts';

export interface GateOptions {
  /** How many experts there are. */
  readonly experts: number;
  /** How many of them a row mixes, those with the largest scores (all). */
  readonly top?: number;
}

/**
 * expertGate: a = softmax(x W), over the `top` largest scores of each row alone; of equal scores the
 * first counts as larger (Shazeer et al. 2017, eq. 3 to 5, without noise)
 *
 * x [.., d] -> a [.., experts], zeros for experts that are not taken. Weight: `weight` [d, experts].
 * @throws EncompileError where `top` is not 1 to `experts`
 */
export function expertGate<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  { experts, top = experts }: GateOptions,
): Value<D> {
  if (!Number.isInteger(top) || top < 1 || top > experts) {
    throw new EncompileError(
      `expert_gate: the gate takes ${top} of ${experts} experts. Take a whole number from 1 to ${experts}.`,
    );
  }
  const scores: Value<D> = linear<D, Shape, number>(g, x, { width: experts, bias: false });
  const kept = top === experts ? null : g.less(ranks(g, scores), top);
  return g.named('gate', g.softmax<D, Shape, Shape>(scores, kept, { axis: -1 }));
}

/** y[.., e] = how many elements of x[.., :] come before element e, the largest first: i32. */
function ranks<D extends FloatType>(g: Builder, x: Value<D>): Value<'i32'> {
  const [count = 1] = lastDims(x, 1);
  const leading = x.shape.slice(0, -1);
  const own: Value<D> = g.reshape(x, { shape: [...leading, count, 1] });
  const other: Value<D> = g.reshape(x, { shape: [...leading, 1, count] });
  const isEarlier: Value<'bool'> = g.less(
    g.iota({ shape: [1, count], axis: 1 }),
    g.iota({ shape: [count, 1], axis: 0 }),
  );
  const isEqual: Value<'bool'> = g.equal<D, Shape, D, Shape>(other, own);
  const isLarger: Value<'bool'> = g.greater<D, Shape, D, Shape>(other, own);
  const isBefore: Value<'bool'> = g.or(isLarger, g.and(isEqual, isEarlier));
  return g.reduce_sum(g.cast(isBefore, { dtype: 'i32' }), { axes: [-1] });
}

export interface ExpertsOptions<D extends FloatType> extends GateOptions {
  /** Expert i, with weights of its own in the scope `g`. */
  readonly expert: (g: Builder, x: Value<D>, i: number) => Value<D>;
}

/**
 * mixtureOfExperts: y = the sum over experts of gate_e(x) * expert_e(x), with the gate of `expertGate`
 *
 * x [.., d] -> y as the experts give it. Every expert is computed for every row: what a gate of few
 * experts leaves out is weighed with 0. Weights: `gate.weight`, and below `expert.<i>` those of the experts.
 */
export function mixtureOfExperts<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  { expert, ...options }: ExpertsOptions<D>,
): Value<D, S> {
  const gate = expertGate(g.scope('gate'), x, options);
  const leading = x.shape.slice(0, -1);
  const parts = Array.from({ length: options.experts }, (_, i): Value<D> => {
    const share = g.slice<D, Shape, Shape, Shape>(gate, {
      starts: [...leading.map(() => 0), i],
      ends: [...leading, i + 1],
    });
    return g.mul<D, Shape, D, Shape>(expert(g.scope(`expert.${i}`), x, i), share);
  });
  const sum = parts.reduce((all, part) => g.add<D, Shape, D, Shape>(all, part));
  return withShape(g.named('mixture', sum), x.shape);
}
