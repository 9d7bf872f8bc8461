/** The operands of an attention node as elements, shared by the nests of all targets. */

import { broadcastIndex } from '../../ir/broadcasting.ts';
import { add, type Dim, maximum, minimum, subtract } from '../../ir/dims.ts';
import { type Node, type ValueId, valueOf } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import type { Shape } from '../../ir/types.ts';
import type { Emitter } from '../emitter.ts';
import { binary, constant, type Expression, index as indexOf } from '../nodes.ts';
import { leadingNames, overGroups } from './map.ts';

/**
 * Blocks of the nests for CPUs. Online softmax rescales its sums from block to block, so exact programs
 * of different targets agree only over the same ones.
 */
export const QUERIES_IN_BLOCK = 48;
export const KEYS_IN_BLOCK = 64;

/** Queries or keys, from one to before another. */
export interface Rows {
  readonly from: Dim;
  readonly to: Dim;
}

export class AttentionOperands {
  /** Of the result: [.., heads, queries, value width]. */
  readonly shape: Shape;
  readonly queries: Dim;
  readonly keys: Dim;
  /** Width of a query and a key; a number. */
  readonly width: number;
  /** Width of a value; a number. */
  readonly valueWidth: number;
  readonly scale: number;
  readonly causal: boolean;
  /** Of local attention; null where a query sees keys at any distance. */
  readonly window: number | null;
  readonly hasMask: boolean;
  readonly hasBias: boolean;
  /** Whether a query sees the keys of its own segment alone. */
  readonly isSegmented: boolean;
  private readonly emitter: Emitter;
  private readonly names: readonly string[];
  private readonly ids: readonly (ValueId | null)[];
  private readonly shapes: readonly Shape[];

  constructor(emitter: Emitter, node: Node) {
    const { body } = emitter;
    this.emitter = emitter;
    this.ids = node.operands;
    this.shapes = node.operands.map((id) => (id === null ? [] : valueOf(body, id).shape));
    const [query = [], key = [], value = []] = this.shapes;
    this.queries = query.at(-2) ?? 1;
    this.keys = key.at(-2) ?? 1;
    this.width = Number(query.at(-1));
    this.valueWidth = Number(value.at(-1));
    this.scale = Number(node.attributes.scale);
    this.causal = node.attributes.causal === true;
    const { window } = node.attributes;
    this.window = typeof window === 'number' ? window : null;
    this.names = opDefinition(node.op).operands.map(({ name }) => name);
    this.hasMask = this.has('mask');
    this.hasBias = this.has('bias');
    this.isSegmented = this.has('segments');
    this.shape = valueOf(body, node.results[0] ?? (-1 as ValueId)).shape;
  }

  /** Whether the widths are numbers: a nest unrolls and allocates by them. */
  get isStatic(): boolean {
    return Number.isInteger(this.width) && Number.isInteger(this.valueWidth);
  }

  /**
   * Parallel loops over heads and over the sequences that attend to themselves: one a batch, or the
   * segments. `body` is given the batch axes and the head, and the rows of a sequence.
   */
  overSequences(body: (leading: readonly Dim[], queries: Rows, keys: Rows) => void): void {
    const { emitter, queries, keys, isSegmented } = this;
    const heads = this.shape.slice(0, -2).map((dim) => [dim]);
    overGroups(emitter, heads, leadingNames(heads.length), (leading) => {
      if (!isSegmented) body(leading, { from: 0, to: queries }, { from: 0, to: keys });
      else {
        emitter.loop('parallel', 'b', subtract(this.offsets, 1), (b) => {
          const rows = this.rowsOf(b, b);
          body(leading, rows, rows);
        });
      }
    });
  }

  /** The keys that queries from `first` to `last` see together. */
  keysBetween(first: Dim, last: Dim): Rows {
    if (!this.isSegmented) return { from: 0, to: this.keys };
    return this.rowsOf(this.segmentOf(first), this.segmentOf(last));
  }

