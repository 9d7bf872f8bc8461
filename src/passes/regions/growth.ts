/**
 * Grows a region backwards from a node, for kernels without a matmul. It takes what makes its
 * operands, the latest first, as long as one kernel can compute it all.
 *
 * A maker with a use outside is
 * - copied where it is a view, a constant, or one cheap op on what is in memory that all users copy
 * - kept, as one more result, where it has the shape of the results
 * - left outside otherwise.
 */

import { type Dim, sizeOf } from '../../ir/dims.ts';
import { type Node, presentOperands, type ValueId } from '../../ir/graph.ts';
import { sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { firstResult, resultShape } from '../node-reading.ts';
import { type Refusal, refuse } from '../rewrite.ts';
import { type Form, formOf, isOnceARow } from './form.ts';
import {
  bufferCount,
  inOrder,
  MOST_BUFFERS,
  outsideOperands,
  type Region,
  viewsInFront,
} from './region.ts';
import { traitsOf } from './traits.ts';
import { isInWindows, isPaddingOfWindows } from './windows.ts';

export interface Growth {
  readonly region: Region;
  /** Nodes that are computed nowhere else any more. */
  readonly owned: ReadonlySet<Node>;
  readonly refusals: readonly Refusal[];
}

export interface GrowthOptions {
  /** Whether costly work may be done again for every sample of a batch. */
  readonly mayRepeat: boolean;
}

export function growRegion(root: Node, index: GraphIndex, options: GrowthOptions): Growth {
  const results = root.results.filter((id) => index.isOutput(id) || index.usersOf(id).length > 0);
  let state: State = {
    region: withFree(new Set([root]), results, index),
    owned: new Set([root]),
  };
  const rejected = new Set<ValueId>();
  const refusals: Refusal[] = [];
  for (;;) {
    const candidate = latestOperand(state.region, rejected, index);
    if (candidate === null) break;
    const next = admit(candidate, state, rejected, options, index);
    if (next !== null && 'region' in next) {
      state = next;
      continue;
    }
    for (const id of candidate.results) rejected.add(id);
    if (next !== null) refusals.push(next);
  }
  return { ...state, refusals };
}

interface State {
  readonly region: Region;
  readonly owned: ReadonlySet<Node>;
}

function latestOperand(
  { nodes }: Region,
  rejected: ReadonlySet<ValueId>,
  index: GraphIndex,
): Node | null {
  const open = outsideOperands(nodes, index).filter((id) => !rejected.has(id));
  const latest = open.reduce<ValueId | null>(
    (a, b) => (a !== null && index.placeOf(a) >= index.placeOf(b) ? a : b),
    null,
  );
  return latest === null ? null : index.producerOf(latest);
}

/** Nodes with the constants and iotas that they use: these are always inside. */
function withFree(
  nodes: ReadonlySet<Node>,
  results: readonly ValueId[],
  index: GraphIndex,
): Region {
  const sources = outsideOperands(nodes, index).flatMap((id) => {
    const node = index.producerOf(id);
    return node !== null && traitsOf(index.graph, node).kind === 'source' ? [node] : [];
  });
  return { nodes: new Set([...nodes, ...sources]), results };
}

const FUSIBLE: ReadonlySet<string> = new Set(['elementwise', 'view', 'gather', 'reduction']);

/** The region with one more maker, or why not; null where it is no matter of fusion. */
function admit(
  maker: Node,
  { region, owned }: State,
  rejected: ReadonlySet<ValueId>,
  { mayRepeat }: GrowthOptions,
  index: GraphIndex,
): State | Refusal | null {
  const { kind } = traitsOf(index.graph, maker);
  const id = firstResult(maker);
  if (!FUSIBLE.has(kind)) return null;
  const use = useOf(maker, region, owned, rejected, index);
  if (use === 'outside' && isNeededInMemory(maker, index)) return null;
  if (use === 'outside') {
    const other = index.otherUseOf(id, [...owned]) ?? 'one outside';
    return refuse(id, `${index.nameOf(id)} has a second use: ${other}`);
  }
  const results = use === 'kept' ? [...region.results, id] : region.results;
  const nodes = new Set([...region.nodes, maker]);
  const next = withFree(nodes, results, index);
  const form = formOf(next, index);
  if (form.kind === 'none') return refuse(form.stopper, form.reason);
  const repeated = mayRepeat ? null : repeatedWork(maker, next, form, index);
  if (repeated !== null) {
    const whole = form.kind === 'map' ? upToReduction(maker, { region, owned }, index) : null;
    return whole ?? repeated;
  }
  const count = bufferCount(withFree(withViews(nodes, index), results, index), index);
  if (count > MOST_BUFFERS) {
    const buffers = `${count} buffers, more than ${MOST_BUFFERS}`;
    return refuse(id, `with ${index.nameOf(id)} the kernel would have ${buffers}`);
  }
  return { region: next, owned: use === 'copied' ? owned : new Set([...owned, maker]) };
}

/**
 * The region with a maker of one number a row, and all between it and the reductions along rows
 * that it comes from: one kernel computes it once a row. Null where it comes from none.
 */
function upToReduction(maker: Node, { region, owned }: State, index: GraphIndex): State | null {
  const size = sizeOf(resultShape(maker, index));
  const taken = new Set([maker]);
  const isOwn = (id: ValueId) =>
    !index.isOutput(id) && index.usersOf(id).every((user) => owned.has(user) || taken.has(user));
  const open = [...presentOperands(maker)];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const node = index.producerOf(id);
    if (node === null || taken.has(node) || !isOwn(id)) continue;
    const { kind, reductions } = traitsOf(index.graph, node);
    const isRow = sizeOf(index.shapeOf(id)) === size && (kind === 'elementwise' || kind === 'view');
    if (reductions.length > 0 || isRow) taken.add(node);
    if (isRow) open.push(...presentOperands(node));
  }
  const nodes = new Set([...region.nodes, ...taken]);
  const next = withFree(nodes, region.results, index);
  const count = bufferCount(withFree(withViews(nodes, index), region.results, index), index);
  if (formOf(next, index).kind !== 'rows' || count > MOST_BUFFERS) return null;
  return { region: next, owned: new Set([...owned, ...taken]) };
}

