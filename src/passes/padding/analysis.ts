/**
 * Which values of a graph can be computed on packed rows, for remove-padding: a walk forwards finds the
 * rows of values and what is known of hidden places, one backwards which rows the outputs depend on.
 *
 * A value *needs all rows* where an output depends on rows that are not kept, as far as this can tell:
 * - an output that has rows shows all of them;
 * - a row-wise node passes on what its result needs;
 * - products with what is 0 where hidden, choices by the mask, masked softmax and the keys and values of
 *   masked attention read no hidden row, and a slice of some places reads these, which then are kept;
 * - any other node reads all rows of its operands.
 */
import { add, type Dim, subtract } from '../../ir/dims.ts';
import { type Node, presentOperands, type ValueId } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';
import { firstResult, operandOf } from '../node-reading.ts';
import { type Refusal, refuse } from '../rewrite.ts';
import { type Numbers, numbersOfInput, numbersOfResult, UNKNOWN } from './mask.ts';
import { aligned, isWhole, listOf, type RowContext, type RowWise, rowWise } from './row-wise.ts';
import { type Batch, fitsRows, type Rows, sameRows } from './rows.ts';

/** Places of a sequence that a slice may read without all others being kept. */
const MOST_PLACES = 8;

/** Of query, key, value and result of an attention [batch, heads, seq, width]. */
const ROWS_OF_HEADS: Rows = { batch: 0, seq: 2 };
export const ROWS_OF_MASK: Rows = { batch: 0, seq: 3 };

/** A slice of some places of every sequence. */
export interface Places {
  readonly first: Dim;
  readonly count: number;
}

export class PaddingAnalysis {
  readonly index: GraphIndex;
  readonly sizes: Batch;
  private readonly rows = new Map<ValueId, Rows>();
  private readonly numbers = new Map<ValueId, Numbers>();
  private readonly rowWiseNodes = new Map<Node, RowWise>();
  /** How operands meet the rows of nodes that may not be row-wise. */
  private readonly meetings = new Map<Node, readonly (Rows | null)[]>();
  /** Of values that something needs: why it needs all rows, or null where kept ones suffice. */
  private readonly needs = new Map<ValueId, Refusal | null>();
  private readonly packed: ReadonlySet<Node>;

  constructor(index: GraphIndex, mask: ValueId, sizes: Batch) {
    this.index = index;
    this.sizes = sizes;
    const leading: Rows = { batch: 0, seq: 1 };
    for (const id of index.graph.inputs) {
      if (fitsRows(index.shapeOf(id), leading, sizes)) this.rows.set(id, leading);
      this.numbers.set(id, numbersOfInput(id, mask, index));
    }
    for (const node of index.graph.nodes) this.forwards(node);
    for (const { name, value } of index.graph.outputs) {
      const shown = `every row of ${index.nameOf(value)} is shown by the output '${name}'`;
      const advice = 'select(mask, .., 0) would show those of the mask alone';
      this.need(value, this.rowsOf(value) === null ? null : refuse(value, `${shown}; ${advice}`));
    }
    for (const node of [...index.graph.nodes].reverse()) this.backwards(node);
    this.packed = this.besidePackedAttentions();
  }

  rowsOf(id: ValueId): Rows | null {
    return this.rows.get(id) ?? null;
  }

  /** How a node is written on packed rows; null where it is not. */
  packedForm(node: Node): RowWise | null {
    return this.packed.has(node) ? (this.rowWiseNodes.get(node) ?? null) : null;
  }

  /** Why a result needs all rows; null where it does not. */
  needOf(node: Node): Refusal | null {
    return node.results.map((id) => this.needs.get(id) ?? null).find((why) => why !== null) ?? null;
  }

