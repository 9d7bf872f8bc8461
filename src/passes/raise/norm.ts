/**
 * What layer_norm and rms_norm have in common: the last axes as one, and the vectors behind them.
 *
 * y = normal * gamma + beta, in either order, where gamma and beta have one number for each place of
 * the axes. A norm over several of the last axes is one over their product:
 * norm(x [.., a, b]) = reshape(norm(reshape(x) [.., a b])) [.., a, b]
 */
import { sizeOf } from '../../ir/dims.ts';
import type { Node, Value, ValueId } from '../../ir/graph.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, firstResult, resultShape } from '../node-reading.ts';
import { type Outcome, refuse } from '../rewrite.ts';
import { asWritten } from './constants.ts';
import { raised } from './pattern.ts';
import { isVectorOf, trailing, writeVector } from './reading.ts';

export interface Norm {
  readonly op: 'layer_norm' | 'rms_norm';
  readonly x: ValueId;
  readonly axes: readonly number[];
  readonly eps: number;
  /** The nodes before `normal`. */
  readonly inside: readonly Node[];
  /** The quotient, before gamma and beta. */
  readonly normal: Node;
  /** Where the chain has them already; beta then, too, or it follows. */
  readonly gamma?: ValueId | null | undefined;
  readonly beta?: ValueId | null;
}

/** The whole norm, gamma and beta included where they follow and nothing else uses what is between. */
export function norm(found: Norm, index: GraphIndex): Outcome {
  const { op, x, axes, normal, eps } = found;
  const shape = index.shapeOf(x);
  const at = firstResult(normal);
  const count = trailing(axes, shape);
  if (count === null) {
    const last = `not the last of ${shape.length} axes`;
    return refuse(at, `the mean is over the axes ${axes.join(', ')}, ${last}`);
  }
  if (eps < 0) return refuse(at, `eps is ${eps}, which is negative`);
  const dims = shape.slice(-count);
  const { gamma } = found;
  if (gamma != null && !isVectorOf(gamma, dims, index)) {
    return refuse(gamma, `${index.nameOf(gamma)} is no vector over the axes`);
  }
  const whole = withVectors(found, dims, index);
  const write = (into: GraphWriter) => [writeNorm(whole, dims, into)];
  const names = [whole.gamma, whole.beta].flatMap((id) => (id == null ? [] : [index.nameOf(id)]));
  const of = [`${op} of ${index.nameOf(x)}`, ...names, `eps ${asWritten(eps)}`];
  return raised(whole.root, whole.inside, index, of.join(', '), write);
}

interface Whole extends Norm {
  /** The last node of the chain. */
  readonly root: Node;
}

function withVectors(found: Norm, dims: Shape, index: GraphIndex): Whole {
  if (found.beta !== undefined) return { ...found, root: found.normal };
  const { normal, inside, op, gamma } = found;
  const scaled = gamma === undefined ? next(normal, 'mul', dims, index) : null;
  const before = scaled ?? { node: normal, vector: gamma ?? null };
  const passed = scaled === null ? inside : [...inside, normal];
  const shifted = op === 'layer_norm' ? next(before.node, 'add', dims, index) : null;
  return {
    ...found,
    gamma: before.vector,
    beta: shifted?.vector ?? null,
    root: shifted?.node ?? before.node,
    inside: shifted === null ? passed : [...passed, before.node],
  };
}

/** The only user of a node's result, where it is `op` with a vector over the axes. */
function next(node: Node, op: string, dims: Shape, index: GraphIndex) {
  const x = firstResult(node);
  const user = index.soleUserOf(x);
  if (user?.op !== op || !sameShape(resultShape(user, index), index.shapeOf(x))) return null;
  for (const [a, vector] of bothOrders(user)) {
    if (a === x && vector !== x && isVectorOf(vector, dims, index)) return { node: user, vector };
  }
  return null;
}

function writeNorm({ op, x, gamma, beta, eps }: Whole, dims: Shape, into: GraphWriter): Value {
  const shape = into.index.shapeOf(x);
  const n = sizeOf(dims);
  const joined = [...shape.slice(0, shape.length - dims.length), n];
  const source = into.get(x);
  const isOne = dims.length === 1;
  const flat = isOne ? source : into.node('reshape', [source], { shape: joined });
  const vectors = [gamma, ...(op === 'layer_norm' ? [beta] : [])].map((id) => {
    return id == null ? null : writeVector(id, n, into);
  });
  const result = into.node(op, [flat, ...vectors], { eps: asWritten(eps) });
  return isOne ? result : into.node('reshape', [result], { shape });
}
