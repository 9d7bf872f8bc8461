/**
 * The sizes of symbolic dims, solved from the concrete shapes of a graph's inputs.
 *
 * A dim that is one symbol gives its size; one in which a single unsolved symbol stands linearly
 * (`2*seq+1`) is solved for it; the others are checked once their symbols are known.
 */
import { EncompileError } from '../errors.ts';
import { type Dim, evaluateDim, linearIn, symbolsOf } from './dims.ts';
import type { Shape } from './types.ts';

/** A declared shape and the one that came. */
export interface GivenShape {
  /** As messages call it: `the input 'ids'`. */
  readonly what: string;
  readonly declared: Shape;
  readonly given: readonly number[];
}

export type Sizes = Readonly<Record<string, number>>;

/** Throws where ranks differ, dims contradict each other, or a symbol cannot be solved. */
export function resolveSizes(shapes: readonly GivenShape[]): Sizes {
  const sizes: Record<string, number> = {};
  const sources = new Map<string, string>();
  let open = shapes.flatMap(equationsOf);
  while (open.length > 0) {
    const postponed = open.filter((equation) => !settle(equation, sizes, sources));
    if (postponed.length === open.length) failUnsolved(open, sizes);
    open = postponed;
  }
  return sizes;
}

interface Equation {
  readonly of: GivenShape;
  readonly dim: Dim;
  readonly size: number;
}

function equationsOf(of: GivenShape): readonly Equation[] {
  const { what, declared, given } = of;
  if (declared.length !== given.length) {
    throw new EncompileError(
      `${capital(what)} has ${declared.length} dims, [${declared.join(', ')}], but a tensor of shape ` +
        `[${given.join(', ')}] was given.`,
    );
  }
  return declared.map((dim, axis) => ({ of, dim, size: given[axis] ?? 0 }));
}

/** Checks the equation, or solves it for its only unknown symbol; false where it must wait. */
function settle(
  { of, dim, size }: Equation,
  sizes: Record<string, number>,
  sources: Map<string, string>,
): boolean {
  const [unknown, ...others] = symbolsOf(dim).filter((symbol) => !Object.hasOwn(sizes, symbol));
  if (others.length > 0) return false;
  if (unknown === undefined) {
    if (evaluateDim(dim, sizes) !== size) failContradiction(of, dim, sizes, sources);
    return true;
  }
  const line = linearIn(dim, unknown);
  if (line === null) return false;
  const slope = evaluateDim(line.coefficient, sizes);
  if (slope === 0) return false;
  const solution = (size - evaluateDim(line.rest, sizes)) / slope;
  if (!Number.isInteger(solution) || solution < 0) {
    throw new EncompileError(
      `${capital(of.what)} is declared as [${of.declared.join(', ')}], but a tensor of shape ` +
        `[${of.given.join(', ')}] was given: no size of '${unknown}' makes ${dim} equal to ${size}.`,
    );
  }
  sizes[unknown] = solution;
  sources.set(unknown, of.what);
  return true;
}

function failContradiction(
  { what, declared, given }: GivenShape,
  dim: Dim,
  sizes: Sizes,
  sources: ReadonlyMap<string, string>,
): never {
  const reasons = symbolsOf(dim).map(
    (symbol) => `${symbol} is ${sizes[symbol]} by ${sources.get(symbol)}`,
  );
  throw new EncompileError(
    `${capital(what)} is declared as [${declared.join(', ')}], but a tensor of shape ` +
      `[${given.join(', ')}] was given${reasons.length > 0 ? `, while ${reasons.join(' and ')}` : ''}.`,
  );
}

function failUnsolved(open: readonly Equation[], sizes: Sizes): never {
  const symbols = new Set(open.flatMap(({ dim }) => symbolsOf(dim)));
  const unknown = [...symbols].filter((symbol) => !Object.hasOwn(sizes, symbol));
  throw new EncompileError(
    `The sizes of ${unknown.map((s) => `'${s}'`).join(' and ')} cannot be told from the inputs: ` +
      `they appear only in ${open.map(({ dim, of }) => `'${dim}' of ${of.what}`).join(', ')}. ` +
      'Declare an input that has each of them as a dim of its own.',
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
