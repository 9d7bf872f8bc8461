/** Known numbers as values of a graph: a constant, a parameter, or sizes that a run fills in. */
import type { GraphConstruction, UntypedBuilder } from '../../ir/builder.ts';
import type { Dim } from '../../ir/dims.ts';
import type { Value } from '../../ir/graph.ts';
import { RANGE } from '../../ir/integers.ts';
import { fromNdArray } from '../../ir/nd-array.ts';
import { isFloat, type TensorData } from '../../ir/types.ts';
import { type Known, numbersOf } from './operand.ts';

/** Makes values of known numbers, each once. */
export class Materialiser {
  private readonly construction: GraphConstruction;
  /** By the builder of the graph or body in which they stand. */
  private readonly made = new Map<UntypedBuilder, Map<Known, Value>>();
  private readonly parameterNames = new Set<string>();
  /** How many parameters have asked for a name. */
  private readonly counts = new Map<string, number>();

  constructor(construction: GraphConstruction) {
    this.construction = construction;
  }

  valueOf(known: Known, g: UntypedBuilder): Value {
    const made = this.made.get(g) ?? new Map<Known, Value>();
    this.made.set(g, made);
    let value = made.get(known);
    if (value === undefined) {
      value = this.make(known, g);
      made.set(known, value);
    }
    return value;
  }

  parameter(wanted: string, data: TensorData): Value {
    const stem = wanted === '' ? 'weight' : wanted;
    let name = stem;
    for (let count = this.counts.get(stem) ?? 1; this.isTaken(name); count++) {
      name = `${stem}_${count}`;
      this.counts.set(stem, count + 1);
    }
    this.parameterNames.add(name);
    const { dtype, shape } = data;
    return this.construction.weight(name, { dtype, shape }, data);
  }

  /** Inputs and parameters are bound by name, so no two share one. */
  reserve(name: string): void {
    this.parameterNames.add(name);
  }

  private isTaken(name: string): boolean {
    return this.parameterNames.has(name);
  }

  private make(known: Known, g: UntypedBuilder): Value {
    const { dtype, shape, name } = known;
    const numbers = numbersOf(known)?.map((number) => held(dtype, number));
    if (numbers === undefined) return sizesOf(known, g);
    const [first = 0] = numbers;
    if (numbers.every((number) => Object.is(number, first))) {
      return g.constant({ value: [first], dtype, shape });
    }
    const data = fromNdArray({ dtype, shape, data: Float64Array.from(numbers) });
    return this.parameter(name ?? 'constant', data);
  }
}

/** `iota` is how a symbolic size enters a computation. */
function sizesOf({ dtype, shape, elements }: Known, g: UntypedBuilder): Value {
  const size = (start: Dim) => g.iota({ shape: [1], axis: 0, start, dtype: 'i64' });
  const [only, ...others] = elements;
  const listed = others.length === 0 ? size(only ?? 0) : g.concat(elements.map(size), { axis: 0 });
  const shaped = shape.length === 1 ? listed : g.reshape(listed, { shape });
  return dtype === 'i64' ? shaped : g.cast(shaped, { dtype });
}

/** Kernels hold integers in 32 bits: the ends of int64 stand for "as far as it goes". */
function held(dtype: Known['dtype'], number: number): number {
  if (isFloat(dtype) || dtype === 'bool') return number;
  const [low, high] = RANGE[dtype];
  return Math.min(Math.max(number, low), high);
}
