/**
 * What the body of a Loop does at every step alike. TensorFlow's while loops carry their weights, the step and
 * the number of steps as states, and compute their condition from these.
 *
 * - A state is *fixed* where the body gives it back as it came, and *counting* where it adds a number.
 * - The condition always holds where the size arithmetic shows it for the step trips - 2 - s, whatever s >= 0 is.
 *   The last condition does not matter, as the trip count ends the loop.
 * - Gather(x, step) of an x from outside, which has an element a step, is an element of a sequence.
 * Everything is found by walking the few nodes that an output needs, with a symbol for the step.
 */
import { add, type Dim, multiply, subtract } from '../../ir/dims.ts';
import type { Value } from '../../ir/graph.ts';
import { isInteger } from '../../ir/types.ts';
import type { GraphProto, NodeProto } from '../../onnx/schema.ts';
import type { Site } from './context.ts';
import { type Known, known, type Operand } from './operand.ts';

/** Longer than any symbol of a file. */
const SYMBOL = 'step_'.padEnd(96, '_');

/** from, from + by, from + 2 by, .. */
export interface Counting {
  readonly kind: 'counting';
  readonly from: Known;
  readonly by: number;
}

export type Course = { readonly kind: 'fixed' } | Counting | { readonly kind: 'free' };

export interface LoopBody {
  readonly graph: GraphProto;
  /** One for each state. */
  readonly courses: readonly Course[];
  readonly initial: readonly Operand[];
}

export function studyLoop(graph: GraphProto, initial: readonly Operand[], site: Site): LoopBody {
  const courses = initial.map((operand, i) => courseOf(graph, i, operand, site));
  return { graph, courses, initial };
}

function courseOf(graph: GraphProto, state: number, initial: Operand, site: Site): Course {
  const input = graph.input[state + 2]?.name ?? '';
  const output = graph.output[state + 1]?.name ?? '';
  if (unrenamed(output, makersOf(graph)) === input) return { kind: 'fixed' };
  if (initial.kind !== 'known' || !isInteger(initial.dtype)) return { kind: 'free' };
  const [start, other] = initial.elements;
  if (start === undefined || other !== undefined) return { kind: 'free' };
  const asked = known(initial.dtype, initial.shape, [SYMBOL]);
  const next = walked(graph, output, new Map([[input, asked]]), COUNTING, site);
  const [element, second] = next?.elements ?? [];
  if (next?.dtype !== initial.dtype || element === undefined || second !== undefined) {
    return { kind: 'free' };
  }
  const by = subtract(element, SYMBOL);
  return typeof by === 'number' ? { kind: 'counting', from: initial, by } : { kind: 'free' };
}

/** The states that are known at a step, which may be a symbol, by the names they have in the body. */
function statesAt(body: LoopBody, step: Dim): ReadonlyMap<string, Operand> {
  const { graph, courses, initial } = body;
  const found = new Map<string, Operand>();
  courses.forEach((course, i) => {
    const name = graph.input[i + 2]?.name ?? '';
    const operand = initial[i];
    if (course.kind === 'fixed' && operand !== undefined) found.set(name, operand);
    if (course.kind === 'counting') found.set(name, countedTo(course, step));
  });
  found.set(graph.input[0]?.name ?? '', known('i64', [], [step]));
  return found;
}

/** A counting state before the step `step`. */
export function countedTo({ from, by }: Counting, step: Dim): Known {
  const [start = 0] = from.elements;
  return known(from.dtype, from.shape, [add(start, multiply(step, by))]);
}

/** Whether the condition holds behind every step that another one follows. */
export function goesOn(body: LoopBody, trips: Dim, site: Site): boolean {
  const output = body.graph.output[0]?.name ?? '';
  const given = statesAt(body, subtract(subtract(trips, 2), SYMBOL));
  const asked = body.graph.input[1]?.name ?? '';
  const on = new Map([...given, [asked, known('bool', [], [1])] as const]);
  return walked(body.graph, output, on, CONDITION, site)?.elements.every((x) => x === 1) === true;
}

/** The body without the lookups by the step, whose results are inputs of it instead. */
export interface Sequenced {
  readonly graph: GraphProto;
  readonly sequences: readonly Value[];
}

