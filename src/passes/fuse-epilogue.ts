/**
 * fuse-epilogue: y = f(views(x) W, ..)  ->  one kernel
 *
 * Around a matmul or an attention: in front, the views through which it reads its operands; behind,
 * elementwise ops of the shape of its result (bias, activation, scale, residual), then reshapes and
 * transposes. A view that others use too is copied; so is what is as cheap as a load, such as the
 * cast of a mask or a comparison of positions, in front of what is read once an element.
 * Requires: between the ops behind, nothing has a use outside of them.
 * Guarantees: no region has two matmuls, nor a matmul and a reduction.
 */
import { sizeOf } from '../ir/dims.ts';
import { type Node, presentOperands, type ValueId } from '../ir/graph.ts';
import { opDefinition } from '../ir/ops/index.ts';
import { sameShape } from '../ir/types.ts';
import type { GraphIndex } from './graph-index.ts';
import { firstResult, resultShape } from './node-reading.ts';
import {
  bufferCount,
  describe,
  inOrder,
  isIndexing,
  MOST_BUFFERS,
  outsideOperands,
  type Region,
  regionRewrite,
  viewsInFront,
} from './regions/region.ts';
import { traitsOf } from './regions/traits.ts';
import { type Finding, isRefusal, type Refusal, refuse, rewritingPass } from './rewrite.ts';

export const fuseEpilogue = rewritingPass(
  {
    name: 'fuse-epilogue',
    summary: 'gives matmuls and attentions the bias, activation, residual and views around them',
    reason:
      'before fuse-elementwise, which takes what no matmul took: an epilogue saves a pass over memory',
  },
  (index) =>
    index.graph.nodes
      .filter((node) => traitsOf(index.graph, node).kind === 'contraction')
      .flatMap((node) => around(node, index)),
);

function around(anchor: Node, index: GraphIndex): readonly Finding[] {
  const at = firstResult(anchor);
  const pattern = `${anchor.op} with its epilogue`;
  const behind: Node[] = [];
  const findings: Finding[] = [];
  let region = regionOf(anchor, [], at, index);
  for (let step = nextBehind(region, index); step !== null; step = nextBehind(region, index)) {
    const taken = isRefusal(step) ? [] : step;
    const larger = isRefusal(step) ? step : extended(anchor, [...behind, ...taken], index);
    if (isRefusal(larger)) {
      findings.push({ pattern, at, outcome: larger });
      break;
    }
    behind.push(...taken);
    region = larger;
  }
  if (region.nodes.size === 1) return findings;
  const outcome = { rewrite: regionRewrite(region, index), detail: describe(region.nodes, index) };
  return [...findings, { pattern, at, outcome }];
}

function extended(anchor: Node, behind: readonly Node[], index: GraphIndex): Region | Refusal {
  const exit = firstResult(behind.at(-1) ?? anchor);
  const region = regionOf(anchor, behind, exit, index);
  const count = bufferCount(region, index);
  if (count <= MOST_BUFFERS) return region;
  const buffers = `${count} buffers, more than ${MOST_BUFFERS}`;
  return refuse(exit, `with ${index.nameOf(exit)} the kernel would have ${buffers}`);
}

function regionOf(anchor: Node, behind: readonly Node[], exit: ValueId, index: GraphIndex): Region {
  const nodes = new Set([anchor, ...behind]);
  for (const id of outsideOperands(nodes, index)) {
    const views = viewsInFront(id, index);
    if (standBehind(views, index)) continue;
    for (const view of views) nodes.add(view);
  }
  for (const id of termsOf(anchor, behind)) {
    for (const node of computedInPlace(id, index).nodes) nodes.add(node);
  }
  return { nodes, results: [exit] };
}

/** Operands that are read once an element: of the ops behind, and mask and bias of an attention. */
function termsOf(anchor: Node, behind: readonly Node[]): readonly ValueId[] {
  const specs = opDefinition(anchor.op).operands;
  const own = anchor.operands.filter((_, i) => ['mask', 'bias'].includes(specs[i]?.name ?? ''));
  const inside = new Set([anchor, ...behind].flatMap((node) => node.results));
  const others = behind.flatMap(presentOperands).filter((id) => !inside.has(id));
  return [...own.filter((id) => id !== null), ...others];
}

/**
 * Whether views lead from another matmul or attention to this use alone. They stay behind that one:
 * it can store to any place, while here every load would pay for the division in its index.
 */
