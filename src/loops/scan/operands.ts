/**
 * How the kernel of a scan holds the scan's operands: a buffer each, weights in the layouts that the
 * kernels of the body want, and where that is more buffers than a kernel may have, some of them copied
 * into one buffer before the scan.
 */
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../../ir/graph.ts';
import { partsOf } from '../../ir/ops/scan.ts';
import { storageOf } from '../row-major.ts';
import { type Held, lastPart } from './body.ts';
import { initialValues } from './initial-values.ts';
import type { ScanContext, StageWriter } from './stage-writer.ts';

export function heldOperands(
  graph: Graph,
  node: Node,
  { parameters, used }: ScanContext,
  { buffers, staging }: StageWriter,
): Map<ValueId, Held> {
  const inPlace = initialValues(graph);
  const operands = [...new Set(presentOperands(node))].filter((id) => !inPlace.has(id));
  const results = node.results.filter((id) => used.has(id)).length;
  const needed = operands.length + results + ownBuffers(graph, node);
  const together = needed > staging.mostBuffers ? toGather(graph, node, operands) : [];
  const surplus = needed - staging.mostBuffers;
  const gathered = new Set<ValueId>();
  for (const id of together) {
    // all of one kind become one buffer
    const kinds = new Set([...gathered].map((other) => storageOf(valueOf(graph, other).dtype)));
    if (gathered.size - kinds.size >= surplus) break;
    gathered.add(id);
  }
  return new Map(
    operands.map((id): readonly [ValueId, Held] => {
      const { name, ...type } = valueOf(graph, id);
      if (gathered.has(id)) return [id, buffers.gathered(id, type)];
      const parameter = parameters.get(id);
      if (parameter !== undefined) return [id, { parameter }];
      return [id, buffers.value(id, type, 'read', lastPart(name))];
    }),
  );
}

/** States first, which are small, then captures, then sequences. */
function toGather(graph: Graph, node: Node, operands: readonly ValueId[]): readonly ValueId[] {
  const { states, sequences, captures } = partsOf(node.attributes, presentOperands(node));
  const order = [...states, ...captures, ...sequences].filter((id) => operands.includes(id));
  const isFloat = (id: ValueId) => storageOf(valueOf(graph, id).dtype) === 'f32';
  const distinct = [...new Set(order)];
  return [...distinct.filter(isFloat), ...distinct.filter((id) => !isFloat(id))];
}

/** At most so many buffers hold what the body makes, and tables of its constants. */
function ownBuffers(graph: Graph, node: Node): number {
  const { body } = node;
  if (body === null) return 0;
  const types = new Set<string>();
  let tables = 0;
  const visit = (inner: Graph): void => {
    for (const { op, attributes, results, body: deeper } of inner.nodes) {
      for (const id of results) types.add(storageOf(valueOf(inner, id).dtype));
      const numbers = op === 'constant' ? attributes.value : null;
      if (Array.isArray(numbers) && new Set(numbers).size > 1) tables++;
      if (deeper !== null) visit(deeper);
    }
  };
  visit(body);
  for (const id of node.results) types.add(storageOf(valueOf(graph, id).dtype));
  return types.size + tables;
}
