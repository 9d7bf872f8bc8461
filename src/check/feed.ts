/** An oracle's values as the buffers of a program hold them, step by step. */
import { type Node, type ValueId, valueOf } from '../ir/graph.ts';
import type { NdArray } from '../ir/nd-array.ts';
import type { Program, ProgramBuffer, Step, WeightBuffer } from '../loops/program.ts';
import { kernelOf, type Numbers } from './kernel-runner.ts';
import type { Oracle } from './oracle.ts';
import { type Reproducer, reproducerOf } from './reproducer.ts';

export class Feed {
  private readonly program: Program;
  private readonly oracle: Oracle;
  private readonly producers = new Map<ValueId, Node>();
  private readonly values: ReadonlyMap<string, ValueId | null | undefined>;
  private readonly parts: ReadonlyMap<string, NonNullable<ProgramBuffer['parts']>>;
  private readonly weights: ReadonlyMap<string, WeightBuffer>;

  constructor(program: Program, oracle: Oracle) {
    this.program = program;
    this.oracle = oracle;
    this.values = new Map(program.buffers.map(({ name, value }) => [name, value]));
    this.parts = new Map(
      program.buffers.flatMap(({ name, parts }) => (parts ? [[name, parts]] : [])),
    );
    this.weights = new Map(program.weights.map((weight) => [weight.buffer, weight]));
    for (const node of oracle.graph.nodes)
      for (const id of node.results) this.producers.set(id, node);
  }

  inputs(step: Step): readonly Numbers[] {
    const kernel = kernelOf(this.program, step.kernel);
    return kernel.buffers.flatMap(({ access, type }, i): readonly Numbers[] => {
      if (access === 'write') return [];
      const name = step.arguments[i] ?? '';
      const weight = this.weights.get(name);
      const numbers = weight === undefined ? this.held(name) : weight.data();
      if (numbers === null) throw new Error(`the weight '${name}' has no numbers`);
      return [type === 'f32' ? Float32Array.from(numbers) : Int32Array.from(numbers)];
    });
  }

  /** The numbers in a buffer: of its value, or of those that are copied into it. */
  private held(buffer: string): Float64Array {
    const parts = this.parts.get(buffer);
    if (parts === undefined) return this.oracle.value(this.valueIn(buffer)).data;
    return Float64Array.from(parts.flatMap(({ id }) => [...this.oracle.value(id).data]));
  }

  /** What the interpreter makes of the same numbers, a result a written buffer; null for memory of the kernel's own. */
  expected(step: Step): readonly ({ readonly name: string; readonly array: NdArray } | null)[] {
    const written = this.writtenBy(step);
    const node = step.provenance.ops[0] === 'copy' ? undefined : this.nodeOf(written);
    const results = node === undefined ? null : this.oracle.evaluate(node);
    return written.map((id) => {
      if (id === null) return null;
      const { name } = valueOf(this.oracle.graph, id);
      const array =
        results === null ? this.oracle.value(id) : results[node?.results.indexOf(id) ?? -1];
      if (array === undefined) throw new Error(`${step.kernel} does not compute %${name}`);
      return { name, array };
    });
  }

  /** The step's node alone, with the numbers it is given; null for a copy. */
  reproducer(step: Step): Reproducer | null {
    const node = this.nodeOf(this.writtenBy(step));
    return node === undefined
      ? null
      : reproducerOf(this.oracle.graph, node, (id) => this.oracle.value(id));
  }

  private writtenBy(step: Step): readonly (ValueId | null)[] {
    return kernelOf(this.program, step.kernel).buffers.flatMap(({ access }, i) => {
      const buffer = step.arguments[i] ?? '';
      if (access !== 'write') return [];
      return [this.values.get(buffer) === null ? null : this.valueIn(buffer)];
    });
  }

  private nodeOf(written: readonly (ValueId | null)[]): Node | undefined {
    const first = written.find((id) => id !== null);
    return this.producers.get(first ?? (-1 as ValueId));
  }

  private valueIn(buffer: string): ValueId {
    const value = this.values.get(buffer);
    if (value === undefined || value === null) throw new Error(`'${buffer}' holds no graph value`);
    return value;
  }
}
