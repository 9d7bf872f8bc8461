/**
 * remove-padding: of a padded batch only the rows that count are computed, one behind another
 *   f(x) [batch, seq, ..]  ->  f(x[index]) [tokens, ..]        for row-wise f
 *   attention(q, k, v, mask)  ->  segment_attention(q, k, v, segments, offsets)
 * with index = nonzero(mask): a batch of mixed lengths costs what its tokens cost, and attention the
 * squares of the lengths. What is not row-wise reads the padded value again, zeros at hidden places.
 *
 * Requires: attentions whose mask of keys is computed from an input [batch, seq] of integers or bools,
 * element by element, and is false where that is 0; and that no output depends on rows that are not kept
 * (`padding/analysis.ts`, which proves it backwards from the outputs). Kept are the rows that the mask
 * shows, and the places that slices read whatever it shows, as the first one for a classifier.
 * Guarantees: the outputs are equal as long as the values at hidden places are finite. One artifact
 * serves every batch, length and mask; none of the rows may be visible.
 */
import type { GraphConstruction } from '../ir/builder.ts';
import { type Dim, symbolsOf } from '../ir/dims.ts';
import { dimSymbols, type Graph, type Node, type Value, type ValueId } from '../ir/graph.ts';
import { copyNode, rebuild } from '../ir/rebuild.ts';
import { symbolCounts } from '../ir/symbol-counts.ts';
import { GraphIndex } from './graph-index.ts';
import type { Ledger } from './ledger.ts';
import { firstResult, operandOf } from './node-reading.ts';
import { eachPlace, PaddingAnalysis } from './padding/analysis.ts';
import { maskInput } from './padding/mask.ts';
import { type PackedRows, Packing } from './padding/packing.ts';
import { isWhole, type RowWise } from './padding/row-wise.ts';
import { type Rows, sameRows } from './padding/rows.ts';
import type { Pass } from './pass.ts';
import type { Refusal } from './rewrite.ts';
import { sweep } from './sweep.ts';

const pattern = 'padded batch';

export const removePadding: Pass = {
  name: 'remove-padding',
  summary: 'computes the rows of a padded batch that count, packed one behind another',
  reason:
    'after fuse-attention and merge-projections, whose nodes it packs; before kernels are formed, which read packed rows as any others',
  run: (graph, ledger) => {
    const tried = new Set<string>();
    let current = graph;
    for (;;) {
      const index = new GraphIndex(current);
      const mask = masksOf(index).find((id) => !tried.has(index.value(id).name));
      if (mask === undefined) return current;
      tried.add(index.value(mask).name);
      current = packUnder(mask, index, ledger) ?? current;
    }
  },
};

function masksOf(index: GraphIndex): readonly ValueId[] {
  const masks = attentionsOf(index).flatMap((node) => {
    const mask = node.operands[3];
    const input = mask == null ? null : maskInput(mask, index);
    return input === null || index.shapeOf(input).length !== 2 ? [] : [input];
  });
  return [...new Set(masks)];
}

function attentionsOf({ graph }: GraphIndex): readonly Node[] {
  return graph.nodes.filter(({ op }) => op === 'attention');
}

/** The graph on packed rows; null where no attention under the mask can be. */
function packUnder(mask: ValueId, index: GraphIndex, ledger: Ledger): Graph | null {
  const [batch = 1, seq = 1] = index.shapeOf(mask);
  const analysis = new PaddingAnalysis(index, mask, { batch, seq });
  const own = attentionsOf(index).filter(({ operands: [, , , of] }) => {
    return of != null && maskInput(of, index) === mask;
  });
  const refusals = own.flatMap((node) => {
    const refused = analysis.attentionRefusal(node) ?? analysis.needOf(node);
    return refused === null ? [] : [{ node, refused }];
  });
  const said = new Set<string>();
  for (const { node, refused } of refusals) {
    if (!said.has(refused.refused)) record(ledger, index, node, refused);
    said.add(refused.refused);
  }
  const packed = own.filter((node) => analysis.packedForm(node) !== null);
  const [first] = packed;
  if (first === undefined) return null;
  const always = keptPlaces(analysis);
  const tokens = freshSymbol(index.graph);
  const written = write(analysis, { mask, always, tokens });
  const kept = always.length === 0 ? '' : `, with those at ${always.join(', ')} whatever it shows`;
  const count = packed.length === 1 ? 'an attention runs' : `${packed.length} attentions run`;
  const detail = `${count} on the rows that ${index.nameOf(mask)} shows${kept}`;
  record(ledger, index, first, detail);
  return written;
}

function record(ledger: Ledger, index: GraphIndex, node: Node, said: Refusal | string): void {
  const at = index.value(firstResult(node)).name;
  const tried = { pass: 'remove-padding', pattern, at, location: () => node.origin.location() };
  if (typeof said === 'string') ledger.record({ ...tried, matched: true, detail: said });
  else {
    const stopper = index.value(said.stopper).name;
    ledger.record({ ...tried, matched: false, reason: said.refused, stopper });
  }
}

/** What slices of packed values read. */
function keptPlaces(analysis: PaddingAnalysis): readonly Dim[] {
  const { graph } = analysis.index;
  const makers = new Map(graph.nodes.flatMap((node) => node.results.map((id) => [id, node])));
  const places = graph.nodes.flatMap((node) => {
    const found = analysis.packedForm(node) === null ? analysis.placesOf(node) : null;
    const maker = found === null ? undefined : makers.get(operandOf(node, 0));
    const isPacked = maker !== undefined && analysis.packedForm(maker) !== null;
    return found === null || !isPacked ? [] : eachPlace(found);
  });
  return [...new Set(places)];
}

