import type { NdArray } from '../../src/ir/nd-array.ts';

export interface RealArray {
  readonly dtype: NdArray['dtype'];
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export interface RealCase {
  readonly steps: number;
  readonly inputs: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly scale: number }>
  >;
  /** Outputs by the inputs that they are in the next step. */
  readonly carried?: Readonly<Record<string, string>>;
  /** The shape of what is carried. */
  readonly state?: readonly number[];
  readonly fixed?: Readonly<Record<string, RealArray>>;
}

export interface RealModel {
  readonly name: string;
  readonly file: string;
  readonly constants?: Readonly<Record<string, RealArray>>;
  readonly sizes?: Readonly<Record<string, number>>;
  readonly cases: readonly RealCase[];
}

export declare const MODELS: readonly RealModel[];

export declare function noise(seed: number, count: number): Float32Array;

export declare function runCase(
  one: RealCase,
  run: (inputs: ReadonlyMap<string, RealArray>) => Promise<ReadonlyMap<string, RealArray>>,
): Promise<readonly ReadonlyMap<string, RealArray>[]>;

export declare function sampledPlaces(array: {
  readonly data: ArrayLike<number>;
}): readonly number[];
