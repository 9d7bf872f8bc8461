/**
 * The nest for any region: one loop an axis of the result, each element pulled on its own;
 * reductions become serial loops inside. Axes are joined into one loop where every index stays
 * free of divisions.
 *
 * CPU: parallel loops around the elements. GPU: one invocation an element, in a grid of two
 * dimensions, as one holds at most 65,535 workgroups.
 */
import { add, ceilDivide, type Dim, minimum, multiply, sizeOf } from '../../ir/dims.ts';
import { type Graph, valueOf } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import type { Shape } from '../../ir/types.ts';
import { sameShape } from '../../ir/types.ts';
import type { Emitter } from '../emitter.ts';
import { binary, index as indexOf, type Statement } from '../nodes.ts';
import { unflatten } from '../row-major.ts';
import type { KernelDraft } from './schedule.ts';

export const WORKGROUP = 128;
const GRID = 65_535;

export function mapCpu(draft: KernelDraft): readonly Statement[] | null {
  if (!isOfPrimitives(draft.region.body)) return null;
  const shape = resultShape(draft);
  const nest = (joined: number): readonly Statement[] => {
    const emitter = draft.emitter();
    const groups: Shape[] = [shape.slice(0, joined), ...shape.slice(joined).map((dim) => [dim])];
    overGroups(emitter, groups, AXES, (at) => storeResults(draft, emitter, at));
    return emitter.statements;
  };
  for (let joined = shape.length; joined > 1; joined--) {
    const statements = nest(joined);
    if (!hasDivision(statements)) return statements;
  }
  return nest(0);
}

export function mapGpu(draft: KernelDraft): readonly Statement[] | null {
  if (!isOfPrimitives(draft.region.body)) return null;
  const emitter = draft.emitter();
  const shape = resultShape(draft);
  overInvocations(emitter, sizeOf(shape), (flat) =>
    storeResults(draft, emitter, unflatten(flat, shape, emitter.ranges)),
  );
  return emitter.statements;
}

/** An invocation for each of `count` things; `body` gets which one, below a guard for the last workgroup. */
export function overInvocations(emitter: Emitter, count: Dim, body: (flat: Dim) => void): void {
  const groups = ceilDivide(count, WORKGROUP);
  emitter.loop('workgroup', 'gy', ceilDivide(groups, GRID), (gy) =>
    emitter.loop('workgroup', 'gx', minimum(groups, GRID), (gx) =>
      emitter.loop(
        'invocation',
        'lane',
        WORKGROUP,
        (lane) => {
          const group = add(multiply(gy, GRID), gx);
          const flat = emitter.integer('i', add(multiply(group, WORKGROUP), lane), count);
          emitter.when(binary('lt', indexOf(flat), indexOf(count)), () => body(flat));
        },
        { fence: true },
      ),
    ),
  );
}

function isOfPrimitives(body: Graph): boolean {
  return body.nodes.every((node) => opDefinition(node.op).meaning.kind !== 'composite');
}

/** Names for the loops around a matrix: of a batch, or of a batch and its heads. */
export function leadingNames(count: number): readonly string[] {
  return count === 1 ? ['h'] : ['b', 'h'];
}

const AXES = ['i', 'j', 'k', 'l'];

/** Parallel loops over groups of axes; each group is one loop over the product of its dims. */
export function overGroups(
  emitter: Emitter,
  groups: readonly Shape[],
  names: readonly string[],
  body: (at: readonly Dim[]) => void,
  at: readonly Dim[] = [],
): void {
  const [group, ...rest] = groups;
  const [name = 'i', ...others] = names;
  if (group === undefined) {
    body(at);
  } else if (group.every((dim) => dim === 1)) {
    overGroups(emitter, rest, others, body, [...at, ...group.map(() => 0)]);
  } else {
    emitter.loop('parallel', name, sizeOf(group), (i) =>
      overGroups(emitter, rest, others, body, [...at, ...unflatten(i, group, emitter.ranges)]),
    );
  }
}

/** Stores every result's element at an index of the common shape. */
export function storeResults(draft: KernelDraft, emitter: Emitter, at: readonly Dim[]): void {
  draft.region.body.outputs.forEach(({ value }, i) => {
    emitter.emit(draft.store(i, at, emitter.value(value, at)));
  });
}

function resultShape(draft: KernelDraft): Shape {
  const { body } = draft.region;
  const [first, ...others] = body.outputs.map(({ value }) => valueOf(body, value).shape);
  if (first === undefined || !others.every((shape) => sameShape(shape, first))) {
    throw new Error(`the results of %${draft.region.name} differ in shape`);
  }
  return first;
}

export function hasDivision(statements: readonly Statement[]): boolean {
  return JSON.stringify(statements).includes('floor(');
}
