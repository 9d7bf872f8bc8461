/** Where the values of a scan's body are held, as buffers of the scan's kernel. */
import { add, type Dim, multiply, sizeOf } from '../../ir/dims.ts';
import type { Parameter, ValueId } from '../../ir/graph.ts';
import type { Shape, TensorType } from '../../ir/types.ts';
import { type Place, rowMajor, storageOf } from '../row-major.ts';
import { ROWS, type WeightLayout } from '../weight-layout.ts';

/** A tensor in a buffer of the kernel. */
export interface Storage {
  readonly buffer: string;
  readonly place: Place;
}

/** What a buffer of the kernel is to the program. */
export type BufferSource =
  /** A value of the graph around. */
  | { readonly tag: 'value'; readonly id: ValueId }
  | { readonly tag: 'weight'; readonly parameter: Parameter; readonly layout: WeightLayout }
  /** Numbers of a constant. */
  | { readonly tag: 'table'; readonly type: TensorType; readonly numbers: readonly number[] }
  /** Copies of values of the graph around, one behind the other. */
  | { readonly tag: 'gathered'; readonly parts: readonly Part[] }
  /** Memory that only the kernel uses. */
  | { readonly tag: 'temporary' };

/** A value and where it begins. */
export interface Part {
  readonly id: ValueId;
  readonly offset: Dim;
}

export interface ScanBuffer {
  readonly name: string;
  readonly type: 'f32' | 'i32';
  readonly access: 'read' | 'write';
  readonly size: Dim;
  readonly source: BufferSource;
}

/** The buffers of one kernel, each source once. */
export class ScanBuffers {
  private readonly buffers = new Map<string, ScanBuffer>();
  private readonly fresh: (base: string) => string;

  constructor(fresh: (base: string) => string) {
    this.fresh = fresh;
  }

  /** Buffers that are read before those that are written, temporaries last. */
  all(): readonly ScanBuffer[] {
    const rank = ({ access, source }: ScanBuffer) =>
      access === 'read' ? 0 : source.tag === 'temporary' ? 2 : 1;
    return [...this.buffers.values()].sort((a, b) => rank(a) - rank(b));
  }

  value(id: ValueId, type: TensorType, access: 'read' | 'write', name: string): Storage {
    const buffer = this.add(`value ${id}`, name, {
      ...{ type: storageOf(type.dtype), access, size: sizeOf(type.shape) },
      source: { tag: 'value', id },
    });
    return { buffer, place: rowMajor(type.shape) };
  }

  /** A value beside others in one buffer. */
  gathered(id: ValueId, type: TensorType): Storage {
    const held = storageOf(type.dtype);
    const key = `gathered ${held}`;
    const known = this.buffers.get(key);
    const before = known?.source.tag === 'gathered' ? known.source.parts : [];
    const offset = known?.size ?? 0;
    const name = known?.name ?? this.fresh(held === 'f32' ? 'given' : 'given_integers');
    const parts = [...before, { id, offset }];
    this.buffers.set(key, {
      ...{ name, type: held, access: 'read', size: add(offset, sizeOf(type.shape)) },
      source: { tag: 'gathered', parts },
    });
    return { buffer: name, place: rowMajor(type.shape, offset) };
  }

  /** A weight as a kernel wants it. */
  weight(parameter: Parameter, type: TensorType, layout: WeightLayout, name: string): string {
    return this.add(`weight ${parameter.value} ${layout.name}`, name, {
      ...{ type: storageOf(type.dtype), access: 'read', size: layout.size(type.shape) },
      source: { tag: 'weight', parameter, layout },
    });
  }

  rows(parameter: Parameter, type: TensorType, name: string): Storage {
    return { buffer: this.weight(parameter, type, ROWS, name), place: rowMajor(type.shape) };
  }

  table(type: TensorType, numbers: readonly number[]): string {
    return this.add(`table ${type.dtype} [${type.shape}] ${numbers}`, 'table', {
      ...{ type: storageOf(type.dtype), access: 'read', size: sizeOf(type.shape) },
      source: { tag: 'table', type, numbers },
    });
  }

  /** Memory behind what was given before: temporaries of a type lie in one buffer. */
  temporary({ dtype, shape }: TensorType): Storage {
    const type = storageOf(dtype);
    const key = `temporary ${type}`;
    const known = this.buffers.get(key);
    const offset = known?.size ?? 0;
    const size = add(offset, sizeOf(shape));
    const name = known?.name ?? this.fresh(type === 'f32' ? 'held' : 'held_integers');
    this.buffers.set(key, { name, type, access: 'write', size, source: { tag: 'temporary' } });
    return { buffer: name, place: rowMajor(shape, offset) };
  }

  private add(key: string, base: string, buffer: Omit<ScanBuffer, 'name'>): string {
    const known = this.buffers.get(key);
    if (known !== undefined) return known.name;
    const name = this.fresh(base);
    this.buffers.set(key, { name, ...buffer });
    return name;
  }
}

/** The element at place t of an axis. */
export function elementOf({ buffer, place }: Storage, axis: number, t: Dim): Storage {
  const offset = add(place.offset, multiply(t, place.strides[axis] ?? 0));
  return { buffer, place: { offset, strides: place.strides.filter((_, i) => i !== axis) } };
}

/** The same elements in another shape; null where they do not lie one after another. */
export function reshaped({ buffer, place }: Storage, from: Shape, to: Shape): Storage | null {
  const { strides } = rowMajor(from);
  const isDense = from.every((dim, axis) => dim === 1 || place.strides[axis] === strides[axis]);
  return isDense ? { buffer, place: rowMajor(to, place.offset) } : null;
}
