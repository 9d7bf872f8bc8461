/** Attention over 2 heads of width 4 as primitives, for tests of what becomes of it. */
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { opsOf } from './run-pass.ts';

const { batch, seq } = dims('batch', 'seq');

export type V = Value<'f32'>;

export interface Parts {
  readonly g: Builder;
  readonly query: V;
  readonly key: V;
  readonly value: V;
}

/** A graph of 2 heads of width 4 over [batch, 2, seq, 4]; `build` makes the outputs. */
export function attentionGraph(
  build: (parts: Parts) => V | { readonly [name: string]: Value },
): Graph {
  return buildGraph('attention', (g) => {
    const [query, key, value] = ['query', 'key', 'value'].map(
      (name): V => g.input(name, f32(batch, 2, seq, 4)),
    );
    if (!query || !key || !value) throw new Error('no inputs');
    const built = build({ g, query, key, value });
    return 'id' in built ? { context: built as V } : built;
  });
}

export const turned = (g: Builder, x: V): V => g.transpose(x, { permutation: [0, 1, 3, 2] });
export const product = ({ g, query, key }: Parts): V => g.matmul(query, turned(g, key));

/** Attributes of the attention in a graph, and the names of its operands. */
export function attentionOf(graph: Graph) {
  const node = graph.nodes.find(({ op }) => op === 'attention');
  if (node === undefined) throw new Error(`no attention among ${opsOf(graph).join(', ')}`);
  const operands = node.operands.map((id) => (id === null ? null : graph.values.get(id)?.name));
  return { ...node.attributes, operands };
}
