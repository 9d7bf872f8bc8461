/**
 * merge-projections: y1 = x W1 + b1, y2 = x W2 + b2, ..
 *   ->  y = x [W1 W2 ..] + [b1 b2 ..], y1 = y[.., 0 to n1], y2 = y[.., n1 to n1 + n2], ..
 *
 * Q, K and V of self-attention become one matmul, K and V of cross-attention another.
 * Requires: at least two matmuls of the same x, by weights of two dims that nothing else uses.
 * What is elementwise behind a projection stays with it: its own matmul's epilogue is the better
 * place. A projection without a bias beside others with one gets zeros.
 * Guarantees: the results are slices of the last axis, which later kernels read in place.
 */
import { add, type Dim } from '../ir/dims.ts';
import type { Node, ValueId } from '../ir/graph.ts';
import { type Shape, sameShape, type TensorData } from '../ir/types.ts';
import { besideEachOther, zeros } from './folding/weight-data.ts';
import type { GraphIndex } from './graph-index.ts';
import type { GraphWriter } from './graph-writer.ts';
import { bothOrders, firstResult, operandOf } from './node-reading.ts';
import { traitsOf } from './regions/traits.ts';
import { type Finding, refuse, rewritingPass } from './rewrite.ts';

export const mergeProjections = rewritingPass(
  {
    name: 'merge-projections',
    summary: 'multiplies by the weights of query, key and value at once',
    reason:
      'after fuse-attention, which takes the scale from behind the query; before fuse-epilogue, which gives each matmul its bias',
  },
  search,
);

interface Projection {
  readonly matmul: Node;
  readonly weight: ValueId;
  readonly bias: ValueId | null;
  /** After the bias. */
  readonly result: ValueId;
}

function search(index: GraphIndex): readonly Finding[] {
  const byOperand = new Map<ValueId, Node[]>();
  for (const node of index.graph.nodes) {
    if (node.op !== 'matmul') continue;
    const x = operandOf(node, 0);
    byOperand.set(x, [...(byOperand.get(x) ?? []), node]);
  }
  return [...byOperand].flatMap(([x, nodes]) => (nodes.length < 2 ? [] : group(x, nodes, index)));
}

const pattern = 'projections of one value';

function group(x: ValueId, nodes: readonly Node[], index: GraphIndex): readonly Finding[] {
  const members: Projection[] = [];
  const findings: Finding[] = [];
  for (const node of nodes) {
    const refused = refusal(node, index);
    if (refused === null) members.push(projection(node, index));
    else findings.push({ pattern, at: firstResult(node), outcome: refused });
  }
  const [first, second] = members;
  if (first === undefined || second === undefined) return findings;
  const names = members.map(({ result }) => index.nameOf(result)).join(', ');
  const rewrite = {
    replaces: members.map(({ result }) => result),
    write: (into: GraphWriter) => writeMerged(x, members, into),
  };
  const outcome = { rewrite, detail: `${names} are one matmul of ${index.nameOf(x)}` };
  return [...findings, { pattern, at: first.result, outcome }];
}

function refusal(node: Node, index: GraphIndex) {
  const [id, weight] = [firstResult(node), operandOf(node, 1)];
  const name = index.nameOf(weight);
  if (index.parameterOf(weight) === null) return refuse(weight, `${name} is no weight`);
  const rank = index.shapeOf(weight).length;
  if (rank !== 2) return refuse(weight, `${name} has ${rank} dims, not 2`);
  const other = index.otherUseOf(weight, [node]);
  if (other !== null) return refuse(weight, `${name} has a second use: ${other}`);
  const { result } = projection(node, index);
  const user = index.soleUserOf(result);
  if (user === null || traitsOf(index.graph, user).kind !== 'elementwise') return null;
  const next = firstResult(user);
  if (!sameShape(index.shapeOf(next), index.shapeOf(id))) return null;
  return refuse(next, `${user.op} (${index.nameOf(next)}) is done in the matmul's own epilogue`);
}

