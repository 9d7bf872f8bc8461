/**
 * If and Scan. An If becomes the branch that its condition names; where only a run knows the condition,
 * both are computed and one is selected, which asks for results of the same types. A Scan of few steps
 * becomes these steps, one after another, for which everything may change from step to step; a longer one
 * becomes a `scan`, whose length may be a symbol.
 */
import { type Dim, subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import { sameShape } from '../../../ir/types.ts';
import type { GraphProto } from '../../../onnx/schema.ts';
import { type HandlerTable, type NodeContext, Unsupported } from '../context.ts';
import type { Operand } from '../operand.ts';
import { bodyOf, computed, loop, MAX_UNROLLED, stackedColumn } from './loops.ts';

function conditional(node: NodeContext): readonly Operand[] {
  const [condition, ...others] = node.known(0)?.elements ?? [];
  if (typeof condition === 'number' && others.length === 0) {
    return node.site.inline(bodyOf(node, condition === 0 ? 'else_branch' : 'then_branch'), []);
  }
  return bothBranches(node);
}

/** Only what is computed differs: neither branch can do anything but give its results. */
function bothBranches(node: NodeContext): readonly Operand[] {
  const { g, site } = node;
  const [then, otherwise] = ['then_branch', 'else_branch'].map((name) => branchOf(node, name));
  const holds = node.value(0);
  const condition = g.reshape(holds, { shape: [] });
  return (then ?? []).map((operand, i) => {
    const other = otherwise?.[i];
    if (other === undefined) return node.unsupported('its branches differ in their outputs');
    const [a, b] = [site.materialise(operand), site.materialise(other)];
    if (a.id === b.id) return operand;
    if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) {
      throw site.explainUnknown(node.operand(0), 'condition');
    }
    return computed(g.select(condition, a, b));
  });
}

/** A branch that cannot be taken may be one that never runs: what matters is the condition. */
function branchOf(node: NodeContext, name: string): readonly Operand[] {
  const body = bodyOf(node, name);
  try {
    return node.site.inline(body, []);
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    throw node.site.explainUnknown(node.operand(0), 'condition');
  }
}

/** What a Scan runs over, and how. */
interface Scanned {
  readonly body: GraphProto;
  readonly states: readonly Value[];
  readonly sequences: readonly Value[];
  readonly axes: readonly number[];
  readonly isReversed: readonly boolean[];
  /** Of the collected outputs. */
  readonly outputAxes: readonly number[];
  readonly isPrepended: readonly boolean[];
}

function scan(node: NodeContext): readonly Operand[] {
  const body = bodyOf(node, 'body');
  const isBatched = node.opset < 9;
  const first = isBatched ? 1 : 0;
  if (isBatched && node.has(0)) return node.unsupported('its sequences have lengths of their own');
  const values = node.operands.slice(first).map((_, i) => node.value(i + first));
  const sequenceCount = node.int('num_scan_inputs', 1);
  const stateCount = values.length - sequenceCount;
  if (sequenceCount < 1 || stateCount < 0 || body.output.length < stateCount) {
    return node.unsupported(
      `its ${values.length} operands and ${body.output.length} results do not fit ${sequenceCount} sequences`,
    );
  }
  const flags = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => (node.ints(name)?.[i] ?? 0) === 1);
  const collected = body.output.length - stateCount;
  const scanned: Scanned = {
    body,
    states: values.slice(0, stateCount),
    sequences: values.slice(stateCount),
    axes: values.slice(stateCount).map((_, i) => node.ints('scan_input_axes')?.[i] ?? 0),
    isReversed: flags(isBatched ? 'directions' : 'scan_input_directions', sequenceCount),
    outputAxes: Array.from(
      { length: collected },
      (_, i) => node.ints('scan_output_axes')?.[i] ?? 0,
    ),
    isPrepended: flags('scan_output_directions', collected),
  };
  return isBatched ? rowByRow(node, scanned) : scanOne(node, scanned);
}

