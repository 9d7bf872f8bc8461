/**
 * Turns a region into loop IR by pulling: the expression of one element of a value, from elements
 * of its operands, down to loads of the region's inputs.
 *
 * Statements land in the outermost open scope that knows every name they use, so what does not
 * change in a loop is computed before it, a reduction once a row and not once an element.
 */
import { add, type Dim, divideExactly, symbolsOf } from '../ir/dims.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../ir/graph.ts';
import { opDefinition } from '../ir/ops/index.ts';
import { ElementLoops } from './element-loops.ts';
import { binary, constant, type Expression, load } from './nodes.ts';
import { flatIndex, type Place, placeOf, storageOf } from './row-major.ts';

/** What holds an input of a region; its elements are row-major where no place says otherwise. */
export interface Source {
  readonly buffer: string;
  readonly place: Place | null;
}

interface Override {
  readonly element: (index: readonly Dim[]) => Expression;
  /** Of the scope whose names it may use. */
  readonly depth: number;
}

export class Emitter extends ElementLoops {
  readonly body: Graph;
  /** Whether every sum takes its terms one by one, in the order of their index, and fuses nothing. */
  readonly exact: boolean;
  /** Buffers of the body's inputs. */
  private readonly buffers: ReadonlyMap<ValueId, Source>;
  private readonly producers = new Map<ValueId, Node>();
  private readonly uses = new Map<ValueId, number>();
  private readonly overrides = new Map<ValueId, Override>();
  /** For values asked for: the innermost scope that an override of theirs belongs to, or -1. */
  private readonly overriddenIn = new Map<ValueId, number>();
  /** While set, values stay expressions without a name. */
  private inline = false;

  constructor(
    body: Graph,
    buffers: ReadonlyMap<ValueId, Source>,
    reserved: readonly string[],
    exact = false,
  ) {
    super([...[...buffers.values()].map(({ buffer }) => buffer), ...reserved]);
    this.body = body;
    this.exact = exact;
    this.buffers = buffers;
    const use = (id: ValueId) => this.uses.set(id, (this.uses.get(id) ?? 0) + 1);
    for (const node of body.nodes) {
      for (const id of node.results) this.producers.set(id, node);
      presentOperands(node).forEach(use);
    }
    for (const { value } of body.outputs) use(value);
  }

  /**
   * From here on something else than its definition computes a value, such as a matmul's register
   * tile. `element` may use any name of the current scope. An index always stands for the same
   * element: what was computed from one override is not computed again after the next.
   */
  override(id: ValueId, element: Override['element']): void {
    this.overrides.set(id, { element, depth: this.scopes.length - 1 });
    this.overriddenIn.clear();
  }

  /** The element of a value at an index. */
  value(id: ValueId, at: readonly Dim[]): Expression {
    const override = this.overrides.get(id);
    if (override !== undefined) return override.element(at);
    const key = `${id}[${at.join()}]`;
    for (const { memo } of this.scopes) {
      const known = memo.get(key);
      if (known !== undefined) return known;
    }
    return this.computeAndName(id, at, key);
  }

  /** Four neighbouring elements as one load, where that is what they are; else null, and nothing is emitted. */
  run(elements: (lane: number) => Expression): Expression | null {
    const before = this.inline;
    this.inline = true;
    const lanes: Expression[] = [];
    const spilled = this.inScope([], true, () => {
      for (let lane = 0; lane < 4; lane++) lanes.push(elements(lane));
    });
    this.inline = before;
    const [first] = lanes;
    if (spilled.length > 0 || first?.tag !== 'load' || first.type !== 'f32') return null;
    const isRun = lanes.every(
      (x, i) => x.tag === 'load' && x.buffer === first.buffer && x.index === add(first.index, i),
    );
    return isRun ? load(first.buffer, first.index, 'f32', 4) : null;
  }

  /** As `run`, from a place that 4 divides. */
  quad(elements: (lane: number) => Expression): Expression | null {
    const run = this.run(elements);
    return run?.tag === 'load' && divideExactly(run.index, 4) !== null ? run : null;
  }

  private computeAndName(id: ValueId, at: readonly Dim[], key: string): Expression {
    const depth = Math.max(this.depthOf(at.flatMap(symbolsOf)), this.overrideDepthOf(id));
    const element = this.atDepth(depth, () => this.compute(id, at));
    const named = (this.uses.get(id) ?? 0) > 1 || depth < this.scopes.length - 1;
    if (!named || this.inline || element.tag === 'constant' || element.tag === 'index')
      return element;
    return this.atDepth(depth, () => {
      const bound = this.bind(this.nameOf(id), element);
      this.top().memo.set(key, bound);
      return bound;
    });
  }

  /** The scope out of which a value cannot be moved: that of an override it is computed from. */
  private overrideDepthOf(id: ValueId): number {
    const own = this.overrides.get(id)?.depth;
    if (own !== undefined) return own;
    let depth = this.overriddenIn.get(id);
    if (depth === undefined) {
      const node = this.buffers.has(id) ? undefined : this.producers.get(id);
      const operands = node === undefined ? [] : presentOperands(node);
      depth = Math.max(-1, ...operands.map((operand) => this.overrideDepthOf(operand)));
      this.overriddenIn.set(id, depth);
    }
    return depth;
  }

  private compute(id: ValueId, at: readonly Dim[]): Expression {
    const value = valueOf(this.body, id);
    const source = this.buffers.get(id);
    if (source !== undefined) {
      const { buffer, place } = source;
      const index = place === null ? flatIndex(at, value.shape) : placeOf(place, at);
      const element = load(buffer, index, storageOf(value.dtype));
      return value.dtype === 'bool' ? binary('ne', element, constant(0, 'i32')) : element;
    }
    const node = this.producers.get(id);
    const definition = opDefinition(node?.op ?? '');
    if (node === undefined || !('lower' in definition.meaning)) {
      throw new Error(`%${value.name} (${node?.op ?? 'no node'}) cannot be lowered here`);
    }
    const operands = node.operands;
    return definition.meaning.lower({
      index: at,
      type: value,
      types: operands.map((operand) =>
        operand === null ? undefined : valueOf(this.body, operand),
      ),
      attributes: node.attributes,
      operand: (i, index) => {
        const operand = operands[i];
        if (operand == null) throw new Error(`${node.op}: operand ${i} is missing`);
        return this.value(operand, index);
      },
      emit: this.elements,
    });
  }

  private nameOf(id: ValueId): string {
    const { name } = valueOf(this.body, id);
    const source = this.buffers.get(id);
    if (source !== undefined) return `${source.buffer}_at`;
    const last = name.slice(name.lastIndexOf('.') + 1);
    return /^\d+$/.test(last) ? 'v' : last;
  }
}
