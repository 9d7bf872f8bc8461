/** Vision, speech and convolutional models against PyTorch, and against what their papers write. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import cnn from '../../examples/cnn.ts';
import convolutionAsAttention from '../../examples/convolution-as-attention.ts';
import { checkCompilation } from '../../src/check/check.ts';
import { printReport } from '../../src/check/report.ts';
import { compileGraph } from '../../src/compile.ts';
import { readTensor } from '../../src/frontends/onnx/tensors.ts';
import { readSafetensors } from '../../src/frontends/safetensors.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { type Graph, valueOf } from '../../src/ir/graph.ts';
import { type NdArray, toNdArray } from '../../src/ir/nd-array.ts';
import { f32, type TensorData } from '../../src/ir/types.ts';
import { instantiate } from '../../src/model.ts';
import { firstToken, linear, vit, whisperEncoder } from '../../src/models/index.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { expectClose, matrixOf, seededGraph, weightRows } from '../support/interpret-model.ts';
import { opsOf } from '../support/run-pass.ts';
import { seededArray } from '../support/seeded-numbers.ts';
import { describeWithData } from '../support/test-data.ts';
import {
  ACTIVATIONS,
  at,
  encoderBlock,
  layerNorm,
  type Matrix,
  row,
} from '../support/transformer-reference.ts';

type Tensors = ReadonlyMap<string, TensorData>;

/** The graph with the numbers that a name has for each weight, in the weight's shape. */
function bound(graph: Graph, numbers: (name: string) => TensorData): Graph {
  const parameters = graph.parameters.map(({ value: id }) => {
    const { name, shape } = valueOf(graph, id);
    return { value: id, data: { ...numbers(name), shape: shape.map(Number) } };
  });
  return { ...graph, parameters };
}

async function expectRightEverywhere(graph: Graph, dims: Record<string, number> = {}) {
  const report = await checkCompilation(compileGraph(graph), { backends: PROGRAM_TARGETS, dims });
  expect(report.passed, printReport(report)).toBe(true);
}

/** How PyTorch's module names what the builder names; its norms share one pair of weights. */
const VIT_NAMES: { readonly [name: string]: string } = {
  'patches.weight': 'p.weight',
  'patches.bias': 'p.bias',
  class: 'cls',
  position: 'pos',
  'layer.0.attention.query.weight': 'onnx::MatMul_147',
  'layer.0.attention.key.weight': 'onnx::MatMul_163',
  'layer.0.attention.value.weight': 'onnx::MatMul_164',
  'layer.0.attention.output.weight': 'onnx::MatMul_169',
  'layer.0.attention.query.bias': 'l.0.1.q.bias',
  'layer.0.attention.key.bias': 'l.0.1.k.bias',
  'layer.0.attention.value.bias': 'l.0.1.v.bias',
  'layer.0.attention.output.bias': 'l.0.1.o.bias',
  'layer.0.ffn.hidden.weight': 'onnx::MatMul_170',
  'layer.0.ffn.hidden.bias': 'l.0.3.0.bias',
  'layer.0.ffn.output.weight': 'onnx::MatMul_171',
  'layer.0.ffn.output.bias': 'l.0.3.2.bias',
  'head.weight': 'head.weight',
  'head.bias': 'head.bias',
};

describeWithData('a ViT of PyTorch', 'torch-cases', (folder) => {
  const graphOf = (weights: Tensors) => {
    const graph = buildGraph('vit', (g) => {
      const image = g.input('image', f32('n', 3, 'height', 'width'));
      const options = { patch: 16, width: 32, layers: 1, heads: 2, hidden: 128, maxPositions: 17 };
      const states = vit(g, image, { ...options, eps: 1e-5 });
      return { logits: linear(g.scope('head'), firstToken(g, states), { width: 10 }) };
    });
    return bound(graph, (name) => {
      const norm = name.endsWith('gamma') ? 'l.0.0.weight' : 'l.0.0.bias';
      const tensor = weights.get(VIT_NAMES[name] ?? norm);
      if (tensor === undefined) throw new Error(`there is no ${name}`);
      return name === 'head.weight' ? transposed(tensor) : tensor;
    });
  };

  it('gives its logits, with the weights of its ONNX file', async () => {
    const file = decodeModel(readFileSync(`${folder}/vit.onnx`), 'vit.onnx');
    const weights = new Map(
      (file.graph?.initializer ?? []).map((proto) => {
        const name = proto.name ?? '';
        return [name, readTensor(proto, name)] as const;
      }),
    );
    const graph = graphOf(weights);
    const tensors = await readSafetensors(`${folder}/vit.safetensors`);
    const image = tensors.get('in:image');
    const wanted = tensors.get('out:logits');
    if (image === undefined || wanted === undefined) throw new Error('the case has no tensors');
    const { outputs } = interpret(graph, new Map([['image', toNdArray(image)]]));
    const logits = outputs.get('logits');
    expect(logits?.shape).toEqual(wanted.shape);
    Array.from(wanted.data, Number).forEach((want, i) => {
      expect(logits?.data[i]).toBeCloseTo(want, 4);
    });
    await expectRightEverywhere(graph, { n: 1, height: 64, width: 64 });
    await expectRightEverywhere(graph, { n: 2, height: 33, width: 50 });
  });
});