function withViews(nodes: ReadonlySet<Node>, index: GraphIndex): ReadonlySet<Node> {
  const views = outsideOperands(nodes, index).flatMap((id) => viewsInFront(id, index));
  return new Set([...nodes, ...views]);
}

type Use = 'owned' | 'copied' | 'kept' | 'outside';

function useOf(
  maker: Node,
  region: Region,
  owned: ReadonlySet<Node>,
  rejected: ReadonlySet<ValueId>,
  index: GraphIndex,
): Use {
  const isOwn = maker.results.every(
    (id) => !index.isOutput(id) && index.usersOf(id).every((user) => owned.has(user)),
  );
  if (isOwn) return 'owned';
  if (traitsOf(index.graph, maker).kind === 'view' || isCheapForAll(maker, index)) return 'copied';
  return canBeKept(maker, region, rejected, index) ? 'kept' : 'outside';
}

/** Whether an op costs little more than loading its result, and no user needs it in memory. */
function isCheapForAll(maker: Node, index: GraphIndex): boolean {
  const { kind, isCostly } = traitsOf(index.graph, maker);
  const id = firstResult(maker);
  if (kind !== 'elementwise' || isCostly || index.isOutput(id)) return false;
  const loads = presentOperands(maker).filter((operand) => index.scalarOf(operand) === null);
  const areLoads = loads.every((operand) => isInMemory(operand, index));
  const users = index.usersOf(id).map((user) => traitsOf(index.graph, user).kind);
  return loads.length <= 2 && areLoads && users.every((user) => FUSIBLE.has(user));
}

/** Whether a matmul or a kernel that is formed already reads a value: none could take it inside. */
function isNeededInMemory(maker: Node, index: GraphIndex): boolean {
  const users = maker.results.flatMap((id) => index.usersOf(id));
  return users.some((user) => !FUSIBLE.has(traitsOf(index.graph, user).kind));
}

