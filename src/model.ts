/**
 * The declaration of a model, and the graph with weights that is made of it.
 *
 * A model is readonly data: it can be built any number of times, and each build is a graph of its
 * own.
 */
import { describeValue } from './describe-value.ts';
import { EncompileError } from './errors.ts';
import { quote } from './frontends/json.ts';
import { bindWeights, type WantedWeight } from './frontends/weights.ts';
import { type Builder, buildGraph } from './ir/builder.ts';
import { isValue } from './ir/call-arguments.ts';
import { callOrigin } from './ir/call-origin.ts';
import { type Graph, type Value, valueOf } from './ir/graph.ts';
import { staticShape, type TensorData } from './ir/types.ts';
import { fillRandomWeights, symbolicWeight } from './random-weights.ts';
import {
  isRandom,
  isSafetensors,
  readSafetensorsSource,
  tensorsOf,
  type WeightSource,
} from './weight-sources.ts';

/** What a declaration returns: its outputs by name. */
export interface Outputs {
  readonly [name: string]: Value;
}

export interface Model<O extends Outputs = Outputs> {
  readonly kind: 'encompile.model';
  readonly name: string;
  /** Null where none were named: such a model can be dumped and checked, with random weights. */
  readonly weights: WeightSource | null;
  /** Runs the declaration; the parameters have the data that it gives them, or none. */
  build(): Graph;
  /** Never there: it carries the types of the outputs. */
  readonly outputs?: O;
}

export interface ModelOptions {
  readonly weights?: WeightSource;
}

/**
 * Declares a model.
 *
 *     export default model('classifier', (g) => {
 *       const x = g.input('x', f32('batch', 64));
 *       return { scores: g.linear(x, g.weight('w', f32(64, 10))) };
 *     }, { weights: safetensors('./classifier.safetensors') });
 *
 * @param declare makes the graph from inputs and weights, and returns the outputs by name
 */
export function model<O extends Outputs>(
  name: string,
  declare: (g: Builder) => O,
  options: ModelOptions = {},
): Model<O> {
  const { location } = callOrigin();
  if (typeof name !== 'string' || name === '' || typeof declare !== 'function') {
    throw new EncompileError(
      "A model takes its name and then its declaration: model('name', (g) => ({ y: ... })), but got " +
        `${describeValue(name)} and ${describeValue(declare)}.`,
    );
  }
  const build = () => buildGraph(name, (g) => checkOutputs(name, declare(g), location));
  return { kind: 'encompile.model', name, weights: options.weights ?? null, build };
}

/** Whether something is a model, also one that another copy of this package made. */
export function isModel(value: unknown): value is Model {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    value.kind === 'encompile.model' &&
    'build' in value &&
    typeof value.build === 'function'
  );
}

/** The outputs of a declaration, which without type checks may have returned anything. */
function checkOutputs(name: string, returned: unknown, location: () => string | null): Outputs {
  const fault = faultOf(returned);
  if (fault === null) return returned as Outputs;
  const place = location();
  throw new EncompileError(
    `${place === null ? '' : `${place}: `}the declaration of '${name}' ${fault}. Return the outputs ` +
      'by name, as in: return { states: x }.',
  );
}

function faultOf(returned: unknown): string | null {
  if (returned === undefined) return 'returns nothing';
  if (returned instanceof Promise) return 'is asynchronous, and must return its outputs at once';
  if (isValue(returned)) return `returns the value '${returned.name}' without an output's name`;
  if (typeof returned !== 'object' || returned === null)
    return `returns ${describeValue(returned)}`;
  const outputs = Object.entries(returned);
  if (outputs.length === 0) return 'returns no outputs';
  const wrong = outputs.find(([output, value]) => output === '' || !isValue(value));
  return wrong === undefined
    ? null
    : `returns ${describeValue(wrong[1])} as its output ${quote(wrong[0])}`;
}

export interface InstantiateOptions {
  /** Where relative paths of weights start; the working folder where it is left out. */
  readonly folder?: string;
}

/**
 * Builds the graph of a model and binds its weights by name. Without a source, parameters to which
 * the declaration gives no data keep none (`hasWeights`, `fillRandomWeights`).
 *
 * @throws EncompileError that lists all weights that are missing, extra, misshaped or of a wrong
 * dtype, with the nearest name
 */
export async function instantiate(
  { name, build, weights }: Model,
  { folder = process.cwd() }: InstantiateOptions = {},
): Promise<Graph> {
  const graph = withCheckedData(build());
  if (weights === null) return graph;
  if (isRandom(weights)) return fillRandomWeights(graph, weights.seed);
  const wanted = wantedWeights(graph);
  if (isSafetensors(weights)) {
    const { tensors, origin } = await readSafetensorsSource(weights, folder);
    const { allowExtra } = weights;
    return withData(graph, bindWeights(wanted, tensors, origin, { allowExtra }));
  }
  const what = `the model '${name}'`;
  const arrays = typeof weights === 'function' ? await weights() : weights;
  return withData(graph, bindWeights(wanted, tensorsOf(arrays, wanted, what), what));
}

/** Whether every parameter of the graph has its numbers. */
export function hasWeights(graph: Graph): boolean {
  return graph.parameters.every(({ data }) => data !== null);
}

/** The parameters that have no numbers yet. */
export function wantedWeights(graph: Graph): readonly WantedWeight[] {
  return graph.parameters.flatMap(({ value: id, data }) => {
    if (data !== null) return [];
    const value = valueOf(graph, id);
    const shape = staticShape(value.shape);
    if (shape === null) throw symbolicWeight(value);
    return [{ name: value.name, dtype: value.dtype, shape }];
  });
}

/** The graph with `tensors` for its parameters of those names. */
export function withData(graph: Graph, tensors: ReadonlyMap<string, TensorData>): Graph {
  const parameters = graph.parameters.map(({ value, data }) => {
    return { value, data: tensors.get(valueOf(graph, value).name) ?? data };
  });
  return { ...graph, parameters };
}

/** Data that the declaration itself gives is held against its type as that of a file is. */
function withCheckedData(graph: Graph): Graph {
  const given = new Map(
    graph.parameters.flatMap(({ value, data }) => {
      return data === null ? [] : [[valueOf(graph, value).name, data] as const];
    }),
  );
  if (given.size === 0) return graph;
  const wanted = wantedWeights({
    ...graph,
    parameters: graph.parameters
      .filter(({ data }) => data !== null)
      .map(({ value }) => ({ value, data: null })),
  });
  return withData(graph, bindWeights(wanted, given, `the declaration of '${graph.name}'`));
}
