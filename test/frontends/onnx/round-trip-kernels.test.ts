/**
 * A declared BERT, or attention of one item, that is exported and imported again has the kernels of the declared one, compared step
 * by step: the exporter's guards for masked rows and its spellings leave nothing behind.
 */
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../../src/backends/onnx/export.ts';
import type { OnnxOpset } from '../../../src/backends/onnx/opsets.ts';
import { graphOfModel } from '../../../src/frontends/onnx/index.ts';
import { type Builder, buildGraph } from '../../../src/ir/builder.ts';
import type { Graph, Value } from '../../../src/ir/graph.ts';
import { bool, dims, f32, i64 } from '../../../src/ir/types.ts';
import { lower } from '../../../src/loops/lower.ts';
import { bert } from '../../../src/models/index.ts';
import { decodeModel } from '../../../src/onnx/model-file.ts';
import { runPasses } from '../../../src/passes/pass.ts';
import { exportPipeline, pipeline } from '../../../src/passes/pipeline.ts';
import { fillRandomWeights } from '../../../src/random-weights.ts';
import { kernelDifferences } from '../../support/same-kernels.ts';

const { batch, seq } = dims('batch', 'seq');
const TARGETS = ['js', 'wasm', 'wgsl'] as const;

type Mask = (g: Builder) => Value<'bool', readonly ['batch', 'seq']>;

const MASKS: { readonly [form: string]: Mask } = {
  // rows of padding are left out of every kernel
  'a mask of 0 and 1': (g) => g.not_equal(g.input('mask', i64(batch, seq)), 0),
  'a mask of 1 alone': (g) => g.equal(g.input('mask', i64(batch, seq)), 1),
  'a mask of bools': (g) => g.input('mask', bool(batch, seq)),
};

function declared(maskOf: Mask): Graph {
  const sizes = { layers: 2, hidden: 16, heads: 2, intermediate: 32 };
  const config = { ...sizes, vocab: 40, maxPositions: 32, typeVocab: 2 };
  const graph = buildGraph('bert', (g) => {
    const ids = g.input('ids', i64(batch, seq));
    const mask = maskOf(g);
    const tokenTypes = g.input('token_types', i64(batch, seq));
    const inputs = { ids, mask, tokenTypes };
    return { y: bert(g, config, inputs) };
  });
  return fillRandomWeights(graph, 1);
}

function again(graph: Graph, opset: OnnxOpset): Graph {
  const model = decodeModel(toOnnx(graph, { opset }), 'the export');
  return graphOfModel({ model, external: new Map() }, 'the export');
}

const HEADS = f32(2, seq, 8);
const attended = (g: Builder, mask: Value<'bool'> | null, causal: boolean) => {
  const [query, key, value] = [g.input('q', HEADS), g.input('k', HEADS), g.input('v', HEADS)];
  return { y: g.attention(query, key, value, mask, null, { scale: 0.25, causal }) };
};

const ATTENTIONS: { readonly [form: string]: Graph } = {
  plain: buildGraph('plain', (g) => attended(g, null, false)),
  causal: buildGraph('causal', (g) => attended(g, null, true)),
  masked: buildGraph('masked', (g) => attended(g, g.input('mask', bool(seq)), false)),
};

describe.each([17, 23] as const)('attention without a batch through opset %d', (opset) => {
  it.each(Object.entries(ATTENTIONS))('%s has the kernels of the declared graph', (_, graph) => {
    const [wanted, got] = [graph, again(graph, opset)].map((one) => runPasses(one, pipeline));
    if (wanted === undefined || got === undefined) throw new Error('two graphs were made');
    for (const target of TARGETS) {
      expect(kernelDifferences(lower(wanted, target), lower(got, target)), target).toEqual([]);
    }
  });
});

describe.each([17, 23] as const)('BERT through opset %d', (opset) => {
  describe.each(Object.entries(MASKS))('with %s', (_, maskOf) => {
    const graph = declared(maskOf);
    const wanted = runPasses(graph, pipeline);

    it.each([
      ['as declared', graph],
      ['optimised', runPasses(graph, exportPipeline)],
    ] as const)('%s has the kernels of the declared model', (_, written) => {
      const got = runPasses(again(written, opset), pipeline);
      for (const target of TARGETS) {
        expect(kernelDifferences(lower(wanted, target), lower(got, target)), target).toEqual([]);
      }
    });
  });
});