/** Opset 8: the first dim of everything is a batch, whose rows are scanned alone. */
function rowByRow(node: NodeContext, scanned: Scanned): readonly Operand[] {
  const [rows = 1] = scanned.sequences[0]?.shape ?? [];
  if (typeof rows === 'string' || rows > MAX_UNROLLED) {
    return node.unsupported(
      'its batch is symbolic or large',
      'Convert the model to opset 9 or newer.',
    );
  }
  const results = Array.from({ length: rows }, (_, row) => {
    const own = (values: readonly Value[]) => values.map((value) => elementAt(node, value, 0, row));
    const one = { ...scanned, states: own(scanned.states), sequences: own(scanned.sequences) };
    return scanOne(node, one);
  });
  return (results[0] ?? []).map((_, column) => stackedColumn(node, results, column, 0));
}

function scanOne(node: NodeContext, scanned: Scanned): readonly Operand[] {
  const { sequences, isReversed } = scanned;
  const axes = scanned.axes.map((axis, i) => node.resolve(axis, sequences[i]?.shape.length ?? 0));
  const forward = sequences.map((value, i) => {
    return isReversed[i] === true ? flipped(node, value, axes[i] ?? 0) : value;
  });
  const count = forward[0]?.shape[axes[0] ?? 0] ?? 0;
  forward.forEach((value, i) => {
    node.site.equate(count, value.shape[axes[i] ?? 0] ?? 0);
  });
  const isShort = typeof count === 'number' && count <= MAX_UNROLLED;
  const run = isShort ? unrolledScan : regionScan;
  const made = run(node, { ...scanned, sequences: forward, axes }, count);
  return made.map((operand, i) => {
    const output = i - scanned.states.length;
    if (output < 0 || scanned.isPrepended[output] !== true) return operand;
    const value = node.site.materialise(operand);
    const axis = node.resolve(scanned.outputAxes[output] ?? 0, value.shape.length);
    return computed(flipped(node, value, axis));
  });
}

function unrolledScan(
  node: NodeContext,
  { body, states: initial, sequences, axes, outputAxes }: Scanned,
  count: Dim,
): readonly Operand[] {
  let states: readonly Operand[] = initial.map(computed);
  const rows: (readonly Operand[])[] = [];
  for (let t = 0; t < Number(count); t++) {
    const elements = sequences.map((value, i) => computed(elementAt(node, value, axes[i] ?? 0, t)));
    const results = node.site.inline(body, [...states, ...elements]);
    states = results.slice(0, states.length);
    rows.push(results.slice(states.length));
  }
  return [...states, ...outputAxes.map((axis, i) => stackedColumn(node, rows, i, axis))];
}

/** All sequences and outputs with the steps as their first dim. */
function regionScan(
  node: NodeContext,
  { body, states, sequences, axes, outputAxes }: Scanned,
): readonly Operand[] {
  const { g, site } = node;
  const first = sequences.map((value, i) => moved(node, value, axes[i] ?? 0, 0));
  const made = g.scan({ states, sequences: first, axis: 0 }, (inner, before, elements) => {
    const results = site.inline(body, [...before, ...elements].map(computed), inner);
    const values = results.map((operand) => site.materialise(operand, inner));
    return { states: values.slice(0, states.length), outputs: values.slice(states.length) };
  });
  const outputs = made.outputs.map((value, i) => {
    return moved(node, value, 0, node.resolve(outputAxes[i] ?? 0, value.shape.length));
  });
  return [...made.states, ...outputs].map(computed);
}

function moved({ g }: NodeContext, x: Value, from: number, to: number): Value {
  if (from === to) return x;
  const others = x.shape.flatMap((_, axis) => (axis === from ? [] : [axis]));
  return g.transpose(x, { permutation: others.toSpliced(to, 0, from) });
}

function flipped({ g }: NodeContext, x: Value, axis: number): Value {
  return g.slice(x, {
    starts: x.shape.map((dim, other) => (other === axis ? subtract(dim, 1) : 0)),
    ends: x.shape.map((dim, other) => (other === axis ? -1 : dim)),
    steps: x.shape.map((_, other) => (other === axis ? -1 : 1)),
  });
}

function elementAt({ g }: NodeContext, x: Value, axis: number, at: number): Value {
  const part = g.slice(x, {
    starts: x.shape.map((_, other) => (other === axis ? at : 0)),
    ends: x.shape.map((dim, other) => (other === axis ? at + 1 : dim)),
  });
  return g.reshape(part, { shape: x.shape.toSpliced(axis, 1) });
}

export const control: HandlerTable = {
  If: conditional,
  Loop: loop,
  Scan: scan,
};