  /** What keeps an attention from packed rows, beside what its result needs; null where nothing does. */
  attentionRefusal(node: Node): Refusal | null {
    const at = firstResult(node);
    const [query, key, value, mask, bias] = node.operands;
    const { index } = this;
    if (bias != null) return refuse(bias, `it has a bias (${index.nameOf(bias)})`);
    if (mask == null) return refuse(at, 'it has no mask, and sees padding');
    if (node.attributes.window != null) {
      return refuse(at, 'it has a window, and packing changes how far rows are apart');
    }
    for (const id of [query, key, value]) {
      const rows = id == null ? null : this.rowsOf(id);
      if (rows === null || !sameRows(rows, ROWS_OF_HEADS) || index.shapeOf(at).length !== 4) {
        const stopper = id ?? at;
        return refuse(stopper, `${index.nameOf(stopper)} does not have the rows of the mask`);
      }
    }
    if (this.isKeyMask(mask) && this.numbersOf(mask).hidden === 0) return null;
    return refuse(mask, `${index.nameOf(mask)} is not a mask of the keys alone`);
  }

  /** The places that a node takes out of its operand's rows, where it is such a slice. */
  placesOf(node: Node): Places | null {
    if (node.op !== 'slice') return null;
    const rows = this.rowsOf(operandOf(node, 0));
    if (rows === null || rows.batch === rows.seq || !isWhole(node, rows.batch, this.index)) {
      return null;
    }
    const [first, end, step] = ['starts', 'ends', 'steps'].map(
      (name) => listOf(node.attributes[name])[rows.seq] ?? 1,
    );
    const count = subtract(end as Dim, first as Dim);
    const isFew = typeof count === 'number' && count > 0 && count <= MOST_PLACES && step === 1;
    return isFew ? { first: first as Dim, count } : null;
  }