function standBehind(views: readonly Node[], index: GraphIndex): boolean {
  return views.every((view, i) => {
    const [from] = presentOperands(view);
    const maker = from === undefined ? null : index.producerOf(from);
    const isFirst =
      i > 0 || (maker !== null && traitsOf(index.graph, maker).kind === 'contraction');
    const isAlone = from !== undefined && index.soleUserOf(from) === view;
    return isFirst && isAlone && traitsOf(index.graph, view).isBijective;
  });
}

interface InPlace {
  readonly nodes: readonly Node[];
  /** Loads of its own size that computing it takes. */
  readonly loads: number;
}

/**
 * The nodes in front of a term that cost no more than loading the term: views, positions, and cheap
 * ops on one load, beside what is smaller and broadcast.
 */
function computedInPlace(id: ValueId, index: GraphIndex): InPlace {
  const load: InPlace = { nodes: [], loads: 1 };
  const node = index.producerOf(id);
  if (node === null) return load;
  const { kind, isCostly } = traitsOf(index.graph, node);
  if (kind === 'source') return { nodes: [node], loads: 0 };
  if (!isIndexing(node) && (kind !== 'elementwise' || isCostly)) return load;
  const size = sizeOf(index.shapeOf(id));
  const operands = presentOperands(node).map((operand) => {
    const { nodes, loads } = computedInPlace(operand, index);
    return { nodes, loads: sizeOf(index.shapeOf(operand)) === size ? loads : 0 };
  });
  const loads = operands.reduce((sum, operand) => sum + operand.loads, 0);
  if (loads > 1) return load;
  return { nodes: [...operands.flatMap((operand) => operand.nodes), node], loads };
}

/** The next ops that can stand behind, up to a value all of whose makers are inside. */
function nextBehind(region: Region, index: GraphIndex): readonly Node[] | Refusal | null {
  const [exit] = region.results;
  if (exit === undefined) return null;
  const maker = index.producerOf(exit);
  const user = index.soleUserOf(exit);
  const isView = user !== null && traitsOf(index.graph, user).isBijective;
  if (isView) return [user];
  // elementwise ops stand before the views, where one element is one place of the product
  if (maker === null || traitsOf(index.graph, maker).kind === 'view') return null;
  return nextElementwise(exit, index);
}

const MOST_AT_ONCE = 24;

/**
 * One elementwise op behind `exit`, or as many as lie between it and a single value on which all of
 * them lead to: x * sigmoid(x) is two.
 */
function nextElementwise(exit: ValueId, index: GraphIndex): readonly Node[] | Refusal | null {
  const shape = index.shapeOf(exit);
  const taken: Node[] = [];
  while (taken.length < MOST_AT_ONCE) {
    const next = firstUser([exit, ...taken.map(firstResult)], taken, index);
    if (next === null) return null;
    const isElementwise = traitsOf(index.graph, next).kind === 'elementwise';
    const [first] = taken;
    if (!isElementwise || !sameShape(resultShape(next, index), shape)) {
      if (first !== undefined) return secondUse(exit, taken, first, index);
      return isElementwise ? otherShape(exit, next, index) : null;
    }
    taken.push(next);
    const open = openValue(exit, taken, index);
    if (open === null) return taken;
    if (index.isOutput(open)) return secondUse(exit, taken, first ?? next, index);
  }
  return null;
}

/** The first node that uses one of the values and is not taken yet. */
function firstUser(
  values: readonly ValueId[],
  taken: readonly Node[],
  index: GraphIndex,
): Node | null {
  const users = values.flatMap((id) => index.usersOf(id).filter((user) => !taken.includes(user)));
  return inOrder(users, index)[0] ?? null;
}

/** A value before the last of `taken` that something else uses too. */
function openValue(exit: ValueId, taken: readonly Node[], index: GraphIndex): ValueId | null {
  const inner = [exit, ...taken.slice(0, -1).map(firstResult)];
  return inner.find((id) => index.otherUseOf(id, taken) !== null) ?? null;
}

function secondUse(exit: ValueId, taken: readonly Node[], first: Node, index: GraphIndex): Refusal {
  const open = openValue(exit, taken, index) ?? exit;
  const use = `${index.nameOf(open)} has a second use: ${index.otherUseOf(open, taken)}`;
  return refuse(open, `${use}, so ${first.op} (${index.nameOf(firstResult(first))}) stays outside`);
}

function otherShape(exit: ValueId, next: Node, index: GraphIndex): Refusal {
  const id = firstResult(next);
  const [has, wants] = [id, exit].map((value) => index.shapeOf(value).join(', '));
  return refuse(id, `${index.nameOf(id)} has the shape [${has}], the product [${wants}]`);
}
