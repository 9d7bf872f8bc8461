/**
 * The exported model, read back: its ops, types, sizes and weights. That it computes the same is
 * checked in ONNX Runtime, in `test/oracles`.
 */
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../src/backends/onnx/export.ts';
import type { OnnxOpset } from '../../src/backends/onnx/opsets.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { type OpName, registry } from '../../src/ir/ops/index.ts';
import { bool, dims, f16, f32, i8, i64, u8 } from '../../src/ir/types.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';
import { DATA_TYPE } from '../../src/onnx/schema.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import { checkNames, exported, opTypes, typeOf } from '../support/onnx-model.ts';
import { opCases, scattersExtremes } from '../support/op-cases.ts';
import { attentionBlock } from '../support/sample-graphs.ts';

const { batch, seq } = dims('batch', 'seq');

describe('a block of attention and norm', () => {
  const graph = fillRandomWeights(attentionBlock(), 1);
  const model = decodeModel(toOnnx(graph), 'the export');
  const onnx = exported(graph);

  it('is a model of opset 17', () => {
    expect(model.irVersion).toBe(8n);
    expect(model.opsetImport).toEqual([{ domain: '', version: 17n }]);
    expect(model.producerName).toBe('encompile');
    expect(onnx.name).toBe('block');
  });

  it('keeps names and types, symbols as dim_param', () => {
    expect(onnx.input.map(({ name }) => name)).toEqual(['x', 'mask']);
    expect(onnx.input.map(typeOf)).toEqual(['1 [batch, seq, 64]', '9 [batch, 1, 1, seq]']);
    expect(onnx.output.map(({ name }) => name)).toEqual(['states', 'sum']);
    expect(onnx.output.map(typeOf)).toEqual(['1 [batch, seq, 64]', '1 [batch, seq, 64]']);
    checkNames(onnx);
  });

  it('is of standard ops, the mask around Softmax so that a masked row is zeros', () => {
    const projection = ['MatMul', 'Reshape', 'Transpose'];
    expect(opTypes(onnx)).toEqual([
      ...[...projection, ...projection, ...projection],
      ...['Transpose', 'MatMul', 'Mul', 'Where', 'Softmax', 'Where', 'MatMul'],
      ...['Transpose', 'Reshape', 'Add', 'LayerNormalization'],
    ]);
    const [before, , after] = onnx.node.filter(({ opType }) =>
      ['Where', 'Softmax'].includes(opType ?? ''),
    );
    expect([before?.input[0], after?.input[0]]).toEqual(['mask', 'mask']);
  });

  it('reshapes by copying symbolic dims, without computing sizes', () => {
    const shapes = onnx.node.flatMap(({ opType, input }) => (opType === 'Reshape' ? input[1] : []));
    const values = shapes.map((name) => {
      const found = onnx.initializer.find((tensor) => tensor.name === name);
      return [...new BigInt64Array(Uint8Array.from(found?.rawData?.read() ?? []).buffer)];
    });
    expect(values.at(0)).toEqual([0n, 0n, 4n, 16n]);
    expect(values.at(-1)).toEqual([0n, 0n, 64n]);
  });

  it('holds the weights under their names, byte for byte', () => {
    for (const { value, data } of graph.parameters) {
      const name = graph.values.get(value)?.name;
      const tensor = onnx.initializer.find((candidate) => candidate.name === name);
      expect(tensor?.dims).toEqual(data?.shape.map(BigInt));
      expect(tensor?.dataType).toBe(DATA_TYPE.float);
      expect(new Float32Array(Uint8Array.from(tensor?.rawData?.read() ?? []).buffer)).toEqual(
        data?.data,
      );
    }
  });

  it('is the same bytes each time', () => {
    expect(toOnnx(graph)).toEqual(toOnnx(graph));
  });

  it('is exported after passes too, regions as their bodies', () => {
    const fused = runPasses(graph, pipeline);
    expect(fused.nodes.some(({ body }) => body !== null)).toBe(true);
    const onnx = exported(fused);
    checkNames(onnx);
    expect(opTypes(onnx).filter((type) => type === 'MatMul').length).toBeGreaterThanOrEqual(3);
  });
});

const words = (text: string) => text.split(' ');

/** Of two operands all digits, that of the sign by itself, together by `combined`. */
const DIGITS = words('Cast Unsqueeze Less Sub Where Div Mod Cast Concat');
const bits = (combined: string) => [
  ...[...DIGITS, ...DIGITS, ...words(combined)],
  ...words('Mul ReduceSum Cast'),
];

