/**
 * The verifier. It runs after every pass, and accepts a graph only where
 * - v1: every value is defined exactly once, by an input, a parameter or a node, and `values` holds
 *   exactly the defined ones, each under its own id
 * - v2: every operand is defined before the node that uses it
 * - v3: every op exists, and has as many operands and results as it takes and gives
 * - v4: attributes are complete, known and of their kind
 * - v5: the result types are those that the op infers, in which its own constraints hold
 * - v6: names are unique and not empty, those of outputs among outputs
 * - v7: outputs name values of the graph, and there is one
 * - v8: a parameter's data has the dtype, the shape and the number of elements of its type
 * - v9: node ids are unique
 * - v10: a region has a body and others have none; a body verifies, and has no parameters
 * - v11: the dims in a body that is no kernel have no symbols that the inputs and parameters of the
 *   whole graph lack
 * - v12: a size that is counted is counted in an input of the whole graph, and its symbol is no other's
 *
 * A failure is a mistake in what built the graph, a pass or an importer, and says so.
 */
import { EncompileError } from '../errors.ts';
import { completeAttributes } from './attributes.ts';
import { symbolsOf } from './dims.ts';
import { dimSymbols, type Graph, type Node, type ValueId } from './graph.ts';
import { elementCount } from './nd-array.ts';
import { inferTypes, type OpDefinition } from './op.ts';
import type { Counts } from './op-arguments.ts';
import { isOpName, opDefinition } from './ops/index.ts';
import { printType, sameShape, sameType } from './types.ts';

export type Invariant =
  | 'v1'
  | 'v2'
  | 'v3'
  | 'v4'
  | 'v5'
  | 'v6'
  | 'v7'
  | 'v8'
  | 'v9'
  | 'v10'
  | 'v11'
  | 'v12';

/** Throws at the first invariant that does not hold, with its label. */
export function verifyGraph(graph: Graph): void {
  const counted = graph.nodes.flatMap((node) => countsOf(node)?.symbol ?? []);
  verifyBlock(graph, new Set([...dimSymbols(graph, symbolsOf), ...counted]));
  verifyCounts(graph);
}

function verifyCounts(graph: Graph): void {
  const known = new Set(dimSymbols(graph, symbolsOf));
  for (const node of graph.nodes) {
    const counts = countsOf(node);
    if (counts === null) continue;
    const [input] = node.operands;
    ensure('v12', graph, input != null && graph.inputs.includes(input), () => {
      return `${placeOf(graph, node)}: the operand is no input, in whose numbers a size can be counted`;
    });
    ensure('v12', graph, !known.has(counts.symbol), () => {
      return `${placeOf(graph, node)}: '${counts.symbol}' is a size already`;
    });
    known.add(counts.symbol);
  }
}

function countsOf({ op, attributes }: Node): Counts | null {
  if (!isOpName(op)) return null;
  const { meaning } = opDefinition(op);
  return 'counts' in meaning && meaning.counts !== null ? meaning.counts({ attributes }) : null;
}

/** @param symbols of the whole graph that the block is, or is a body in */
function verifyBlock(graph: Graph, symbols: ReadonlySet<string>): void {
  verifyDefinitions(graph);
  verifyNames(graph);
  verifyParameters(graph);
  const defined = new Set<ValueId>([...graph.inputs, ...graph.parameters.map((p) => p.value)]);
  for (const node of graph.nodes) {
    verifyNode(graph, node, { defined, symbols });
    for (const id of node.results) defined.add(id);
  }
  ensure('v7', graph, graph.outputs.length > 0, () => 'there is no output');
  for (const { name, value } of graph.outputs) {
    ensure('v7', graph, graph.values.has(value), () => `the output '${name}' has no value`);
  }
}

type Ensure = (
  label: Invariant,
  graph: Graph,
  holds: boolean,
  message: () => string,
) => asserts holds;

const ensure: Ensure = (label, graph, holds, message) => {
  if (!holds) fail(label, graph, message());
};

function fail(label: Invariant, graph: Graph, message: string): never {
  throw new EncompileError(
    `verify_${label}: the graph @${graph.name} is malformed: ${message}. This is a mistake in the ` +
      'pass or importer that made the graph, not in the model.',
  );
}

function verifyDefinitions(graph: Graph): void {
  const defined = new Set<ValueId>();
  const define = (id: ValueId) => {
    ensure('v1', graph, !defined.has(id), () => `${spell(graph, id)} is defined twice`);
    ensure('v1', graph, graph.values.get(id)?.id === id, () => {
      return `the value ${id} is defined, but not held under its id`;
    });
    defined.add(id);
  };
  graph.inputs.forEach(define);
  for (const { value } of graph.parameters) define(value);
  for (const node of graph.nodes) node.results.forEach(define);
  for (const id of graph.values.keys()) {
    ensure('v1', graph, defined.has(id), () => `${spell(graph, id)} is never defined`);
  }
  const ids = new Set(graph.nodes.map((node) => node.id));
  ensure('v9', graph, ids.size === graph.nodes.length, () => 'two nodes have one id');
}

