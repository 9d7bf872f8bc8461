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
  let last = exit;
  while (taken.length < MOST_AT_ONCE) {
    const values = [exit, ...taken.map(firstResult)];
    const users = values.flatMap((id) => index.usersOf(id).filter((user) => !taken.includes(user)));
    const next = users.sort(
      (a, b) => index.placeOf(firstResult(a)) - index.placeOf(firstResult(b)),
    )[0];
    if (next === undefined) return null;
    const isElementwise = traitsOf(index.graph, next).kind === 'elementwise';
    if (!isElementwise || !sameShape(resultShape(next, index), shape)) {
      return stopped(exit, last, taken, next, index);
    }
    taken.push(next);
    last = firstResult(next);
    const inner = [exit, ...taken.slice(0, -1).map(firstResult)];
    if (inner.every((id) => index.otherUseOf(id, taken) === null)) return taken;
    const output = inner.find((id) => index.isOutput(id));
    if (output !== undefined) {
      return refuse(output, `${index.nameOf(output)} is ${index.otherUseOf(output, taken)}`);
    }
  }
  return null;
}

/** Why `next` is not taken: worth a word only where something else would have been. */
function stopped(
  exit: ValueId,
  last: ValueId,
  taken: readonly Node[],
  next: Node,
  index: GraphIndex,
): Refusal | null {
  const id = firstResult(next);
  const [first] = taken;
  if (first !== undefined) {
    const used = [exit, last].find((value) => next.operands.includes(value)) ?? exit;
    const kept = `so ${first.op} (${index.nameOf(firstResult(first))}) stays outside`;
    return refuse(id, `${index.nameOf(used)} has a second use: ${index.nameOf(id)}, ${kept}`);
  }
  if (traitsOf(index.graph, next).kind !== 'elementwise') return null;
  const [has, wants] = [index.shapeOf(id), index.shapeOf(exit)].map((shape) => shape.join(', '));
  return refuse(id, `${index.nameOf(id)} has the shape [${has}], the product [${wants}]`);
}
