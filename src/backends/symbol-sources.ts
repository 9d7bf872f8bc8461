/** From which input, its shape or its numbers, the size of each symbol comes at run time. */
import { EncompileError } from '../errors.ts';
import { type Dim, linearIn } from '../ir/dims.ts';
import type { Program, ProgramIo } from '../loops/program.ts';

/** The size is counted in an input's numbers, or follows from a dim of its shape. */
export type SymbolSource = CountedSymbol | ShapeSymbol;

export interface CountedSymbol {
  readonly symbol: string;
  readonly input: number;
  readonly always: readonly Dim[];
}

export interface ShapeSymbol {
  readonly symbol: string;
  readonly input: number;
  readonly axis: number;
  /** The dim is multiplier * symbol + offset. */
  readonly multiplier: number;
  readonly offset: number;
}

/**
 * The first input dim that is the symbol itself, else the first that is a multiple of it plus a number.
 *
 * @throws EncompileError where the inputs' shapes do not tell a symbol's size.
 */
export function symbolSources({
  name,
  symbols,
  inputs,
  counts = [],
}: Program): readonly SymbolSource[] {
  return symbols.map((symbol) => {
    const counted = counts.find((count) => count.symbol === symbol);
    if (counted !== undefined) {
      const input = inputs.findIndex((candidate) => candidate.name === counted.input);
      return { symbol, input, always: counted.always };
    }
    const candidates = inputs.flatMap(({ shape }, input) =>
      shape.flatMap((dim, axis) => {
        const source = sourceIn(symbol, dim);
        return source === null ? [] : [{ symbol, input, axis, ...source }];
      }),
    );
    const plain = candidates.find(({ multiplier, offset }) => multiplier === 1 && offset === 0);
    const source = plain ?? candidates[0];
    if (source === undefined) throw unknownSize(name, symbol, inputs);
    return source;
  });
}

function sourceIn(symbol: string, dim: Dim): Pick<ShapeSymbol, 'multiplier' | 'offset'> | null {
  const parts = linearIn(dim, symbol);
  if (parts === null) return null;
  const { coefficient: multiplier, rest: offset } = parts;
  if (typeof multiplier !== 'number' || typeof offset !== 'number') return null;
  return multiplier === 0 ? null : { multiplier, offset };
}

function unknownSize(name: string, symbol: string, inputs: readonly ProgramIo[]): EncompileError {
  const shapes = inputs.map((input) => `${JSON.stringify(input.name)} [${input.shape.join(', ')}]`);
  return new EncompileError(
    `The model '${name}' uses the dim '${symbol}', whose size no input's shape tells: the inputs are ` +
      `${shapes.join(', ') || 'none'}. Give an input a dim that is '${symbol}', or make it a number.`,
  );
}
