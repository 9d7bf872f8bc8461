/**
 * Reads, for fuse-attention, how scores are made: from the operand of a softmax back to the matmul
 * of query and key, through scales, factors of queries or keys, biases, masks and reshapes of the leading dims.
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { bothOrders, firstResult, operandOf, resultShape } from '../node-reading.ts';
import { isRefusal, type Refusal, refuse } from '../rewrite.ts';
import { type Factor, isFactor } from './factors.ts';
import { additiveMask, conjuncts, type MaskTerm, maskTerm, VERY_LOW } from './mask.ts';

/** A value that meets the scores where they have the shape `frame`, and broadcasts to it. */
export interface Placed {
  readonly value: ValueId;
  readonly frame: Shape;
  /** Where the scores were split for it alone: their dims there, to which it broadcasts. */
  readonly split?: Shape;
}

export interface PlacedMask extends Placed {
  readonly term: MaskTerm;
  /** Where it was added to the scores: the factor that it was added with. */
  readonly factor: number | null;
}

export interface PlacedBias extends Placed {
  readonly factor: number;
  /** Where it looks like a mask: the value that kept it from being taken for one. */
  readonly notBool: ValueId | null;
}

export interface Scores {
  readonly products: Node;
  readonly scale: number;
  readonly factors: readonly Factor[];
  readonly masks: readonly PlacedMask[];
  readonly biases: readonly PlacedBias[];
}

export type ScoresOrRefusal = Scores | Refusal;

/** What was read so far, on the way from the softmax back. */
interface Path extends Omit<Scores, 'products'> {
  readonly index: GraphIndex;
  readonly user: Node;
}

export function readScores(softmax: Node, index: GraphIndex): ScoresOrRefusal {
  const [x, mask] = softmax.operands;
  if (x == null) return refuse(firstResult(softmax), 'the softmax has no operand');
  const frame = index.shapeOf(x);
  const masks = mask == null ? [] : masksOf(mask, frame, -Infinity, index);
  return read(x, { index, user: softmax, scale: 1, factors: [], masks, biases: [] });
}

/** How one op on the way is read; undefined ops end it. */
type Step = (node: Node, path: Path) => ScoresOrRefusal | null;

const STEPS: { readonly [op: string]: Step | undefined } = {
  matmul: (products, { scale, factors, masks, biases }) => {
    return { products, scale, factors, masks, biases };
  },
  mul: (node, path) => {
    for (const [x, c] of bothOrders(node)) {
      const by = path.index.scalarOf(c);
      if (by !== null) return read(x, { ...path, user: node, scale: path.scale * by });
    }
    const [x, c] = bothOrders(node).find(([x, c]) => isFactor(x, c, node, path.index)) ?? [];
    return x === undefined || c === undefined ? null : read(x, withFactor(node, c, path));
  },
  div: (node, path) => {
    const [x, c] = [operandOf(node, 0), operandOf(node, 1)];
    const by = path.index.scalarOf(c);
    if (by !== null) return read(x, { ...path, user: node, scale: path.scale / by });
    return isFactor(x, c, node, path.index) ? read(x, withFactor(node, c, path)) : null;
  },
  neg: (node, path) => read(operandOf(node, 0), { ...path, user: node, scale: -path.scale }),
  add: (node, path) => {
    const tried = bothOrders(node)
      .filter(([x]) => sameShape(path.index.shapeOf(x), resultShape(node, path.index)))
      .map(([x, term]) => read(x, withTerm(node, term, path.scale, path)));
    return tried.find((found) => !isRefusal(found)) ?? tried[0] ?? null;
  },
  sub: (node, path) => {
    const [x, term] = [operandOf(node, 0), operandOf(node, 1)];
    if (!sameShape(path.index.shapeOf(x), resultShape(node, path.index))) return null;
    return read(x, withTerm(node, term, -path.scale, path));
  },
  select: readSelect,
  reshape: (node, path) => {
    const [from, to] = [path.index.shapeOf(operandOf(node, 0)), resultShape(node, path.index)];
    const keepsMatrix = sameShape(from.slice(-2), to.slice(-2)) && from.length >= 2;
    if (keepsMatrix) return read(operandOf(node, 0), { ...path, user: node });
    return readSplit(operandOf(node, 0), { ...path, user: node }, { from, to });
  },
};

/** Ops whose second term a factor behind them would multiply, too. */
const HIDES_OR_ADDS: ReadonlySet<string> = new Set(['add', 'sub', 'select']);

