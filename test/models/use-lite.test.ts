/** The declaration of Universal Sentence Encoder Lite, in the interpreter, against TensorFlow.js. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadUseLiteWeights } from '../../examples/use-lite/weights.ts';
import useLite from '../../examples/use-lite.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { type Graph, valueOf } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { printType } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { instantiate } from '../../src/model.ts';
import { describeWithData } from '../support/test-data.ts';
import { type ReferenceWeights, useLiteReference } from '../support/use-lite-reference.ts';

interface Golden {
  readonly sentence: string;
  readonly ids: readonly number[];
  readonly embedding: readonly number[];
}

const fixture: readonly Golden[] = JSON.parse(
  readFileSync(fileURLToPath(new URL('../fixtures/use-lite.json', import.meta.url)), 'utf8'),
);

let graph: Graph;
beforeAll(async () => {
  graph = await instantiate(useLite);
  verifyGraph(graph);
});

/** The embeddings of a batch; shorter sentences are padded with ids that would show if seen. */
function embed(sentences: readonly (readonly number[])[]): readonly Float64Array[] {
  const seq = Math.max(1, ...sentences.map((ids) => ids.length));
  const shape = [sentences.length, seq];
  const fill = (f: (ids: readonly number[], t: number) => number) =>
    Float64Array.from({ length: sentences.length * seq }, (_, k) =>
      f(sentences[Math.floor(k / seq)] ?? [], k % seq),
    );
  const ids: NdArray = { dtype: 'i32', shape, data: fill((row, t) => row[t] ?? 4321 + t) };
  const mask: NdArray = { dtype: 'bool', shape, data: fill((row, t) => Number(t < row.length)) };
  const inputs = new Map([
    ['ids', ids],
    ['mask', mask],
  ]);
  const { data } = interpret(graph, inputs).outputs.get('embedding') ?? { data: [] };
  return sentences.map((_, b) => Float64Array.from(data.slice(b * 512, (b + 1) * 512)));
}

function largestDifference(
  actual: ArrayLike<number> | undefined,
  expected: ArrayLike<number>,
): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(
    ...Array.from(expected, (value, i) => Math.abs(value - (actual?.[i] ?? Number.NaN))),
  );
}

test('has the inputs, the output and the weights of docs/use-lite.md', async () => {
  const typed = (id: Graph['inputs'][number]) => printType(valueOf(graph, id));
  expect(graph.inputs.map((id) => `${valueOf(graph, id).name}: ${typed(id)}`)).toEqual([
    'ids: i32[batch, seq]',
    'mask: bool[batch, seq]',
  ]);
  expect(graph.outputs.map(({ name, value }) => `${name}: ${typed(value)}`)).toEqual([
    'embedding: f32[batch, 512]',
  ]);
  const names = graph.parameters.map(({ value }) => valueOf(graph, value).name);
  expect(names.sort()).toEqual([...(await loadUseLiteWeights()).keys()].sort());
  expect(names).toHaveLength(37);
});

describe('embeddings', () => {
  test.each(fixture)('of $sentence', ({ ids, embedding }) => {
    expect(largestDifference(embed([ids])[0], embedding)).toBeLessThan(1e-5);
  });

  test('of a padded batch', () => {
    const embeddings = embed(fixture.map(({ ids }) => ids));
    fixture.forEach(({ embedding }, b) => {
      expect(largestDifference(embeddings[b], embedding)).toBeLessThan(1e-5);
    });
  });

  // Both are float64, so that nothing but the order of sums lies between them.
  test('equal those of the reference, also of a sentence without tokens', async () => {
    const weights: ReferenceWeights = await loadUseLiteWeights();
    const sentences = [[579, 0, 4551], []];
    const embeddings = embed(sentences);
    sentences.forEach((ids, b) => {
      const padded = {
        ids: [0, 1, 2].map((t) => ids[t] ?? 0),
        mask: [0, 1, 2].map((t) => t < ids.length),
      };
      const expected = useLiteReference(weights, padded);
      expect(largestDifference(embeddings[b], expected)).toBeLessThan(1e-9);
    });
  });
});

describeWithData('all goldens', 'use-lite/golden.json', (path) => {
  const goldens: readonly Golden[] = JSON.parse(readFileSync(path, 'utf8'));

  test.each(goldens)('embedding of $sentence', ({ ids, embedding }) => {
    expect(largestDifference(embed([ids])[0], embedding)).toBeLessThan(1e-5);
  });
});
