/**
 * Regions: the nodes that become one kernel, as a `fused` node whose body holds them.
 *
 * - A body's inputs are the values from outside, parameters among them, in the order of first use;
 *   its nodes keep their names. Constants and iotas are always inside.
 * - Nodes are copied into the body. Where other nodes use them too they also stay outside.
 * - A region has at most 8 buffers, which is what WebGPU grants a kernel.
 */
import { GraphConstruction } from '../../ir/builder.ts';
import {
  type Graph,
  mergeOrigins,
  NO_ORIGIN,
  type Node,
  presentOperands,
  type Value,
  type ValueId,
} from '../../ir/graph.ts';
import { copyNode } from '../../ir/rebuild.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { firstResult, numbersOf } from '../node-reading.ts';
import type { Rewrite } from '../rewrite.ts';
import { traitsOf } from './traits.ts';

/** maxStorageBuffersPerShaderStage, as every WebGPU device grants it. */
export const MOST_BUFFERS = 8;

export interface Region {
  readonly nodes: ReadonlySet<Node>;
  /** Values of its nodes that are used outside; they get the results of the region. */
  readonly results: readonly ValueId[];
}

/** The nodes in the order of the graph. */
export function inOrder(nodes: Iterable<Node>, index: GraphIndex): readonly Node[] {
  const place = (node: Node) => index.placeOf(firstResult(node));
  return [...nodes].sort((a, b) => place(a) - place(b));
}

/** The values that nodes use from outside, in order of first use. */
export function outsideOperands(nodes: Iterable<Node>, index: GraphIndex): readonly ValueId[] {
  const ordered = inOrder(nodes, index);
  const inside = new Set(ordered.flatMap((node) => node.results));
  return [...new Set(ordered.flatMap(presentOperands))].filter((id) => !inside.has(id));
}

/** Buffers of a region's kernel: operands, results, and constants of several numbers. */
export function bufferCount({ nodes, results }: Region, index: GraphIndex): number {
  const tables = [...nodes].filter((node) => {
    return node.op === 'constant' && new Set(numbersOf(node.attributes.value)).size > 1;
  });
  return outsideOperands(nodes, index).length + results.length + tables.length;
}

export function regionRewrite(region: Region, index: GraphIndex): Rewrite {
  const replaces = [...region.results].sort((a, b) => index.placeOf(a) - index.placeOf(b));
  return { replaces, write: (into) => writeRegion({ ...region, results: replaces }, into) };
}

function writeRegion({ nodes, results }: Region, into: GraphWriter): readonly Value[] {
  const { index } = into;
  const ordered = inOrder(nodes, index);
  const operands = outsideOperands(nodes, index);
  const body = bodyOf(ordered, operands, results, index);
  const [last] = results.slice(-1);
  if (last === undefined) throw new Error('a region without a result');
  return into.nodeOfSeveral(
    'fused',
    operands.map((id) => into.get(id)),
    {},
    {
      name: index.value(last).name,
      body,
      origin: mergeOrigins(ordered.map((node) => node.origin)),
    },
  );
}

function bodyOf(
  nodes: readonly Node[],
  operands: readonly ValueId[],
  results: readonly ValueId[],
  index: GraphIndex,
): Graph {
  const body = new GraphConstruction(() => NO_ORIGIN);
  const copies = new Map<ValueId, Value>();
  const copyOf = (id: ValueId): Value => {
    const copy = copies.get(id);
    if (copy === undefined) throw new Error(`${index.nameOf(id)} is outside of its region`);
    return copy;
  };
  for (const id of operands) {
    const value = index.value(id);
    copies.set(id, body.addInput(value.name, value));
  }
  for (const node of nodes) {
    const given = node.operands.map((id) => (id === null ? null : copyOf(id)));
    const written = copyNode(index.graph, node, given, body);
    node.results.forEach((id, i) => {
      const value = written[i];
      if (value !== undefined) copies.set(id, value);
    });
  }
  const outputs = results.map((id) => ({ name: index.value(id).name, value: copyOf(id).id }));
  return body.finish(index.value(results[0] ?? (-1 as ValueId)).name, outputs);
}

const INDEXING: ReadonlySet<string> = new Set(['reshape', 'transpose', 'slice', 'broadcast']);

/** Whether a node only says where elements stand: a kernel that reads it computes an index. */
export function isIndexing(node: Node | null): boolean {
  return node !== null && INDEXING.has(node.op);
}

/**
 * The views and constants in front of `id` that a kernel reads through: reshapes, transposes,
 * slices and broadcasts, back to what stands in memory or to a constant or iota.
 */
export function viewsInFront(id: ValueId, index: GraphIndex): readonly Node[] {
  const node = index.producerOf(id);
  if (node === null) return [];
  if (traitsOf(index.graph, node).kind === 'source') return [node];
  if (!isIndexing(node)) return [];
  return [...presentOperands(node).flatMap((operand) => viewsInFront(operand, index)), node];
}

/** `matmul, add, gelu, through 2 views`: what a region computes, and how it reads. */
export function describe(nodes: Iterable<Node>, index: GraphIndex): string {
  const ordered = inOrder(nodes, index);
  const kinds = ordered.map((node) => traitsOf(index.graph, node).kind);
  const views = kinds.filter((kind) => kind === 'view').length;
  const computing = ordered.filter((_, i) => kinds[i] !== 'view' && kinds[i] !== 'source');
  const reading = views === 0 ? [] : [views === 1 ? 'through a view' : `through ${views} views`];
  return [...computing.map((node) => node.op), ...reading].join(', ');
}
