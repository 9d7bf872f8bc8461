/**
 * What exporters write becomes the kernels that a declared model has: compared step by step, the loop
 * IR and the buffers that each step is given.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compiledFor, compileGraph } from '../../../src/compile.ts';
import { loadHuggingFace } from '../../../src/frontends/huggingface/index.ts';
import { type Builder, buildGraph } from '../../../src/ir/builder.ts';
import type { Graph, Value } from '../../../src/ir/graph.ts';
import { dims, f32, i32, i64, type Shape } from '../../../src/ir/types.ts';
import { lower } from '../../../src/loops/lower.ts';
import type { Program } from '../../../src/loops/program.ts';
import {
  bert,
  encoderBlock,
  feedForward,
  layerNorm,
  linear,
  mergeHeads,
  multiHeadAttention,
  scaledDotProductAttention,
  splitHeads,
} from '../../../src/models/index.ts';
import { type Pass, runPasses } from '../../../src/passes/pass.ts';
import { pipeline } from '../../../src/passes/pipeline.ts';
import { removePadding } from '../../../src/passes/remove-padding.ts';
import type { CompileTarget } from '../../../src/targets.ts';
import { importTrained } from '../../support/onnx-weights.ts';
import { type Difference, kernelDifferences } from '../../support/same-kernels.ts';
import { describeWithData } from '../../support/test-data.ts';

const TARGETS = ['js', 'wasm', 'wgsl'] as const satisfies readonly CompileTarget[];
const fixture = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/onnx/${name}`, import.meta.url));
const { batch, seq, mem } = dims('batch', 'seq', 'mem');

function programOf(graph: Graph, target: (typeof TARGETS)[number]): Program {
  return compiledFor(compileGraph(graph, { targets: [target] }), target).program;
}

/** In the order of the targets. */
function differences(
  declared: Graph,
  imported: Graph,
  passes: readonly Pass[] = pipeline,
): readonly (readonly Difference[])[] {
  const [a, b] = [declared, imported].map((graph) => runPasses(graph, passes));
  if (a === undefined || b === undefined) throw new Error('nothing was optimised');
  return TARGETS.map((target) => kernelDifferences(lower(a, target), lower(b, target)));
}

describe('kernelDifferences', () => {
  const scaled = (name: string, scale: number, width = 4) =>
    buildGraph(name, (g) => {
      const x: Value<'f32'> = g.input(`${name}.x`, f32(batch, width));
      return { [`${name}.y`]: g.softmax(g.mul(x, scale)) };
    });

  it('takes no account of names', () => {
    expect(
      kernelDifferences(programOf(scaled('a', 3), 'js'), programOf(scaled('b', 3), 'js')),
    ).toEqual([]);
  });

  it.each([
    ['a number', scaled('a', 3), scaled('b', 3.5)],
    ['a size', scaled('a', 3), scaled('b', 3, 5)],
    ['a kernel more', scaled('a', 3), twice(scaled)],
  ])('sees %s', (_, a, b) => {
    expect(kernelDifferences(programOf(a, 'js'), programOf(b, 'js')).length).toBeGreaterThan(0);
  });

  it('sees which buffers a kernel is given', () => {
    const product = (isSwapped: boolean) =>
      buildGraph('products', (g) => {
        const [a, b]: Value<'f32'>[] = [g.input('a', f32(4, 4)), g.input('b', f32(4, 4))];
        if (a === undefined || b === undefined) throw new Error('no inputs');
        const c: Value<'f32'> = g.matmul(a, b);
        return { y: isSwapped ? g.matmul(c, a) : g.matmul(c, b) };
      });
    const [first, second] = [product(false), product(true)].map((graph) => programOf(graph, 'js'));
    if (first === undefined || second === undefined) throw new Error('no programs');
    expect(kernelDifferences(first, second).map(({ lines }) => lines)).toEqual([
      ['- on buffer2, buffer1, buffer3', '+ on buffer2, buffer0, buffer3'],
    ]);
  });

  function twice(of: typeof scaled): Graph {
    expect(of('b', 3).nodes.length).toBeGreaterThan(0);
    return buildGraph('b', (g) => {
      const x: Value<'f32'> = g.input('x', f32(batch, 4));
      return { y: g.softmax(g.mul(x, 3)), z: g.reduce_max(x, { axes: [0] }) };
    });
  }
});

