/**
 * What the values in the body of a scan depend on, and which of them can be computed before the scan.
 *
 * - fixed: of captures and constants alone
 * - stepwise: of elements, by ops that do to all elements at once what they do to one
 * - bound: all others
 */
import { resolveAxis } from '../../ir/broadcasting.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../../ir/graph.ts';
import { partsOf } from '../../ir/ops/scan.ts';
import type { GraphIndex } from '../graph-index.ts';
import { operandOf } from '../node-reading.ts';
import { traitsOf } from '../regions/traits.ts';

export type Dependence = 'fixed' | 'stepwise' | 'bound';

/** A value that leaves the body. */
export interface Hoisted {
  readonly id: ValueId;
  readonly name: string;
  readonly dependence: 'fixed' | 'stepwise';
}

export interface BodyStudy {
  readonly body: Graph;
  readonly dependence: ReadonlyMap<ValueId, Dependence>;
  /** In the order of the body; the values that the rest of the body uses. */
  readonly hoisted: readonly Hoisted[];
  /** Captures and sequences that nothing uses once these are out. */
  readonly unused: number;
  /** Matmuls of elements that stay inside, and why. */
  readonly refused: readonly string[];
}

export function studyBody(node: Node, index: GraphIndex): BodyStudy {
  const { body } = node;
  if (body === null) throw new Error('a scan has no body');
  const refused: string[] = [];
  const dependence = dependenceOf(node, body, refused);
  const isWorth = worthOf(node, body, dependence, index);
  const wanted = new Set(
    body.nodes.flatMap(({ results }) => results.filter((id) => isWorth.has(id))),
  );
  const exits = exitsOf(body, dependence, wanted);
  const hoisted = exits.flatMap((id): readonly Hoisted[] => {
    const kind = dependence.get(id);
    const { name } = valueOf(body, id);
    return kind === 'fixed' || kind === 'stepwise' ? [{ id, name, dependence: kind }] : [];
  });
  const unused = unusedOperands(node, body, new Set(exits));
  return { body, dependence, hoisted, unused, refused };
}

function dependenceOf(
  node: Node,
  body: Graph,
  refused: string[],
): ReadonlyMap<ValueId, Dependence> {
  const { states, sequences, captures } = partsOf(node.attributes, body.inputs);
  const known = new Map<ValueId, Dependence>([
    ...states.map((id) => [id, 'bound'] as const),
    ...sequences.map((id) => [id, 'stepwise'] as const),
    ...captures.map((id) => [id, 'fixed'] as const),
  ]);
  for (const inner of body.nodes) {
    const kinds = presentOperands(inner).map((id) => known.get(id) ?? 'bound');
    const found = ofNode(inner, kinds, node, body, known);
    if (typeof found !== 'string') refused.push(found.reason);
    for (const id of inner.results) known.set(id, typeof found === 'string' ? found : 'bound');
  }
  return known;
}

function ofNode(
  inner: Node,
  kinds: readonly Dependence[],
  scan: Node,
  body: Graph,
  known: ReadonlyMap<ValueId, Dependence>,
): Dependence | { readonly reason: string } {
  if (kinds.includes('bound')) return 'bound';
  if (kinds.every((kind) => kind === 'fixed')) return 'fixed';
  const traits = traitsOf(body, inner);
  if (inner.op === 'matmul') return ofMatmul(inner, scan, body, known);
  const [result, ...others] = inner.results;
  if (traits.kind !== 'elementwise' || result === undefined || others.length > 0) return 'bound';
  const { length: rank } = valueOf(body, result).shape;
  const isAligned = presentOperands(inner).every((id) => {
    return known.get(id) === 'fixed' || valueOf(body, id).shape.length === rank;
  });
  return isAligned ? 'stepwise' : 'bound';
}

