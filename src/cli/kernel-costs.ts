/** What each kernel of a program costs at given sizes, and where it came from. */
import { evaluateDim } from '../ir/dims.ts';
import { isOpName, opDefinition } from '../ir/ops/index.ts';
import type { Sizes } from '../ir/sizes.ts';
import type { Program, Provenance } from '../loops/program.ts';

export interface StepCost {
  readonly step: number;
  readonly kernel: string;
  readonly node: string;
  readonly ops: readonly string[];
  readonly names: readonly string[];
  readonly location: string | null;
  readonly flops: number;
  readonly bytes: number;
}

/** A kernel with all steps that run it. */
export interface KernelCost {
  readonly kernel: string;
  readonly steps: readonly StepCost[];
  /** Of all its steps together. */
  readonly flops: number;
  readonly bytes: number;
}

export function stepCosts({ steps }: Program, sizes: Sizes): readonly StepCost[] {
  return steps.map(({ kernel, provenance }, step) => {
    const { node, ops, names, location }: Provenance = provenance;
    const flops = evaluateDim(provenance.flops, sizes);
    const bytes = evaluateDim(provenance.bytes, sizes);
    return { step, kernel, node, ops, names, location, flops, bytes };
  });
}

/** In the order of first steps. */
export function kernelCosts(costs: readonly StepCost[]): readonly KernelCost[] {
  const kernels = new Map<string, StepCost[]>();
  for (const cost of costs) {
    const steps = kernels.get(cost.kernel);
    if (steps === undefined) kernels.set(cost.kernel, [cost]);
    else steps.push(cost);
  }
  return [...kernels].map(([kernel, steps]) => ({
    kernel,
    steps,
    flops: total(steps.map(({ flops }) => flops)),
    bytes: total(steps.map(({ bytes }) => bytes)),
  }));
}

export function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** The ops that compute: views are how they read their operands. */
export function computingOps(ops: readonly string[]): readonly string[] {
  const computing = ops.filter((op) => {
    const kind = isOpName(op) ? opDefinition(op).meaning.kind : 'elementwise';
    return kind !== 'view' && kind !== 'source';
  });
  return computing.length > 0 ? computing : ops;
}