/** Gates in the order of ONNX, a weight with a dim for directions, and both biases as one. */
const reordered = (gates: number) => [...Array<string>(gates).fill('Slice'), 'Concat'];
const MATRIX = ['Transpose', 'Unsqueeze'];
const BIASES = ['Concat', 'Unsqueeze'];

/** Ops of opset 17 that the first case of each op comes to. */
const FIRST: {
  readonly [N in Exclude<OpName, 'fused'>]: readonly string[];
} = {
  ...{ neg: ['Neg'], abs: ['Abs'], sign: ['Sign'], relu: ['Relu'], exp: ['Exp'], log: ['Log'] },
  ...{ sqrt: ['Sqrt'], rsqrt: ['Sqrt', 'Reciprocal'], reciprocal: ['Reciprocal'] },
  ...{ sin: ['Sin'], cos: ['Cos'], tanh: ['Tanh'], erf: ['Erf'], sigmoid: ['Sigmoid'] },
  ...{ floor: ['Floor'], ceil: ['Ceil'], round: ['Round'], not: ['Not'] },
  tan: ['Tan'],
  asin: ['Asin'],
  acos: ['Acos'],
  sinh: ['Sinh'],
  cosh: ['Cosh'],
  asinh: ['Asinh'],
  acosh: ['Acosh'],
  atanh: ['Atanh'],
  atan: ['Atan'],
  trunc: ['Less', 'Ceil', 'Floor', 'Where'],
  is_nan: ['IsNaN'],
  // what is there in float32 is an output under another name
  round_float32: ['Identity'],
  ...{ round_float16: ['Cast', 'Cast'], round_bfloat16: ['Cast', 'Cast'] },
  is_inf: ['IsInf'],
  mod: ['Mod', 'Less', 'Less', 'Xor', 'Equal', 'Not', 'And', 'Add', 'Where'],
  bit_and: bits('Mul'),
  bit_or: bits('Max'),
  bit_xor: bits('Add Mod'),
  shift_left: words('Cast Cast Mod Cast Cast BitShift Cast Cast'),
  shift_right: words('Cast Less Sub Where Cast Mod Cast Cast BitShift Cast Sub Where Cast'),
  gather_nd: words(
    'Reshape Slice Reshape Max Shape Add Squeeze Squeeze Range Cast Reshape Min Shape Squeeze Add Squeeze Range Cast Reshape Mul Slice Reshape Max Add Squeeze Range Cast Reshape Min Add Mul Add Squeeze Cast Clip Gather',
  ),
  scatter_elements: words('Pad Cast Less GreaterOrEqual Or Where ScatterElements Slice'),
  scatter_nd: words('Pad Cast Shape Shape Concat Less GreaterOrEqual Or Where ScatterND Slice'),
  gelu: ['Div', 'Erf', 'Mul', 'Add', 'Mul'],
  silu: ['Sigmoid', 'Mul'],
  ...{ add: ['Add'], sub: ['Sub'], mul: ['Mul'], div: ['Div'], rem: ['Mod'], pow: ['Pow'] },
  ...{ minimum: ['Min'], maximum: ['Max'], equal: ['Equal'], not_equal: ['Equal', 'Not'] },
  ...{ less: ['Less'], less_equal: ['LessOrEqual'] },
  ...{ greater: ['Greater'], greater_equal: ['GreaterOrEqual'] },
  ...{ and: ['And'], or: ['Or'], xor: ['Xor'], select: ['Where'] },
  cast: ['Identity'],
  reduce_sum: ['ReduceSum'],
  reduce_mean: ['ReduceMean'],
  reduce_max: ['ReduceMax'],
  reduce_min: ['ReduceMin'],
  reduce_prod: ['ReduceProd'],
  ...{ argmax: ['ArgMax'], argmin: ['ArgMin'], matmul: ['MatMul'], reshape: ['Reshape'] },
  cumsum: ['CumSum'],
  nonzero: ['Reshape', 'NonZero', 'Reshape', 'Cast'],
  quantize: ['Less', 'Div', 'Where', 'Mul', 'Round'],
  quantized_matmul: [
    ...['Cast', 'Abs', 'ReduceMax', 'Less', 'Div', 'Where', 'Mul', 'Round'],
    ...['Cast', 'MatMul', 'Div', 'Mul', 'Mul'],
  ],
  transpose: ['Transpose'],
  broadcast: ['Shape', 'Concat', 'Expand'],
  slice: ['Shape', 'Add', 'Concat', 'Concat', 'Slice'],
  concat: ['Concat'],
  pad: ['Shape', 'Shape', 'Concat', 'Pad'],
  gather: ['Shape', 'Add', 'Squeeze', 'Cast', 'Clip', 'Gather'],
  gather_elements: ['Cast', 'Clip', 'GatherElements'],
  top_k: [
    ...['Reshape', 'Reshape', 'Greater', 'Equal', 'Range', 'Cast', 'Expand'],
    ...[
      'Range',
      'Cast',
      'Unsqueeze',
      'Expand',
      'Less',
      'And',
      'Or',
      'Cast',
      'ReduceSum',
      'Reshape',
    ],
    ...[
      'Range',
      'Cast',
      'Unsqueeze',
      'Expand',
      'Slice',
      'Equal',
      'Range',
      'Cast',
      'Expand',
      'Where',
    ],
    ...['ReduceMax', 'Cast', 'Clip', 'GatherElements'],
  ],
  iota: ['Range', 'Cast'],
  constant: ['Identity'],
  softmax: ['Less', 'Not', 'Where', 'Softmax', 'Where'],
  log_softmax: ['LogSoftmax'],
  layer_norm: ['LayerNormalization'],
  rms_norm: ['Mul', 'ReduceMean', 'Add', 'Sqrt', 'Reciprocal', 'Mul', 'Mul'],
  add_norm: ['Add', 'LayerNormalization'],
  attention: ['Transpose', 'MatMul', 'Mul', 'Softmax', 'MatMul'],
  segment_attention: [
    ...['Reshape', 'Reshape', 'Equal', 'Transpose', 'MatMul', 'Mul'],
    ...['Where', 'Softmax', 'Where', 'MatMul'],
  ],
  linear: ['MatMul'],
  rnn: ['Transpose', ...MATRIX, ...MATRIX, ...BIASES, 'RNN', 'Squeeze', 'Transpose', 'Squeeze'],
  lstm: [
    ...['Transpose', ...reordered(4), ...MATRIX, ...reordered(4), ...MATRIX],
    ...[...reordered(4), ...BIASES, 'LSTM', 'Squeeze', 'Transpose', 'Squeeze', 'Squeeze'],
  ],
  gru: [
    ...['Transpose', ...reordered(3), ...MATRIX, ...reordered(3), ...MATRIX],
    ...[...reordered(3), ...BIASES, 'GRU', 'Squeeze', 'Transpose', 'Squeeze'],
  ],
  scan: ['Scan'],
  rotary: words('Slice Slice Mul Mul Sub Mul Mul Add Concat'),
  embedding: ['Shape', 'Add', 'Squeeze', 'Clip', 'Gather'],
  windows: ['Gather', 'Gather', 'Transpose'],
  conv: ['Conv'],
  ...{ max_pool: ['MaxPool'], average_pool: ['AveragePool'] },
  ...{ batch_norm: ['BatchNormalization'], instance_norm: ['InstanceNormalization'] },
  group_norm: [
    ...['Reshape', 'LayerNormalization', 'Reshape', 'Expand', 'Reshape', 'Mul'],
    ...['Reshape', 'Expand', 'Reshape', 'Add', 'Reshape'],
  ],
};