/** x_t W is one product of all rows where W is a matrix and time is no column of x. */
function ofMatmul(
  inner: Node,
  scan: Node,
  body: Graph,
  known: ReadonlyMap<ValueId, Dependence>,
): Dependence | { readonly reason: string } {
  const [a, b] = [operandOf(inner, 0), operandOf(inner, 1)];
  const name = `%${valueOf(body, inner.results[0] ?? b).name} in the body`;
  const [left, right] = [valueOf(body, a), valueOf(body, b)];
  if (known.get(b) !== 'fixed')
    return { reason: `${name} multiplies by %${right.name} of the step` };
  if (right.shape.length !== 2) {
    return { reason: `${name} multiplies by %${right.name} of ${right.shape.length} dims, not 2` };
  }
  const axis = resolveAxis(Number(scan.attributes.axis), left.shape.length + 1);
  if (axis === null || axis >= left.shape.length) {
    return { reason: `${name} has the steps for columns of its left side` };
  }
  return 'stepwise';
}

/** The values that are better computed before the scan. */
function worthOf(
  node: Node,
  body: Graph,
  dependence: ReadonlyMap<ValueId, Dependence>,
  index: GraphIndex,
): ReadonlySet<ValueId> {
  const operands = presentOperands(node);
  const worth = new Set<ValueId>();
  /** Fixed values that depend on weights and constants alone. */
  const ofWeights = new Set<ValueId>();
  body.inputs.forEach((id, i) => {
    const operand = operands[i];
    if (operand !== undefined && index.parameterOf(operand) !== null) ofWeights.add(id);
  });
  for (const inner of body.nodes) {
    const { kind } = traitsOf(body, inner);
    const from = presentOperands(inner);
    const own = inner.results.map((id) => dependence.get(id));
    const inherits = from.some((id) => worth.has(id));
    if (own[0] === 'fixed') {
      const isOfWeights = from.length > 0 && from.every((id) => ofWeights.has(id));
      if (isOfWeights) for (const id of inner.results) ofWeights.add(id);
      const computes = kind !== 'view' && kind !== 'source';
      if (computes || isOfWeights || inherits) for (const id of inner.results) worth.add(id);
    } else if (own[0] === 'stepwise') {
      const isOfSteps = from.some((id) => dependence.get(id) === 'stepwise' && worth.has(id));
      if (kind === 'contraction' || isOfSteps) for (const id of inner.results) worth.add(id);
    }
  }
  return worth;
}

/** Of the values to hoist those that something uses that stays, in order. */
function exitsOf(
  body: Graph,
  dependence: ReadonlyMap<ValueId, Dependence>,
  wanted: ReadonlySet<ValueId>,
): readonly ValueId[] {
  const exits = new Set<ValueId>();
  const outputs = body.outputs.map(({ value }) => value);
  for (const id of outputs) if (wanted.has(id)) exits.add(id);
  for (const inner of body.nodes) {
    const leaves = inner.results.every((id) => wanted.has(id));
    for (const id of presentOperands(inner)) {
      // what is computed for all steps may still need a fixed value: both are outside then
      if (wanted.has(id) && !leaves) exits.add(id);
    }
  }
  const order = body.nodes.flatMap(({ results }) => results);
  const isOwn = (id: ValueId) => dependence.get(id) !== 'bound';
  return order.filter((id) => exits.has(id) && isOwn(id));
}

/** How many sequences and captures the body does not need once some values are inputs of it. */
function unusedOperands(node: Node, body: Graph, given: ReadonlySet<ValueId>): number {
  const used = usedInputs(body, given);
  const { sequences, captures } = partsOf(node.attributes, body.inputs);
  const open = sequences.filter((id) => !used.has(id)).length;
  // a scan has a sequence, which tells its length
  const isLast = open === sequences.length && ![...given].some((id) => used.has(id));
  return (isLast ? open - 1 : open) + captures.filter((id) => !used.has(id)).length;
}

/** The inputs, and of the values given those, that the rest of a body uses. */
export function usedInputs(body: Graph, given: ReadonlySet<ValueId>): ReadonlySet<ValueId> {
  const needed = new Set(body.outputs.map(({ value }) => value));
  for (const { operands, results } of body.nodes.toReversed()) {
    const isNeeded = results.some((id) => needed.has(id) && !given.has(id));
    if (isNeeded) for (const id of operands) if (id !== null) needed.add(id);
  }
  return needed;
}
