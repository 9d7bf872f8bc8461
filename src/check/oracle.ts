/**
 * One run of the optimised graph in the interpreter, for all the programs that are checked against it: what
 * a node makes of its operands as buffers hold them is computed once, however many backends ask.
 */
import { evaluateNode, interpret } from '../interpreter/interpreter.ts';
import { type Graph, type Node, type ValueId, valueOf } from '../ir/graph.ts';
import type { NdArray } from '../ir/nd-array.ts';
import type { Sizes } from '../ir/sizes.ts';
import { storageOf } from '../loops/row-major.ts';

export class Oracle {
  readonly graph: Graph;
  /** By input name. */
  readonly run: ReadonlyMap<string, NdArray>;
  readonly sizes: Sizes;
  /** By output name, in float64 throughout. */
  readonly outputs: ReadonlyMap<string, NdArray>;
  private readonly values: ReadonlyMap<ValueId, NdArray>;
  private readonly rounded = new Map<ValueId, NdArray>();
  private readonly evaluated = new Map<Node, readonly NdArray[]>();

  constructor(graph: Graph, run: ReadonlyMap<string, NdArray>) {
    const { outputs, values, sizes } = interpret(graph, run);
    this.graph = graph;
    this.run = run;
    this.sizes = sizes;
    this.outputs = outputs;
    this.values = values;
  }

  /** A value, as a buffer holds it. */
  value(id: ValueId): NdArray {
    let array = this.rounded.get(id);
    if (array === undefined) {
      const exact = this.values.get(id);
      if (exact === undefined) throw new Error(`${valueOf(this.graph, id).name} was not evaluated`);
      const isFloat = storageOf(exact.dtype) === 'f32';
      array = isFloat ? { ...exact, data: exact.data.map(Math.fround) } : exact;
      this.rounded.set(id, array);
    }
    return array;
  }

  /** The results of a node from its operands as buffers hold them. */
  evaluate(node: Node): readonly NdArray[] {
    let results = this.evaluated.get(node);
    if (results === undefined) {
      const operands = node.operands.map((id) => (id === null ? null : this.value(id)));
      results = evaluateNode(this.graph, node, operands, this.sizes);
      this.evaluated.set(node, results);
    }
    return results;
  }
}
