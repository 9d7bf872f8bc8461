/** The operands of an attention node as elements, shared by the nests of all targets. */

import { broadcastIndex } from '../../ir/broadcasting.ts';
import { add, type Dim, maximum, minimum, subtract } from '../../ir/dims.ts';
import { type Node, type ValueId, valueOf } from '../../ir/graph.ts';
import type { Shape } from '../../ir/types.ts';
import type { Emitter } from '../emitter.ts';
import { binary, constant, type Expression, index as indexOf } from '../nodes.ts';

/**
 * Blocks of the nests for CPUs. Online softmax rescales its sums from block to block, so exact programs
 * of different targets agree only over the same ones.
 */
export const QUERIES_IN_BLOCK = 48;
export const KEYS_IN_BLOCK = 64;

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
  private readonly emitter: Emitter;
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
    this.hasMask = node.operands[3] != null;
    this.hasBias = node.operands[4] != null;
    this.shape = valueOf(body, node.results[0] ?? (-1 as ValueId)).shape;
  }

  /** Whether the widths are numbers: a nest unrolls and allocates by them. */
  get isStatic(): boolean {
    return Number.isInteger(this.width) && Number.isInteger(this.valueWidth);
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
    return this.element(4, [...leading, i, j]);
  }

  /**
   * The keys from `from` to before `to`: all that queries from `first` to before `end` may see by their
   * places. Neither bound may lie in 0 .. keys where there is no such key.
   */
  keysOf(first: Dim, end: Dim): { readonly from: Dim; readonly to: Dim } {
    const { keys, window } = this;
    const shift = subtract(keys, this.queries);
    const reach = this.causal ? 0 : window;
    return {
      from: window === null ? 0 : maximum(0, subtract(add(first, shift), window)),
      to: reach === null ? keys : minimum(keys, add(add(end, shift), reach)),
    };
  }

  /** Whether key j is visible to query i; null where every key is. */
  visible(leading: readonly Dim[], i: Dim, j: Dim): Expression | null {
    const { causal, window } = this;
    const place = add(i, subtract(this.keys, this.queries));
    const near = (distance: Dim) => binary('le', indexOf(distance), constant(window ?? 0, 'i32'));
    const conditions = [
      ...(this.hasMask ? [this.element(3, [...leading, i, j])] : []),
      ...(causal ? [binary('le', indexOf(j), indexOf(place))] : []),
      ...(window === null ? [] : [near(subtract(place, j))]),
      ...(window === null || causal ? [] : [near(subtract(j, place))]),
    ];
    return conditions.reduce<Expression | null>((all, condition) => {
      return all === null ? condition : binary('and', all, condition);
    }, null);
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
