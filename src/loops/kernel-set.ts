/**
 * The kernels of a program. Steps of equal loops share one, and each form of region is scheduled once:
 * layers differ in the names of their values and in their weights, which no schedule reads.
 */
import type { Graph, ValueId } from '../ir/graph.ts';
import { valueOf } from '../ir/graph.ts';
import type { TensorType } from '../ir/types.ts';
import { structuralKey } from '../structural-key.ts';
import { DIM_FUNCTIONS } from './blocks.ts';
import type { Kernel } from './nodes.ts';
import type { Target } from './program.ts';
import type { Region } from './region.ts';
import type { ScheduledRegion } from './schedule/schedule.ts';
import { SCHEDULES } from './schedule/targets.ts';

export interface KernelSetOptions {
  readonly target: Target;
  readonly symbols: readonly string[];
  readonly exact: boolean;
}

export class KernelSet {
  private readonly options: KernelSetOptions;
  private readonly byBody = new Map<string, Kernel>();
  private readonly byForm = new Map<string, ScheduledRegion | null>();
  private readonly names = new Set<string>(DIM_FUNCTIONS);

  constructor(options: KernelSetOptions) {
    this.options = options;
  }

  get all(): readonly Kernel[] {
    return [...this.byBody.values()];
  }

  /** The kernel of a region, and the layouts it asks for; null where no nest takes the region. */
  of(region: Region): ScheduledRegion | null {
    const form = structuralKey(formOf(region));
    const known = this.byForm.get(form);
    if (known !== undefined) return known;
    const { target, symbols, exact } = this.options;
    const scheduled = SCHEDULES[target](region, symbols, exact);
    const shared =
      scheduled === null ? null : { ...scheduled, kernel: this.share(scheduled.kernel) };
    this.byForm.set(form, shared);
    return shared;
  }

  /** The known kernel of equal loops, or this one under a name of its own. */
  share(kernel: Kernel): Kernel {
    const { buffers, symbols, body } = kernel;
    const key = structuralKey([buffers, symbols, body]);
    const known = this.byBody.get(key);
    if (known !== undefined) return known;
    let name = kernel.name;
    for (let n = 1; this.names.has(name); n++) name = `${kernel.name}_${n}`;
    this.names.add(name);
    const named = { ...kernel, name };
    this.byBody.set(key, named);
    return named;
  }
}

/** All of a region that a schedule may read. */
function formOf({ body, operands, places, ops }: Region): unknown {
  const given = operands.map(({ name, type, parameter, constant, place }) => {
    return [name, typeForm(type), parameter !== null, constant !== null, place ?? null];
  });
  return [graphForm(body), given, places ?? null, ops];
}

/** A graph without names and origins: each value by its place among those before it. */
function graphForm(graph: Graph): unknown {
  const order = new Map<ValueId, number>();
  const define = (id: ValueId) => {
    order.set(id, order.size);
    return typeForm(valueOf(graph, id));
  };
  const placeOf = (id: ValueId | null) => (id === null ? null : order.get(id));
  return [
    graph.inputs.map(define),
    graph.parameters.map(({ value }) => define(value)),
    graph.nodes.map(({ op, operands, attributes, results, body }) => {
      const from = operands.map(placeOf);
      return [op, from, attributes, results.map(define), body === null ? null : graphForm(body)];
    }),
    graph.outputs.map(({ value }) => placeOf(value)),
  ];
}

function typeForm({ dtype, shape }: TensorType): unknown {
  return [dtype, shape];
}
