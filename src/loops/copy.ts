/** The kernel that copies a tensor: for outputs that are inputs, weights or other outputs. */
import { GraphConstruction } from '../ir/builder.ts';
import type { Dim } from '../ir/dims.ts';
import { NO_ORIGIN } from '../ir/graph.ts';
import type { TensorType } from '../ir/types.ts';
import type { Kernel } from './nodes.ts';
import type { Target } from './program.ts';
import type { Region } from './region.ts';
import { rowMajor } from './row-major.ts';
import { symbolsInSizes } from './schedule/schedule.ts';
import { SCHEDULES } from './schedule/targets.ts';

export function copyKernel(type: TensorType, target: Target, symbols: readonly string[]): Kernel {
  return scheduled(copyRegion(type), target, symbols);
}

/** Copies a tensor to `offset` of a buffer of `size` elements. */
export function copyInto(
  type: TensorType,
  { offset, size }: { readonly offset: Dim; readonly size: Dim },
  target: Target,
  symbols: readonly string[],
): Kernel {
  const region = { ...copyRegion(type), places: [rowMajor(type.shape, offset)] };
  const kernel = scheduled(region, target, symbols);
  const buffers = kernel.buffers.map((buffer) => {
    return buffer.access === 'write' ? { ...buffer, size } : buffer;
  });
  const used = new Set([...kernel.symbols, ...symbolsInSizes(buffers)]);
  return { ...kernel, buffers, symbols: symbols.filter((symbol) => used.has(symbol)) };
}

function scheduled(region: Region, target: Target, symbols: readonly string[]): Kernel {
  const found = SCHEDULES[target](region, symbols);
  if (found === null) throw new Error('no nest copies a value');
  return found.kernel;
}

/** A region that gives back its operand. */
export function copyRegion(type: TensorType): Region {
  const construction = new GraphConstruction(() => NO_ORIGIN);
  const input = construction.addInput('x', type);
  const body = construction.finish('copy', [{ name: 'copy', value: input.id }]);
  const operand = { name: 'x', type, outer: null, parameter: null, constant: null };
  return {
    name: 'copy',
    body,
    operands: [operand],
    results: [input.id],
    ops: ['copy'],
    summary: ['%out = %x'],
    origin: NO_ORIGIN,
    flops: 0,
  };
}