/** The matmul and the bias that is added to it alone. */
function projection(matmul: Node, index: GraphIndex): Projection {
  const product = firstResult(matmul);
  const weight = operandOf(matmul, 1);
  const plain = { matmul, weight, bias: null, result: product };
  const add = index.soleUserOf(product);
  if (add?.op !== 'add') return plain;
  for (const [x, bias] of bothOrders(add)) {
    const isVector = sameShape(index.shapeOf(bias), index.shapeOf(weight).slice(1));
    const isWeight = index.parameterOf(bias) !== null;
    const isOwn = isWeight && index.soleUserOf(bias) === add;
    if (x === product && isVector && isOwn) return { ...plain, bias, result: firstResult(add) };
  }
  return plain;
}

function writeMerged(x: ValueId, members: readonly Projection[], into: GraphWriter) {
  const { index } = into;
  const label = joinNames(members.map(({ result }) => index.value(result).name));
  const weight = mergedWeight(members, into);
  const product = into.node('matmul', [into.get(x), weight], {}, { name: `${label}.matmul` });
  const isBiased = members.some(({ bias }) => bias !== null);
  const biased = () => into.node('add', [product, mergedBias(members, into)], {}, { name: label });
  const all = isBiased ? biased() : product;
  const leading = all.shape.slice(0, -1);
  let start: Dim = 0;
  return members.map(({ weight: own }) => {
    const starts: readonly Dim[] = [...leading.map(() => 0), start];
    start = add(start, index.shapeOf(own)[1] ?? 0);
    return into.node('slice', [all], { starts, ends: [...leading, start] });
  });
}

/** One of the weights to merge; the bias of a projection without one is zeros. */
interface Part {
  readonly name: string;
  readonly width: Dim;
  readonly data: TensorData | null;
}

function mergedWeight(members: readonly Projection[], into: GraphWriter) {
  const { index } = into;
  const parts = members.map(({ weight }): Part => {
    const { name, shape } = index.value(weight);
    return { name, width: shape[1] ?? 0, data: index.parameterOf(weight)?.data ?? null };
  });
  const [first] = members;
  const rows = first === undefined ? [] : index.shapeOf(first.weight).slice(0, 1);
  return mergedParameter(parts, rows, members, into);
}

function mergedBias(members: readonly Projection[], into: GraphWriter) {
  const { index } = into;
  const parts = members.map(({ bias, weight }): Part => {
    const { name, dtype, shape } = index.value(weight);
    const [, width = 0] = shape;
    if (bias !== null) {
      return { name: index.value(bias).name, width, data: index.parameterOf(bias)?.data ?? null };
    }
    const data = typeof width === 'number' ? zeros(dtype, [width]) : null;
    return { name: name.replace(/[^.]*$/, 'bias'), width, data };
  });
  return mergedParameter(parts, [], members, into);
}

/** Weights without data give one without data. */
function mergedParameter(
  parts: readonly Part[],
  rows: Shape,
  [first]: readonly Projection[],
  into: GraphWriter,
) {
  if (first === undefined) throw new Error('no weights to merge');
  const present = parts.flatMap(({ data }) => (data === null ? [] : [data]));
  const data = present.length === parts.length ? besideEachOther(present) : null;
  const shape = [...rows, parts.map(({ width }) => width).reduce(add, 0)];
  const { dtype } = into.index.value(first.weight);
  return into.parameter(joinNames(parts.map(({ name }) => name)), { dtype, shape }, data);
}

/** `layer.0.query.weight` and `layer.0.key.weight`: `layer.0.query_key.weight`. */
export function joinNames(names: readonly string[]): string {
  const parts = names.map((name) => name.split('.'));
  const [first = []] = parts;
  const shortest = Math.min(...parts.map((part) => part.length)) - 1;
  const agree = (at: (part: readonly string[]) => string | undefined) =>
    parts.every((part) => at(part) === at(first));
  let front = 0;
  while (front < shortest && agree((part) => part[front])) front++;
  let back = 0;
  while (back < shortest - front && agree((part) => part.at(-1 - back))) back++;
  const middle = parts.map((part) => part.slice(front, part.length - back).join('.'));
  const end = back === 0 ? [] : first.slice(-back);
  return [...first.slice(0, front), middle.join('_'), ...end].join('.');
}
