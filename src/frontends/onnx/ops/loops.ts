/**
 * Loop. One of few steps becomes these steps, one after another, for which everything may change from step
 * to step; a longer one, and one over a sequence, becomes a `scan`, whose length may be a symbol. What `loop-body.ts` finds out about
 * the body keeps sizes known inside it: states that never change are what they were, states that count
 * are the step, and an element that is looked up by the step is one of a sequence of the scan.
 */

import type { UntypedBuilder } from '../../../ir/builder.ts';
import { type Dim, minimum } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { GraphProto } from '../../../onnx/schema.ts';
import type { NodeContext } from '../context.ts';
import {
  type Counting,
  countedTo,
  goesOn,
  isRegular,
  type LoopBody,
  studyLoop,
  withoutLookups,
} from '../loop-body.ts';
import { known, type Operand } from '../operand.ts';

/** A loop of at most so many steps is unrolled. */
export const MAX_UNROLLED = 32;
/** A loop without a trip count ends by its condition, or is refused here. */
const MAX_STEPS = 1024;

export const computed = (value: Value): Operand => ({ kind: 'computed', value });

export function bodyOf(node: NodeContext, name: string): GraphProto {
  return node.attributes.graph(name) ?? node.unsupported(`it has no ${name}`);
}

/** Steps while i < trips and the condition holds; both may be left out. */
export function loop(node: NodeContext): readonly Operand[] {
  const graph = bodyOf(node, 'body');
  const [trips = Number.POSITIVE_INFINITY] = node.has(0) ? node.dims(0, 'trip count') : [];
  const isOn = startsOn(node, trips);
  const initial = node.operands.slice(2).map((_, i) => node.operand(i + 2));
  const body = studyLoop(graph, initial, node.site);
  const isShort = typeof trips === 'number' && (trips <= MAX_UNROLLED || trips > MAX_STEPS);
  if (!isOn || (isShort && !isRecurrence(body, trips, node))) {
    return unrolledLoop(node, graph, isOn ? Number(trips) : 0, initial);
  }
  return scannedLoop(node, body, trips);
}

/** Steps over the elements of a sequence, which one kernel does: of fewer the copies are no more work. */
function isRecurrence(body: LoopBody, trips: number, { site }: NodeContext): boolean {
  if (trips < 4 || trips > MAX_STEPS || !isRegular(body.graph)) return false;
  return withoutLookups(body, trips, site).sequences.length > 0 && goesOn(body, trips, site);
}

/** TensorFlow asks for the first step whether 0 < trips, which is as good as true. */
function startsOn(node: NodeContext, trips: Dim): boolean {
  if (!node.has(1)) return true;
  const given = node.operand(1);
  const [condition] = given.kind === 'known' ? given.elements : [];
  return condition === minimum(1, trips) || node.number(1, 'condition') !== 0;
}

function unrolledLoop(
  node: NodeContext,
  body: GraphProto,
  trips: number,
  initial: readonly Operand[],
): readonly Operand[] {
  let [states, isOn] = [initial, true];
  const rows: (readonly Operand[])[] = [];
  for (let i = 0; i < trips && isOn; i++) {
    if (i >= MAX_STEPS) return node.unsupported(`it takes more than ${MAX_STEPS} steps`);
    const inputs = [known('i64', [], [i]), known('bool', [], [1]), ...states];
    const [condition, ...results] = node.site.inline(body, inputs);
    states = results.slice(0, states.length);
    rows.push(results.slice(states.length));
    isOn = condition === undefined || node.flag(condition, 'condition');
  }
  const count = body.output.length - 1 - states.length;
  return [...states, ...Array.from({ length: count }, (_, i) => stackedColumn(node, rows, i, 0))];
}

/** The steps are those of the numbers 0, 1, .. trips - 1. */
function scannedLoop(node: NodeContext, body: LoopBody, trips: Dim): readonly Operand[] {
  const { g, site } = node;
  const { courses, initial } = body;
  const { graph, sequences } = withoutLookups(body, trips, site);
  const goes = goesOn(body, trips, site);
  const isFree = (i: number) => courses[i]?.kind === 'free';
  /** Among the states of the scan. */
  const placeOf = (i: number) => courses.slice(0, i).filter(({ kind }) => kind === 'free').length;
  const states = initial.filter((_, i) => isFree(i)).map((operand) => site.materialise(operand));
  const places = g.iota({ shape: [trips], axis: 0, dtype: 'i64' });
  const over = { states, sequences: [places, ...sequences], axis: 0 };
  const made = g.scan(over, (inner, before, [place, ...elements]) => {
    const step = place as Value;
    const given = courses.map((course, i): Operand => {
      if (course.kind === 'fixed') return initial[i] as Operand;
      if (course.kind === 'counting') return computed(counted(course, step, inner));
      return computed(before[placeOf(i)] as Value);
    });
    const on = known('bool', [], [1]);
    const inputs = [computed(step), on, ...given, ...elements.map(computed)];
    const [condition, ...results] = site.inline(graph, inputs, inner);
    if (!goes && !isTrue(condition))
      node.unsupported('its condition depends on what it computes', 'Give it a trip count.');
    const values = (list: readonly Operand[]) => list.map((x) => site.materialise(x, inner));
    return {
      states: values(results.slice(0, initial.length).filter((_, i) => isFree(i))),
      outputs: values(results.slice(initial.length)),
    };
  });
  const behind = courses.map((course, i): Operand => {
    if (course.kind === 'fixed') return initial[i] as Operand;
    if (course.kind === 'counting') return countedTo(course, trips);
    return computed(made.states[placeOf(i)] as Value);
  });
  return [...behind, ...made.outputs.map(computed)];
}

function isTrue(condition: Operand | undefined): boolean {
  return condition?.kind === 'known' && condition.elements[0] === 1;
}

/** A counting state at a step that a run knows. */
function counted(course: Counting, step: Value, g: UntypedBuilder): Value {
  const { dtype, shape, elements } = course.from;
  const place = g.cast(g.reshape(step, { shape }), { dtype });
  const moved = course.by === 1 ? place : g.mul(place, course.by);
  const [from = 0] = elements;
  if (from === 0) return moved;
  const start = g.cast(g.iota({ shape: [1], axis: 0, start: from, dtype: 'i64' }), { dtype });
  return g.add(moved, g.reshape(start, { shape: [] }));
}

/** Result `column` of every step, along a new axis. */
export function stackedColumn(
  node: NodeContext,
  rows: readonly (readonly Operand[])[],
  column: number,
  axis: number,
): Operand {
  const { g, site } = node;
  const values = rows.map((row) => site.materialise(row[column] as Operand));
  const [first] = values;
  if (first === undefined) return node.unsupported('it collects the results of no step');
  const along = node.resolve(axis, first.shape.length + 1);
  const apart = values.map((x) => g.reshape(x, { shape: x.shape.toSpliced(along, 0, 1) }));
  return computed(g.concat(apart, { axis: along }));
}
