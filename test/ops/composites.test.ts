import { describe, expect, test } from 'vitest';
import { at, type NdArray, tabulate } from '../../src/ir/nd-array.ts';
import { bool, f16, f32 as f32Type, i32, type TensorType } from '../../src/ir/types.ts';
import { type Attributes, expectClose, f32, infer, nd, run, some } from '../support/op-runs.ts';

function first(results: readonly NdArray[]): NdArray {
  const [result] = results;
  if (result === undefined) throw new Error('no result');
  return result;
}

const LN2 = Math.log(2);

describe('softmax', () => {
  const x = f32([2, 2], [0, LN2, 1000, 1000 + LN2]);
  const thirds = f32([2, 2], [1 / 3, 2 / 3, 1 / 3, 2 / 3]);

  test('weights of a row add up to 1, whatever the size of the scores', () => {
    expectClose(first(run('softmax', [x, null])), thirds);
  });

  test('along the first axis', () => {
    const y = first(run('softmax', [f32([2, 2], [0, 5, LN2, 5]), null], { axis: 0 }));
    expectClose(y, f32([2, 2], [1 / 3, 0.5, 2 / 3, 0.5]));
  });

  test('a masked element is 0, and a row with no visible element is all 0', () => {
    const mask = nd('bool', [2, 2], [0, 1, 0, 0]);
    expectClose(first(run('softmax', [x, mask])), f32([2, 2], [0, 1, 0, 0]));
  });

  test('a mask broadcasts', () => {
    const mask = nd('bool', [1, 2], [1, 0]);
    expectClose(first(run('softmax', [x, mask])), f32([2, 2], [1, 0, 1, 0]));
  });

  test('minus infinity is as good as a mask', () => {
    const masked = f32([2, 2], [-Infinity, 0, -Infinity, -Infinity]);
    expectClose(first(run('softmax', [masked, null])), f32([2, 2], [0, 1, 0, 0]));
  });

  test('so is the lowest float32, which stands for it in WGSL, and a score added to it', () => {
    const lowest = -3.4028234663852886e38;
    const masked = f32([2, 2], [lowest + 3e37, 0, lowest, lowest + 3e37]);
    expectClose(first(run('softmax', [masked, null])), f32([2, 2], [0, 1, 0, 0]));
  });

  test('log_softmax is its logarithm', () => {
    const y = first(run('log_softmax', [x]));
    expectClose(y, { ...thirds, data: thirds.data.map(Math.log) });
  });
});

describe('linear', () => {
  const weight = f32([2, 3], [1, 2, 3, 10, 20, 30]);

  test('is x W + bias, of rows and of one row alone', () => {
    const bias = f32([3], [0.5, 0.25, 0.125]);
    const y = first(run('linear', [f32([2, 2], [1, 0, 2, 1]), weight, bias]));
    expectClose(y, f32([2, 3], [1.5, 2.25, 3.125, 12.5, 24.25, 36.125]));
    const row = first(run('linear', [f32([2], [2, 1]), weight, bias]));
    expectClose(row, f32([3], [12.5, 24.25, 36.125]));
  });

  test('needs no bias', () => {
    const y = first(run('linear', [f32([1, 2], [2, 1]), weight, null]));
    expectClose(y, f32([1, 3], [12, 24, 36]));
  });
});

