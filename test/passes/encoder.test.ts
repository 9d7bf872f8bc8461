/** The whole pipeline on encoders: how many kernels are left, and what is in them. */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { bool, dims, f32, i32 } from '../../src/ir/types.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { opsInside, type PassRun, refusals, runSafely, withWeights } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;
const WIDTH = 8;

interface Encoder {
  readonly layers: number;
  readonly isPreNorm: boolean;
  /** Asks for the weights of the attention of layer 0. */
  readonly showsWeights?: boolean;
}

function linear(g: Builder, x: V, width: number): V {
  const weight = g.weight('weight', f32(x.shape.at(-1) ?? 1, width));
  return g.linear(x, weight, g.weight('bias', f32(width))) as V;
}

function norm(g: Builder, x: V): V {
  return g.layer_norm(x, g.weight('gamma', f32(WIDTH)), g.weight('beta', f32(WIDTH)), {
    eps: 1e-6,
  });
}

function attend(g: Builder, x: V, mask: Value<'bool'>): { readonly context: V; readonly probs: V } {
  const [query, key, value] = ['query', 'key', 'value'].map((name): V => {
    const split: V = g.reshape(linear(g.scope(name), x, WIDTH), {
      shape: [batch, seq, 2, WIDTH / 2],
    });
    return g.transpose(split, { permutation: [0, 2, 1, 3] });
  });
  if (!query || !key || !value) throw new Error();
  const scores: V = g.div(g.matmul(query, g.transpose(key, { permutation: [0, 1, 3, 2] })), 2);
  const probs: V = g.softmax(scores, g.reshape(mask, { shape: [batch, 1, 1, seq] }));
  const joined: V = g.transpose(g.matmul(probs, value), { permutation: [0, 2, 1, 3] });
  const context: V = g.reshape(joined, { shape: [batch, seq, WIDTH] });
  return { context: linear(g.scope('output'), context, WIDTH), probs };
}

const feedForward = (g: Builder, x: V): V =>
  linear(g.scope('output'), g.gelu(linear(g.scope('hidden'), x, 16)), WIDTH);

function encoder({ layers, isPreNorm, showsWeights }: Encoder): Graph {
  return buildGraph('encoder', (g) => {
    const mask = g.input('mask', bool(batch, seq));
    const words = g.gather(g.weight('words', f32(11, WIDTH)), g.input('ids', i32(batch, seq)));
    const positions = g.slice(g.weight('positions', f32(16, WIDTH)), {
      starts: [0, 0],
      ends: [seq, WIDTH],
    });
    let x: V = g.add(words, positions);
    if (!isPreNorm) x = norm(g.scope('embeddings'), x);
    let weights: V | null = null;
    for (let i = 0; i < layers; i++) {
      const [a, f] = [g.scope(`${i}.attention`), g.scope(`${i}.ffn`)];
      const { context, probs } = attend(a, isPreNorm ? norm(a, x) : x, mask);
      weights ??= probs;
      x = isPreNorm ? g.add(x, context) : norm(a, g.add(x, context));
      const update = feedForward(f, isPreNorm ? norm(f, x) : x);
      x = isPreNorm ? g.add(x, update) : norm(f, g.add(x, update));
    }
    if (isPreNorm) x = norm(g.scope('last'), x);
    return { states: x, ...(showsWeights && weights ? { weights } : {}) };
  });
}

const kernelsOf = ({ ops }: PassRun) => ops.filter((op) => op !== 'reshape').length;

describe('kernels', () => {
  for (const isPreNorm of [false, true]) {
    const name = isPreNorm ? 'pre-norm' : 'post-norm';
    test(`of a ${name} encoder: 7 a layer and one for the embeddings`, () => {
      for (const layers of [1, 2]) {
        const result = runSafely(encoder({ layers, isPreNorm }), ...pipeline);
        expect(kernelsOf(result)).toBeLessThanOrEqual(7 * layers + 1);
      }
    });
  }

  test('what is in them', () => {
    const { graph, ops } = runSafely(encoder({ layers: 1, isPreNorm: false }), ...pipeline);
    expect(ops).toEqual([...Array(4).fill('fused'), 'add_norm', 'fused', 'fused', 'add_norm']);
    expect(opsInside(graph, 'embeddings.layer_norm')).toEqual([
      'gather',
      'slice',
      'add',
      'layer_norm',
    ]);
    const inAttention = opsInside(graph, '0.attention.reshape_4');
    expect(inAttention.filter((op) => op === 'attention')).toHaveLength(1);
    expect(inAttention.filter((op) => op === 'slice')).toHaveLength(3);
    expect(opsInside(graph, '0.ffn.gelu')).toEqual(['matmul', 'add', 'gelu']);
  });

  test('layers are alike: each has as many as the other', () => {
    const counts = [1, 2, 3].map((layers) =>
      kernelsOf(runSafely(encoder({ layers, isPreNorm: true }), ...pipeline)),
    );
    const [one = 0, two = 0, three = 0] = counts;
    expect(three - two).toBe(two - one);
  });
});

test('weights that are asked for keep one attention open, and the ledger says so', () => {
  const asked = { layers: 2, isPreNorm: false, showsWeights: true };
  const result = runSafely(encoder(asked), ...pipeline);
  const bodies = result.graph.nodes.flatMap((node) => node.body?.nodes.map(({ op }) => op) ?? []);
  expect(bodies.filter((op) => op === 'attention')).toHaveLength(1);
  expect(bodies.filter((op) => op === 'softmax')).toHaveLength(1);
  expect(refusals(result)).toContain(
    "%0.attention.softmax: %0.attention.softmax is the output 'weights'",
  );
});

test('onPass sees every pass by its name, and the graph gets smaller', () => {
  const seen: [string, number][] = [];
  runPasses(withWeights(encoder({ layers: 1, isPreNorm: true })), pipeline, {
    onPass: (name, { nodes }) => seen.push([name, nodes.length]),
  });
  expect(seen.map(([name]) => name)).toEqual(pipeline.map(({ name }) => name));
  expect(seen.at(-1)?.[1]).toBeLessThan(seen[0]?.[1] ?? 0);
});
