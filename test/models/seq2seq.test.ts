/** Greedy decoding of the sequence-to-sequence example: plain JavaScript that drives compiled steps. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import step, { type Translation, translate } from '../../examples/seq2seq.ts';
import encoder from '../../examples/seq2seq-encoder.ts';
import { compile } from '../../src/compile-model.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { type Graph, valueOf } from '../../src/ir/graph.ts';
import { instantiate, type Model } from '../../src/model.ts';
import { nd } from '../support/op-runs.ts';

type Runnable = Parameters<typeof translate>[0];

const folder = await mkdtemp(join(tmpdir(), 'encompile-seq2seq-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function compiled(model: Model, backend: 'js' | 'wasm'): Promise<Runnable> {
  const output = join(folder, `${model.name}-${backend}`);
  await compile(model, { output, targets: backend === 'js' ? ['js'] : ['wasm'] });
  const artifact: { load(options: object): Promise<Runnable> } = await import(
    pathToFileURL(join(output, 'model.mjs')).href
  );
  return artifact.load({ backend });
}

async function interpreted(model: Model): Promise<Runnable> {
  const graph: Graph = await instantiate(model);
  return {
    run: async (inputs) => {
      const given = graph.inputs.map((id) => {
        const { name, dtype } = valueOf(graph, id);
        const { data = [], shape = [] } = inputs[name] ?? {};
        return [name, nd(dtype, shape, Array.from(data))] as const;
      });
      return Object.fromEntries(interpret(graph, new Map(given)).outputs);
    },
  };
}

describe('greedy decoding', async () => {
  const source = [7, 3, 21, 9];
  const exact = await translate(await interpreted(encoder), await interpreted(step), source);

  test('gives words, each with attention over the source that sums to 1', () => {
    expect(exact.words.length).toBeGreaterThan(1);
    for (const weights of exact.attention) {
      expect(weights).toHaveLength(source.length);
      expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1);
    }
  });

  test('another source gives other words, and a shorter limit fewer of the same', async () => {
    const [first, second] = [await interpreted(encoder), await interpreted(step)];
    const other: Translation = await translate(first, second, [1, 30, 2]);
    expect(other.words).not.toEqual(exact.words);
    const short = await translate(first, second, source, 2);
    expect(short.words).toEqual(exact.words.slice(0, 2));
  });

  test.each(['js', 'wasm'] as const)('is the same in %s', async (backend) => {
    const made = await translate(
      await compiled(encoder, backend),
      await compiled(step, backend),
      source,
    );
    expect(made.words).toEqual(exact.words);
    made.attention.forEach((weights, i) => {
      weights.forEach((weight, j) => {
        expect(weight).toBeCloseTo(exact.attention[i]?.[j] ?? Number.NaN, 4);
      });
    });
  });
});