describeWithData('BERT', 'models/bert-untrained-sentence_embedding', (folder) => {
  const imported = importTrained(`${folder}/model.onnx`);

  it('has the kernels of the model declared with bert()', () => {
    const sizes = { layers: 1, hidden: 16, heads: 2, intermediate: 32 };
    const config = { ...sizes, vocab: 30522, maxPositions: 512, typeVocab: 2 };
    const declared = buildGraph('bert', (g) => {
      const ids = g.input('input_ids', i64(batch, seq));
      // the file hides every token whose mask is not 1
      const mask = g.equal(g.input('attention_mask', i64(batch, seq)), 1);
      const tokenTypes = g.input('token_type_ids', i64(batch, seq));
      return { states: bert(g, config, { ids, mask, tokenTypes }) };
    });
    expect(differences(declared, imported)).toEqual([[], [], []]);
  });

  it('has the kernels of the Hugging Face folder but for the pooler and the test of the mask', async () => {
    const { graph } = await loadHuggingFace(folder);
    for (const found of differences(graph, imported)) {
      const [attention, pooler, more] = found;
      expect(more).toBeUndefined();
      expect(pooler?.kernels[1]).toBeNull();
      expect(attention?.lines.length).toBeGreaterThan(0);
      for (const line of attention?.lines ?? []) {
        expect(line).toMatch(/^- .* != (splat\()?0|^\+ .* == (splat\()?1/);
      }
    }
  });
});

describeWithData('BERT classifier', 'models/bert-untrained-sequence_classification', (folder) => {
  it('has the kernels of the Hugging Face folder but for the test of the mask', async () => {
    const { graph } = await loadHuggingFace(folder);
    const imported = importTrained(`${folder}/model.onnx`);
    // packed, the imported one tests whether a mask that is not 0 is 1, besides
    const padded = pipeline.filter((pass) => pass !== removePadding);
    for (const found of differences(graph, imported, padded)) {
      expect(found.length).toBe(1);
      for (const line of found[0]?.lines ?? []) {
        expect(line).toMatch(/^- .* != (splat\()?0|^\+ .* == (splat\()?1/);
      }
    }
  });

  it('runs on the rows that count', () => {
    const { kernels } = programOf(importTrained(`${folder}/model.onnx`), 'js');
    expect(kernels.map(({ name }) => name).join()).toContain('segment_attention');
  });
});

describe('DistilBERT as transformers 5 and PyTorch write it in opset 14', () => {
  // norms and gelu in small ops, the root of the scale on query and key, a mask looked up by counted
  // places and expanded, NaN of the softmax replaced
  const imported = importTrained(fixture('distilbert.onnx'));
  const inputs = (g: Builder) => ({
    ids: g.input('input_ids', i64(batch, seq)),
    mask: g.not_equal(g.input('attention_mask', i64(batch, seq)), 0),
  });
  const sizes = { layers: 2, hidden: 16, heads: 2, intermediate: 32, vocab: 50, maxPositions: 32 };

  it('has the kernels of the model declared with bert()', () => {
    const declared = buildGraph('distilbert', (g) => ({ y: bert(g, sizes, inputs(g)) }));
    expect(differences(declared, imported)).toEqual([[], [], []]);
  });
});

describe('DistilBERT as transformers 5 and the exporter of graphs write it in opset 18', () => {
  // a mask looked up by pairs of guarded places and turned into numbers to add, keys turned with batch
  // and heads joined
  const imported = importTrained(fixture('distilbert-graph.onnx'));
  const sizes = { layers: 1, hidden: 8, heads: 2, intermediate: 16, vocab: 20, maxPositions: 16 };

  it('has the kernels of the model declared with bert()', () => {
    const declared = buildGraph('distilbert', (g) => {
      const ids = g.input('input_ids', i64(batch, seq));
      const mask = g.not_equal(g.input('attention_mask', i64(batch, seq)), 0);
      return { y: bert(g, sizes, { ids, mask }) };
    });
    expect(differences(declared, imported)).toEqual([[], [], []]);
  });
});

describe('an encoder as Keras 3 and tf2onnx write it in opset 17', () => {
  // scores of transposed keys and queries, turned back; the mask written as products, ids counted from the
  // end twice, positions cut by sizes that are compared, rows joined for products with weights, norms
  // multiplied out
  const imported = importTrained(fixture('keras-encoder.onnx'));

  it('has the kernels of the declared model', () => {
    const declared = buildGraph('keras', (g) => {
      const ids = g.input('ids', i32('unk__558', 'unk__559'));
      const mask = g.not_equal(g.input('mask', i32('unk__558', 'unk__559')), 0);
      const ends = ['unk__559', 8];
      const positions = g.slice(g.weight('p', f32(16, 8)), { starts: [0, 0], ends });
      const x: Value<'f32'> = g.add(g.embedding(g.weight('e', f32(12, 8)), ids), positions);
      // in this order the weights lie beside each other
      const [value, key, query] = ['value', 'key', 'query'].map((name) =>
        splitHeads<'f32', Shape, number>(g, linear(g.scope(name), x, { width: 8 }), 2),
      );
      if (query === undefined || key === undefined || value === undefined) throw new Error();
      const visible = g.reshape(mask, { shape: ['unk__558', 1, 1, 'unk__559'] });
      const context: Value<'f32'> = scaledDotProductAttention(g, query, key, value, {
        mask: visible,
      });
      const merged: Value<'f32'> = mergeHeads<'f32', Shape>(g, context);
      const norm = (name: string, sum: Value<'f32'>) =>
        layerNorm(g.scope(name), sum, { eps: 1e-6 });
      const attended = norm('a', g.add(x, linear(g.scope('o'), merged, { width: 8 })));
      const hidden = feedForward(g.scope('ffn'), attended, { hidden: 16 });
      return { y: norm('b', g.add(attended, hidden)) };
    });
    expect(differences(declared, imported)).toEqual([[], [], []]);
  });
});

/** Every case of PyTorch's old exporter, and the model that it is of. */
const CASES: { readonly [name: string]: (g: Builder) => { readonly y: Value } } = {
  self_attention: (g) => {
    const x = g.input('x', f32(batch, seq, 16));
    const [q, k, v] = ['q', 'k', 'v'].map((name) =>
      linear(g.scope(name), x, { width: 16, bias: false }),
    );
    if (q === undefined || k === undefined || v === undefined) throw new Error('no projection');
    const scores: Value<'f32'> = g.matmul(q, g.transpose(k, { permutation: [0, 2, 1] }));
    return { y: g.matmul(g.softmax(g.mul(scores, 0.25)), v as Value<'f32'>) };
  },
  multi_head_self: (g) => ({
    y: multiHeadAttention(g, g.input('x', f32(batch, seq, 64)), { heads: 4 }),
  }),
  cross_attention: (g) => {
    const x = g.input('x', f32(batch, seq, 40));
    const memory = g.input('mem', f32(batch, mem, 40));
    return { y: multiHeadAttention(g, x, { heads: 5, memory }) };
  },
  encoder_post_gelu: (g) => {
    const ids = g.input('ids', i64(batch, seq));
    const mask = g.not_equal(g.input('mask', i64(batch, seq)), 0);
    const embedded: Value<'f32'> = g.mul(g.embedding(g.weight('e', f32(30, 64)), ids), 8);
    const positions = g.slice(g.weight('p', f32(64, 64)), { starts: [0, 0], ends: [seq, 64] });
    let x: Value<'f32'> = g.add(embedded, positions);
    for (const i of [0, 1]) {
      x = encoderBlock<'f32', readonly (string | number)[], 8>(g.scope(`${i}`), x, {
        heads: 8,
        hidden: 128,
        mask,
      });
    }
    return { y: x };
  },
};

for (const [name, declare] of Object.entries(CASES)) {
  describeWithData(name, `torch-cases/${name}.onnx`, (path) => {
    it('has the kernels of the declared model', () => {
      const declared = buildGraph(name, declare);
      expect(differences(declared, importTrained(path))).toEqual([[], [], []]);
    });
  });
}
