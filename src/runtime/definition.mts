/**
 * The tables of a compiled model, as its generated `model.mjs` holds them. All sizes are functions of
 * the model's symbols, passed in the model's order. Files of this folder are copied into artifacts, so
 * they import nothing but one another.
 */

export type DType = 'f32' | 'f16' | 'i64' | 'i32' | 'i8' | 'u8' | 'bool';
export type BackendName = 'js' | 'wasm' | 'webgpu';

/** The sizes of the symbols in one run. */
export type Sizes = readonly number[];
export type SizeOf = (...sizes: number[]) => number;
export type SizesOf = (...sizes: number[]) => readonly number[];

/** An input or output. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  /** As declared: numbers, names of symbols, expressions over them. */
  readonly shape: readonly (number | string)[];
  readonly dims: SizesOf;
  /** The buffer that holds it. */
  readonly buffer: string;
  /** Of an input that indexes tables: the smallest and the largest value allowed. */
  readonly range: readonly [number, number] | null;
}

/** A symbol whose size follows from an input: those of shapes come first. */
export type SymbolEntry = ShapeSymbol | CountedSymbol;

export interface ShapeSymbol {
  readonly name: string;
  readonly input: number;
  readonly axis: number;
  /** The symbol's size, given the dim; not an integer where no size fits. */
  readonly solve: (dim: number) => number;
}

/** The size is how many elements of the input are not 0 or stand at one of some places. */
export interface CountedSymbol {
  readonly name: string;
  readonly input: number;
  /** Indices of the last axis at which every element counts. */
  readonly always: SizesOf;
}

export type BufferPlace =
  | { readonly in: 'input' | 'output'; readonly elements: SizeOf }
  | { readonly in: 'slot'; readonly slot: number }
  /** A byte offset in the backend's ranges of the weights file, held one after another. */
  | { readonly in: 'weight'; readonly at: number; readonly elements: number };

export type BufferEntry = BufferPlace & { readonly name: string; readonly type: 'f32' | 'i32' };

/** One call of a kernel. */
export interface StepEntry {
  readonly kernel: string;
  /** Names of buffers, in the order of the kernel's parameters. */
  readonly buffers: readonly string[];
  /** The graph node that it computes. */
  readonly node: string;
}

/** The bytes of a file from one place to another. */
export type ByteRange = readonly [from: number, to: number];
/** Part of the weights file: as kernels read it, or float16 numbers, which they read as f32. */
export type WeightRange = ByteRange | readonly [from: number, to: number, stored: 'f16'];

interface MemoryTables {
  readonly buffers: readonly BufferEntry[];
  /** Elements of 4 bytes in each slot of the memory plan. */
  readonly slots: readonly SizeOf[];
  /** What the backend reads of the weights file, ascending. */
  readonly weights: readonly WeightRange[];
}

interface BackendTables extends MemoryTables {
  readonly steps: readonly StepEntry[];
}

export type JsKernel = (...args: (Float32Array | Int32Array | number)[]) => void;

export interface JsTables extends BackendTables {
  /** Which symbols each kernel takes, as indices. */
  readonly kernels: readonly { readonly name: string; readonly symbols: readonly number[] }[];
  readonly module: () => Promise<Readonly<Record<string, unknown>>>;
}

/** A module for one set of features; its `run` calls the kernels, in order. */
export interface WasmTables extends MemoryTables {
  /** All that the module knows, in the order of its table. */
  readonly buffers: readonly BufferEntry[];
  /** The lowest byte address that buffers and scratch memory may have. */
  readonly lowest: number;
  /** Bytes that the kernels of a thread need beside their buffers. */
  readonly scratch: number;
  /** Bytes in which threads meet. */
  readonly sync: number;
  /** How many kernels a run calls. */
  readonly steps: number;
  /** Floating-point operations of a run. */
  readonly work: SizeOf;
  /** Address of the binary. */
  readonly module: () => URL;
}

/** The same model for hosts with 128-bit SIMD, and with relaxed SIMD besides. */
export interface WasmVariants {
  readonly simd128?: WasmTables;
  readonly relaxed?: WasmTables;
}

export interface WebGpuTables extends BackendTables {
  readonly kernels: readonly WebGpuKernel[];
  /** Address of the WGSL text. */
  readonly source: () => URL;
}

export interface WebGpuKernel {
  /** The entry point. */
  readonly name: string;
  readonly access: readonly ('read' | 'write')[];
  /** Workgroups over x, y and z. */
  readonly workgroups: SizesOf;
}

/** smaller <= larger. */
export interface BoundEntry {
  readonly smaller: number | string;
  readonly larger: number | string;
  /** Both, of the run's sizes. */
  readonly sizes: SizesOf;
}

export interface ModelDefinition {
  readonly name: string;
  readonly symbols: readonly SymbolEntry[];
  readonly inputs: readonly TensorEntry[];
  readonly outputs: readonly TensorEntry[];
  /** What the sizes of a run must fulfil. */
  readonly bounds: readonly BoundEntry[];
  readonly weights: { readonly bytes: number; readonly url: () => URL };
  readonly backends: {
    readonly js?: JsTables;
    readonly wasm?: WasmVariants;
    readonly webgpu?: WebGpuTables;
  };
}

/** A checked input: its numbers as kernels hold them. */
export type Numbers = Float32Array | Int32Array;

/** What runs the steps; runs never overlap. */
export interface Executor {
  /** Inputs and outputs in the model's order; the outputs' memory may be reused by the next run. */
  run(inputs: readonly Numbers[], sizes: Sizes): Promise<readonly Numbers[]>;
  /** How many run it together; one where it is not said. */
  readonly threads?: number;
  dispose(): void;
}
