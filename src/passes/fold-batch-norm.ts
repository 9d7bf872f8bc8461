/**
 * fold-batch-norm: conv(x, W, b) * s  ->  conv(x, W * s, b * s)
 *                  conv(x, W, b) + t  ->  conv(x, W, b + t)
 *
 * with s and t one number a channel of the result, which is all that a batch norm does once its
 * statistics are fixed.
 * Requires: W, b, s and t depend on weights with data and constants alone; nothing else uses W or what
 * the convolution gives; multiplying W out is no more work than compiling may take.
 * Guarantees: as many or fewer nodes behind convolutions. `fold-constants` computes the new weights.
 */
import { type Node, presentOperands, type Value, type ValueId } from '../ir/graph.ts';
import { elementCount } from '../ir/nd-array.ts';
import { staticShape } from '../ir/types.ts';
import type { GraphIndex } from './graph-index.ts';
import type { GraphWriter } from './graph-writer.ts';
import { bothOrders, firstResult, operandOf, resultShape } from './node-reading.ts';
import { type Finding, type Outcome, refuse, rewritingPass } from './rewrite.ts';

/** Numbers of a weight up to which it is multiplied out: what `fold-constants` takes on. */
const MOST_NUMBERS = 1 << 22;

export const foldBatchNorm = rewritingPass(
  {
    name: 'fold-batch-norm',
    summary: 'takes scales and shifts of channels behind a convolution into its weight and bias',
    reason: 'before fold-constants, which computes the weights that it leaves as products',
  },
  (index) => index.graph.nodes.flatMap((node) => findingsAt(node, index)),
);

function findingsAt(node: Node, index: GraphIndex): readonly Finding[] {
  if (node.op !== 'mul' && node.op !== 'add') return [];
  for (const [y, factor] of bothOrders(node)) {
    const conv = index.madeBy(y, 'conv');
    if (conv === null || !isOnePerChannel(factor, conv, index)) continue;
    const pattern = node.op === 'mul' ? 'conv * scale' : 'conv + shift';
    return [{ pattern, at: firstResult(node), outcome: outcomeOf(node, conv, factor, index) }];
  }
  return [];
}

function outcomeOf(node: Node, conv: Node, factor: ValueId, index: GraphIndex): Outcome {
  const y = firstResult(conv);
  const [weight, bias] = [operandOf(conv, 1), conv.operands[2] ?? null];
  const second = index.otherUseOf(y, [node]);
  if (second !== null) return refuse(y, `${index.nameOf(y)} has a second use: ${second}`);
  const changed = node.op === 'mul' ? [weight, bias, factor] : [bias, factor];
  for (const id of changed) {
    if (id !== null && !isKnown(id, index)) {
      return refuse(id, `${index.nameOf(id)} is not known when compiling`);
    }
  }
  if (node.op === 'mul') {
    const other = index.otherUseOf(weight, [conv]);
    if (other !== null) {
      return refuse(weight, `${index.nameOf(weight)} has a second use: ${other}`);
    }
    const count = elementCount(staticShape(index.shapeOf(weight)) ?? [Infinity]);
    if (count > MOST_NUMBERS) {
      return refuse(weight, `${index.nameOf(weight)} has ${count} numbers to multiply`);
    }
  }
  const replaces = [firstResult(node)];
  const write = (into: GraphWriter) => {
    const taken = node.op === 'mul' ? scaled : shifted;
    return [into.node('conv', taken(conv, factor, into), conv.attributes)];
  };
  return { rewrite: { replaces, write }, detail: `${node.op} into the weights of conv` };
}

type Operands = readonly (Value | null)[];

/** x, W * s, b * s. */
function scaled(conv: Node, scale: ValueId, into: GraphWriter): Operands {
  const weight = into.get(operandOf(conv, 1));
  const [channels = 1, ...others] = weight.shape;
  const column = reshaped(into, scale, [channels, ...others.map(() => 1)]);
  const bias = conv.operands[2] ?? null;
  return [
    into.get(operandOf(conv, 0)),
    into.node('mul', [weight, column]),
    bias === null ? null : into.node('mul', [into.get(bias), reshaped(into, scale, [channels])]),
  ];
}

/** x, W, b + t. */
function shifted(conv: Node, shift: ValueId, into: GraphWriter): Operands {
  const weight = into.get(operandOf(conv, 1));
  const vector = reshaped(into, shift, weight.shape.slice(0, 1));
  const bias = conv.operands[2] ?? null;
  const sum = bias === null ? vector : into.node('add', [into.get(bias), vector]);
  return [into.get(operandOf(conv, 0)), weight, sum];
}

function reshaped(into: GraphWriter, id: ValueId, shape: Value['shape']): Value {
  return into.node('reshape', [into.get(id)], { shape });
}

/** Whether a value broadcasts to a convolution's result as [c, ..1] or [1, c, ..1] does. */
function isOnePerChannel(id: ValueId, conv: Node, index: GraphIndex): boolean {
  const result = resultShape(conv, index);
  const shape = index.shapeOf(id);
  const axis = shape.length - result.length + 1;
  return axis >= 0 && shape.every((dim, i) => dim === (i === axis ? result[1] : 1));
}

/** Whether a value comes from constants and weights with data, of static shape, alone. */
function isKnown(id: ValueId, index: GraphIndex): boolean {
  const parameter = index.parameterOf(id);
  if (parameter !== null) return parameter.data !== null;
  const node = index.producerOf(id);
  const isStatic = staticShape(index.shapeOf(id)) !== null;
  return (
    isStatic &&
    node !== null &&
    node.body === null &&
    presentOperands(node).every((operand) => isKnown(operand, index))
  );
}
