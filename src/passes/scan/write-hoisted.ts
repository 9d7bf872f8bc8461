/** Writes a scan without what can be computed before it, and that before it. */
import { resolveAxis } from '../../ir/broadcasting.ts';
import { GraphConstruction } from '../../ir/builder.ts';
import {
  type Graph,
  NO_ORIGIN,
  type Node,
  presentOperands,
  type Value,
  type ValueId,
  valueOf,
} from '../../ir/graph.ts';
import { partsOf } from '../../ir/ops/scan.ts';
import { copyNode } from '../../ir/rebuild.ts';
import type { Dim } from '../../ir/types.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { type BodyStudy, usedInputs } from './body-study.ts';

/** The results of the new scan, as those of the old. */
export function writeHoisted(node: Node, study: BodyStudy, into: GraphWriter): readonly Value[] {
  const { body, hoisted } = study;
  const outside = new Outside(node, study, into);
  const made = hoisted.map(({ id }) => outside.value(id));
  const of = (kind: string) => hoisted.filter(({ dependence }) => dependence === kind);
  const used = usedInputs(body, new Set(hoisted.map(({ id }) => id)));
  const inputs = partsOf(node.attributes, body.inputs);
  const operands = partsOf(node.attributes, presentOperands(node));
  const valueFor = (id: ValueId) => made[hoisted.findIndex((h) => h.id === id)] ?? missing();
  const pairs = (ids: readonly ValueId[], from: readonly ValueId[]) =>
    ids.map((id, i) => ({ id, value: into.get(from[i] ?? id) }));
  const lifted = of('stepwise').map(({ id }) => ({ id, value: valueFor(id) }));
  const sequences = pairs(inputs.sequences, operands.sequences);
  const kept = sequences.filter(({ id }) => used.has(id));
  const states = pairs(inputs.states, operands.states);
  // a scan has a sequence, which tells its length
  const over = kept.length + lifted.length === 0 ? sequences.slice(0, 1) : [...kept, ...lifted];
  const captures = [
    ...pairs(inputs.captures, operands.captures).filter(({ id }) => used.has(id)),
    ...of('fixed').map(({ id }) => ({ id, value: valueFor(id) })),
  ];
  const all = [...states, ...over, ...captures];
  const next = bodyFrom(
    body,
    all.map(({ id }) => id),
  );
  const attributes = { ...node.attributes, sequences: over.length };
  return into.nodeOfSeveral(
    'scan',
    all.map(({ value }) => value),
    attributes,
    { body: next },
  );
}

/** The part of a body that is left when some values of it are its inputs. */
function bodyFrom(body: Graph, inputs: readonly ValueId[]): Graph {
  const into = new GraphConstruction(() => NO_ORIGIN);
  const copies = new Map<ValueId, Value>();
  for (const id of inputs) {
    const { name, ...type } = valueOf(body, id);
    copies.set(id, into.addInput(name, type));
  }
  const copyOf = (id: ValueId) => copies.get(id) ?? missing();
  const needed = usedInputs(body, new Set(inputs));
  const given = new Set(inputs);
  for (const node of body.nodes) {
    if (!node.results.some((id) => needed.has(id) && !given.has(id))) continue;
    const operands = node.operands.map((id) => (id === null ? null : copyOf(id)));
    const results = copyNode(body, node, operands, into);
    node.results.forEach((id, i) => {
      const copy = results[i];
      if (copy !== undefined && !given.has(id)) copies.set(id, copy);
    });
  }
  const outputs = body.outputs.map(({ name, value }) => ({ name, value: copyOf(value).id }));
  return into.finish(body.name, outputs);
}

/** Values of a body as values of the graph around: of all steps at once where they differ by step. */
class Outside {
  private readonly node: Node;
  private readonly study: BodyStudy;
  private readonly into: GraphWriter;
  private readonly known = new Map<ValueId, Value>();

  constructor(node: Node, study: BodyStudy, into: GraphWriter) {
    this.node = node;
    this.study = study;
    this.into = into;
    const operands = presentOperands(node);
    study.body.inputs.forEach((id, i) => {
      const operand = operands[i];
      if (operand !== undefined) this.known.set(id, into.get(operand));
    });
  }

  value(id: ValueId): Value {
    const { body, dependence } = this.study;
    const known = this.known.get(id);
    if (known !== undefined) return known;
    const maker = body.nodes.find(({ results }) => results.includes(id)) ?? missing();
    const [result] = maker.results;
    const rank = valueOf(body, result ?? id).shape.length;
    const isLifted = dependence.get(id) === 'stepwise';
    const operands = maker.operands.map((operand) => {
      if (operand === null) return null;
      const value = this.value(operand);
      const isFixed = dependence.get(operand) === 'fixed';
      return isLifted && isFixed && maker.op !== 'matmul' ? this.besideTime(value, rank) : value;
    });
    const name = valueOf(this.into.index.graph, this.node.results[0] ?? id).name;
    const made = this.into.nodeOfSeveral(maker.op, operands, maker.attributes, {
      ...{ name: `${name}.${valueOf(body, id).name}`, origin: maker.origin, body: maker.body },
    });
    maker.results.forEach((other, i) => {
      const value = made[i];
      if (value !== undefined) this.known.set(other, value);
    });
    return this.known.get(id) ?? missing();
  }

  /** A fixed operand of an elementwise op of `rank` dims, with a 1 where time stands in the others. */
  private besideTime(value: Value, rank: number): Value {
    const axis = resolveAxis(Number(this.node.attributes.axis), rank + 1) ?? 0;
    const behind = rank - axis;
    const { shape } = value;
    if (shape.length <= behind) return value;
    const at = shape.length - behind;
    return this.into.node('reshape', [value], { shape: shape.toSpliced(at, 0, 1) as Dim[] });
  }
}

function missing(): never {
  throw new Error('a scan lacks a part');
}
