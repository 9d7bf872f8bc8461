/**
 * Graphs for other programs: JSON, DOT and SVG. Equal graphs give equal text on every machine, so
 * nothing of this holds paths, times or ids.
 */
import { type AttributeValue, printNumber } from './attributes.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from './graph.ts';
import { printAttributes, printDeclaration } from './print.ts';

const JSON_FORMAT = 'encompile.graph';
const JSON_VERSION = 1;
/** Longer attributes, such as the numbers of a constant, are cut in pictures. */
const LONGEST_LABEL = 60;
const LINE = 100;

/**
 * The graph as JSON text. Values are referred to by name; parameters come without their numbers;
 * numbers that JSON lacks are the strings `inf`, `-inf`, `nan` and `-0`.
 */
export function graphToJson(graph: Graph): string {
  const data = { format: JSON_FORMAT, version: JSON_VERSION, ...describeGraph(graph) };
  return `${layOut(data, '')}\n`;
}

/** JSON text in which what fits on a line stands on one. */
function layOut(value: unknown, indent: string): string {
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || indent.length + flat.length < LINE) {
    return flat;
  }
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const parts = Object.entries(value).map(([key, part]) => {
    const label = Array.isArray(value) ? '' : `${JSON.stringify(key)}: `;
    return `${inner}${label}${layOut(part, inner)}`;
  });
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`;
}

function describeGraph(graph: Graph): object {
  const nameOf = (id: ValueId) => valueOf(graph, id).name;
  const declare = (id: ValueId) => {
    const { name, dtype, shape } = valueOf(graph, id);
    return { name, dtype, shape };
  };
  return {
    name: graph.name,
    inputs: graph.inputs.map(declare),
    parameters: graph.parameters.map(({ value }) => declare(value)),
    nodes: graph.nodes.map((node) => ({
      op: node.op,
      operands: node.operands.map((id) => (id === null ? null : nameOf(id))),
      attributes: Object.fromEntries(
        Object.entries(node.attributes).flatMap(([name, value]) =>
          value === null ? [] : [[name, describeAttribute(value)]],
        ),
      ),
      results: node.results.map(declare),
      declared: node.origin.names,
      ...(node.body === null ? {} : { body: describeGraph(node.body) }),
    })),
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: nameOf(value) })),
  };
}

function describeAttribute(value: AttributeValue): unknown {
  if (Array.isArray(value)) return value.map(describeAttribute);
  if (typeof value !== 'number') return value;
  return Number.isFinite(value) && !Object.is(value, -0) ? value : printNumber(value);
}

/**
 * The graph in Graphviz's language: a box a node with its op, attributes, names and types, ellipses
 * for inputs, weights and outputs, and a cluster around the nodes of a region.
 */
export function graphToDot(graph: Graph): string {
  const drawing = new Drawing();
  const sources = new Map<ValueId, Source>();
  const declare = (id: ValueId, role: string, style: string) => {
    sources.set(id, { box: drawing.box([role, printDeclaration(graph, id)], style), label: '' });
  };
  for (const id of graph.inputs) declare(id, 'input', INPUT);
  for (const { value } of graph.parameters) declare(value, 'weight', WEIGHT);
  drawNodes(drawing, graph, sources);
  for (const { name, value } of graph.outputs) {
    drawing.edge(sources.get(value), drawing.box(['output', name], OUTPUT));
  }
  return drawing.finish(graph.name);
}

/** `graphToDot` as an SVG picture. */
export async function graphToSvg(graph: Graph): Promise<string> {
  const { instance } = await import('@viz-js/viz');
  const viz = await instance();
  return viz.renderString(graphToDot(graph), { format: 'svg' });
}

const INPUT = 'shape=ellipse, style=filled, fillcolor="#dbeafe"';
const WEIGHT = 'shape=ellipse, style=filled, fillcolor="#f1f5f9", color="#94a3b8"';
const OUTPUT = 'shape=ellipse, style=filled, fillcolor="#dcfce7"';
const NODE = 'shape=box, style="rounded,filled", fillcolor="#ffffff"';

/** Where edges of a value start; the label tells results of one node apart. */
interface Source {
  readonly box: string;
  readonly label: string;
}

/** Draws the nodes and adds their results to `sources`. */
function drawNodes(drawing: Drawing, graph: Graph, sources: Map<ValueId, Source>): void {
  for (const node of graph.nodes) {
    if (node.body === null) drawNode(drawing, graph, node, sources);
    else drawRegion(drawing, graph, node, node.body, sources);
  }
}

function drawNode(drawing: Drawing, graph: Graph, node: Node, sources: Map<ValueId, Source>): void {
  const results = node.results.map((id) => printDeclaration(graph, id));
  const box = drawing.box([node.op, shorten(printAttributes(node)), ...results], NODE);
  for (const id of presentOperands(node)) drawing.edge(sources.get(id), box);
  for (const id of node.results) {
    sources.set(id, { box, label: results.length > 1 ? valueOf(graph, id).name : '' });
  }
}

/** Edges run through the border: from what made an operand to the nodes that use it inside. */
function drawRegion(
  drawing: Drawing,
  graph: Graph,
  node: Node,
  body: Graph,
  sources: Map<ValueId, Source>,
): void {
  const inside = new Map<ValueId, Source>();
  body.inputs.forEach((id, i) => {
    const operand = node.operands[i] ?? null;
    const source = operand === null ? undefined : sources.get(operand);
    if (source !== undefined) inside.set(id, source);
  });
  const results = node.results.map((id) => printDeclaration(graph, id));
  drawing.cluster([`${node.op} @${body.name}`, ...results], () => {
    drawNodes(drawing, body, inside);
  });
  node.results.forEach((id, i) => {
    const output = body.outputs[i];
    const source = output === undefined ? undefined : inside.get(output.value);
    if (source !== undefined) sources.set(id, { ...source, label: valueOf(graph, id).name });
  });
}

function shorten(text: string): string {
  return text.length <= LONGEST_LABEL ? text : `${text.slice(0, LONGEST_LABEL - 3)}...`;
}

/** DOT text under construction. Boxes are numbered, so no name can end up as syntax. */
class Drawing {
  private readonly lines: string[] = [];
  private readonly edges: string[] = [];
  private boxes = 0;
  private clusters = 0;
  private indent = '  ';

  /** Adds a box with these lines of text, the empty ones left out, and gives its name. */
  box(lines: readonly string[], style: string): string {
    const name = `n${this.boxes++}`;
    this.lines.push(`${this.indent}${name} [label="${escapeLines(lines)}", ${style}];`);
    return name;
  }

  edge(from: Source | undefined, to: string): void {
    if (from === undefined) throw new Error(`an edge to ${to} has no source`);
    const label = from.label === '' ? '' : ` [label="${escapeDot(from.label)}"]`;
    this.edges.push(`  ${from.box} -> ${to}${label};`);
  }

  cluster(lines: readonly string[], draw: () => void): void {
    const outer = this.indent;
    this.lines.push(`${outer}subgraph cluster_${this.clusters++} {`);
    this.indent = `${outer}  `;
    this.lines.push(`${this.indent}label="${escapeLines(lines)}";`);
    this.lines.push(`${this.indent}style="rounded,filled"; fillcolor="#fef9c3"; color="#ca8a04";`);
    draw();
    this.indent = outer;
    this.lines.push(`${outer}}`);
  }

  finish(name: string): string {
    const head = [
      `digraph "${escapeDot(name)}" {`,
      '  rankdir=TB;',
      '  graph [fontname="Helvetica", fontsize=11];',
      // Wide enough for fonts that are wider than the one that is measured.
      '  node [fontname="Helvetica", fontsize=11, margin="0.25,0.07"];',
      '  edge [fontname="Helvetica", fontsize=9, color="#475569"];',
    ];
    return `${[...head, ...this.lines, ...this.edges, '}'].join('\n')}\n`;
  }
}

function escapeLines(lines: readonly string[]): string {
  return lines
    .filter((line) => line !== '')
    .map(escapeDot)
    .join('\\n');
}

/** Text within double quotes: neither their end, nor an escape, an entity or a control character. */
function escapeDot(text: string): string {
  return text
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`)
    .replaceAll('&', '&amp;')
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"');
}
