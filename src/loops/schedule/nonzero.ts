/**
 * The nest of nonzero: one walk over the operand, where finding each position on its own would walk over
 * it again and again.
 *
 *   count = 0
 *   for k over the operand
 *     if x[k] counts: y[count] = k; count = count + 1
 *
 * GPU: one workgroup. Each invocation counts in a part of its own, adds up what lies in the parts before
 * it, and then walks over its part as above.
 */
import { add, ceilDivide, type Dim, minimum, multiply, sizeOf } from '../../ir/dims.ts';
import { type Node, valueOf } from '../../ir/graph.ts';
import { indexAt, isCounted } from '../../ir/ops/nonzero.ts';
import type { Emitter } from '../emitter.ts';
import {
  addOf,
  constant,
  type Expression,
  index as indexOf,
  load,
  read,
  type Statement,
  store,
} from '../nodes.ts';
import { WORKGROUP } from './map.ts';
import type { KernelDraft } from './schedule.ts';

const ZERO = constant(0, 'i32');
const ONE = constant(1, 'i32');

export function nonzeroCpu(draft: KernelDraft): readonly Statement[] | null {
  const operand = onlyNonzero(draft);
  if (operand === null) return null;
  const emitter = draft.emitter();
  const count = emitter.variable('count', ZERO);
  overCounted(emitter, operand, { from: 0, to: operand.size }, (k) =>
    keep(draft, emitter, count, k),
  );
  return emitter.statements;
}

export function nonzeroGpu(draft: KernelDraft): readonly Statement[] | null {
  const operand = onlyNonzero(draft);
  if (operand === null) return null;
  const emitter = draft.emitter();
  emitter.loop('workgroup', 'gx', 1, () => {
    const counts = emitter.alloc('counts', WORKGROUP, 'workgroup', 'i32');
    emitter.loop(
      'invocation',
      'lane',
      WORKGROUP,
      (lane) => {
        const { size } = operand;
        const length = ceilDivide(size, WORKGROUP);
        const from = emitter.integer('from', minimum(size, multiply(lane, length)));
        const part = { from, to: emitter.integer('to', minimum(size, add(from, length))) };
        const own = emitter.variable('own', ZERO);
        overCounted(emitter, operand, part, () => {
          emitter.emit({ tag: 'set', name: own, value: addOf(read(own, 'i32'), ONE) });
        });
        emitter.emit(store(counts, lane, read(own, 'i32')));
        emitter.emit({ tag: 'barrier' });
        const count = emitter.variable('count', ZERO);
        emitter.loop(
          'serial',
          'before',
          WORKGROUP,
          (before) => {
            const value = addOf(read(count, 'i32'), load(counts, before, 'i32'));
            emitter.emit({ tag: 'set', name: count, value });
          },
          { to: lane },
        );
        overCounted(emitter, operand, part, (k) => keep(draft, emitter, count, k));
      },
      { fence: true },
    );
  });
  return emitter.statements;
}

interface Operand {
  readonly size: Dim;
  /** Whether the element at a position counts. */
  readonly counts: (emitter: Emitter, position: Dim) => Expression;
}

/** What the region's only node walks over, where it is a nonzero. */
function onlyNonzero({ region: { body } }: KernelDraft): Operand | null {
  const [node, ...others] = body.nodes;
  if (node?.op !== 'nonzero' || others.length > 0) return null;
  const x = operandOf(node);
  const { shape } = valueOf(body, x);
  const always = node.attributes.always as readonly Dim[];
  return {
    size: sizeOf(shape),
    counts: (emitter, position) => {
      const at = indexAt(position, shape, emitter.elements);
      return isCounted(emitter.value(x, at), at.at(-1) ?? 0, always);
    },
  };
}

function operandOf({ operands: [x] }: Node) {
  if (x == null) throw new Error('nonzero has an operand');
  return x;
}

function overCounted(
  emitter: Emitter,
  { size, counts }: Operand,
  { from, to }: { readonly from: Dim; readonly to: Dim },
  body: (position: Dim) => void,
): void {
  emitter.loop('serial', 'k', size, (k) => emitter.when(counts(emitter, k), () => body(k)), {
    from,
    to,
  });
}

/** y[count] = k; count = count + 1 */
function keep(draft: KernelDraft, emitter: Emitter, count: string, k: Dim): void {
  const place = emitter.bindHere('place', read(count, 'i32'));
  if (place.tag !== 'read') throw new Error('a place must be bound to a name');
  emitter.emit(store(draft.outputs[0] ?? 'out', place.name, indexOf(k)));
  emitter.emit({ tag: 'set', name: count, value: addOf(place, ONE) });
}
