/** Losses, which graphs exported for training or evaluation end with. */
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';

/** Logarithms of probabilities [n, c, ..d] -> -log p[target[n, ..d]], weighted by class and reduced. */
function negativeLogLikelihood(node: NodeContext, logarithms: Value): Value {
  const { g } = node;
  const given = node.value(1);
  const [n = 1, , ...dims] = logarithms.shape;
  node.align([n, ...dims], given.shape);
  const ignored = node.attributes.int('ignore_index');
  const isIgnored = ignored === undefined ? null : g.equal(given, ignored);
  // what is ignored need be no class
  const target = isIgnored === null ? given : g.select(isIgnored, 0, given);
  const places = g.reshape(target, { shape: [n, 1, ...dims] });
  const chosen = g.gather_elements(logarithms, places, { axis: 1 });
  const each = g.neg(g.reshape(chosen, { shape: target.shape }));
  const weights = weightsOf(node, target, isIgnored, each.dtype);
  const losses = weights === null ? each : g.mul(each, weights);
  const axes = losses.shape.map((_, axis) => axis);
  const reduction = node.text('reduction', 'mean');
  if (reduction === 'none') return losses;
  if (reduction === 'sum') return g.reduce_sum(losses, { axes });
  if (weights === null) return g.reduce_mean(losses, { axes });
  return g.div(g.reduce_sum(losses, { axes }), g.reduce_sum(weights, { axes }));
}

/** The weight of each target's class, 0 for those that are ignored; null where all count alike. */
function weightsOf(
  node: NodeContext,
  target: Value,
  isIgnored: Value | null,
  dtype: Value['dtype'],
): Value | null {
  const { g } = node;
  const weight = node.optional(2);
  const own = weight === null ? null : g.gather(weight, target, { axis: 0 });
  if (isIgnored === null) return own;
  if (own !== null) return g.select(isIgnored, 0, own);
  return g.cast(g.not(isIgnored), { dtype });
}

function softmaxCrossEntropy(node: NodeContext): readonly Value[] {
  const logarithms = node.g.log_softmax(node.value(0), { axis: 1 });
  return [negativeLogLikelihood(node, logarithms), logarithms];
}

export const losses: HandlerTable = {
  NegativeLogLikelihoodLoss: (node) => negativeLogLikelihood(node, node.value(0)),
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
};
