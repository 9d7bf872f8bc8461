/** What a newer opset has in place of an expansion, where it means the same, and where it does not. */
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../src/backends/onnx/export.ts';
import { IR_VERSION, isOnnxOpset } from '../../src/backends/onnx/opsets.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { bool, dims, f32, i64 } from '../../src/ir/types.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { exportPipeline, pipeline } from '../../src/passes/pipeline.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import { exported, opTypes } from '../support/onnx-model.ts';
import { attentionBlock } from '../support/sample-graphs.ts';

const { batch, n, m } = dims('batch', 'n', 'm');
const OPSETS = Object.keys(IR_VERSION).map(Number).filter(isOnnxOpset);

describe('opsets', () => {
  const graph = buildGraph('one', (g) => ({ y: g.neg(g.input('x', f32(2))) }));

  it.each(OPSETS)('%d is written with its version of the format', (opset) => {
    const { irVersion, opsetImport } = decodeModel(toOnnx(graph, { opset }), 'the export');
    expect(irVersion).toBe(BigInt(IR_VERSION[opset]));
    expect(opsetImport).toEqual([{ domain: '', version: BigInt(opset) }]);
  });

  it('are 17 to 23', () => {
    expect([OPSETS.at(0), OPSETS.at(-1), isOnnxOpset(16), isOnnxOpset(24)]).toEqual([
      ...[17, 23, false, false],
    ]);
  });

  it.each([
    ['reduce_mean', 'ReduceMean'],
    ['reduce_max', 'ReduceMax'],
    ['reduce_min', 'ReduceMin'],
    ['reduce_prod', 'ReduceProd'],
  ] as const)('%s has its axes as an operand since 18', (op, opType) => {
    const reduced = buildGraph('reduced', (g) => ({
      y: g[op](g.input('x', f32(2, 3)), { axes: [1] }),
    }));
    const nodeOf = (opset: 17 | 18) =>
      exported(reduced, opset).node.find((node) => node.opType === opType);
    expect(nodeOf(17)?.input).toHaveLength(1);
    expect(nodeOf(17)?.attribute.map(({ name }) => name)).toEqual(['axes', 'keepdims']);
    expect(nodeOf(18)?.input).toHaveLength(2);
    expect(nodeOf(18)?.attribute.map(({ name }) => name)).toEqual(['keepdims']);
  });

  it('scatters of the largest are an error before 18, which says what to do', () => {
    const scatter = buildGraph('scatter', (g) => {
      const [x, at] = [g.input('x', f32(4)), g.input('at', i64(2))];
      return { y: g.scatter_elements(x, at, g.input('by', f32(2)), { reduction: 'max' }) };
    });
    expect(() => toOnnx(scatter)).toThrow(/no op before opset 18.*--opset 18/s);
    expect(opTypes(exported(scatter, 18))).toContain('ScatterElements');
  });
});

