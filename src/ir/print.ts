/**
 * The text format of graphs, for people and for `parse.ts`, which reads back what is printed here.
 *
 *     graph @block(%x: f32[batch, seq, 64], %mask: bool[batch, seq]) {
 *       param %wq: f32[64, 64]
 *       %q = matmul %x, %wq : f32[batch, seq, 64]
 *       %probs = softmax %scores, _ {axis = -1} : f32[batch, seq, seq]
 *       %out = fused %q, %x : f32[batch, seq, 64]
 *         body @fused(%a: f32[batch, seq, 64], %b: f32[batch, seq, 64]) {
 *           ...
 *         }
 *       return %out, query = %q
 *     }
 *
 * - All attributes are printed, in declared order, also those at their default: a dump shows what
 *   is computed without a look at the op's file. (The parser fills in those left out.) What is null,
 *   such as the window of attention that has none, is not printed.
 * - An optional operand left out is `_`; at the end it is left out of the text too.
 * - An output is named only where its name is not its value's.
 * - A name of other characters than `[A-Za-z0-9_.$/:-]`, that ends in a colon or that begins as a
 *   comment does, is a JSON string.
 * - Not printed: the numbers of parameters, ids and origins.
 */
import type { AttributeSpec } from './attributes.ts';
import { type Graph, type Node, type ValueId, valueOf } from './graph.ts';
import { opDefinition } from './ops/index.ts';
import { printType } from './types.ts';

const PLAIN_NAME = /^(?!\/\/)[A-Za-z0-9_.$/:-]*[A-Za-z0-9_.$/-]$/;

export function printGraph(graph: Graph): string {
  return `${printBlock('graph', graph, '').join('\n')}\n`;
}

/** A name as the text format has it, without its `%` or `@`. */
export function printName(name: string): string {
  if (PLAIN_NAME.test(name)) return name;
  return JSON.stringify(name).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, i) => escapeUnit(character.charCodeAt(i))).join(
      '',
    ),
  );
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** `{axis = -1, eps = 0.00001}`, or nothing where there are none. */
export function printAttributes(node: Node): string {
  const printed = Object.entries(opDefinition(node.op).attributes).flatMap(([name, spec]) => {
    return node.attributes[name] === null ? [] : [`${name} = ${printAttribute(spec, node, name)}`];
  });
  return printed.length === 0 ? '' : `{${printed.join(', ')}}`;
}

/** One node as one line, without its body. */
export function printNode(graph: Graph, node: Node): string {
  const present = node.operands.slice(0, node.operands.findLastIndex((id) => id !== null) + 1);
  const call = [
    node.results.map((id) => printValue(graph, id)).join(', '),
    '=',
    node.op,
    present.map((id) => (id === null ? '_' : printValue(graph, id))).join(', '),
    printAttributes(node),
    ':',
    node.results.map((id) => printType(valueOf(graph, id))).join(', '),
  ];
  return call.filter((part) => part !== '').join(' ');
}

function printBlock(keyword: string, graph: Graph, indent: string): readonly string[] {
  const inputs = graph.inputs.map((id) => printDeclaration(graph, id)).join(', ');
  const inner = `${indent}  `;
  return [
    `${indent}${keyword} @${printName(graph.name)}(${inputs}) {`,
    ...graph.parameters.map(({ value }) => `${inner}param ${printDeclaration(graph, value)}`),
    ...graph.nodes.flatMap((node) => [
      `${inner}${printNode(graph, node)}`,
      ...(node.body === null ? [] : printBlock('body', node.body, `${inner}  `)),
    ]),
    `${inner}return ${graph.outputs.map((output) => printOutput(graph, output)).join(', ')}`,
    `${indent}}`,
  ];
}

/** `%x: f32[batch, seq, 64]`. */
export function printDeclaration(graph: Graph, id: ValueId): string {
  return `${printValue(graph, id)}: ${printType(valueOf(graph, id))}`;
}

function printValue(graph: Graph, id: ValueId): string {
  return `%${printName(valueOf(graph, id).name)}`;
}

function printOutput(graph: Graph, { name, value }: Graph['outputs'][number]): string {
  const printed = printValue(graph, value);
  return valueOf(graph, value).name === name ? printed : `${printName(name)} = ${printed}`;
}

function printAttribute(spec: AttributeSpec, node: Node, name: string): string {
  const value = node.attributes[name];
  if (value === undefined) throw new Error(`${node.op} lacks its attribute '${name}'`);
  return spec.print(value);
}
