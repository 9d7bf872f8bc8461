/**
 * Composites as exporters write them: the same meaning in small ops, constants rounded to float32, the
 * operands in one order or the other.
 */
import type { UntypedBuilder } from '../../src/ir/builder.ts';
import { type Graph, type Node, presentOperands, type Value } from '../../src/ir/graph.ts';
import { rebuild } from '../../src/ir/rebuild.ts';

type Form = (g: UntypedBuilder, node: Node, operands: readonly Value[]) => Value;

const OVER = { axes: [-1], keep: true };
const rounded = Math.fround;

const last = ({ shape }: Value) => shape.at(-1) ?? 1;

/** gamma and beta behind a normal, or whichever of them there is. */
function shifted(g: UntypedBuilder, normal: Value, [, gamma, beta]: readonly Value[]): Value {
  const scaled = gamma === undefined ? normal : g.mul(normal, gamma);
  return beta === undefined ? scaled : g.add(beta, scaled);
}

function epsOf(node: Node): number {
  return rounded(Number(node.attributes.eps));
}

function first(operands: readonly Value[]): Value {
  const [x] = operands;
  if (x === undefined) throw new Error('there is no operand');
  return x;
}

const layerNorm: readonly Form[] = [
  // PyTorch and Paddle before opset 17
  (g, node, operands) => {
    const x = first(operands);
    const c = g.sub(x, g.reduce_mean(x, OVER));
    const variance = g.add(g.reduce_mean(g.pow(c, 2), OVER), epsOf(node));
    return shifted(g, g.div(c, g.sqrt(variance)), operands);
  },
  // tf2onnx
  (g, node, operands) => {
    const x = first(operands);
    const mean = g.reduce_mean(x, OVER);
    const c = g.sub(x, mean);
    const inverse = g.rsqrt(g.add(g.reduce_mean(g.mul(c, c), OVER), epsOf(node)));
    const [, gamma, beta] = operands;
    if (gamma === undefined || beta === undefined) return shifted(g, g.mul(inverse, c), operands);
    const scale = g.mul(inverse, gamma);
    return g.add(g.mul(x, scale), g.sub(beta, g.mul(mean, scale)));
  },
  // sums for means
  (g, node, operands) => {
    const x = first(operands);
    const n = Number(last(x));
    const c = g.sub(x, g.mul(g.reduce_sum(x, OVER), rounded(1 / n)));
    const sum = g.reduce_sum(g.mul(c, c), { axes: [-1] });
    const variance = g.reshape(g.div(sum, n), { shape: [...x.shape.slice(0, -1), 1] });
    return shifted(g, g.div(c, g.pow(g.add(epsOf(node), variance), 0.5)), operands);
  },
];

const rmsNorm: readonly Form[] = [
  (g, node, operands) => {
    const x = first(operands);
    const inverse = g.rsqrt(g.add(g.reduce_mean(g.pow(x, 2), OVER), epsOf(node)));
    return shifted(g, g.mul(x, inverse), operands);
  },
  (g, node, operands) => {
    const x = first(operands);
    const root = g.sqrt(g.add(g.reduce_mean(g.mul(x, x), OVER), epsOf(node)));
    return shifted(g, g.mul(g.reciprocal(root), x), operands);
  },
];

const byErf: readonly ((g: UntypedBuilder, x: Value) => Value)[] = [
  (g, x) => g.mul(g.mul(x, g.add(g.erf(g.div(x, rounded(Math.SQRT2))), 1)), 0.5),
  (g, x) => g.mul(g.mul(0.5, g.add(1, g.erf(g.mul(rounded(Math.SQRT1_2), x)))), x),
];

const gelu: readonly Form[] = byErf.map((form) => (g, node, operands) => {
  const x = first(operands);
  return node.attributes.approximation === 'none' ? form(g, x) : byTanh(g, x);
});

function byTanh(g: UntypedBuilder, x: Value): Value {
  const cubic = g.add(x, g.mul(g.pow(x, 3), rounded(0.044715)));
  const tanh = g.tanh(g.mul(cubic, rounded(Math.sqrt(2 / Math.PI))));
  return g.mul(g.mul(0.5, x), g.add(1, tanh));
}

const silu: readonly Form[] = [
  (g, _, operands) => g.mul(first(operands), g.sigmoid(first(operands))),
  (g, _, operands) => g.div(first(operands), g.add(1, g.exp(g.neg(first(operands))))),
];

const exponentials = (g: UntypedBuilder, node: Node, x: Value) => {
  const over = { axes: [Number(node.attributes.axis)], keep: true };
  const shift = g.sub(x, g.reduce_max(x, over));
  const exp = g.exp(shift);
  return { shift, exp, sum: g.reduce_sum(exp, over) };
};

const softmax: readonly Form[] = [
  (g, node, operands) => {
    const { exp, sum } = exponentials(g, node, first(operands));
    return g.div(exp, sum);
  },
  (g, node, operands) => {
    const { exp, sum } = exponentials(g, node, first(operands));
    return g.mul(g.reciprocal(sum), exp);
  },
];

const logSoftmax: readonly Form[] = [
  (g, node, operands) => {
    const { shift, sum } = exponentials(g, node, first(operands));
    return g.sub(shift, g.log(sum));
  },
];

export const FORMS: { readonly [op: string]: readonly Form[] | undefined } = {
  layer_norm: layerNorm,
  rms_norm: rmsNorm,
  gelu,
  silu,
  softmax,
  log_softmax: logSoftmax,
};

/**
 * The graph as an exporter would write it; `choose` picks a form. Composites stay where another node
 * works on their operand: parts that both would compute are then computed once, and no chain is whole.
 */
export function asExported(graph: Graph, choose: (count: number) => number): Graph {
  return rebuild(graph, (node, operands, into) => {
    const forms = FORMS[node.op];
    const given = operands.filter((operand) => operand !== null && operand !== undefined);
    const isPlain =
      presentOperands(node).length === given.length &&
      node.operands.every((id, i) => id !== null || i > 0);
    const hasMask = node.op === 'softmax' && node.operands[1] != null;
    if (forms === undefined || hasMask || !isPlain || isShared(graph, node)) return null;
    const form = forms[choose(forms.length)];
    return form === undefined ? null : [form(into.untypedBuilder(), node, given)];
  });
}

function isShared(graph: Graph, node: Node): boolean {
  const [x] = node.operands;
  return graph.nodes.some((other) => other !== node && x != null && other.operands.includes(x));
}
