/** What the names of a kernel are called in its WGSL text, and what the module around it holds. */
import { MATH_OPS, type MathOp } from '../../loops/math.ts';
import type { Kernel, Lanes, Scalar } from '../../loops/nodes.ts';
import { Names, WGSL_RESERVED } from '../identifiers.ts';
import { type AccessWidths, accessWidths } from './accesses.ts';

/** Where a buffer's elements are, and whether in fours: in an array, or in local variables. */
export type Place =
  | { readonly tag: 'array'; readonly identifier: string; readonly wide: boolean }
  | { readonly tag: 'locals'; readonly identifiers: readonly string[]; readonly wide: boolean };

/** The functions that WGSL lacks, or has too coarse. */
export type DefinedOp = Exclude<MathOp, 'exp' | 'log'>;

/** A function of the module beside its entry points. */
export type Helper = `${DefinedOp}_${'f32' | 'vec4'}` | 'floor_divide';

const isDefined = (op: MathOp): op is DefinedOp => op !== 'exp' && op !== 'log';

/** Every helper, in the order in which a module lists those it uses. */
export const HELPERS: readonly Helper[] = [
  'floor_divide',
  ...MATH_OPS.filter(isDefined).flatMap((op): Helper[] => [`${op}_f32`, `${op}_vec4`]),
];

/** The module's own names, and the helpers that kernels have asked for. */
export class WgslModule {
  readonly names = new Names(new Set([...WGSL_RESERVED, ...HELPERS]));
  readonly helpers = new Set<Helper>();
  /** Members of the uniform struct by symbol. */
  readonly members: ReadonlyMap<string, string>;

  constructor(symbols: readonly string[]) {
    const members = new Names(WGSL_RESERVED);
    this.members = new Map(symbols.map((symbol) => [symbol, members.identifierFor(symbol)]));
  }
}

/** The scope of a block: names are found here or in the blocks around it. */
export class WgslScope {
  readonly kernel: Kernel;
  readonly module: WgslModule;
  /** How wide the kernel accesses a buffer. */
  readonly widths: (buffer: string) => AccessWidths;
  private readonly names: Names;
  private readonly places: Map<string, Place>;

  constructor(
    kernel: Kernel,
    module: WgslModule,
    names: Names,
    places: ReadonlyMap<string, Place> = new Map(),
    widths: (buffer: string) => AccessWidths = accessWidths(kernel),
  ) {
    this.kernel = kernel;
    this.module = module;
    this.names = names;
    this.places = new Map(places);
    this.widths = widths;
  }

  /** The scope of a block inside. */
  inner(): WgslScope {
    return new WgslScope(this.kernel, this.module, this.names, this.places, this.widths);
  }

  /** The identifier of a let, variable, loop variable or symbol. */
  identifier(name: string): string {
    return this.names.identifierFor(name);
  }

  /** A name for the text alone, which nothing in the kernel has. */
  fresh(name: string): string {
    return this.names.fresh(name);
  }

  declare(buffer: string, place: Place): void {
    this.places.set(buffer, place);
  }

  place(buffer: string): Place {
    const place = this.places.get(buffer);
    if (place === undefined) throw new Error(`${this.kernel.name} has no buffer ${buffer} here`);
    return place;
  }

  helper(name: Helper): string {
    this.module.helpers.add(name);
    return name;
  }
}

/** The WGSL type of a value. */
export function typeText(type: Scalar, lanes: Lanes): string {
  return lanes === 1 ? type : `vec4<${type}>`;
}