describe('attention in opset 23', () => {
  type Given = readonly [query: Value<'f32'>, key: Value<'f32'>, value: Value<'f32'>];
  type Build = (g: Builder, ...given: Given) => Value;
  const opsOf = (
    build: Build,
    rows: 'n' | 'm' = m,
    leading: readonly ('batch' | 2)[] = [batch, 2],
  ) => {
    const graph = buildGraph('attention', (g) => {
      const query = g.input('query', f32(...leading, n, 4));
      const [key, value] = [
        g.input('key', f32(...leading, rows, 4)),
        g.input('value', f32(...leading, rows, 4)),
      ];
      return { y: build(g, query, key, value) };
    });
    return exported(fillRandomWeights(graph, 1), 23);
  };
  const attributesOf = ({ node }: ReturnType<typeof opsOf>) =>
    node.find(({ opType }) => opType === 'Attention')?.attribute.map(({ name }) => name);

  it('the usual scale is not written, another is', () => {
    expect(attributesOf(opsOf((g, q, k, v) => g.attention(q, k, v, { scale: 0.5 })))).toEqual([]);
    const other = opsOf((g, q, k, v) => g.attention(q, k, v, { scale: 1 }));
    expect(attributesOf(other)).toEqual(['scale']);
  });

  it('is_causal where query and key have the same rows, else a mask', () => {
    const causal: Build = (g, q, k, v) => g.attention(q, k, v, { scale: 0.5, causal: true });
    const same = opsOf(causal, n);
    expect([opTypes(same), attributesOf(same)]).toEqual([['Attention'], ['is_causal']]);
    expect(attributesOf(opsOf(causal))).toEqual([]);
    expect(opTypes(opsOf(causal))).toContain('LessOrEqual');
  });

  it('zeros stand where a query may see no key', () => {
    const masked = opsOf((g, q, k, v) =>
      g.attention(q, k, v, g.input('mask', bool(batch, 1, 1, m)), { scale: 0.5 }),
    );
    const types = opTypes(masked);
    expect(types.slice(types.indexOf('Attention'))).toEqual([
      ...['Attention', 'Cast', 'ReduceSum', 'Cast', 'Where'],
    ]);
  });

  it('a bias whose numbers are ordinary is an operand, one that may hide keys is expanded', () => {
    const weight = opsOf((g, q, k, v) =>
      g.attention(q, k, v, null, g.weight('bias', f32(2, 1, 1)), { scale: 0.5 }),
    );
    expect(opTypes(weight)).toEqual(['Shape', 'Shape', 'Concat', 'Expand', 'Attention']);
    const input = opsOf((g, q, k, v) =>
      g.attention(q, k, v, null, g.input('bias', f32(2, 1, m)), { scale: 0.5 }),
    );
    expect(opTypes(input)).not.toContain('Attention');
  });

  it('not with a scale that has no root', () => {
    const negative = opsOf((g, q, k, v) => g.attention(q, k, v, { scale: -1 }));
    expect(opTypes(negative)).not.toContain('Attention');
  });

  it('heads without a batch get one of 1', () => {
    const apart = opsOf((g, q, k, v) => g.attention(q, k, v, { scale: 0.5 }), m, [2]);
    expect(opTypes(apart)).toEqual(['Unsqueeze', 'Unsqueeze', 'Unsqueeze', 'Attention', 'Squeeze']);
  });
});

describe('ids of rows', () => {
  const looked = (
    build: (g: Builder, table: Value<'f32', [9, 4]>, ids: Value<'i64', ['n']>) => Value,
  ) =>
    opTypes(
      exported(
        fillRandomWeights(
          buildGraph('rows', (g) => ({
            y: build(g, g.weight('table', f32(9, 4)), g.input('ids', i64(n))),
          })),
          1,
        ),
      ),
    );

  it('that callers give are those of a weight, which artifacts refuse elsewhere', () => {
    expect(looked((g, table, ids) => g.embedding(table, ids))).toEqual(['Gather']);
    expect(looked((g, table, ids) => g.gather(table, g.reshape(ids, { shape: [1, n] })))).toEqual([
      ...['Reshape', 'Gather'],
    ]);
  });

  it('that are computed are clamped, and those along another axis', () => {
    expect(looked((g, table, ids) => g.embedding(table, g.add(ids, 1)))).toContain('Clip');
    expect(looked((g, table, ids) => g.gather(table, ids, { axis: 1 }))).toContain('Clip');
    const narrow = looked((g, table, ids) => g.gather(table, g.cast(ids, { dtype: 'i8' })));
    expect(narrow).toContain('Clip');
  });
});

describe('behind the passes', () => {
  const graph = fillRandomWeights(attentionBlock(), 1);
  const countOf = (written: Graph, opset: 17 | 23, opType: string) =>
    opTypes(exported(written, opset)).filter((type) => type === opType).length;

  it('three projections are one product, and the attention is one op in opset 23', () => {
    expect(countOf(graph, 17, 'MatMul')).toBe(5);
    for (const written of [runPasses(graph, exportPipeline), runPasses(graph, pipeline)]) {
      expect(countOf(written, 17, 'MatMul')).toBe(3);
      expect(countOf(written, 23, 'MatMul')).toBe(1);
      expect(countOf(written, 23, 'Attention')).toBe(1);
    }
  });

  it('ops of which other runtimes have kernels stay whole', () => {
    const layers = buildGraph('layers', (g) => {
      const x = g.input('x', f32(batch, n, 4));
      const weights = [g.weight('w', f32(4, 12)), g.weight('u', f32(3, 12))] as const;
      const [y] = g.lstm(x, ...weights, null, null, null, null, null, {});
      return { y };
    });
    const written = runPasses(fillRandomWeights(layers, 1), exportPipeline);
    expect(written.nodes.map(({ op }) => op)).toEqual(['lstm']);
    expect(opTypes(exported(written))).toContain('LSTM');
  });
});
