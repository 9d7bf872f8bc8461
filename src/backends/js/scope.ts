/** What the names of a kernel are called in its JS text, and what the module around it holds. */
import type { Kernel } from '../../loops/nodes.ts';
import { JS_RESERVED, Names } from '../identifiers.ts';
import type { HelperName } from './helpers.ts';

/** Where a buffer's elements are: in a typed array, or one local variable each. */
export type Place =
  | { readonly tag: 'array'; readonly identifier: string }
  | { readonly tag: 'locals'; readonly identifiers: readonly string[] };

/** The module's own names; helpers and scratch arrays are added as kernels ask for them. */
export class JsModule {
  readonly names: Names;
  /** Whether every step is rounded to float32. */
  readonly exact: boolean;
  readonly helpers = new Set<HelperName>();
  /** Declarations of scratch arrays of the kernel in print. */
  readonly scratch: string[] = [];

  constructor(helpers: readonly string[], exact: boolean) {
    this.exact = exact;
    this.names = new Names(new Set([...JS_RESERVED, ...helpers]));
  }
}

/** The scope of a block: names are found here or in the blocks around it. */
export class JsScope {
  /** The kernel, or a function that kernels call. */
  readonly kernel: Pick<Kernel, 'name'>;
  readonly module: JsModule;
  private readonly names: Names;
  private readonly places: Map<string, Place>;

  constructor(
    kernel: Pick<Kernel, 'name'>,
    module: JsModule,
    names: Names,
    places: ReadonlyMap<string, Place> = new Map(),
  ) {
    this.kernel = kernel;
    this.module = module;
    this.names = names;
    this.places = new Map(places);
  }

  /** The scope of a block inside. */
  inner(): JsScope {
    return new JsScope(this.kernel, this.module, this.names, this.places);
  }

  /** The identifier of a let, variable, loop variable, symbol or parameter. */
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

  helper(name: HelperName): string {
    this.module.helpers.add(name);
    return name;
  }
}