function verifyNames(graph: Graph): void {
  for (const names of [
    [...graph.values.values()].map((value) => value.name),
    graph.outputs.map((output) => output.name),
  ]) {
    const seen = new Set<string>();
    for (const name of names) {
      ensure('v6', graph, name !== '', () => 'a name is empty');
      ensure('v6', graph, !seen.has(name), () => `the name '${name}' is given twice`);
      seen.add(name);
    }
  }
}

function verifyParameters(graph: Graph): void {
  for (const { value: id, data } of graph.parameters) {
    const value = graph.values.get(id);
    if (data === null || value === undefined) continue;
    const fits = data.dtype === value.dtype && sameShape(data.shape, value.shape);
    ensure('v8', graph, fits, () => {
      return `the parameter '${value.name}' is ${printType(value)}, and its data ${printType(data)}`;
    });
    ensure('v8', graph, data.data.length === elementCount(data.shape), () => {
      return `the parameter '${value.name}' has ${data.data.length} numbers`;
    });
  }
}

interface Known {
  /** Before the node. */
  readonly defined: ReadonlySet<ValueId>;
  /** Of the whole graph. */
  readonly symbols: ReadonlySet<string>;
}

function verifyNode(graph: Graph, node: Node, { defined, symbols }: Known): void {
  const where = placeOf(graph, node);
  ensure('v3', graph, isOpName(node.op), () => `${where}: there is no such op`);
  const definition = opDefinition(node.op);
  for (const id of node.operands) {
    ensure('v2', graph, id === null || defined.has(id), () => {
      return `${where}: the operand ${id === null ? '_' : spell(graph, id)} is not defined before`;
    });
  }
  verifyOperandCount(graph, node, definition, where);
  const given = label('v4', graph, where, () =>
    completeAttributes(node.op, definition.attributes, node.attributes),
  );
  const missing = Object.keys(given).find((name) => !Object.hasOwn(node.attributes, name));
  ensure(
    'v4',
    graph,
    missing === undefined,
    () => `${where}: the attribute '${missing}' is absent`,
  );
  const isRegion = definition.meaning.kind === 'region';
  ensure('v10', graph, isRegion === (node.body !== null), () => {
    return `${where}: it ${isRegion ? 'needs a body' : 'cannot have a body'}`;
  });
  if (node.body !== null) verifyBody(graph, node, node.body, symbols);
  const types = label('v5', graph, where, () => {
    const operands = node.operands.map((id) => (id === null ? undefined : graph.values.get(id)));
    return inferTypes(node.op, definition, operands, node.attributes, node.body);
  });
  ensure('v3', graph, types.length === node.results.length, () => {
    return `${where}: it gives ${types.length} results`;
  });
  types.forEach((type, i) => {
    const result = graph.values.get(node.results[i] ?? (-1 as ValueId));
    ensure('v5', graph, result !== undefined && sameType(type, result), () => {
      return `${where}: result ${i} must be ${printType(type)}, and is ${result && printType(result)}`;
    });
  });
}

function verifyOperandCount(
  graph: Graph,
  node: Node,
  { operands: specs }: OpDefinition,
  where: string,
): void {
  const variadic = specs.at(-1)?.variadic === true;
  const count = node.operands.length;
  const fits = variadic ? count >= specs.length - 1 : count === specs.length;
  ensure('v3', graph, fits, () => `${where}: it has ${count} operands`);
  node.operands.forEach((id, i) => {
    const spec = specs[Math.min(i, specs.length - 1)];
    ensure('v3', graph, id !== null || spec?.optional === true, () => {
      return `${where}: the operand '${spec?.name}' is left out`;
    });
  });
}

function verifyBody(graph: Graph, node: Node, body: Graph, symbols: ReadonlySet<string>): void {
  const where = placeOf(graph, node);
  ensure('v10', graph, body.parameters.length === 0, () => `${where}: its body has parameters`);
  ensure(
    'v12',
    graph,
    body.nodes.every((inner) => countsOf(inner) === null),
    () => {
      return `${where}: a size is counted in its body`;
    },
  );
  const { meaning } = opDefinition(node.op);
  const isKernel = meaning.kind === 'region' && meaning.isKernel;
  for (const { name, shape } of isKernel ? [] : body.values.values()) {
    const unknown = shape.flatMap(symbolsOf).find((symbol) => !symbols.has(symbol));
    ensure('v11', graph, unknown === undefined, () => {
      return `${where}: '${unknown}' in the shape of %${name} is no symbol of the inputs and weights`;
    });
  }
  label('v10', graph, where, () => verifyBlock(body, symbols));
}

function placeOf(graph: Graph, node: Node): string {
  return `${node.results.map((id) => spell(graph, id)).join(', ')} = ${node.op}`;
}

/** Runs a check that throws its own error, and puts the invariant's label before it. */
function label<T>(invariant: Invariant, graph: Graph, where: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof EncompileError)) throw error;
    return fail(invariant, graph, `${where}: ${error.message.replace(/\.$/, '')}`);
  }
}

function spell(graph: Graph, id: ValueId): string {
  const value = graph.values.get(id);
  return value === undefined ? `value ${id}` : `%${value.name}`;
}
