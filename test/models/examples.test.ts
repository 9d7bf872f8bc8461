/**
 * Every example in the interpreter, at two lengths and batch sizes, against what its papers write,
 * put together from the parts in `transformer-reference.ts`.
 */
import { describe, expect, it } from 'vitest';
import causal from '../../examples/causal.ts';
import classifier from '../../examples/classifier.ts';
import crossAttention from '../../examples/cross-attention.ts';
import groupedHeads from '../../examples/grouped-heads.ts';
import preNorm from '../../examples/pre-norm.ts';
import twoLayers from '../../examples/two-layers.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { instantiate, type Model } from '../../src/model.ts';
import { bools, expectClose, matrixOf, rows, weightRows } from '../support/interpret-model.ts';
import { seededArray, seededNumbers } from '../support/seeded-numbers.ts';
import {
  ACTIVATIONS,
  add,
  at,
  encoderBlock,
  feedForward,
  layerNorm,
  linear,
  type Matrix,
  multiHeadAttention,
  row,
  sinusoids,
  sum,
  type Vector,
  type WeightRows,
} from '../support/transformer-reference.ts';

const SIZES = [
  { batch: 1, seq: 3 },
  { batch: 3, seq: 6 },
] as const;

type Inputs = { readonly [name: string]: NdArray };

/** What the interpreter gives for an example with its own weights. */
async function run(model: Model, inputs: Inputs, output: string) {
  const graph = await instantiate(model);
  verifyGraph(graph);
  const result = interpret(graph, new Map(Object.entries(inputs))).outputs.get(output);
  if (result === undefined) throw new Error(`there is no output ${output}`);
  return { result, weights: weightRows(graph) };
}

function idsBelow(vocab: number, shape: readonly number[], seed = 1): NdArray {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const data = seededNumbers(seed, count).map((value) => Math.floor(((value + 1) / 2) * vocab));
  return { dtype: 'i32', shape, data: Float64Array.from(data) };
}

/** Row b has b tokens of padding on the right. */
function padded(batch: number, seq: number): NdArray {
  return bools(
    Array.from({ length: batch }, (_, b) => Array.from({ length: seq }, (_, t) => t < seq - b)),
  );
}

const sequence = ({ shape, data }: NdArray, b: number): Vector => {
  const [, seq = 0] = shape;
  return Array.from(data.subarray(b * seq, (b + 1) * seq));
};

const lookUp = (table: Matrix, ids: Vector): Matrix => ids.map((id) => row(table, id));

