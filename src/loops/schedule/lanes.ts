/**
 * The nest of any region inside a workgroup: its invocations take the elements of the results by
 * turns, each pulled on its own.
 */
import { sizeOf } from '../../ir/dims.ts';
import { type ValueId, valueOf } from '../../ir/graph.ts';
import { sameShape } from '../../ir/types.ts';
import type { Statement } from '../nodes.ts';
import { unflatten } from '../row-major.ts';
import type { KernelDraft } from './schedule.ts';

/** Invocations of the workgroup: as many as every device has. */
export const LANES = 256;

/** @param lane the variable of the invocation loop around */
export function laneNest(draft: KernelDraft, lane: string): readonly Statement[] {
  const { body } = draft.region;
  const emitter = draft.emitter();
  const shapeOf = (value: ValueId) => valueOf(body, value).shape;
  const open = new Map(body.outputs.map(({ value }, i) => [i, value]));
  for (const [, first] of [...open]) {
    const shape = shapeOf(first);
    const alike = [...open].filter(([, value]) => sameShape(shapeOf(value), shape));
    for (const [i] of alike) open.delete(i);
    if (alike.length === 0) continue;
    emitter.loop(
      'serial',
      'i',
      sizeOf(shape),
      (i) => {
        const at = unflatten(i, shape, emitter.ranges);
        for (const [which, value] of alike) {
          emitter.emit(draft.store(which, at, emitter.value(value, at)));
        }
      },
      { from: lane, step: LANES },
    );
  }
  return emitter.statements;
}