/** Whether a value is stored anyhow, or only an index away from one that is. */
function isInMemory(id: ValueId, index: GraphIndex): boolean {
  const [first] = viewsInFront(id, index);
  const source = first === undefined ? id : (presentOperands(first)[0] ?? null);
  const maker = source === null ? null : index.producerOf(source);
  if (maker === null) return true;
  const { kind } = traitsOf(index.graph, maker);
  return kind === 'contraction' || kind === 'region';
}

/**
 * Whether a value can be one more result: it has their shape, the region reads it in place, and
 * all operands stand before it, so that its other users can stand behind the region.
 */
function canBeKept(
  maker: Node,
  { nodes, results }: Region,
  rejected: ReadonlySet<ValueId>,
  index: GraphIndex,
): boolean {
  const [id, other] = maker.results;
  const [result] = results;
  if (id === undefined || other !== undefined || result === undefined) return false;
  const shape = index.shapeOf(id);
  const isInPlace = index.usersOf(id).every((user) => {
    const { kind, reductions } = traitsOf(index.graph, user);
    if (!nodes.has(user)) return true;
    if (kind === 'elementwise') return sameShape(resultShape(user, index), shape);
    return kind === 'reduction' && reductions.every(({ domain }) => sameShape(domain, shape));
  });
  const place = index.placeOf(id);
  const areBefore = outsideOperands(nodes, index).every(
    (operand) => operand === id || !rejected.has(operand) || index.placeOf(operand) < place,
  );
  return sameShape(shape, index.shapeOf(result)) && isInPlace && areBefore;
}

/** Refuses costly work that the region would do again for many elements of its results. */
function repeatedWork(maker: Node, region: Region, form: Form, index: GraphIndex): Refusal | null {
  const { isCostly, reductions } = traitsOf(index.graph, maker);
  const id = firstResult(maker);
  if (!isCostly && reductions.length === 0) return null;
  if (isPaddingOfWindows(maker, region, index)) return null;
  if (isInWindows(maker, region, index)) {
    return refuse(id, `${index.nameOf(id)} would be computed again for every window that it is in`);
  }
  if (form.kind === 'rows') {
    const isRow = isOnceARow(index.shapeOf(id), form.domain);
    const length = form.domain.at(-1);
    const isBehind = reductions.length > 0 || isRow;
    if (isBehind || typeof length === 'number') return null;
    return refuse(
      id,
      `${index.nameOf(id)} would be computed once more for each pass over a row of ${length}`,
    );
  }
  if (!isRepeated(maker, region, form, index)) return null;
  return refuse(id, `${index.nameOf(id)} would be computed again for many elements`);
}

/** Whether something between a node and the results reads its elements more than once. */
function isRepeated(node: Node, { nodes }: Region, form: Form, index: GraphIndex): boolean {
  const repeated = new Set<ValueId>();
  for (const user of [...inOrder(nodes, index)].reverse()) {
    const { kind } = traitsOf(index.graph, user);
    const size = sizeOf(resultShape(user, index));
    const isRepeatedItself = user.results.some((id) => repeated.has(id));
    // a softmax along columns is computed as a whole for each of its elements
    const isWhole =
      form.kind === 'columns' && kind === 'reduction' && size === operandSize(user, index);
    presentOperands(user).forEach((id, i) => {
      const isTable = kind === 'gather' && i === 0;
      const grows = kind === 'elementwise' || user.op === 'broadcast';
      const isStretched = grows && sizeOf(index.shapeOf(id)) !== size;
      if (isRepeatedItself || isTable || isStretched || isWhole) repeated.add(id);
    });
  }
  return node.results.some((id) => repeated.has(id));
}

function operandSize(node: Node, index: GraphIndex): Dim {
  const [operand] = presentOperands(node);
  return operand === undefined ? 0 : sizeOf(index.shapeOf(operand));
}
