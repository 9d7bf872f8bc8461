/** The interpreter's values as a program's buffers hold them, and what it makes of them. */
import { evaluateNode } from '../interpreter/interpreter.ts';
import { type Graph, type Node, type ValueId, valueOf } from '../ir/graph.ts';
import type { NdArray } from '../ir/nd-array.ts';
import type { Sizes } from '../ir/sizes.ts';
import type { Program, Step, WeightBuffer } from '../loops/program.ts';
import { storageOf } from '../loops/row-major.ts';
import { kernelOf, type Numbers } from './kernel-runner.ts';
import { type Reproducer, reproducerOf } from './reproducer.ts';

/** The interpreter's run of the optimised graph. */
export interface Oracle {
  readonly run: ReadonlyMap<string, NdArray>;
  /** Outputs of the declared graph. */
  readonly want: ReadonlyMap<string, NdArray>;
  readonly values: ReadonlyMap<ValueId, NdArray>;
  readonly sizes: Sizes;
}

export class Feed {
  private readonly program: Program;
  private readonly graph: Graph;
  private readonly oracle: Oracle;
  private readonly producers = new Map<ValueId, Node>();
  private readonly values: ReadonlyMap<string, ValueId | null | undefined>;
  private readonly weights: ReadonlyMap<string, WeightBuffer>;
  private readonly rounded = new Map<ValueId, NdArray>();

  constructor(program: Program, graph: Graph, oracle: Oracle) {
    this.program = program;
    this.graph = graph;
    this.oracle = oracle;
    this.values = new Map(program.buffers.map(({ name, value }) => [name, value]));
    this.weights = new Map(program.weights.map((weight) => [weight.buffer, weight]));
    for (const node of graph.nodes) for (const id of node.results) this.producers.set(id, node);
  }

  inputs(step: Step): readonly Numbers[] {
    const kernel = kernelOf(this.program, step.kernel);
    return kernel.buffers.flatMap(({ access, type }, i): readonly Numbers[] => {
      if (access === 'write') return [];
      const name = step.arguments[i] ?? '';
      const weight = this.weights.get(name);
      const numbers = weight === undefined ? this.value(this.valueIn(name)).data : weight.data();
      if (numbers === null) throw new Error(`the weight '${name}' has no numbers`);
      return [type === 'f32' ? Float32Array.from(numbers) : Int32Array.from(numbers)];
    });
  }

  /** What the interpreter makes of the same numbers, a result a written buffer. */
  expected(step: Step): readonly { readonly name: string; readonly array: NdArray }[] {
    const written = this.writtenBy(step);
    const node = step.provenance.ops[0] === 'copy' ? undefined : this.nodeOf(written);
    const named = written.map((id) => ({ id, name: valueOf(this.graph, id).name }));
    if (node === undefined) {
      return named.map(({ id, name }) => ({ name, array: this.value(id) }));
    }
    const operands = node.operands.map((id) => (id === null ? null : this.value(id)));
    const results = evaluateNode(this.graph, node, operands, this.oracle.sizes);
    return named.map(({ id, name }) => {
      const array = results[node.results.indexOf(id)];
      if (array === undefined) throw new Error(`${step.kernel} does not compute %${name}`);
      return { name, array };
    });
  }

  /** The step's node alone, with the numbers it is given; null for a copy. */
  reproducer(step: Step): Reproducer | null {
    const node = this.nodeOf(this.writtenBy(step));
    return node === undefined ? null : reproducerOf(this.graph, node, (id) => this.value(id));
  }

  private writtenBy(step: Step): readonly ValueId[] {
    return kernelOf(this.program, step.kernel).buffers.flatMap(({ access }, i) =>
      access === 'write' ? [this.valueIn(step.arguments[i] ?? '')] : [],
    );
  }

  private nodeOf(written: readonly ValueId[]): Node | undefined {
    return this.producers.get(written[0] ?? (-1 as ValueId));
  }

  private valueIn(buffer: string): ValueId {
    const value = this.values.get(buffer);
    if (value === undefined || value === null) throw new Error(`'${buffer}' holds no graph value`);
    return value;
  }

  private value(id: ValueId): NdArray {
    let array = this.rounded.get(id);
    if (array === undefined) {
      const exact = this.oracle.values.get(id);
      if (exact === undefined) throw new Error(`${valueOf(this.graph, id).name} was not evaluated`);
      const isFloat = storageOf(exact.dtype) === 'f32';
      array = isFloat ? { ...exact, data: exact.data.map(Math.fround) } : exact;
      this.rounded.set(id, array);
    }
    return array;
  }
}