describe.each(SIZES)('$batch x $seq:', ({ batch, seq }) => {
  const shape = [batch, seq];
  const everyRow = Array.from({ length: batch }, (_, b) => b);
  const mask = padded(batch, seq);
  const sees = (b: number) => (_: number, j: number) => j < seq - b;

  it('two-layers', async () => {
    const ids = idsBelow(8000, shape);
    const { result, weights } = await run(twoLayers, { ids, mask }, 'states');
    expect(result.shape).toEqual([batch, seq, 64]);
    for (const b of everyRow) {
      let x = add(lookUp(weights('embeddings'), sequence(ids, b)), sinusoids(seq, 64));
      for (const i of [0, 1]) {
        x = encoderBlock(weights, `layer.${i}.`, x, { heads: 4, sees: sees(b) });
      }
      expectClose(matrixOf(result, b), x);
    }
  });

  it('pre-norm', async () => {
    const ids = idsBelow(1000, shape);
    const { result, weights } = await run(preNorm, { ids, mask }, 'embedding');
    const expected = everyRow.map((b) => {
      const positions = weights('embeddings.position').slice(0, seq);
      let x = add(lookUp(weights('embeddings.word'), sequence(ids, b)), positions);
      const block = { heads: 3, sees: sees(b), norm: 'pre', activation: 'silu' } as const;
      for (const i of [0, 1, 2]) x = encoderBlock(weights, `layer.${i}.`, x, block);
      const tokens = layerNorm(weights, 'norm', x, 1e-5).slice(0, seq - b);
      const mean = row(tokens, 0).map((_, i) => sum(tokens.map((f) => at(f, i))) / tokens.length);
      return mean.map((value) => value / Math.hypot(...mean));
    });
    expectClose(rows(48, Array.from(result.data)), expected);
  });

  it('classifier', async () => {
    const [ids, types] = [idsBelow(2000, shape), idsBelow(2, shape, 2)];
    const { result, weights } = await run(classifier, { ids, types, mask }, 'chances');
    const expected = everyRow.map((b) => {
      const words = lookUp(weights('embeddings.word'), sequence(ids, b));
      const kinds = lookUp(weights('embeddings.token_type'), sequence(types, b));
      const total = add(add(words, kinds), weights('embeddings.position').slice(0, seq));
      let x = layerNorm(weights, 'embeddings.norm', total, 1e-12);
      const block = { heads: 4, sees: sees(b), eps: 1e-12 };
      for (const i of [0, 1]) x = encoderBlock(weights, `layer.${i}.`, x, block);
      const dense = linear(weights, 'classifier.dense', x.slice(0, 1));
      const hidden = dense.map((features) => features.map(Math.tanh));
      return softmax(row(linear(weights, 'classifier.projection', hidden), 0));
    });
    expectClose(rows(3, Array.from(result.data)), expected);
  });

  it('cross-attention', async () => {
    const target = seededArray(1, [batch, seq, 64]);
    const source = seededArray(2, [batch, 5, 96]);
    const source_mask = padded(batch, 5);
    const inputs = { target, source, source_mask };
    const { result, weights } = await run(crossAttention, inputs, 'states');
    for (const b of everyRow) {
      const x = matrixOf(target, b);
      const past = { heads: 4, sees: (i: number, j: number) => j <= i };
      const y = norm(weights, 'self', add(x, multiHeadAttention(weights, 'self.', x, past)));
      const keys = { heads: 4, sees: (_: number, j: number) => j < 5 - b };
      const memory = matrixOf(source, b);
      const cross = multiHeadAttention(weights, 'cross.', y, keys, memory);
      const z = norm(weights, 'cross', add(y, cross));
      const ffn = feedForward(weights, 'ffn.', z, ACTIVATIONS.relu);
      expectClose(matrixOf(result, b), norm(weights, 'ffn', add(z, ffn)));
    }
  });

  it('causal', async () => {
    const ids = idsBelow(500, shape);
    const { result, weights } = await run(causal, { ids }, 'scores');
    expect(result.shape).toEqual([batch, seq, 500]);
    const past = { heads: 4, sees: (i: number, j: number) => j <= i, norm: 'pre' } as const;
    const table = weights('embeddings');
    for (const b of everyRow) {
      let x = add(lookUp(table, sequence(ids, b)), sinusoids(seq, 64));
      for (const i of [0, 1]) x = encoderBlock(weights, `layer.${i}.`, x, past);
      const states = layerNorm(weights, 'norm', x, 1e-5);
      const scores = states.map((state) =>
        table.map((word) => sum(word.map((value, i) => value * at(state, i)))),
      );
      expectClose(matrixOf(result, b), scores);
    }
  });

  it('grouped-heads', async () => {
    const x = seededArray(3, [batch, seq, 64]);
    const { result, weights } = await run(groupedHeads, { x, mask }, 'states');
    for (const b of everyRow) {
      let expected = matrixOf(x, b);
      const block = { heads: 8, keyHeads: 2, sees: sees(b) };
      for (const i of [0, 1]) expected = encoderBlock(weights, `layer.${i}.`, expected, block);
      expectClose(matrixOf(result, b), expected);
    }
  });
});

function norm(weights: WeightRows, scope: string, x: Matrix): Matrix {
  return layerNorm(weights, `${scope}.norm`, x, 1e-5);
}

function softmax(scores: Vector): Vector {
  const total = sum(scores.map(Math.exp));
  return scores.map((score) => Math.exp(score) / total);
}