describe('rotary', () => {
  // of two rows, by no angle and by a quarter of a turn; the fifth feature stays
  const x = f32([2, 5], [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
  const [cosine, sine] = [f32([2, 2], [1, 1, 0, 0]), f32([2, 2], [0, 0, 1, 1])];

  test('turns the halves', () => {
    const y = first(run('rotary', [x, cosine, sine]));
    expectClose(y, f32([2, 5], [1, 2, 3, 4, 5, -3, -4, 1, 2, 5]));
  });

  test('turns neighbours', () => {
    const y = first(run('rotary', [x, cosine, sine], { pairs: 'interleaved' }));
    expectClose(y, f32([2, 5], [1, 2, 3, 4, 5, -2, 1, -4, 3, 5]));
  });
});

describe('norms', () => {
  // Mean 2, variance 2; 1 / sqrt(2 + 2) = 1/2.
  const x = f32([1, 4], [2, 4, 2, 0]);
  const gamma = f32([4], [1, 2, 3, 4]);
  const beta = f32([4], [10, 10, 10, 10]);

  test('layer_norm', () => {
    expectClose(first(run('layer_norm', [x], { eps: 2 })), f32([1, 4], [0, 1, 0, -1]));
    const scaled = first(run('layer_norm', [x, gamma, beta], { eps: 2 }));
    expectClose(scaled, f32([1, 4], [10, 12, 10, 6]));
    const shifted = first(run('layer_norm', [x, null, beta], { eps: 2 }));
    expectClose(shifted, f32([1, 4], [10, 11, 10, 9]));
  });

  test('rms_norm', () => {
    // The mean of the squares is 6.
    const y = first(run('rms_norm', [x, gamma], { eps: 3 }));
    expectClose(y, f32([1, 4], [2 / 3, 8 / 3, 2, 0]));
    expectClose(first(run('rms_norm', [x], { eps: 3 })), f32([1, 4], [2 / 3, 4 / 3, 2 / 3, 0]));
  });

  test('add_norm gives the norm of the sum, and the sum', () => {
    const residual = f32([1, 4], [1, 1, -1, -1]);
    const [out, sum] = run('add_norm', [f32([1, 4], [1, 3, 3, 1]), residual, gamma, beta], {
      eps: 2,
    });
    expect(sum).toEqual(x);
    expectClose(out ?? x, f32([1, 4], [10, 12, 10, 6]));
  });
});

describe('activations', () => {
  const x = f32([3], [-1, 0, 2]);

  test('gelu is x times the normal distribution function', () => {
    // Phi(-1) = 0.158655254, Phi(2) = 0.977249868
    const y = first(run('gelu', [x]));
    expectClose(y, f32([3], [-0.158655254, 0, 1.954499736]), 1e-8);
  });

  test('its tanh approximation is close, and not the same', () => {
    const y = first(run('gelu', [x], { approximation: 'tanh' }));
    expectClose(y, f32([3], [-0.158808, 0, 1.954598]), 1e-6);
  });

  test('silu is x / (1 + exp(-x))', () => {
    expectClose(first(run('silu', [f32([2], [LN2, 0])])), f32([2], [(LN2 * 2) / 3, 0]));
  });
});

describe('attention', () => {
  /** The formula, index by index: softmax over the visible keys j of query i, times the value. */
  function reference(
    [query, key, value]: readonly [NdArray, NdArray, NdArray],
    scale: number,
    visible: (b: number, h: number, i: number, j: number) => boolean,
    bias: (h: number, i: number, j: number) => number = () => 0,
  ): NdArray {
    const [, heads = 0, , width = 0] = query.shape;
    const [, keyHeads = 1, keys = 0] = key.shape;
    const shape = [...query.shape.slice(0, -1), value.shape.at(-1) ?? 0];
    return tabulate({ dtype: 'f32', shape }, ([b = 0, h = 0, i = 0, d = 0]) => {
      const group = Math.floor(h / (heads / keyHeads));
      let [total, sum] = [0, 0];
      for (let j = 0; j < keys; j++) {
        if (!visible(b, h, i, j)) continue;
        let score = 0;
        for (let k = 0; k < width; k++)
          score += at(query, [b, h, i, k]) * at(key, [b, group, j, k]);
        const weight = Math.exp(scale * score + bias(h, i, j));
        total += weight;
        sum += weight * at(value, [b, group, j, d]);
      }
      return total === 0 ? 0 : sum / total;
    });
  }

  const qkv = [some([2, 4, 3, 5]), some([2, 4, 6, 5], 2), some([2, 4, 6, 7], 3)] as const;
  const grouped = [some([2, 4, 3, 5]), some([2, 2, 6, 5], 2), some([2, 2, 6, 7], 3)] as const;
  const all = () => true;

  test('of several heads', () => {
    const y = first(run('attention', [...qkv], { scale: 0.5 }));
    expectClose(y, reference(qkv, 0.5, all));
  });

  test('query heads in a row share a key head', () => {
    const y = first(run('attention', [...grouped], { scale: 0.5 }));
    expectClose(y, reference(grouped, 0.5, all));
  });

  test('causal: the last query sees the last key', () => {
    const y = first(run('attention', [...qkv], { scale: 1, causal: true }));
    expectClose(
      y,
      reference(qkv, 1, (_b, _h, i, j) => j <= i + 3),
    );
  });

  test('causal with more queries than keys: the first see none and give zeros', () => {
    const long = [some([1, 1, 4, 2]), some([1, 1, 2, 2], 2), some([1, 1, 2, 3], 3)] as const;
    const y = first(run('attention', [...long], { scale: 1, causal: true }));
    expect([...y.data.slice(0, 6)]).toEqual([0, 0, 0, 0, 0, 0]);
    expectClose(
      y,
      reference(long, 1, (_b, _h, i, j) => j <= i - 2),
    );
  });

  test('a window: keys at most so far from the query, whose last stands at the last key', () => {
    const near = first(run('attention', [...qkv], { scale: 1, window: 1 }));
    expectClose(
      near,
      reference(qkv, 1, (_b, _h, i, j) => Math.abs(i + 3 - j) <= 1),
    );
    const left = first(run('attention', [...qkv], { scale: 1, window: 2, causal: true }));
    expectClose(
      left,
      reference(qkv, 1, (_b, _h, i, j) => j <= i + 3 && j >= i + 1),
    );
  });

  test('mask and bias broadcast to the scores', () => {
    const mask = nd('bool', [2, 1, 1, 6], [1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    const bias = some([4, 3, 6], 4);
    const y = first(run('attention', [...grouped, mask, bias], { scale: 0.3, causal: true }));
    const visible = (b: number, _h: number, i: number, j: number) =>
      at(mask, [b, 0, 0, j]) === 1 && j <= i + 3;
    expectClose(
      y,
      reference(grouped, 0.3, visible, (h, i, j) => at(bias, [h, i, j])),
    );
    expect(y.data.slice(y.data.length / 2).every((element) => element === 0)).toBe(true);
  });

  test('symbolic dims', () => {
    const query = f32Type('batch', 12, 'n', 32);
    const key = f32Type('batch', 4, 'm', 32);
    const value = f32Type('batch', 4, 'm', 16);
    const mask = bool('batch', 1, 1, 'm');
    expect(infer('attention', [query, key, value, mask], { scale: 1, causal: true })).toEqual([
      f32Type('batch', 12, 'n', 16),
    ]);
  });
});

describe('constraints', () => {
  const x = f32Type('n', 4);
  const vector = f32Type(4);
  const heads = f32Type('b', 4, 'n', 8);
  const scale = { scale: 1 };
  test.each<readonly [string, string, readonly (TensorType | null)[], Attributes]>([
    ['softmax_c1', 'softmax', [i32(4)], {}],
    ['softmax_c2', 'softmax', [x], { axis: 2 }],
    ['softmax_c3', 'softmax', [x, bool('n', 3)], {}],
    ['softmax_c3', 'softmax', [x, f32Type('n', 4)], {}],
    ['softmax_c3', 'softmax', [x, bool(2, 'n', 4)], {}],
    ['log_softmax_c1', 'log_softmax', [i32(4)], {}],
    ['log_softmax_c2', 'log_softmax', [x], { axis: -3 }],
    ['layer_norm_c1', 'layer_norm', [i32(4)], {}],
    ['layer_norm_c2', 'layer_norm', [x], { axis: 0 }],
    ['layer_norm_c3', 'layer_norm', [x, f32Type(3)], {}],
    ['layer_norm_c3', 'layer_norm', [x, null, f16(4)], {}],
    ['rms_norm_c1', 'rms_norm', [i32(4)], {}],
    ['rms_norm_c2', 'rms_norm', [f32Type()], {}],
    ['rms_norm_c3', 'rms_norm', [x, f32Type(1)], {}],
    ['add_norm_c1', 'add_norm', [i32(4), i32(4), i32(4), i32(4)], {}],
    ['add_norm_c2', 'add_norm', [x, x, vector, vector], { axis: 0 }],
    ['add_norm_c3', 'add_norm', [x, x, vector, f32Type(3)], {}],
    ['add_norm_c4', 'add_norm', [x, f32Type(1, 4), vector, vector], {}],
    ['gelu_c1', 'gelu', [i32(4)], {}],
    ['silu_c1', 'silu', [bool(4)], {}],
    ['rotary_c1', 'rotary', [i32('n', 4), i32('n', 2), i32('n', 2)], {}],
    ['rotary_c2', 'rotary', [vector, vector, vector], {}],
    ['rotary_c3', 'rotary', [x, f32Type('n', 2), f32Type('n', 1)], {}],
    ['rotary_c3', 'rotary', [x, f32Type('m', 2), f32Type('m', 2)], {}],
    ['rotary_c4', 'rotary', [x, f32Type('n', 3), f32Type('n', 3)], {}],
    ['attention_c1', 'attention', [x, x, x], scale],
    ['attention_c2', 'attention', [heads, f32Type('b', 4, 'n', 7), heads], scale],
    ['attention_c3', 'attention', [heads, f32Type('c', 4, 'n', 8), heads], scale],
    ['attention_c3', 'attention', [heads, f32Type('b', 3, 'n', 8), heads], scale],
    ['attention_c4', 'attention', [heads, heads, f32Type('b', 4, 'm', 8)], scale],
    ['attention_c5', 'attention', [heads, heads, heads, bool('b', 'n')], scale],
    ['attention_c5', 'attention', [heads, heads, heads, null, f32Type(3, 1, 1)], scale],
    ['attention_c6', 'attention', [heads, heads, f16('b', 4, 'n', 8)], scale],
    ['attention_c6', 'attention', [heads, heads, heads, f32Type('n')], scale],
    ['attention_c6', 'attention', [heads, heads, heads, null, f16('n')], scale],
    ['attention_c7', 'attention', [heads, heads, heads], { scale: 1, window: -1 }],
  ])('%s refuses %s of %j by %j', (label, op, types, attributes) => {
    expect(() => infer(op, types, attributes)).toThrow(`${label}: `);
  });
});
