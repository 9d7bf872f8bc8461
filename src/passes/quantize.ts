/**
 * quantize: y = x W  ->  y = quantized_matmul(x, W8, scale)
 *
 * with scale[j] = the largest |W[.., j]| / 63 and W8 = round(W / scale), a column of zeros with the
 * scale 1. It changes what the graph computes, within the error of rounding W and x to these steps,
 * and runs only where that is asked for. Embedding tables, which are gathered and not multiplied, stay.
 * Requires: a weight of two dims with data, of f32, that nothing else uses.
 * Guarantees: the products of sums long enough to gain from it are quantized_matmul.
 *
 * Why no finer choice: over columns of 384 or 1,536 normal numbers, the scale of the least square error
 * takes off 1 % of the error, and an offset a column 8 %, for one more array and sum a column.
 */
import { EncompileError } from '../errors.ts';
import type { Node } from '../ir/graph.ts';
import { LONGEST_SUM, MOST_WEIGHT } from '../ir/ops/quantized_matmul.ts';
import { staticShape, type TensorData } from '../ir/types.ts';
import type { GraphIndex } from './graph-index.ts';
import type { GraphWriter } from './graph-writer.ts';
import { firstResult, operandOf } from './node-reading.ts';
import type { Pass } from './pass.ts';
import { type Finding, type Refusal, refuse, rewritingPass } from './rewrite.ts';

/** Below it, finding the steps of a row costs more than the products save. */
const SHORTEST_SUM = 32;

/** @param shortest the fewest products of a sum */
export function quantizeFrom(shortest: number): Pass {
  return rewritingPass(
    {
      name: 'quantize',
      summary:
        'rounds weights to 7 bits, and the rows they are multiplied with to 8, for integer products',
      reason:
        'only where it is asked for; after merge-projections, whose weights are larger; before fuse-epilogue, which gives each product what follows it',
    },
    (index) =>
      index.graph.nodes
        .filter(({ op }) => op === 'matmul')
        .map((node) => find(node, index, shortest)),
  );
}

export const quantize = quantizeFrom(SHORTEST_SUM);

const pattern = 'product with a weight';

function find(matmul: Node, index: GraphIndex, shortest: number): Finding {
  const at = firstResult(matmul);
  const refused = refusal(matmul, index, shortest);
  if (refused !== null) return { pattern, at, outcome: refused };
  const weight = operandOf(matmul, 1);
  const write = (into: GraphWriter) => [writeQuantized(matmul, into)];
  const shape = index.shapeOf(weight).join(', ');
  const detail = `${index.nameOf(weight)} [${shape}] is stored in bytes`;
  return { pattern, at, outcome: { rewrite: { replaces: [at], write }, detail } };
}

function refusal(matmul: Node, index: GraphIndex, shortest: number): Refusal | null {
  const weight = operandOf(matmul, 1);
  const name = index.nameOf(weight);
  const parameter = index.parameterOf(weight);
  if (parameter === null) return refuse(weight, `${name} is no weight`);
  const { dtype, shape } = index.value(weight);
  if (shape.length !== 2) return refuse(weight, `${name} has ${shape.length} dims, not 2`);
  if (dtype !== 'f32') return refuse(weight, `${name} is ${dtype}, not f32`);
  const other = index.otherUseOf(weight, [matmul]);
  if (other !== null) return refuse(weight, `${name} has a second use: ${other}`);
  const [inner = 0] = staticShape(shape) ?? [];
  if (inner < shortest || inner > LONGEST_SUM) {
    const range = `${shortest} to ${LONGEST_SUM}`;
    return refuse(weight, `a sum of ${inner} products is not in the range of ${range}`);
  }
  const isFinite = parameter.data === null || dataOf(parameter.data).every(Number.isFinite);
  return isFinite ? null : refuse(weight, `${name} has numbers that are not finite`);
}

function writeQuantized(matmul: Node, into: GraphWriter) {
  const { index } = into;
  const weight = operandOf(matmul, 1);
  const { name } = index.value(weight);
  const data = index.parameterOf(weight)?.data ?? null;
  if (data === null) {
    throw new EncompileError(
      `The weight '${name}' has no numbers, and quantising needs them: its steps are set by its largest ` +
        'ones. Load the model with its weights.',
    );
  }
  const { bytes, scale } = quantized(data);
  return into.node('quantized_matmul', [
    into.get(operandOf(matmul, 0)),
    into.parameter(`${name}.int8`, bytes, bytes),
    into.parameter(`${name}.scale`, scale, scale),
  ]);
}

/** The weight in steps of its columns, and the steps. */
export function quantized(weight: TensorData): {
  readonly bytes: TensorData;
  readonly scale: TensorData;
} {
  const [rows = 0, columns = 0] = weight.shape;
  const numbers = dataOf(weight);
  const scale = new Float32Array(columns);
  for (let i = 0; i < numbers.length; i++) {
    const j = i % columns;
    scale[j] = Math.max(scale[j] ?? 0, Math.abs(numbers[i] ?? 0));
  }
  scale.forEach((largest, j) => {
    // a quotient too small for float32 counts as a column of zeros
    scale[j] = Math.fround(largest / MOST_WEIGHT) || 1;
  });
  const bytes = new Int8Array(rows * columns);
  for (let i = 0; i < numbers.length; i++) {
    const steps = Math.round((numbers[i] ?? 0) / (scale[i % columns] ?? 1));
    bytes[i] = Math.max(-MOST_WEIGHT, Math.min(MOST_WEIGHT, steps));
  }
  return {
    bytes: { dtype: 'i8', shape: weight.shape, data: bytes },
    scale: { dtype: 'f32', shape: [columns], data: scale },
  };
}

function dataOf({ data }: TensorData): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error('the numbers of an f32 weight are no Float32Array');
}
