/**
 * The modules of `../shared/torch-cases`, declared here with the weights of their ONNX files, on every
 * backend against what PyTorch computed; `.alt` has other sizes for the same model.
 */
import { expect, it } from 'vitest';
import type { Builder } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { dims, f32, i64 } from '../../src/ir/types.ts';
import {
  additiveScores,
  attend,
  concatLinearScores,
  encoderBlock,
  givenPositions,
  joinContext,
  linear,
  multiHeadAttention,
  scaledDotScores,
  tokenEmbedding,
} from '../../src/models/index.ts';
import {
  expectOracle,
  initializersOf,
  type Oracle,
  readOracle,
  transposed,
} from '../support/oracle.ts';
import { describeWithData } from '../support/test-data.ts';

const { batch, seq, mem } = dims('batch', 'seq', 'mem');
type Declare = (g: Builder) => { readonly [output: string]: Value };

describeWithData('torch-cases', 'torch-cases', (folder) => {
  /** The oracle of a case, its initializers under the names of this library. */
  async function oracleOf(
    name: string,
    names: { readonly [weight: string]: string },
    variant = '',
  ): Promise<Oracle> {
    const initializers = initializersOf(`${folder}/${name}.onnx`);
    const weights = Object.entries(names).map(([weight, given]) => {
      const [initializer = '', turn] = given.split(' ');
      const found = initializers.get(initializer);
      if (found === undefined) throw new Error(`${name} has no initializer ${initializer}`);
      return [weight, turn === 'transposed' ? transposed(found) : found] as const;
    });
    const oracle = await readOracle(`${folder}/${name}${variant}.safetensors`);
    return { ...oracle, weights: new Map(weights) };
  }

  it('additive_attention: y and weights', async () => {
    const names = {
      'query.weight': 'onnx::MatMul_27',
      'query.bias': 'q.bias',
      'key.weight': 'onnx::MatMul_28',
      'key.bias': 'k.bias',
      'score.weight': 'onnx::MatMul_29',
      'score.bias': 'v.bias',
    };
    const { weights, ...oracle } = await oracleOf('additive_attention', names);
    const column = weights.get('score.weight');
    if (column === undefined) throw new Error('there is no score.weight');
    const flat = new Map([...weights, ['score.weight', { ...column, shape: [12] }] as const]);
    await expectOracle({ ...oracle, weights: flat }, (g) => {
      const query = g.input('q', f32(1, 4, 12));
      const key = g.input('kv', f32(1, 7, 12));
      const scores = additiveScores(g, query, key, { units: 12, bias: true });
      return withWeights((onWeights) => ({ y: attend(g, scores, key, { onWeights }) }), 'w');
    });
  });

  it('my_att: scores from places, and the context joined with the query', async () => {
    const names = {
      'attention.weight': 'attn.weight transposed',
      'attention.bias': 'attn.bias',
      'output.weight': 'comb.weight transposed',
      'output.bias': 'comb.bias',
    };
    await expectOracle(await oracleOf('my_att', names), (g) => {
      const query = g.input('Q', f32(1, 1, 16));
      const key = g.input('K', f32(1, 1, 16));
      const value = g.input('V', f32(1, 8, 24));
      const scores = concatLinearScores(g.scope('attention'), query, key, { keys: 8 });
      let weights: Value | undefined;
      const context = attend(g, scores, value, {
        onWeights: (w) => {
          weights = g.reshape(w as Value<'f32'>, { shape: [1, 8] });
        },
      });
      const y = joinContext(g.scope('output'), query, context, { width: 16 });
      if (weights === undefined) throw new Error('there are no weights');
      return { y, w: weights };
    });
  });

  const selfAttention: Declare = (g) => {
    const x = g.input('x', f32(batch, seq, 16));
    const part = (name: string) => linear(g.scope(name), x, { width: 16, bias: false });
    return { y: attend(g, scaledDotScores(g, part('query'), part('key')), part('value')) };
  };
  it.each(['', '.alt'])('self_attention%s', async (variant) => {
    const names = {
      'query.weight': 'onnx::MatMul_16',
      'key.weight': 'onnx::MatMul_17',
      'value.weight': 'onnx::MatMul_18',
    };
    await expectOracle(await oracleOf('self_attention', names, variant), selfAttention);
  });

  const headsOf = (at: string, [q = '', k = '', v = '', o = '']: readonly string[], to = '') => ({
    [`${to}query.weight`]: `onnx::MatMul_${q}`,
    [`${to}key.weight`]: `onnx::MatMul_${k}`,
    [`${to}value.weight`]: `onnx::MatMul_${v}`,
    [`${to}output.weight`]: `onnx::MatMul_${o}`,
    ...Object.fromEntries(
      ['query', 'key', 'value', 'output'].map((part) => [
        `${to}${part}.bias`,
        `${at}${part[0]}.bias`,
      ]),
    ),
  });
  it.each(['', '.alt'])('multi_head_self%s', async (variant) => {
    const names = headsOf('', ['79', '86', '87', '88']);
    await expectOracle(await oracleOf('multi_head_self', names, variant), (g) => ({
      y: multiHeadAttention(g, g.input('x', f32(batch, seq, 64)), { heads: 4 }),
    }));
  });

  it('cross_attention', async () => {
    const names = headsOf('', ['83', '86', '91', '92']);
    await expectOracle(await oracleOf('cross_attention', names), (g) => ({
      y: multiHeadAttention(g, g.input('x', f32(batch, seq, 40)), {
        heads: 5,
        memory: g.input('mem', f32(batch, mem, 40)),
      }),
    }));
  });

  it('encoder_post_gelu: a whole encoder', async () => {
    const layer = (i: number, [q, k, v, o, hidden, output]: readonly number[]) => ({
      ...headsOf(`at.${i}.`, [q, k, v, o].map(String), `layer.${i}.attention.`),
      [`layer.${i}.attention.norm.gamma`]: `n1.${i}.weight`,
      [`layer.${i}.attention.norm.beta`]: `n1.${i}.bias`,
      [`layer.${i}.ffn.hidden.weight`]: `onnx::MatMul_${hidden}`,
      [`layer.${i}.ffn.hidden.bias`]: `f1.${i}.bias`,
      [`layer.${i}.ffn.output.weight`]: `onnx::MatMul_${output}`,
      [`layer.${i}.ffn.output.bias`]: `f2.${i}.bias`,
      [`layer.${i}.ffn.norm.gamma`]: `n2.${i}.weight`,
      [`layer.${i}.ffn.norm.beta`]: `n2.${i}.bias`,
    });
    const names = {
      word: 'e.weight',
      ...layer(0, [239, 246, 247, 248, 249, 250]),
      ...layer(1, [251, 258, 259, 260, 261, 262]),
    };
    const table = initializersOf(`${folder}/encoder_post_gelu.onnx`).get('pe');
    await expectOracle(await oracleOf('encoder_post_gelu', names), (g) => {
      const ids = g.input('ids', i64(batch, seq));
      const mask = g.not_equal(g.input('mask', i64(batch, seq)), 0);
      const words = g.mul(tokenEmbedding(g, ids, { vocab: 30, width: 64 }), 8);
      const at = (p: number, i: number) => Number(table?.data[p * 64 + i]);
      let x = g.add(words, givenPositions(g, { seq, width: 64, rows: 64, at }));
      for (const i of [0, 1]) {
        const block = { heads: 8, hidden: 128, mask } as const;
        x = encoderBlock(g.scope(`layer.${i}`), x, block);
      }
      return { y: x };
    });
  });
});

/** Outputs with the attention weights beside them. */
function withWeights(
  declare: (onWeights: (weights: Value) => void) => { readonly [output: string]: Value },
  name: string,
): { readonly [output: string]: Value } {
  let weights: Value | undefined;
  const outputs = declare((w) => {
    weights = w;
  });
  expect(weights).toBeDefined();
  return weights === undefined ? outputs : { ...outputs, [name]: weights };
}