function transposed({ dtype, shape: [rows = 0, columns = 0], data }: TensorData): TensorData {
  const numbers = Float32Array.from({ length: rows * columns }, (_, i) =>
    Number(data[(i % rows) * columns + Math.floor(i / rows)]),
  );
  return { dtype, shape: [columns, rows], data: numbers };
}

describe('whisperEncoder', () => {
  const shape = [2, 3, 7];
  const graph = seededGraph((g) => ({
    states: whisperEncoder(g, g.input('mel', f32('n', 3, 'frames')), {
      width: 8,
      layers: 2,
      heads: 2,
    }),
  }));
  const mel = seededArray(1, shape);
  const states = interpret(graph, new Map([['mel', mel]])).outputs.get('states');
  const weights = weightRows(graph);

  /** [frames, width] -> every `stride`-th frame of gelu(conv(x)) with zeros around it. */
  const conv = (x: Matrix, name: string, stride: number): Matrix => {
    const parameter = graph.parameters.find(
      ({ value }) => valueOf(graph, value).name === `${name}.weight`,
    );
    const [channels = 0, own = 0, size = 0] = parameter?.data?.shape ?? [];
    const kernel = parameter?.data?.data ?? [];
    const bias = row(weights(`${name}.bias`), 0);
    const places = x.flatMap((_, t) => (t % stride === 0 ? [t] : []));
    return places.map((t) =>
      Array.from({ length: channels }, (_, o) => {
        let total = at(bias, o);
        for (let c = 0; c < own; c++) {
          for (let j = 0; j < size; j++) {
            const frame = x[t + j - 1];
            if (frame !== undefined)
              total += at(frame, c) * Number(kernel[(o * own + c) * size + j]);
          }
        }
        return ACTIVATIONS.gelu(total);
      }),
    );
  };

  it.each([0, 1])('is what the paper writes, of sample %i', (b) => {
    const [, channels = 0, frames = 0] = shape;
    const spectrum = Array.from({ length: frames }, (_, t) =>
      Array.from({ length: channels }, (_, c) => mel.data[(b * channels + c) * frames + t] ?? 0),
    );
    let x = conv(conv(spectrum, 'conv1', 1), 'conv2', 2);
    expect(x).toHaveLength(4);
    x = x.map((features, t) =>
      features.map((value, i) => {
        const angle = t * 10_000 ** (-(i % 4) / 3);
        return value + (i < 4 ? Math.sin(angle) : Math.cos(angle));
      }),
    );
    for (const i of [0, 1]) {
      const block = { heads: 2, sees: () => true, norm: 'pre', activation: 'gelu' } as const;
      x = encoderBlock(weights, `layer.${i}.`, x, block);
    }
    if (states === undefined) throw new Error('there are no states');
    expectClose(matrixOf(states, b), layerNorm(weights, 'norm', x, 1e-5));
  });

  it('is right on every backend, at odd and even lengths', async () => {
    await expectRightEverywhere(graph, { n: 2, frames: 7 });
    await expectRightEverywhere(graph, { n: 1, frames: 32 });
  });
});

describe('a residual network', () => {
  it('has its batch norms in the weights of its convolutions', async () => {
    const graph = runPasses(await instantiate(cnn), pipeline);
    const kernels = graph.nodes.map(({ body, op }) => (body === null ? [op] : opsOf(body)));
    expect(kernels.map((ops) => ops.join(' '))).toEqual([
      'conv relu',
      'pad windows reduce_max',
      'conv relu',
      'conv add relu',
      'conv relu',
      'conv',
      'conv add relu',
      'reduce_mean',
      expect.stringContaining('matmul'),
    ]);
  });
});

describe('a convolution is attention whose pattern is fixed', () => {
  it.each([
    [1, 1],
    [2, 5],
    [1, 9],
  ])('%i x %i', async (batch, seq) => {
    const graph = await instantiate(convolutionAsAttention);
    const x: NdArray = seededArray(2, [batch, seq, 8]);
    const { outputs } = interpret(graph, new Map([['x', x]]));
    const [attention, convolution] = ['attention', 'convolution'].map((name) => outputs.get(name));
    expect(attention?.shape).toEqual([batch, seq, 12]);
    expect(convolution?.shape).toEqual([batch, seq, 12]);
    attention?.data.forEach((value, i) => {
      expect(value).toBeCloseTo(convolution?.data[i] ?? Number.NaN, 12);
    });
  });
});