export function withoutLookups(body: LoopBody, trips: Dim, site: Site): Sequenced {
  const { graph } = body;
  const makers = makersOf(graph);
  const given = statesAt(body, SYMBOL);
  const looked = new Map<NodeProto, Value>();
  for (const node of graph.node) {
    const [data = '', at = ''] = node.input;
    if (node.opType !== 'Gather' || (node.domain ?? '') !== '') continue;
    if (node.attribute.some(({ name, i }) => name === 'axis' && i !== 0n)) continue;
    const place = walked(graph, at, given, COUNTING, site);
    if (place?.shape.length !== 0 || place.elements[0] !== SYMBOL) continue;
    const source = outside(unrenamed(data, makers), graph, given, makers, site);
    if (source?.kind === 'computed' && source.value.shape[0] === trips)
      looked.set(node, source.value);
  }
  const inputs = [...looked.keys()].map((node) => ({ name: node.output[0] ?? '' }));
  return {
    graph: {
      ...graph,
      node: graph.node.filter((node) => !looked.has(node)),
      input: [...graph.input, ...inputs],
    },
    sequences: [...looked.values()],
  };
}

const COUNTING = new Set(['Identity', 'Cast', 'Add', 'Sub', 'Squeeze', 'Unsqueeze', 'Constant']);
const CONDITION = new Set([
  ...COUNTING,
  ...['And', 'Or', 'Not', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Min', 'Max', 'Mul'],
]);

const CELL = new Set([
  ...CONDITION,
  ...[
    'Concat',
    'Div',
    'Equal',
    'Exp',
    'Gather',
    'Gemm',
    'HardSigmoid',
    'MatMul',
    'Neg',
    'ReduceMean',
    'ReduceSum',
  ],
  ...['Relu', 'Sigmoid', 'Slice', 'Softmax', 'Softplus', 'Split', 'Tanh', 'Transpose', 'Where'],
]);

/** Whether a step is made of the ops of recurrent cells, which do the same at every step. */
export function isRegular({ node }: GraphProto): boolean {
  return node.every(({ opType = '', domain = '' }) => domain === '' && CELL.has(opType));
}

type Makers = ReadonlyMap<string, NodeProto>;

function makersOf({ node }: GraphProto): Makers {
  return new Map(node.flatMap((proto) => proto.output.map((name) => [name, proto] as const)));
}

/** The name that Identity nodes pass on under this one. */
function unrenamed(name: string, makers: Makers): string {
  const seen = new Set<string>();
  let current = name;
  for (;;) {
    const maker = makers.get(current);
    if (maker?.opType !== 'Identity' || seen.has(current)) return current;
    seen.add(current);
    current = maker.input[0] ?? '';
  }
}

/** What an output of the body is, as known numbers; null where it takes more than `given` and `ops`. */
function walked(
  graph: GraphProto,
  output: string,
  given: ReadonlyMap<string, Operand>,
  ops: ReadonlySet<string>,
  site: Site,
): Known | null {
  const makers = makersOf(graph);
  const needed = new Set([output]);
  for (const name of needed) {
    const maker = given.has(name) ? undefined : makers.get(name);
    if (maker === undefined) {
      if (outside(name, graph, given, makers, site)?.kind !== 'known') return null;
    } else if (!ops.has(maker.opType ?? '') || (maker.domain ?? '') !== '') return null;
    else for (const operand of maker.input) if (operand !== '') needed.add(operand);
  }
  const names = [...given.keys()].filter((name) => needed.has(name));
  const part: GraphProto = {
    ...graph,
    node: graph.node.filter((proto) => proto.output.some((name) => needed.has(name))),
    input: names.map((name) => ({ name })),
    output: [{ name: output }],
  };
  const inputs = names.flatMap((name) => given.get(name) ?? []);
  const [result] = site.inline(part, inputs);
  return result?.kind === 'known' ? result : null;
}

/** What a name stands for that no node of the body makes; null for the body's own. */
function outside(
  name: string,
  graph: GraphProto,
  given: ReadonlyMap<string, Operand>,
  makers: Makers,
  site: Site,
): Operand | null {
  const found = given.get(name);
  if (found !== undefined) return found;
  if (makers.has(name) || graph.input.some((input) => input.name === name)) return null;
  const [operand] = site.inline({ ...graph, node: [], input: [], output: [{ name }] }, []);
  return operand ?? null;
}
