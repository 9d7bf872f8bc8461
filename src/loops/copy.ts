/** The kernel that copies a tensor: for outputs that are inputs, weights or other outputs. */
import { GraphConstruction } from '../ir/builder.ts';
import { NO_ORIGIN } from '../ir/graph.ts';
import type { TensorType } from '../ir/types.ts';
import type { Kernel } from './nodes.ts';
import type { Target } from './program.ts';
import type { Region } from './region.ts';
import { SCHEDULES } from './schedule/targets.ts';

export function copyKernel(type: TensorType, target: Target, symbols: readonly string[]): Kernel {
  const scheduled = SCHEDULES[target](copyRegion(type), symbols);
  if (scheduled === null) throw new Error('no nest copies a value');
  return scheduled.kernel;
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
