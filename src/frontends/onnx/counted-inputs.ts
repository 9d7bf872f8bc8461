/**
 * Sizes that are counted in the numbers of an input: how many of its elements are not 0. Whoever runs
 * the model counts them there, so only what is an input, or 0 just where one is, can be counted.
 */
import type { GraphConstruction } from '../../ir/builder.ts';
import type { Node, Value, ValueId } from '../../ir/graph.ts';
import { isFloat } from '../../ir/types.ts';
import { Unsupported } from './context.ts';
import type { DimNames } from './dims.ts';
import type { KnownValues } from './known-values.ts';

export class CountedInputs {
  private readonly construction: GraphConstruction;
  private readonly known: KnownValues;
  private readonly names: DimNames;
  /** By input, as one size has one name. */
  private readonly made = new Map<ValueId, Value>();

  constructor(construction: GraphConstruction, known: KnownValues, names: DimNames) {
    this.construction = construction;
    this.known = known;
    this.names = names;
  }

  /** The flat positions of what is not 0 in a value of the graph; null where that is counted in no input. */
  positions(value: Value): Value | null {
    const input = this.known.owns(value) ? this.inputOf(value) : null;
    if (input === null) return null;
    const made = this.made.get(input.id) ?? this.countedIn(input);
    this.made.set(input.id, made);
    return made;
  }

  private countedIn(input: Value): Value {
    const symbol = this.names.invent(`${input.name}_count`);
    const elsewhere = this.names.apply(symbol);
    if (elsewhere !== symbol) {
      throw new Unsupported(`the number of its results is taken for ${elsewhere} elsewhere`);
    }
    return this.construction.untypedBuilder().nonzero(input, { symbol });
  }

  /** The input that is 0 just where the value is, element by element in their order. */
  private inputOf(value: Value): Value | null {
    const { inputs, values } = this.construction;
    const { producers } = this.known.definitionsSoFar();
    let current: Value | undefined = value;
    while (current !== undefined) {
      const { id, dtype, shape }: Value = current;
      if (inputs.includes(id)) return isFloat(dtype) || shape.length === 0 ? null : current;
      const node = producers.get(id);
      const from = node === undefined ? null : sourceOf(node, { values, producers });
      current = from === null ? undefined : values.get(from);
    }
    return null;
  }
}

interface Values {
  readonly values: ReadonlyMap<ValueId, Value>;
  readonly producers: ReadonlyMap<ValueId, Node>;
}

/** The operand that is 0 where the result is, if its elements stand in the same order. */
function sourceOf(node: Node, { producers, values }: Values): ValueId | null {
  const [x = null, other = null] = node.operands;
  if (x === null) return null;
  const from = values.get(x);
  if (from === undefined || isFloat(from.dtype)) return null;
  if (node.op === 'reshape') return x;
  // a cast to fewer bits makes 0 of 256
  if (node.op === 'cast') return KEEPING_ZERO.has(String(node.attributes.dtype)) ? x : null;
  if (node.op !== 'not_equal' || other === null) return null;
  const { op, attributes: { value } = {} } = producers.get(other) ?? {};
  const isZero = op === 'constant' && [value].flat().every((number) => number === 0);
  return isZero ? x : null;
}

const KEEPING_ZERO: ReadonlySet<string> = new Set(['bool', 'i64', 'i32']);
