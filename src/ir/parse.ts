/**
 * Reads the text format that `print.ts` describes: `parseGraph(printGraph(g))` has the values,
 * types, nodes and outputs of `g`, in its order.
 *
 * - The graph is rebuilt op by op, so what is wrong in an op call is its own labelled error, at
 *   that line; a printed type that is not the one the op gives is an error too.
 * - Text may come from anyone: nesting and length are bounded, and time is linear in the length.
 */
import type { AttributeSpecs, AttributeValue } from './attributes.ts';
import { readDim, readDType } from './attributes.ts';
import { GraphConstruction } from './builder.ts';
import type { Dim } from './dims.ts';
import type { Graph, Output, Value } from './graph.ts';
import { isOpName, opDefinition, registry } from './ops/index.ts';
import { TextScanner } from './text-scanner.ts';
import { printType, sameType, type TensorType } from './types.ts';

/** Bodies within bodies. Passes make one level. */
const MAX_DEPTH = 16;

export interface ParseOptions {
  /** What the text is called in errors and origins: the file's path. */
  readonly origin?: string;
}

/**
 * The graph that `text` describes; its parameters have no data.
 *
 * @throws EncompileError with line, column, what was expected and the source line
 */
export function parseGraph(text: string, { origin = 'graph text' }: ParseOptions = {}): Graph {
  const scanner = new TextScanner(text, origin);
  if (!scanner.acceptWord('graph')) scanner.fail("'graph'");
  const graph = parseBlock(scanner, 0);
  scanner.expectEnd();
  return graph;
}

/** What is known while one block is read. Names of other blocks are not visible in it. */
interface Block {
  readonly scanner: TextScanner;
  readonly depth: number;
  readonly construction: GraphConstruction;
  readonly defined: Map<string, Value>;
}

function parseBlock(scanner: TextScanner, depth: number): Graph {
  const block: Block = {
    scanner,
    depth,
    construction: new GraphConstruction(),
    defined: new Map(),
  };
  scanner.expect('@', "'@' and the graph's name");
  const name = scanner.takeName("the graph's name");
  scanner.expect('(');
  parseList(scanner, ')', () => parseInput(block));
  scanner.expect('{');
  while (!scanner.acceptWord('return')) {
    const place = scanner.place();
    if (scanner.acceptWord('param')) parseParameter(block, place);
    else parseNode(block);
  }
  const outputs = parseOutputs(block);
  scanner.expect('}', "',' and another output, or '}'");
  return block.construction.finish(name, outputs);
}

/** Items between commas up to `end`. */
function parseList(scanner: TextScanner, end: string, parseItem: () => void): void {
  let first = true;
  while (!scanner.accept(end)) {
    if (!first) scanner.expect(',', `',' or '${end}'`);
    parseItem();
    first = false;
  }
}

function parseInput(block: Block): void {
  const [name, type] = parseDeclaration(block);
  block.defined.set(name, block.construction.addInput(name, type));
}

function parseParameter(block: Block, place: number): void {
  const { construction, defined, scanner } = block;
  if (block.depth > 0) {
    scanner.failAt(place, "a body has no 'param': weights are operands of its op.", 5);
  }
  const [name, type] = parseDeclaration(block);
  const value = construction.addValue(name, type);
  construction.parameters.push({ value: value.id, data: null });
  defined.set(name, value);
}

function parseDeclaration(block: Block): readonly [string, TensorType] {
  const name = parseNewName(block);
  block.scanner.expect(':', "':' and a type");
  return [name, parseType(block.scanner)];
}

function parseNewName({ scanner, defined }: Block, expected = "a value's name (%name)"): string {
  const place = scanner.place();
  scanner.expect('%', expected);
  const name = scanner.takeName("a value's name");
  if (defined.has(name)) {
    scanner.failAt(place, `the name %${name} is defined twice.`, name.length + 1);
  }
  return name;
}

function parseType(scanner: TextScanner): TensorType {
  const dtype = readDType(scanner);
  const shape: Dim[] = [];
  scanner.expect('[', `'[' and the dims of the ${dtype} type`);
  parseList(scanner, ']', () => {
    const place = scanner.place();
    const dim = scanner.at(place, () => readDim(scanner));
    if (typeof dim === 'number' && !(Number.isSafeInteger(dim) && dim >= 0)) {
      scanner.failAt(place, `a dim is at least 0 and a whole number, but this is ${dim}.`);
    }
    shape.push(dim);
  });
  return { dtype, shape };
}

