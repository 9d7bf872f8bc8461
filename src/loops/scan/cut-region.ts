/**
 * Cuts a region where an element of a sum is read more than once: by another sum, or by more elements
 * than it has itself. Each piece is then computed element by element, and no sum twice.
 */
import { sizeOf } from '../../ir/dims.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import type { TensorType } from '../../ir/types.ts';
import type { Region, RegionOperand } from '../region.ts';
import type { Storage } from './storage.ts';

export interface Piece {
  readonly region: Region;
  readonly operands: readonly (Storage | null)[];
  readonly results: readonly Storage[];
}

/** The pieces in order; what stands between them is held in temporaries. */
export function cutRegion(
  region: Region,
  operands: readonly (Storage | null)[],
  results: readonly Storage[],
  temporary: (type: TensorType) => Storage,
): readonly Piece[] {
  const { body } = region;
  const given = new Map<ValueId, { readonly operand: RegionOperand; storage: Storage | null }>();
  body.inputs.forEach((id, i) => {
    const operand = region.operands[i];
    if (operand !== undefined) given.set(id, { operand, storage: operands[i] ?? null });
  });
  const pieces: Piece[] = [];
  const add = (outputs: Graph['outputs'], to: readonly Storage[]) => {
    const part = partOf(body, outputs, new Set(given.keys()));
    const sources = part.inputs.flatMap((id) => given.get(id) ?? []);
    const own = sources.map(({ operand }) => operand);
    pieces.push({
      region: { ...region, body: part, operands: own },
      operands: sources.map(({ storage }) => storage),
      results: to,
    });
  };
  for (const id of sumsReadOften(body)) {
    const { name, ...type } = valueOf(body, id);
    const storage = temporary(type);
    add([{ name, value: id }], [storage]);
    const operand = { name: 'x', type, outer: null, parameter: null, constant: null };
    given.set(id, { operand, storage });
  }
  add(body.outputs, results);
  return pieces;
}

const SUMS: ReadonlySet<string> = new Set(['contraction', 'reduction', 'ordered']);

function kindOf(node: Node): string {
  return opDefinition(node.op).meaning.kind;
}

/** Results of sums of which an element is read more than once, in order. */
function sumsReadOften(body: Graph): readonly ValueId[] {
  const often = new Set<ValueId>();
  for (const node of body.nodes.toReversed()) {
    const isReader = SUMS.has(kindOf(node)) || kindOf(node) === 'gather';
    const isOften = isReader || node.results.some((id) => often.has(id));
    const [result] = node.results;
    const size = result === undefined ? 1 : sizeOf(valueOf(body, result).shape);
    for (const id of presentOperands(node)) {
      if (isOften || sizeOf(valueOf(body, id).shape) !== size) often.add(id);
    }
  }
  const sums = body.nodes.filter((node) => SUMS.has(kindOf(node)));
  return sums.flatMap(({ results }) => results.filter((id) => often.has(id)));
}

/** What of a body makes some values of it, from its inputs and from what is given. */
function partOf(body: Graph, outputs: Graph['outputs'], given: ReadonlySet<ValueId>): Graph {
  const needed = new Set(outputs.map(({ value }) => value));
  const nodes = body.nodes.toReversed().filter(({ operands, results }) => {
    if (!results.some((id) => needed.has(id) && !given.has(id))) return false;
    for (const id of operands) if (id !== null) needed.add(id);
    return true;
  });
  const inputs = [...given].filter((id) => needed.has(id));
  return { ...body, inputs, nodes: nodes.toReversed(), outputs };
}
