/**
 * The nest of cumsum: one running sum a row, stored at each step, where the sum of each element on its
 * own would take a row's length squared.
 *
 *   for every row along the axis
 *     sum = 0
 *     for k along the axis, from the end at which it begins
 *       sum = sum + x[k]; y[k] = sum     (the other way round where exclusive)
 *
 * CPU: rows are parallel. GPU: one invocation a row.
 */
import { resolveAxis } from '../../ir/broadcasting.ts';
import { type Dim, sizeOf, subtract } from '../../ir/dims.ts';
import { type Node, valueOf } from '../../ir/graph.ts';
import { wrapExpression } from '../../ir/integers.ts';
import type { Shape } from '../../ir/types.ts';
import type { Emitter } from '../emitter.ts';
import { addOf, constant, read, type Statement } from '../nodes.ts';
import { storageOf, unflatten } from '../row-major.ts';
import { hasDivision, overGroups, overInvocations } from './map.ts';
import type { KernelDraft } from './schedule.ts';

export function prefixSumsCpu(draft: KernelDraft): readonly Statement[] | null {
  const sums = onlyCumsum(draft);
  if (sums === null) return null;
  const nest = (groups: readonly Shape[]): readonly Statement[] => {
    const emitter = draft.emitter();
    overGroups(emitter, groups, ['i', 'j', 'n', 'm'], (row) => emitRow(draft, emitter, sums, row));
    return emitter.statements;
  };
  const joined = nest([sums.rows]);
  return hasDivision(joined) ? nest(sums.rows.map((dim) => [dim])) : joined;
}

export function prefixSumsGpu(draft: KernelDraft): readonly Statement[] | null {
  const sums = onlyCumsum(draft);
  if (sums === null) return null;
  const emitter = draft.emitter();
  overInvocations(emitter, sizeOf(sums.rows), (flat) =>
    emitRow(draft, emitter, sums, unflatten(flat, sums.rows, emitter.ranges)),
  );
  return emitter.statements;
}

interface PrefixSums {
  readonly node: Node;
  readonly axis: number;
  /** The dims beside the axis. */
  readonly rows: Shape;
}

/** The region's only node, where it is a cumsum. */
function onlyCumsum({ region: { body } }: KernelDraft): PrefixSums | null {
  const [node, ...others] = body.nodes;
  if (node?.op !== 'cumsum' || others.length > 0) return null;
  const [result] = body.outputs;
  const shape = result === undefined ? [] : valueOf(body, result.value).shape;
  const axis = resolveAxis(Number(node.attributes.axis), shape.length) ?? 0;
  return { node, axis, rows: shape.filter((_, other) => other !== axis) };
}

function emitRow(
  draft: KernelDraft,
  emitter: Emitter,
  { node, axis }: PrefixSums,
  row: readonly Dim[],
): void {
  const { body } = draft.region;
  const { exclusive, reverse } = node.attributes;
  const [x, y] = [node.operands[0], node.results[0]];
  if (x == null || y === undefined) throw new Error('cumsum has an operand and a result');
  const { dtype, shape } = valueOf(body, y);
  const length = shape[axis] ?? 1;
  const type = storageOf(dtype);
  const sum = emitter.variable('sum', constant(0, type));
  emitter.loop('serial', 'k', length, (k) => {
    const place = reverse === true ? subtract(subtract(length, 1), k) : k;
    const at = [...row.slice(0, axis), place, ...row.slice(axis)];
    const term = emitter.value(x, at);
    const next = wrapExpression(dtype, addOf(read(sum, type), term));
    const keep = () => emitter.emit(draft.store(0, at, read(sum, type)));
    if (exclusive === true) keep();
    emitter.emit({ tag: 'set', name: sum, value: next });
    if (exclusive !== true) keep();
  });
}