function freshSymbol(graph: Graph): string {
  const taken = new Set([
    ...dimSymbols(graph, symbolsOf),
    ...symbolCounts(graph).map(({ symbol }) => symbol),
  ]);
  let name = 'tokens';
  for (let n = 1; taken.has(name); n++) name = `tokens${n}`;
  return name;
}

interface Kept extends Omit<PackedRows, 'mask' | 'sizes'> {
  readonly mask: ValueId;
}

function write(analysis: PaddingAnalysis, { mask, always, tokens }: Kept): Graph {
  const { index, sizes } = analysis;
  const { graph } = index;
  const packedNodes = new Map<ValueId, RowWise>();
  const place = graph.inputs.indexOf(mask);
  let packing: Packing | null = null;
  const padded = new Map<ValueId, Value>();
  const written = rebuild(graph, (node, operands, into) => {
    packing ??= new Packing(into, { mask: inputAt(into, place), sizes, always, tokens });
    const writer = new NodeWriter(analysis, packing, packedNodes, padded, tokens);
    const form = analysis.packedForm(node);
    if (form === null) return writer.padded(node, operands, into);
    for (const id of node.results) packedNodes.set(id, form);
    return writer.packed(node, form, operands, into);
  });
  return sweep(written, written.values.keys());
}

function inputAt(into: GraphConstruction, place: number): Value {
  const id = into.inputs[place];
  const value = id === undefined ? undefined : into.values.get(id);
  if (value === undefined) throw new Error(`there is no input ${place}`);
  return value;
}

/** Writes nodes, given their operands as they were written: packed ones where they are in `forms`. */
class NodeWriter {
  private readonly analysis: PaddingAnalysis;
  private readonly packing: Packing;
  private readonly forms: ReadonlyMap<ValueId, RowWise>;
  private readonly known: Map<ValueId, Value>;
  private readonly tokens: Dim;

  constructor(
    analysis: PaddingAnalysis,
    packing: Packing,
    forms: ReadonlyMap<ValueId, RowWise>,
    known: Map<ValueId, Value>,
    tokens: Dim,
  ) {
    this.analysis = analysis;
    this.packing = packing;
    this.forms = forms;
    this.known = known;
    this.tokens = tokens;
  }

  packed(
    node: Node,
    form: RowWise,
    operands: readonly (Value | null)[],
    into: GraphConstruction,
  ): readonly Value[] {
    const given = operands.map((value, i) =>
      this.onRows(node.operands[i] ?? null, value, form.operands[i] ?? null),
    );
    const names = node.results.map((id) => this.analysis.index.value(id).name);
    if (node.op === 'attention') {
      const { segments, offsets } = this.packing;
      const [query = null, key = null, value = null, mask] = given;
      const id = node.operands[3];
      const hidesMore = id != null && this.analysis.hidesMore(id);
      const visible = hidesMore && mask != null ? this.packing.shownBy(mask) : this.packing.visible;
      const all = [query, key, value, segments, offsets, visible];
      const { scale, causal } = node.attributes;
      const { origin } = node;
      return into.addNode('segment_attention', all, { scale, causal }, { names, origin });
    }
    const attributes = { ...node.attributes, ...form.attributes(this.tokens) };
    const { origin, body } = node;
    return into.addNode(node.op, given, attributes, { names, origin, body });
  }

  /** A node on padded values, or null where it can stay as it is. */
  padded(node: Node, operands: readonly (Value | null)[], into: GraphConstruction) {
    const { analysis, packing, forms } = this;
    const isPacked = node.operands.some((id) => id !== null && forms.has(id));
    if (!isPacked) return null;
    const places = analysis.placesOf(node);
    const [id, [packed]] = [node.operands[0], operands];
    const rows = id == null ? undefined : forms.get(id)?.rows;
    if (places !== null && packed != null && rows !== undefined && isSliceOfRows(node, analysis)) {
      return [packing.placesOf(packed, rows, places, analysis.index.value(firstResult(node)).name)];
    }
    const given = operands.map((value, i) => this.whole(node.operands[i] ?? null, value));
    return copyNode(analysis.index.graph, node, given, into);
  }

  /** An operand as a node on packed rows takes it. */
  private onRows(id: ValueId | null, value: Value | null, rows: Rows | null): Value | null {
    if (id === null || value === null) return value;
    const form = this.forms.get(id);
    if (form !== undefined && rows !== null && sameRows(form.rows, rows)) return value;
    const whole = this.whole(id, value);
    return rows === null || whole === null ? whole : this.packing.packed(whole, rows);
  }

  /** The padded value. */
  private whole(id: ValueId | null, value: Value | null): Value | null {
    const form = id === null ? undefined : this.forms.get(id);
    if (id === null || value === null || form === undefined) return value;
    const known = this.known.get(id);
    if (known !== undefined) return known;
    const { index } = this.analysis;
    const made = this.packing.padded(value, form.rows, `${index.value(id).name}.padded`);
    this.known.set(id, made);
    return made;
  }
}

/** Whether a slice takes all but some places of the rows, and nothing of the other axes away. */
function isSliceOfRows(node: Node, analysis: PaddingAnalysis): boolean {
  const x = operandOf(node, 0);
  const rows = analysis.rowsOf(x);
  return analysis.index.shapeOf(x).every((_, axis) => {
    return axis === rows?.seq || isWhole(node, axis, analysis.index);
  });
}