/** What the first case of an op comes to where an opset spells it otherwise than 17. */
const NEWER: { readonly [opInOpset: string]: readonly string[] } = {
  'gelu in 19': ['Div', 'Erf', 'Mul', 'Add', 'Mul'],
  'gelu in 20': ['Gelu'],
  'group_norm in 20': words(
    'Reshape LayerNormalization Reshape Expand Reshape Mul Reshape Expand Reshape Add Reshape',
  ),
  'group_norm in 21': ['GroupNormalization'],
  'rms_norm in 22': words('Mul ReduceMean Add Sqrt Reciprocal Mul Mul'),
  'rms_norm in 23': ['RMSNormalization'],
  'attention in 22': ['Transpose', 'MatMul', 'Mul', 'Softmax', 'MatMul'],
  'attention in 23': ['Attention'],
  'bit_and in 18': ['Cast', 'Cast', 'BitwiseAnd', 'Cast'],
  'bit_or in 18': ['Cast', 'Cast', 'BitwiseOr', 'Cast'],
  'bit_xor in 18': ['Cast', 'Cast', 'BitwiseXor', 'Cast'],
  'rotary in 22': words('Slice Slice Mul Mul Sub Mul Mul Add Concat'),
  'rotary in 23': ['Shape', 'Shape', 'Concat', 'Expand', 'Expand', 'RotaryEmbedding'],
  'add_norm in 23': ['Add', 'LayerNormalization'],
};