function parseNode(block: Block): void {
  const { scanner, construction, defined } = block;
  const place = scanner.place();
  const names = parseResultNames(block);
  scanner.expect('=', "',' and another result, or '=' and an op");
  const opPlace = scanner.place();
  const op = scanner.take(/\w+/y, 'an op');
  if (!isOpName(op)) {
    const known = Object.keys(registry).join(', ');
    scanner.failAt(opPlace, `there is no op '${op}'. Ops: ${known}.`, op.length);
  }
  const operands = parseOperands(block);
  const attributes = parseAttributes(scanner, op, opDefinition(op).attributes);
  scanner.expect(':', "':' and the result's type");
  const typesPlace = scanner.place();
  const types = [parseType(scanner)];
  while (scanner.accept(',')) types.push(parseType(scanner));
  const isRegion = opDefinition(op).meaning.kind === 'region';
  const body = isRegion ? parseBody(block) : null;
  const origin = { names, location: () => scanner.describe(place) };
  const results = scanner.at(opPlace, () =>
    construction.addNode(op, operands, attributes, { names, body, origin }),
  );
  const given = results.map(printType).join(', ');
  if (results.length !== names.length) {
    scanner.failAt(place, `${op} gives ${results.length} results (${given}).`);
  }
  if (types.length !== results.length || !results.every((r, i) => sameType(r, types[i] ?? r))) {
    scanner.failAt(typesPlace, `${op} of these operands gives ${given}.`);
  }
  for (const result of results) defined.set(result.name, result);
}

function parseResultNames(block: Block): readonly string[] {
  const names: string[] = [];
  do {
    const place = block.scanner.place();
    const name = parseNewName(block, "'%' and a value's name, 'param' or 'return'");
    if (names.includes(name)) block.scanner.failAt(place, `the name %${name} is given twice.`);
    names.push(name);
  } while (block.scanner.accept(','));
  return names;
}

function parseOperands(block: Block): readonly (Value | null)[] {
  const { scanner } = block;
  const operands: (Value | null)[] = [];
  do {
    if (scanner.acceptWord('_')) operands.push(null);
    else if (scanner.accept('%')) operands.push(parseUse(block));
    else if (operands.length > 0) scanner.fail("an operand (%name, or '_' for one left out)");
  } while (operands.length > 0 && scanner.accept(','));
  return operands;
}

/** The value that is named here, after its `%`. */
function parseUse({ scanner, defined }: Block): Value {
  const place = scanner.place() - 1;
  const name = scanner.takeName("a value's name");
  const value = defined.get(name);
  if (value !== undefined) return value;
  return scanner.failAt(place, `%${name} is not defined before this line.`, name.length + 1);
}

function parseBody({ scanner, depth }: Block): Graph {
  const place = scanner.place();
  if (!scanner.acceptWord('body')) scanner.fail("'body' and the graph that the op computes");
  if (depth >= MAX_DEPTH) scanner.failAt(place, `bodies nest more than ${MAX_DEPTH} deep.`, 4);
  return parseBlock(scanner, depth + 1);
}

/** The attributes given; the builder fills in the others. */
function parseAttributes(
  scanner: TextScanner,
  op: string,
  specs: AttributeSpecs,
): { readonly [name: string]: AttributeValue } {
  const attributes: Record<string, AttributeValue> = {};
  if (!scanner.accept('{')) return attributes;
  parseList(scanner, '}', () => {
    const place = scanner.place();
    const name = scanner.take(/\w+/y, 'an attribute');
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (spec === undefined) {
      const known = Object.keys(specs).join(', ') || 'none';
      const message = `${op} has no attribute '${name}'; its attributes: ${known}.`;
      return scanner.failAt(place, message, name.length);
    }
    if (Object.hasOwn(attributes, name)) {
      scanner.failAt(place, `the attribute '${name}' is given twice.`, name.length);
    }
    scanner.expect('=');
    const valuePlace = scanner.place();
    attributes[name] = scanner.at(valuePlace, () => spec.parse(scanner));
  });
  return attributes;
}

function parseOutputs(block: Block): readonly Output[] {
  const { scanner } = block;
  const outputs = new Map<string, Output>();
  do {
    const place = scanner.place();
    const isNamed = !scanner.accept('%');
    const given = isNamed ? scanner.takeName('an output (%name, or name = %name)') : null;
    if (isNamed) {
      scanner.expect('=');
      scanner.expect('%', "a value's name (%name)");
    }
    const value = parseUse(block);
    const name = given ?? value.name;
    if (outputs.has(name)) scanner.failAt(place, `the output '${name}' is given twice.`);
    outputs.set(name, { name, value: value.id });
  } while (scanner.accept(','));
  return [...outputs.values()];
}
