/**
 * Symbolic dims as values of the exported graph. The size of a symbol is read from an input that has
 * it in its shape, solved for it where a dim such as `2*seq+1` holds it; every expression is computed
 * once, in int64.
 */
import { EncompileError } from '../../errors.ts';
import { type Dim, type Factor, isAtLeast, linearIn, symbolsOf, termsOf } from '../../ir/dims.ts';
import type { Shape } from '../../ir/types.ts';
import { type GraphWriter, int, type Ref } from './graph-writer.ts';
import { constantOf, scalar } from './held-types.ts';

export interface ShapedInput {
  readonly ref: Ref;
  readonly shape: Shape;
}

/** Where a symbol's size comes from. */
interface Source {
  readonly input: Ref;
  readonly axis: number;
  readonly dim: Dim;
}

export class SymbolicDims {
  private readonly writer: GraphWriter;
  private readonly sources: ReadonlyMap<string, Source>;
  private readonly known = new Map<string, Ref>();

  constructor(writer: GraphWriter, inputs: readonly ShapedInput[]) {
    this.writer = writer;
    this.sources = findSources(inputs);
  }

  /** The shape as int64[rank]. */
  shape(shape: Shape): Ref {
    const parts: Ref[] = [];
    let numbers: number[] = [];
    const flush = () => {
      if (numbers.length > 0) parts.push(this.numbers(numbers));
      numbers = [];
    };
    for (const dim of shape) {
      if (typeof dim === 'number') numbers.push(dim);
      else {
        flush();
        parts.push(this.dim(dim));
      }
    }
    flush();
    if (parts.length === 0) return this.numbers([]);
    return this.once(`[${shape.join(', ')}]`, () => this.concat(parts));
  }

  /** The dim as int64[1]. */
  dim(dim: Dim): Ref {
    if (typeof dim === 'number') return this.numbers([dim]);
    return this.once(dim, () => {
      const terms = termsOf(dim).map(({ coefficient, factors }) => {
        const values = factors.map((factor) => this.factor(factor));
        return coefficient === 1 && values.length > 0
          ? values
          : [...values, this.numbers([coefficient])];
      });
      const products = terms.map((values) => this.combine('Mul', values));
      return this.combine('Add', products);
    });
  }

  /** The dim as an int64 of no dims. */
  scalar(dim: Dim): Ref {
    if (typeof dim === 'number') return scalar(this.writer, 'i64', dim);
    const sized = this.dim(dim);
    return this.once(`${dim} as a scalar`, () => {
      return this.writer.node('Squeeze', [sized, this.numbers([0])]);
    });
  }

  /** Takes the length of a vector for the size of a symbol that no input's shape tells. */
  define(symbol: string, vector: Ref): void {
    this.once(symbol, () => this.writer.node('Shape', [vector]));
  }

  numbers(values: readonly number[]): Ref {
    return constantOf(this.writer, 'i64', [values.length], values);
  }

  private factor(factor: Factor): Ref {
    if (factor.tag === 'symbol') return this.symbol(factor.name);
    const a = this.dim(factor.a);
    if (factor.tag === 'max') return this.writer.node('Max', [a, this.dim(factor.b)]);
    if (factor.tag === 'min') return this.writer.node('Min', [a, this.dim(factor.b)]);
    return this.floorDivide(factor.a, a, factor.b);
  }

  private floorDivide(a: Dim, numerator: Ref, by: Dim): Ref {
    const divisor = this.divisor(by);
    if (isAtLeast(a, 0)) return this.writer.node('Div', [numerator, divisor]);
    // Div truncates; Mod has the sign of the divisor.
    const rest = this.writer.node('Mod', [numerator, divisor]);
    return this.writer.node('Div', [this.writer.node('Sub', [numerator, rest]), divisor]);
  }

  /** Division by 0 ends some runtimes, so a divisor that may be 0 is at least 1. */
  private divisor(dim: Dim): Ref {
    if (!isAtLeast(dim, 0) || isAtLeast(dim, 1)) return this.dim(dim);
    return this.writer.node('Max', [this.dim(dim), this.numbers([1])]);
  }

  private symbol(name: string): Ref {
    return this.once(name, () => {
      const source = this.sources.get(name);
      if (source === undefined) throw unsolved(name);
      const { input, axis, dim } = source;
      const size = this.writer.node('Shape', [input], { start: int(axis), end: int(axis + 1) });
      if (dim === name) return size;
      const line = linearIn(dim, name);
      if (line === null) throw unsolved(name);
      const above = this.writer.node('Sub', [size, this.dim(line.rest)]);
      return this.writer.node('Div', [above, this.divisor(line.coefficient)]);
    });
  }

  private concat(parts: readonly Ref[]): Ref {
    const [first, ...others] = parts;
    if (first !== undefined && others.length === 0) return first;
    return this.writer.node('Concat', parts, { axis: int(0) });
  }

  private combine(opType: 'Add' | 'Mul', values: readonly Ref[]): Ref {
    return values.reduce((a, b) => this.writer.node(opType, [a, b]));
  }

  /** Makes a value the first time, where every body sees it; every later use is of the same. */
  private once(key: string, make: () => Ref): Ref {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const scope = this.writer.scope;
    this.writer.scope = 'size';
    const made = this.writer.outsideOfBodies(make);
    this.writer.scope = scope;
    this.known.set(key, made);
    return made;
  }
}

/** A dim for each symbol that gives its size: the symbol itself, or one solved for it. */
function findSources(inputs: readonly ShapedInput[]): ReadonlyMap<string, Source> {
  const found = new Map<string, Source>();
  let open = inputs.flatMap(({ ref, shape }) =>
    shape.map((dim, axis): Source => ({ input: ref, axis, dim })),
  );
  for (const source of open) {
    if (typeof source.dim === 'string' && symbolsOf(source.dim)[0] === source.dim) {
      if (!found.has(source.dim)) found.set(source.dim, source);
    }
  }
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    open = open.filter((source) => {
      const [unknown, ...others] = symbolsOf(source.dim).filter((symbol) => !found.has(symbol));
      if (unknown === undefined) return false;
      if (others.length > 0 || linearIn(source.dim, unknown) === null) return true;
      found.set(unknown, source);
      return false;
    });
  }
  return found;
}

function unsolved(symbol: string): EncompileError {
  return new EncompileError(
    `The size of '${symbol}' cannot be told from the shapes of the inputs, from which an ONNX model ` +
      'computes its sizes. Declare an input that has it as a dim of its own.',
  );
}
