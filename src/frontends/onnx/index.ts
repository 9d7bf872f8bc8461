/**
 * ONNX files as graphs: opsets 9 and newer, with their external data.
 *
 * A file's inputs and outputs keep their names, dims and order. Initializers become parameters, shape
 * arithmetic becomes dims, and what must be known to build the graph is computed here (`walk.ts`).
 */
import { basename } from 'node:path';
import { EncompileError } from '../../errors.ts';
import type { Dim } from '../../ir/dims.ts';
import type { Graph, Output, Value, ValueId } from '../../ir/graph.ts';
import {
  printType,
  type Shape,
  sameShape,
  type TensorData,
  type TensorType,
} from '../../ir/types.ts';
import { verifyGraph } from '../../ir/verify.ts';
import type { GraphProto, TensorProto, ValueInfoProto } from '../../onnx/schema.ts';
import { displayPath } from '../declaration/display-path.ts';
import { quote } from '../json.ts';
import { asDType, tensorOfNumbers } from '../tensor-data.ts';
import { withChoices } from './counted-choices.ts';
import { DimNames, Unify } from './dims.ts';
import { Effort } from './effort.ts';
import { importError } from './failures.ts';
import { type ModelFile, withModelFile } from './file.ts';
import { withFloat32Steps } from './float32-steps.ts';
import { withFiniteLows } from './low-scores.ts';
import { Scope } from './scope.ts';
import { dtypeOf, type ElementType, elementTypeOf } from './tensors.ts';
import { Walk } from './walk.ts';

export { OnnxImportError } from './failures.ts';

export interface OnnxOptions {
  /**
   * What inputs hold whose numbers decide how the model is built, such as a shape or a number of
   * repeats. They are inputs no more. Numbers alone have the type and shape that the file declares.
   */
  readonly constants?: ReadonlyMap<string, TensorData | readonly number[]>;
  /** Symbols of the inputs' dims that have one size: what is built may depend on it. */
  readonly sizes?: ReadonlyMap<string, number>;
}

/** The oldest opset whose ops all have the meaning that they are given here. */
const OLDEST_OPSET = 1;
const MAX_EQUATIONS = 256;

/**
 * Reads the ONNX model at `path`.
 *
 * @throws EncompileError where the file is damaged, `OnnxImportError` where nodes cannot be taken
 */
export async function importOnnx(path: string, options: OnnxOptions = {}): Promise<Graph> {
  const origin = displayPath(path);
  return withModelFile(path, origin, (file) => graphOfModel(file, origin, options));
}

/** The graph of a model that is read. */
export function graphOfModel(file: ModelFile, origin: string, options: OnnxOptions = {}): Graph {
  const effort = new Effort(file.model, origin);
  const replaced = new Map<string, Dim>(options.sizes);
  const tensors = new Map<TensorProto, TensorData>();
  for (let round = 0; round < MAX_EQUATIONS; round++) {
    try {
      return attempt(file, origin, options, { replaced, tensors, effort });
    } catch (error) {
      if (!(error instanceof Unify)) throw error;
      replaced.set(error.symbol, error.by);
    }
  }
  throw new EncompileError(
    `${origin} has more than ${MAX_EQUATIONS} symbolic dims that its ops want to be equal. Export it with ` +
      'names for its dims.',
  );
}

/** What one attempt leaves to the next. */
interface Attempts {
  readonly replaced: ReadonlyMap<string, Dim>;
  readonly tensors: Map<TensorProto, TensorData>;
  readonly effort: Effort;
}

function attempt(
  { model, external }: ModelFile,
  origin: string,
  { constants = new Map(), sizes = new Map() }: OnnxOptions,
  { replaced, tensors, effort }: Attempts,
): Graph {
  const { graph } = model;
  if (graph === undefined) {
    throw new EncompileError(`${origin} has no graph. Check that it is a whole ONNX model.`);
  }
  const opsets = new Map(
    model.opsetImport.map(({ domain = '', version = 0n }) => {
      return [domain === 'ai.onnx' ? '' : domain, Number(version)] as const;
    }),
  );
  const opset = opsets.get('');
  if (opset !== undefined && opset < OLDEST_OPSET) {
    throw new EncompileError(
      `${origin} is written in opset ${opset}, where ${OLDEST_OPSET} or newer was expected. Convert it ` +
        'with the version converter of ONNX, or export it again.',
    );
  }
  const names = new DimNames(replaced);
  const walk = new Walk({ model, origin, external, names, tensors, effort });
  const scope = new Scope(null);
  defineInputs(walk, graph, scope, names, constants);
  names.checkKnown([...sizes.keys()]);
  walk.graph(graph, { scope, opsets, given: null, depth: 0, g: walk.g });
  const outputs = outputsOf(walk, graph, scope);
  if (walk.failures.length > 0) {
    throw importError(origin, graph.node.length, walk.failures, walk.needed);
  }
  const written = walk.construction.finish(modelName(graph, origin), outputs);
  const made = withFloat32Steps(withFiniteLows(withChoices(written)));
  verifyGraph(made);
  return made;
}

