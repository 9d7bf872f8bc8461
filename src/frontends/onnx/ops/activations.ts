/** Activations. Those without an op of their own are written out by the formula of their definition. */
import type { Value } from '../../../ir/graph.ts';
import type { Handler, HandlerTable, NodeContext } from '../context.ts';

const unary =
  (op: 'relu' | 'tanh' | 'sigmoid'): Handler =>
  (node) =>
    node.g[op](node.value(0));

function gelu(node: NodeContext): Value {
  const approximation = node.text('approximate', 'none');
  return node.g.gelu(node.value(0), { approximation });
}

function leakyRelu({ g }: NodeContext, x: Value, alpha: number): Value {
  return g.select(g.less(x, 0), g.mul(x, alpha), x);
}

/** alpha * (exp(x) - 1) below 0. */
function elu(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  return g.select(g.less(x, 0), g.mul(g.sub(g.exp(x), 1), node.float('alpha', 1)), x);
}

function selu(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const alpha = node.float('alpha', 1.6732631921768188);
  const gamma = node.float('gamma', 1.0507010221481323);
  const below = g.mul(g.sub(g.exp(x), 1), alpha);
  return g.mul(g.select(g.greater(x, 0), x, below), gamma);
}

/** max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). */
function celu(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const alpha = node.float('alpha', 1);
  const below = g.mul(g.sub(g.exp(g.div(x, alpha)), 1), alpha);
  return g.add(g.maximum(x, 0), g.minimum(below, 0));
}

/** log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)) so that no exponential overflows. */
function softplusOf({ g }: NodeContext, x: Value): Value {
  return g.add(g.maximum(x, 0), g.log(g.add(g.exp(g.neg(g.abs(x))), 1)));
}

function hardSigmoid({ g }: NodeContext, x: Value, alpha: number, beta: number): Value {
  return g.maximum(g.minimum(g.add(g.mul(x, alpha), beta), 1), 0);
}

/** Before opset 7 a vector of slopes has one a channel. */
function oldSlopes(node: NodeContext): readonly [Value, Value] {
  const [x, slope] = [node.value(0), node.value(1)];
  const isVector = slope.shape.length === 1 && slope.shape[0] !== 1;
  const shape = [...slope.shape, ...x.shape.slice(2).map(() => 1)];
  const beside = isVector ? node.g.reshape(slope, { shape }) : slope;
  node.align(x.shape, beside.shape);
  return [x, beside];
}

function prelu(node: NodeContext): Value {
  const { g } = node;
  const [x, slope] = node.opset < 7 ? oldSlopes(node) : (node.aligned(2) as [Value, Value]);
  return g.select(g.less(x, 0), g.mul(x, slope), x);
}

function shrink(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const [bias, lambda] = [node.float('bias', 0), node.float('lambd', 0.5)];
  const above = g.select(g.greater(x, lambda), g.sub(x, bias), 0);
  return g.select(g.less(x, -lambda), g.add(x, bias), above);
}

function swish(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const alpha = node.float('alpha', 1);
  return alpha === 1 ? g.silu(x) : g.mul(x, g.sigmoid(g.mul(x, alpha)));
}

/** The bounds are attributes up to opset 10, and operands since. */
function clip(node: NodeContext): Value {
  const { g } = node;
  let x = node.value(0);
  const low = node.opset < 11 ? node.attributes.float('min') : (node.optional(1) ?? undefined);
  const high = node.opset < 11 ? node.attributes.float('max') : (node.optional(2) ?? undefined);
  if (low !== undefined) x = g.maximum(x, low);
  if (high !== undefined) x = g.minimum(x, high);
  return x;
}

/**
 * Up to opset 12 the dims from the axis on are one, and the default axis is 1; since then the axis is
 * one dim, and the default is the last.
 */
const alongAxis =
  (op: 'softmax' | 'log_softmax'): Handler =>
  (node) => {
    const { g } = node;
    const x = node.value(0);
    const rank = x.shape.length;
    if (node.opset >= 13) return g[op](x, { axis: node.axis('axis', -1, rank) });
    const axis = node.axis('axis', 1, rank);
    if (axis === rank - 1) return g[op](x, { axis });
    const flat = [...x.shape.slice(0, axis), node.size(x.shape.slice(axis))];
    return g.reshape(g[op](g.reshape(x, { shape: flat }), { axis: -1 }), { shape: x.shape });
  };

export const activations: HandlerTable = {
  Celu: celu,
  Clip: clip,
  Elu: elu,
  Gelu: gelu,
  HardSigmoid: (node) =>
    hardSigmoid(node, node.value(0), node.float('alpha', 0.2), node.float('beta', 0.5)),
  HardSwish: (node) => {
    const x = node.value(0);
    return node.g.mul(x, hardSigmoid(node, x, 1 / 6, 0.5));
  },
  LeakyRelu: (node) => leakyRelu(node, node.value(0), node.float('alpha', 0.01)),
  LogSoftmax: alongAxis('log_softmax'),
  Mish: (node) => {
    const x = node.value(0);
    return node.g.mul(x, node.g.tanh(softplusOf(node, x)));
  },
  PRelu: prelu,
  Relu: unary('relu'),
  Selu: selu,
  Shrink: shrink,
  Sigmoid: unary('sigmoid'),
  Softmax: alongAxis('softmax'),
  Softplus: (node) => softplusOf(node, node.value(0)),
  Softsign: (node) => {
    const x = node.value(0);
    return node.g.div(x, node.g.add(node.g.abs(x), 1));
  },
  SwiGLU: (node) => node.g.mul(swish(node), node.value(1)),
  Swish: swish,
  Tanh: unary('tanh'),
  ThresholdedRelu: (node) => {
    const x = node.value(0);
    return node.g.select(node.g.greater(x, node.float('alpha', 1)), x, 0);
  },
};