describe('every op', () => {
  const cases = opCases();

  it('is there', () => {
    const tried = new Set<string>(cases.map(({ op }) => op));
    const elsewhere = ['fused'];
    expect(Object.keys(registry).filter((op) => !tried.has(op))).toEqual(elsewhere);
  });

  it.each(Object.entries(FIRST))('%s is %j', (op, expected) => {
    const first = cases.find((given) => given.op === op);
    expect(first && opTypes(exported(first.graph))).toEqual(expected);
  });

  it.each(Object.entries(NEWER))('%s is %j in a newer opset', (name, expected) => {
    const [op, opset] = name.split(' in ');
    const first = cases.find((given) => given.op === op);
    expect(first && opTypes(exported(first.graph, Number(opset) as OnnxOpset))).toEqual(expected);
  });

  it('has whole graphs at its edges, of the types declared', () => {
    for (const opset of [17, 23] as const) {
      for (const { graph } of cases) {
        if (opset === 17 && scattersExtremes(graph)) continue;
        const onnx = exported(graph, opset);
        checkNames(onnx);
        expect(onnx.output).toHaveLength(graph.outputs.length);
        for (const { name } of onnx.node) expect(name).not.toBe('');
      }
    }
  });
});

describe('dtypes', () => {
  it('are the declared ones at the boundary, with a Cast where the graph holds them in another', () => {
    const onnx = exported(
      buildGraph('types', (g) => ({
        a: g.neg(g.input('x', f16(2))),
        b: g.neg(g.input('y', i8(2))),
        c: g.neg(g.input('z', u8(2))),
        d: g.neg(g.input('w', i64(2))),
        e: g.not(g.input('v', bool(2))),
      })),
    );
    const types = ['10 [2]', '3 [2]', '2 [2]', '7 [2]', '9 [2]'];
    expect(onnx.input.map(typeOf)).toEqual(types);
    expect(onnx.output.map(typeOf)).toEqual(types);
    const casts = onnx.node.filter(({ opType }) => opType === 'Cast');
    const targets = casts.map(({ attribute: [to] }) => Number(to?.i));
    const { float, float16, int8, int32, uint8 } = DATA_TYPE;
    // u8 and i8 wrap around where they leave the graph, and once more as results of arithmetic
    expect(new Set(targets)).toEqual(new Set([float, float16, int8, int32, uint8]));
  });

  it('f16 weights are stored in two bytes', () => {
    const onnx = exported(
      fillRandomWeights(
        buildGraph('half', (g) => ({ y: g.neg(g.weight('w', f16(3))) })),
        1,
      ),
    );
    const [weight] = onnx.initializer;
    expect([weight?.dataType, weight?.rawData?.length]).toEqual([DATA_TYPE.float16, 6]);
  });
});

describe('sizes', () => {
  it('are computed once, from the shape of an input', () => {
    const onnx = exported(
      buildGraph('sizes', (g) => {
        const x = g.input('x', f32(batch, seq, 4));
        const joined = g.reshape(x, { shape: ['4*batch', 'seq'] });
        return { a: g.tanh(joined), b: g.sin(g.reshape(x, { shape: ['4*batch', 'seq'] })) };
      }),
    );
    const types = opTypes(onnx);
    expect(types.filter((type) => type === 'Shape')).toHaveLength(2);
    expect(types.filter((type) => type === 'Mul')).toHaveLength(1);
    expect(onnx.output.map(typeOf)).toEqual(['1 [4*batch, seq]', '1 [4*batch, seq]']);
  });

  it('are solved for a symbol that stands in an expression alone', () => {
    const graph = buildGraph('solved', (g) => {
      const x = g.input('x', f32('2*seq+1'));
      const row = g.iota({ shape: [seq], dtype: 'f32' });
      return { y: g.add(g.reduce_sum(x, { axes: [0] }), row) };
    });
    const types = opTypes(exported(graph));
    expect(types).toEqual(['Shape', 'Sub', 'Div', 'Squeeze', 'Range', 'Cast', 'ReduceSum', 'Add']);
  });

  it('of which no input tells are an error', () => {
    const graph = buildGraph('open', (g) => {
      const x = g.input('x', f32('seq*seq'));
      return { y: g.add(g.reduce_sum(x, { axes: [0] }), g.iota({ shape: [seq], dtype: 'f32' })) };
    });
    expect(() => toOnnx(graph)).toThrow(/^The size of 'seq' cannot be told from the shapes/);
  });
});