function defineInputs(
  walk: Walk,
  graph: GraphProto,
  scope: Scope,
  names: DimNames,
  constants: ReadonlyMap<string, TensorData | readonly number[]>,
): void {
  const builder = walk.construction.builder();
  const initialised = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.filter(
    ({ name }) => !initialised.has(name) || constants.has(name ?? ''),
  );
  for (const input of inputs) walk.materialiser.reserve(input.name ?? '');
  for (const input of inputs) {
    const name = input.name ?? '';
    const { dtype, shape } = typeOf(input, names);
    const data = constants.get(name);
    if (data === undefined) {
      if (name === '')
        throw new EncompileError(`${walk.facts.origin} has an input without a name.`);
      const value = definedInput(() => builder.input(name, { dtype, shape }), input, walk);
      walk.define(scope, name, { kind: 'computed', value });
      continue;
    }
    walk.define(scope, name, walk.operandOf(constantAs(name, data, { dtype, shape }), name));
  }
  const known = new Set(inputs.map(({ name }) => name));
  const stray = [...constants.keys()].find((name) => !known.has(name));
  if (stray === undefined) return;
  const listed = inputs.map(({ name }) => quote(name)).join(', ') || 'none';
  throw new EncompileError(`There is no input ${quote(stray)} to fix. The inputs: ${listed}.`, 2);
}

/** What is given for an input, in the type that it declares. */
function constantAs(
  name: string,
  given: TensorData | readonly number[],
  declared: TensorType,
): TensorData {
  const tensor =
    'dtype' in given ? asDType(given, declared.dtype) : tensorOfNumbers(given, declared);
  if (tensor !== null && typeof tensor !== 'string' && fits(tensor.shape, declared.shape))
    return tensor;
  const what =
    typeof tensor === 'string' ? `the numbers given ${tensor}` : `it is ${printGiven(given)}`;
  throw new EncompileError(
    `The constant ${quote(name)} does not fit: ${what}, where ${printType(declared)} was expected.`,
    2,
  );
}

function printGiven(given: TensorData | readonly number[]): string {
  return 'dtype' in given ? printType(given) : `${given.length} numbers`;
}

/** The input, or an error that says which it is. */
function definedInput(define: () => Value, { name }: ValueInfoProto, { facts }: Walk): Value {
  try {
    return define();
  } catch (error) {
    if (!(error instanceof EncompileError)) throw error;
    throw new EncompileError(
      `The input ${quote(name)} of ${facts.origin} cannot be taken: ${error.message.replace(/\.$/, '')}. ` +
        'Export the model again, with smaller inputs.',
    );
  }
}

function fits(given: readonly number[], declared: Shape): boolean {
  const fixed = declared.map((dim, axis) => (typeof dim === 'number' ? dim : (given[axis] ?? -1)));
  return sameShape(given, fixed);
}

function typeOf({ name = '', type }: ValueInfoProto, names: DimNames) {
  const what = `The input ${quote(name)}`;
  const tensor = type?.tensorType;
  if (tensor === undefined) {
    throw new EncompileError(
      `${what} is no tensor, and only tensors are taken: sequences, maps and optional values are not. ` +
        'Export the model with tensors alone.',
    );
  }
  const dtype = dtypeOf(tensor.elemType, what);
  if (tensor.shape === undefined) {
    throw new EncompileError(
      `${what} has no shape, not even a number of dims. Run ONNX shape inference, or export the model ` +
        'again with the shapes of its inputs.',
    );
  }
  return { dtype, shape: tensor.shape.dim.map((dim, axis) => names.of(dim, name, axis)) };
}

function outputsOf(walk: Walk, graph: GraphProto, scope: Scope): readonly Output[] {
  const seen = new Set<string>();
  if (graph.output.length === 0) {
    throw new EncompileError(`${walk.facts.origin} has no outputs. Export it with at least one.`);
  }
  return graph.output.map(({ name = '', type }) => {
    if (seen.has(name)) {
      throw new EncompileError(`${walk.facts.origin} has two outputs called ${quote(name)}.`);
    }
    seen.add(name);
    const operand = walk.lookup(name, scope);
    if (operand === null) return { name, value: -1 as ValueId };
    if (operand.kind === 'sequence') {
      throw new EncompileError(
        `The output ${quote(name)} of ${walk.facts.origin} is a sequence of tensors, where a tensor was ` +
          'expected. Export the model with its tensors as outputs of their own.',
      );
    }
    const value = walk.materialise(operand, walk.g);
    const inFile = elementTypeOf(type?.tensorType?.elemType);
    return { name, value: leaving(walk, value, inFile).id };
  });
}

/** A float16 or bfloat16 was computed in float32, and leaves the model as the nearest number of its type. */
function leaving({ construction, g }: Walk, x: Value, inFile: ElementType | null): Value {
  const maker = construction.nodes.findLast(({ results }) => results.includes(x.id));
  if (maker === undefined) return x;
  // a float16 is rounded as a float32, which is cast then
  const from = maker.op === 'cast' ? maker.operands[0] : x.id;
  const rounding = construction.nodes.findLast(({ results }) => results.some((id) => id === from));
  if (rounding?.op.startsWith('round_')) return x;
  if (x.dtype === 'f16') return g.round_float16(x);
  return inFile === 'bfloat16' ? g.round_bfloat16(x) : x;
}

function modelName({ name = '' }: GraphProto, origin: string): string {
  return name !== '' ? name : basename(origin).replace(/\.onnx$/i, '');
}
