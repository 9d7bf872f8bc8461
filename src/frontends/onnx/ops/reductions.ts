/** Reductions along axes, which are an attribute up to opset 17 (ReduceSum: 12) and an operand since. */
import type { Value } from '../../../ir/graph.ts';
import { LOWEST } from '../../../ir/ops/softmax.ts';
import { isFloat } from '../../../ir/types.ts';
import type { Handler, HandlerTable, NodeContext } from '../context.ts';

type ReduceOp = 'reduce_sum' | 'reduce_mean' | 'reduce_max' | 'reduce_min' | 'reduce_prod';

interface Reduction {
  readonly op: ReduceOp;
  readonly before?: (node: NodeContext, x: Value) => Value;
  readonly after?: (node: NodeContext, y: Value) => Value;
}

const reduction =
  ({ op, before, after }: Reduction): Handler =>
  (node) => {
    const x = node.value(0);
    const axes = axesOf(node, x.shape.length);
    const terms = before === undefined ? x : before(node, x);
    const keep = node.int('keepdims', 1) === 1;
    const reduced = axes === null ? terms : node.g[op](terms, { axes, keep });
    return after === undefined ? reduced : after(node, reduced);
  };

/** All axes where none are named; null where that means to leave the operand as it is. */
function axesOf(node: NodeContext, rank: number): readonly number[] | null {
  const named = node.intsOrOperand('axes', 1) ?? [];
  if (named.length > 0) return [...new Set(named.map((axis) => node.resolve(axis, rank)))];
  return node.int('noop_with_empty_axes', 0) === 1 ? null : [...Array(rank).keys()];
}

const log = ({ g }: NodeContext, x: Value) => g.log(x);
const square = ({ g }: NodeContext, x: Value) => g.mul(x, x);

/**
 * log(sum(exp(x))) with the largest term taken out, so that no exponential overflows; one of minus
 * infinity, or of none, would leave NaN of terms that are 0.
 */
function logSumExp(node: NodeContext): Value {
  const { g } = node;
  const x = isFloat(node.type(0).dtype) ? node.value(0) : g.cast(node.value(0), { dtype: 'f32' });
  const axes = axesOf(node, x.shape.length);
  if (axes === null) return x;
  const largest = g.maximum(g.reduce_max(x, { axes, keep: true }), LOWEST);
  const sum = g.reduce_sum(g.exp(g.sub(x, largest)), { axes, keep: true });
  const result = g.add(g.log(sum), largest);
  if (node.int('keepdims', 1) === 1) return result;
  return g.reshape(result, { shape: x.shape.filter((_, axis) => !axes.includes(axis)) });
}

/** Of bools the largest is "any", the smallest "all". */
const ordered =
  (op: 'reduce_max' | 'reduce_min'): Handler =>
  (node) =>
    node.type(0).dtype !== 'bool'
      ? reduction({ op })(node)
      : reduction({
          op,
          before: ({ g }, x) => g.cast(x, { dtype: 'u8' }),
          after: ({ g }, y) => g.cast(y, { dtype: 'bool' }),
        })(node);

export const reductions: HandlerTable = {
  ReduceL1: reduction({ op: 'reduce_sum', before: ({ g }, x) => g.abs(x) }),
  ReduceL2: reduction({ op: 'reduce_sum', before: square, after: ({ g }, y) => g.sqrt(y) }),
  ReduceLogSum: reduction({ op: 'reduce_sum', after: log }),
  ReduceLogSumExp: logSumExp,
  ReduceMax: ordered('reduce_max'),
  ReduceMean: reduction({ op: 'reduce_mean' }),
  ReduceMin: ordered('reduce_min'),
  ReduceProd: reduction({ op: 'reduce_prod' }),
  ReduceSum: reduction({ op: 'reduce_sum' }),
  ReduceSumSquare: reduction({ op: 'reduce_sum', before: square }),
};