function read(x: ValueId, path: Path): ScoresOrRefusal {
  const { index } = path;
  const name = index.nameOf(x);
  const node = index.producerOf(x);
  const step = node === null ? undefined : STEPS[node.op];
  if (node === null || step === undefined) {
    const maker = node === null ? 'no node' : node.op;
    return refuse(x, `${name} is made by ${maker}, not by a matmul of query and key`);
  }
  const second = secondUse(x, path);
  if (second !== null) return second;
  if (HIDES_OR_ADDS.has(node.op) && path.factors.length > 0) return multipliedTerm(x, path);
  const found = step(node, path);
  return (
    found ?? refuse(x, `${name} is made by ${node.op} in a way that attention has no place for`)
  );
}

function secondUse(x: ValueId, { index, user }: Path): Refusal | null {
  const other = index.otherUseOf(x, [user]);
  return other === null ? null : refuse(x, `${index.nameOf(x)} has a second use: ${other}`);
}

function multipliedTerm(x: ValueId, { index, factors }: Path): Refusal {
  const by = factors.map(({ value }) => index.nameOf(value)).join(' and ');
  return refuse(x, `${index.nameOf(x)} has a term that would be multiplied by ${by}, too`);
}

/**
 * reshape(reshape(scores, split) + term, dims of the scores): decomposed positions of images (ViTDet, SAM),
 * one term for the rows [b, h, w, h', 1] and one for the columns [b, h, w, 1, w'].
 */
function readSplit(
  x: ValueId,
  path: Path,
  { from, to }: { readonly from: Shape; readonly to: Shape },
): ScoresOrRefusal | null {
  const { index, factors } = path;
  const node = index.producerOf(x);
  if (node === null) return null;
  const second = secondUse(x, path);
  if (second !== null) return second;
  if (node.op === 'reshape') {
    const scores = operandOf(node, 0);
    return sameShape(index.shapeOf(scores), to) ? read(scores, { ...path, user: node }) : null;
  }
  if (node.op !== 'add') return null;
  if (factors.length > 0) return multipliedTerm(x, path);
  const tried = bothOrders(node)
    .filter(([scores]) => sameShape(index.shapeOf(scores), from))
    .map(([scores, value]) => {
      const bias = { value, frame: to, split: from, factor: path.scale, notBool: null };
      const behind = { ...path, user: node, biases: [...path.biases, bias] };
      return readSplit(scores, behind, { from, to });
    });
  return tried.find((found) => found !== null && !isRefusal(found)) ?? tried[0] ?? null;
}

/** select(visible, x, low) and select(hidden, low, x). */
function readSelect(node: Node, path: Path): ScoresOrRefusal | null {
  const { index, scale } = path;
  const [condition, then, otherwise] = [0, 1, 2].map((i) => operandOf(node, i));
  if (condition === undefined || then === undefined || otherwise === undefined) return null;
  const [low, isNegated] = index.scalarOf(otherwise) !== null ? [otherwise, false] : [then, true];
  const constant = index.scalarOf(low);
  const x = isNegated ? otherwise : then;
  const name = index.nameOf(firstResult(node));
  if (constant === null) {
    const choices = `${index.nameOf(then)} and ${index.nameOf(otherwise)}`;
    return refuse(low, `${name} chooses between ${choices}, of which none is a constant`);
  }
  if (constant * scale > VERY_LOW) {
    const limit = `which is not as low as ${VERY_LOW}`;
    return refuse(low, `${name} hides scores with ${constant}, ${limit}`);
  }
  const frame = resultShape(node, index);
  if (!sameShape(index.shapeOf(x), frame)) return null;
  const masks = masksOf(condition, frame, constant * scale, index, isNegated);
  return read(x, { ...path, user: node, masks: [...path.masks, ...masks] });
}

function withFactor(node: Node, value: ValueId, path: Path): Path {
  const factor = { value, frame: resultShape(node, path.index), op: node.op };
  return { ...path, user: node, factors: [...path.factors, factor] };
}

/** The path with a term that is added: a mask where it is one, else a bias. */
function withTerm(node: Node, value: ValueId, factor: number, path: Path): Path {
  const frame = resultShape(node, path.index);
  const term = factor > 0 ? additiveMask(value, path.index) : null;
  if (term === null || 'notBool' in term) {
    const bias = { value, frame, factor, notBool: term?.notBool ?? null };
    return { ...path, user: node, biases: [...path.biases, bias] };
  }
  const mask = { value, frame, term, factor };
  return { ...path, user: node, masks: [...path.masks, mask] };
}

function masksOf(
  id: ValueId,
  frame: Shape,
  low: number,
  index: GraphIndex,
  isNegated = false,
): readonly PlacedMask[] {
  if (isNegated) {
    const inner = index.madeBy(id, 'not')?.operands[0];
    if (inner != null) return masksOf(inner, frame, low, index);
    return [{ value: id, frame, term: maskTerm(id, true, low), factor: null }];
  }
  return conjuncts(id, index).map((value) => {
    return { value, frame, term: maskTerm(value, false, low), factor: null };
  });
}