  /** Whether a key belongs to the query's segment; null where there are none. */
  sameSegment(i: Dim, j: Dim): Expression | null {
    if (!this.isSegmented) return null;
    return binary('eq', this.named('segments', [i]), this.named('segments', [j]));
  }

  /** Where the rows of one segment begin and those of another end. Offsets are held inside the rows. */
  private rowsOf(first: Dim, last: Dim): Rows {
    const { asIndex } = this.emitter.elements;
    const extent = add(this.queries, 1);
    const from = asIndex(this.named('offsets', [first]), extent);
    const end = binary('max', this.named('offsets', [add(last, 1)]), indexOf(from));
    return { from, to: asIndex(end, extent) };
  }

  private segmentOf(row: Dim): Dim {
    const count = subtract(this.offsets, 1);
    return this.emitter.elements.asIndex(this.named('segments', [row]), count);
  }

  /** One more than there are segments. */
  private get offsets(): Dim {
    return this.shapes[this.names.indexOf('offsets')]?.[0] ?? 1;
  }

  /** Element d of a query; `leading` are the batch axes and the head. */
  query(leading: readonly Dim[], i: Dim, d: Dim): Expression {
    return this.element(0, [...leading, i, d]);
  }

  key(leading: readonly Dim[], j: Dim, d: Dim): Expression {
    return this.element(1, [...this.groupOf(1, leading), j, d]);
  }

  value(leading: readonly Dim[], j: Dim, v: Dim): Expression {
    return this.element(2, [...this.groupOf(2, leading), j, v]);
  }

  bias(leading: readonly Dim[], i: Dim, j: Dim): Expression {
    return this.named('bias', [...leading, i, j]);
  }

  /**
   * Of the keys of a sequence, those that queries from `first` to before `end` may see by their places.
   * Neither bound may lie among them where there is no such key.
   */
  keysOf(first: Dim, end: Dim, keys: Rows): Rows {
    const { window } = this;
    const shift = subtract(this.keys, this.queries);
    const reach = this.causal ? 0 : window;
    return {
      from: window === null ? keys.from : maximum(keys.from, subtract(add(first, shift), window)),
      to: reach === null ? keys.to : minimum(keys.to, add(add(end, shift), reach)),
    };
  }

  /** Whether key j is visible to query i; null where every key is. */
  visible(leading: readonly Dim[], i: Dim, j: Dim): Expression | null {
    const { causal, window } = this;
    const place = add(i, subtract(this.keys, this.queries));
    const near = (distance: Dim) => binary('le', indexOf(distance), constant(window ?? 0, 'i32'));
    const conditions = [
      ...(this.hasMask ? [this.named('mask', [...leading, i, j])] : []),
      ...(causal ? [binary('le', indexOf(j), indexOf(place))] : []),
      ...(window === null ? [] : [near(subtract(place, j))]),
      ...(window === null || causal ? [] : [near(subtract(j, place))]),
    ];
    return conditions.reduce<Expression | null>((all, condition) => {
      return all === null ? condition : binary('and', all, condition);
    }, null);
  }

  private has(name: string): boolean {
    return this.ids[this.names.indexOf(name)] != null;
  }

  private named(name: string, index: readonly Dim[]): Expression {
    return this.element(this.names.indexOf(name), index);
  }

  private element(operand: number, index: readonly Dim[]): Expression {
    const id = this.ids[operand];
    if (id == null) throw new Error(`attention has no operand ${operand}`);
    return this.emitter.value(id, broadcastIndex(index, this.shapes[operand] ?? []));
  }

  /** The leading index of the key/value head that a query head shares. */
  private groupOf(operand: number, leading: readonly Dim[]): readonly Dim[] {
    const heads = this.shape.at(-3);
    const kept = this.shapes[operand]?.at(-3);
    if (heads === undefined || kept === heads) return leading;
    const group = Number(heads) / Number(kept);
    const head = this.emitter.elements.divide(leading.at(-1) ?? 0, group);
    return [...leading.slice(0, -1), head];
  }
}
