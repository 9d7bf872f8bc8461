/** Kernels and statements for tests of what WebAssembly text is made of them. */
import type { Dim } from '../../src/ir/dims.ts';
import {
  cast,
  constant,
  index,
  type Kernel,
  loop,
  type Statement,
  splat,
  store,
} from '../../src/loops/nodes.ts';
import { parameter } from './programs.ts';

export const INPUTS = {
  x: Float32Array.from({ length: 64 }, (_, i) => ((i * 37) % 23) - 11),
  ids: Int32Array.from({ length: 64 }, (_, i) => ((i * 29) % 31) - 15),
};

/** A kernel over x: f32[64] and ids: i32[64] that writes 64 f32 and i32 elements, zeros to begin with. */
export function kernelOf(body: readonly Statement[], symbols: readonly string[] = ['n']): Kernel {
  return {
    name: 'kernel',
    summary: ['a kernel of a test'],
    symbols,
    buffers: [
      parameter('x', 'read', 64),
      parameter('ids', 'read', 64, 'i32'),
      parameter('out', 'write', 64),
      parameter('numbers', 'write', 64, 'i32'),
    ],
    body: [
      loop('parallel', 'zero', 16, [
        store('out', '4*zero', splat(constant(0))),
        store('numbers', '4*zero', splat(constant(0, 'i32'))),
      ]),
      ...body,
    ],
  };
}

export const float = (dim: Dim) => cast('f32', index(dim));
export const register = (name: string, size: number, type: 'f32' | 'i32' = 'f32'): Statement => ({
  tag: 'alloc',
  buffer: name,
  type,
  size,
  space: 'register',
});
export const scratch = (name: string, size: number, type: 'f32' | 'i32' = 'f32'): Statement => ({
  tag: 'alloc',
  buffer: name,
  type,
  size,
  space: 'scratch',
});
