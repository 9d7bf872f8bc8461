/**
 * A program: a model as a sequence of kernels over buffers, still without places in memory.
 * `memory-plan.ts` gives every buffer its slot; backends print kernels and the order of steps.
 */
import type { Dim } from '../ir/dims.ts';
import type { ValueId } from '../ir/graph.ts';
import type { Bound } from '../ir/op-arguments.ts';
import type { SymbolCount } from '../ir/symbol-counts.ts';
import type { DType, TensorData, TensorType } from '../ir/types.ts';
import type { Kernel } from './nodes.ts';

/**
 * What programs are scheduled for. Both `wasm` programs are WebAssembly with 128-bit SIMD, the second
 * with relaxed SIMD, whose fused multiply-add leaves room for a larger register tile.
 */
export type Target = 'js' | 'wasm' | 'wasm-relaxed' | 'wgsl';

/** A buffer of the program: what one graph value is stored in. */
export interface ProgramBuffer {
  readonly name: string;
  readonly role: 'input' | 'weight' | 'intermediate' | 'output';
  readonly type: 'f32' | 'i32';
  /** Elements, padding included. */
  readonly size: Dim;
  /** The graph type it holds; of a packed weight, the type before packing. */
  readonly tensor: TensorType;
  /** The graph value it holds: what a check compares it with. Null for memory that one kernel uses. */
  readonly value?: ValueId | null;
  /** The values that are copied into it, and where each begins. */
  readonly parts?: readonly { readonly id: ValueId; readonly offset: Dim }[];
}

/** A weight buffer's numbers in the layout its kernels read. */
export interface WeightBuffer {
  readonly buffer: string;
  /** Of the parameter, e.g. `rows` or `panels of 4 columns`. */
  readonly layout: string;
  readonly type: 'f32' | 'i32';
  /** Elements. */
  readonly size: number;
  /** Null while the parameter has no data. */
  readonly data: () => Float32Array | Int32Array | null;
}

/** One call of a kernel: `arguments[i]` is the program buffer for its i-th buffer parameter. */
export interface Step {
  readonly kernel: string;
  readonly arguments: readonly string[];
  readonly provenance: Provenance;
}

export interface Provenance {
  /** The graph node the step runs, as the name of its first result. */
  readonly node: string;
  /** The declared ops inside, innermost first: `matmul`, `add`, `gelu`. */
  readonly ops: readonly string[];
  readonly names: readonly string[];
  readonly location: string | null;
  /** Floating-point operations and bytes moved, as functions of the symbols. */
  readonly flops: Dim;
  readonly bytes: Dim;
}

export interface ProgramIo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  readonly buffer: string;
  /** Of an integer input that indexes tables: the smallest and the largest value allowed. */
  readonly range?: readonly [number, number] | null;
}

export interface Program {
  readonly name: string;
  readonly target: Target;
  /** Whether every host computes the same bits: f32 is rounded at every step, sums have one order. */
  readonly exact?: boolean;
  /** Those that shapes tell, then those that are counted. */
  readonly symbols: readonly string[];
  /** How the last symbols follow from the numbers of inputs. */
  readonly counts?: readonly SymbolCount[];
  readonly inputs: readonly ProgramIo[];
  readonly outputs: readonly ProgramIo[];
  /** Pairs [a, b] with a <= b for every run: the host refuses other sizes. */
  readonly bounds?: readonly Bound[];
  readonly buffers: readonly ProgramBuffer[];
  readonly weights: readonly WeightBuffer[];
  /** Each distinct kernel once; layers of equal shape share it. */
  readonly kernels: readonly Kernel[];
  readonly steps: readonly Step[];
}

/** The buffers that one kernel uses and leaves as it likes: they hold no value of the graph. */
export function ownMemory({ buffers }: Program): ReadonlySet<string> {
  const own = buffers.filter(({ role, value }) => role === 'intermediate' && value === null);
  return new Set(own.map(({ name }) => name));
}

export type { TensorData };