  /**
   * The attentions that can be packed, and what row-wise nodes lead to or from them through values that
   * do not need all rows: to pack others would only move rows.
   */
  private besidePackedAttentions(): ReadonlySet<Node> {
    const { index } = this;
    const canBe = (node: Node) =>
      this.rowWiseNodes.has(node) &&
      node.results.some((id) => this.needs.has(id)) &&
      this.needOf(node) === null;
    const found = new Set<Node>();
    const open = index.graph.nodes.filter((node) => node.op === 'attention' && canBe(node));
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (found.has(node)) continue;
      found.add(node);
      const makers = presentOperands(node).map((id) => index.producerOf(id));
      const users = node.results.flatMap((id) => index.usersOf(id));
      for (const next of [...makers, ...users]) {
        if (next !== null && canBe(next)) open.push(next);
      }
    }
    return found;
  }

  private forwards(node: Node): void {
    const { index, sizes } = this;
    const context: RowContext = { index, sizes, rowsOf: (id) => this.rowsOf(id) };
    const isAttention = node.op === 'attention' && this.attentionRefusal(node) === null;
    const form = isAttention ? ATTENTION : rowWise(node, context);
    const meeting = form ?? (ALIGNED.has(node.op) ? aligned(node, context) : null);
    if (form !== null) this.rowWiseNodes.set(node, form);
    if (meeting !== null) this.meetings.set(node, meeting.operands);
    const numbers = numbersOfResult(
      node,
      node.operands.map((id, i) => this.numbersAt(id, meeting?.operands[i] ?? null)),
      index,
    );
    for (const id of node.results) {
      const rows = meeting?.rows ?? this.leadingRows(id);
      if (rows !== null) this.rows.set(id, rows);
      if (meeting !== null) this.numbers.set(id, numbers);
    }
  }

  /** Of a value that no rule knows: what lies along its first axes has the sizes of rows at least. */
  private leadingRows(id: ValueId): Rows | null {
    const leading: Rows = { batch: 0, seq: 1 };
    return fitsRows(this.index.shapeOf(id), leading, this.sizes) ? leading : null;
  }

  private numbersOf(id: ValueId): Numbers {
    return this.numbers.get(id) ?? UNKNOWN;
  }

  private numbersAt(id: ValueId | null, rows: Rows | null): Numbers {
    const own = id === null ? null : this.rowsOf(id);
    return id !== null && own !== null && rows !== null && sameRows(own, rows)
      ? this.numbersOf(id)
      : UNKNOWN;
  }

  /** Whether a mask, false at every hidden key, may hide some that are shown as well. */
  hidesMore(mask: ValueId): boolean {
    return this.numbersOf(mask).shown !== 1;
  }

  /** A mask bool[batch, 1, 1, keys], the same for all heads and queries. */
  private isKeyMask(mask: ValueId): boolean {
    const rows = this.rowsOf(mask);
    const [, heads, queries, ...keys] = this.index.shapeOf(mask);
    const isOfKeys = heads === 1 && queries === 1 && keys.length === 1;
    return rows !== null && sameRows(rows, ROWS_OF_MASK) && isOfKeys;
  }

  private backwards(node: Node): void {
    if (!node.results.some((id) => this.needs.has(id))) return;
    const form = this.rowWiseNodes.get(node);
    const why = this.needOf(node);
    node.operands.forEach((id, i) => {
      if (id === null) return;
      if (this.rowsOf(id) === null || this.readsNoHiddenRow(node, i)) this.need(id, null);
      else if (form !== undefined) this.need(id, why);
      else {
        const { index } = this;
        const [name, result] = [index.nameOf(id), index.nameOf(firstResult(node))];
        this.need(id, why ?? refuse(id, `${node.op} (${result}) reads all rows of ${name}`));
      }
    });
  }

  private need(id: ValueId, why: Refusal | null): void {
    if ((this.needs.get(id) ?? null) === null) this.needs.set(id, why);
  }

  /** Whether a node's results do not depend on what an operand is where it is hidden. */
  private readsNoHiddenRow(node: Node, which: number): boolean {
    const hiddenAt = (i: number): number | null =>
      this.numbersAt(node.operands[i] ?? null, this.meetings.get(node)?.[i] ?? null).hidden;
    const isMet = this.isMet(node, which);
    if (node.op === 'mul') return isMet && hiddenAt(1 - which) === 0;
    if (node.op === 'softmax') return isMet && which === 0 && hiddenAt(1) === 0;
    if (node.op === 'select') {
      if (which === 0 || !isMet) return false;
      return hiddenAt(0) === (which === 1 ? 0 : 1);
    }
    if (node.op === 'matmul') return this.weighsNoHiddenRow(node, which);
    if (node.op === 'attention') return which > 0 && which < 3 && this.hidesKeys(node, which);
    return this.placesOf(node) !== null;
  }

  /** Whether an operand's rows are those that the node meets it in. */
  private isMet(node: Node, which: number): boolean {
    const id = node.operands[which];
    const rows = this.meetings.get(node)?.[which] ?? null;
    const own = id == null ? null : this.rowsOf(id);
    return own !== null && rows !== null && sameRows(own, rows);
  }

  private hidesKeys(node: Node, which: number): boolean {
    const [id, mask] = [node.operands[which], node.operands[3]];
    const rows = id == null ? null : this.rowsOf(id);
    if (rows === null || !sameRows(rows, ROWS_OF_HEADS) || mask == null) return false;
    return this.isKeyMask(mask) && this.numbersOf(mask).hidden === 0;
  }

  /** sum over j of a[.., i, j] b[.., j, k], where one of them is 0 at each j that is hidden. */
  private weighsNoHiddenRow(node: Node, which: number): boolean {
    const [a, b] = [operandOf(node, 0), operandOf(node, 1)];
    const [rowsOfA, rowsOfB] = [this.rowsOf(a), this.rowsOf(b)];
    const rank = this.index.shapeOf(a).length;
    if (rowsOfA === null || rowsOfB === null || this.index.shapeOf(b).length !== rank) return false;
    const isSum = rowsOfA.seq === rank - 1 && rowsOfB.seq === rank - 2;
    const isBatch = rowsOfA.batch === rowsOfB.batch && rowsOfA.batch < rank - 2;
    return isSum && isBatch && this.numbersOf(which === 0 ? b : a).hidden === 0;
  }
}

const ALIGNED: ReadonlySet<string> = new Set(['softmax']);

/** Rows of query, key and value; what else it takes on packed rows is no operand of the node. */
const ATTENTION: RowWise = {
  rows: ROWS_OF_HEADS,
  operands: [ROWS_OF_HEADS, ROWS_OF_HEADS, ROWS_OF_HEADS, null, null],
  attributes: () => ({}),
};

/** The places of slices, each on its own. */
export function eachPlace({ first, count }: Places): readonly Dim[] {
  return Array.from({ length: count }, (_, i) => add(first, i));
}
