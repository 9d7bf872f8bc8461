/** Names and weights of exported models, hostile and missing ones too. */
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../src/backends/onnx/export.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { dims, f32, i32 } from '../../src/ir/types.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import { checkNames, exported } from '../support/onnx-model.ts';
import { attentionBlock } from '../support/sample-graphs.ts';

const { batch } = dims('batch');

describe('names', () => {
  const HOSTILE = [
    '"',
    "'; DROP",
    '\n\u2028',
    '__proto__',
    'constructor',
    '\ud800',
    'x/Where',
    'é',
  ];

  it('of any characters reach the model as they are, and stay apart', () => {
    const graph = fillRandomWeights(
      buildGraph(`model ${HOSTILE.join(' ')}`, (g) => {
        let x = g.input('in " \n', f32(batch, 4));
        for (const name of HOSTILE) {
          x = g.named(`${name}.product`, g.matmul(x, g.weight(name, f32(4, 4))));
          x = g.named(`${name}.norm`, g.softmax(x));
        }
        return { 'out */ \u2028': x, constant: g.add(x, 1) };
      }),
      1,
    );
    const onnx = exported(graph);
    checkNames(onnx);
    expect(onnx.name).toBe(`model ${HOSTILE.join(' ')}`.replace('\ud800', '\ufffd'));
    expect(onnx.input[0]?.name).toBe('in " \n');
    expect(onnx.output.map(({ name }) => name)).toEqual(['out */ \u2028', 'constant']);
    const initializers = onnx.initializer.map(({ name }) => name);
    const wanted = HOSTILE.map((name) => name.replace('\ud800', '\ufffd'));
    expect(initializers).toEqual(expect.arrayContaining(wanted));
  });

  it('of outputs are theirs, though other values have them', () => {
    const graph = buildGraph('outputs', (g) => {
      const x = g.input('x', f32(2));
      const y = g.named('second', g.relu(x));
      const z = g.named('first', g.tanh(y));
      return { first: y, again: y, copy: x, second: z };
    });
    const onnx = exported(graph);
    checkNames(onnx);
    const made = onnx.node.map(({ opType, output: [name] }) => `${opType} ${name}`);
    expect(made).toEqual(['Relu first', 'Tanh second', 'Identity again', 'Identity copy']);
  });

  it('that an input and an output share are an error', () => {
    const graph = buildGraph('same', (g) => ({ x: g.relu(g.input('x', f32(2))) }));
    expect(() => toOnnx(graph)).toThrow(/^The model has two inputs or outputs named "x"/);
  });
});

describe('weights', () => {
  it('without numbers are an error', () => {
    expect(() => toOnnx(attentionBlock())).toThrow(
      /^An ONNX model holds its weights, but 'wq' has/,
    );
  });

  it('beyond what one file holds are an error', () => {
    const shape = [12_500, 4000];
    const data = { dtype: 'f32', shape, data: new Float32Array(50_000_000) } as const;
    const graph = buildGraph('large', (g) => {
      const weights = Array.from({ length: 10 }, (_, i) =>
        g.weight(`w${i}`, f32(12_500, 4000), data),
      );
      return { y: weights.reduce((a, b) => g.add(a, b)) };
    });
    expect(() => toOnnx(graph)).toThrow(
      /^The weights of 'large' are 2000000000 bytes, and one ONNX file holds at most 1900000000: /,
    );
  });

  it('that nothing uses are left out', () => {
    const graph = fillRandomWeights(
      buildGraph('unused', (g) => {
        g.weight('w', f32(4));
        return { y: g.relu(g.input('ids', i32(4))) };
      }),
      1,
    );
    expect(exported(graph).initializer.map(({ name }) => name)).not.toContain('w');
  });
});
