/**
 * FlexAttention of the preview domain: attention whose scores and weights go through graphs of the file,
 * which mask, bias or cap them. It is written out: what is scaled, masked and biased is fused later.
 */
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';
import { grouped, scaleFor } from './attention.ts';

function flexAttention(node: NodeContext): Value {
  const { g } = node;
  const [query, key, value] = [0, 1, 2].map((index) => node.value(index)) as [Value, Value, Value];
  if ([query, key, value].some(({ shape }) => shape.length !== 4)) {
    return node.unsupported('its operands have other than 4 dims: batch, heads, rows, width');
  }
  const scale = node.attributes.float('scale') ?? scaleFor(node, query.shape[3] ?? 1);
  const turned = g.transpose(key, { permutation: [0, 1, 3, 2] });
  const scores = modified(node, 'score_mod', g.mul(grouped(node, query, turned), scale));
  return grouped(node, modified(node, 'prob_mod', g.softmax(scores)), value);
}

/** What the graph in an attribute makes of the value, or the value where there is none. */
function modified(node: NodeContext, name: string, value: Value): Value {
  const graph = node.attributes.graph(name);
  if (graph === undefined) return value;
  const [result] = node.site.inline(graph, [{ kind: 'computed', value }]);
  return result === undefined
    ? node.unsupported(`its ${name} has no result`)
    : node.site.materialise(result);
}

export const flexAttentionOps: HandlerTable = {
  'ai.onnx.preview.FlexAttention': flexAttention,
};
