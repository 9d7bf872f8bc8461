/** FlexAttention: what its graphs make of scores and weights, and that what they mask and bias is fused. */
import { describe, expect, it } from 'vitest';
import { graphOfModel } from '../../../src/frontends/onnx/index.ts';
import type { Draft } from '../../../src/onnx/codec.ts';
import { decodeModel, encodeModel } from '../../../src/onnx/model-file.ts';
import type { GraphProto } from '../../../src/onnx/schema.ts';
import { runPasses } from '../../../src/passes/pass.ts';
import { pipeline } from '../../../src/passes/pipeline.ts';
import { f32, floats, info, node, numbers } from './made-model.ts';

type Modifier = Draft<GraphProto>;

/** A graph of one op of its input and a number. */
const modifier = (op: string, number: number): Modifier => ({
  name: op,
  node: [node(op, ['s', 'c'], ['t'])],
  initializer: [floats('c', [], [number])],
  input: [info('s', ['a', 'b', 'c', 'd'])],
  output: [info('t', ['a', 'b', 'c', 'd'])],
});

function attended(modifiers: { readonly [name: string]: Modifier }, keyHeads = 1) {
  const heads = (name: string, count: number) => info(name, [1, count, 2, 1]);
  const call = { ...node('FlexAttention', ['q', 'k', 'v'], ['y'], modifiers), domain: PREVIEW };
  const bytes = encodeModel({
    irVersion: 11n,
    opsetImport: [{ version: 26n }, { domain: PREVIEW, version: 1n }],
    graph: {
      node: [call],
      input: [heads('q', 2), heads('k', keyHeads), heads('v', keyHeads)],
      output: [heads('y', 2)],
    },
  });
  return graphOfModel({ model: decodeModel(bytes, 'm'), external: new Map() }, 'm');
}

const PREVIEW = 'ai.onnx.preview';
/** Scores of 0 and ln 3, of ln 3 and 0 in the second head: weights 1/4 and 3/4, 3/4 and 1/4. */
const LN3 = Math.log(3);
const inputs = {
  q: f32([1, 2, 2, 1], [1, 1, -1, -1]),
  k: f32([1, 1, 2, 1], [0, LN3]),
  v: f32([1, 1, 2, 1], [4, 8]),
};
const rounded = (values: readonly number[] | undefined) => values?.map((y) => Number(y.toFixed(4)));

describe('FlexAttention', () => {
  it('shares key heads, and is attention alone where nothing is modified', () => {
    const graph = attended({});
    expect(rounded(numbers(graph, inputs).y)).toEqual([7, 7, 5, 5]);
    const ops = runPasses(graph, pipeline).nodes.flatMap(({ op, body }) => {
      return body === null ? [op] : body.nodes.map((inner) => inner.op);
    });
    expect(ops).toContain('attention');
    expect(ops).not.toContain('softmax');
  });

  it('modifies scores in front of the softmax', () => {
    // twice ln 3: 1/10 and 9/10
    const graph = attended({ score_mod: modifier('Mul', 2) });
    expect(rounded(numbers(graph, inputs).y)).toEqual([7.6, 7.6, 4.4, 4.4]);
  });

  it('modifies weights behind it', () => {
    const graph = attended({ prob_mod: modifier('Mul', 2) });
    expect(rounded(numbers(graph, inputs).y)).toEqual([14, 14, 10, 10]);
  });

  it('says what is wrong with its operands', () => {
    expect(() => attended({}, 3)).toThrow(/3 key heads do not divide 2/);
  });
});
