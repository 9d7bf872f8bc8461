/** Attention weights as further outputs: their numbers, and what fusion makes of the others. */
import { describe, expect, it } from 'vitest';
import { attentionsOf, withAttentionWeights } from '../src/attention-weights.ts';
import { compileGraph } from '../src/compile.ts';
import { interpret } from '../src/interpreter/interpreter.ts';
import { bool, dims, f32 } from '../src/ir/types.ts';
import { encoderBlock } from '../src/models/index.ts';
import { expectRight } from './support/agreement.ts';
import { bools, seededGraph } from './support/interpret-model.ts';
import { seededArray } from './support/seeded-numbers.ts';

const { batch, seq } = dims('batch', 'seq');
const declared = seededGraph((g) => {
  let x = g.input('x', f32(batch, seq, 8));
  const mask = g.input('mask', bool(batch, seq));
  for (const i of [0, 1]) x = encoderBlock(g.scope(`layer.${i}`), x, { heads: 2, hidden: 8, mask });
  return { y: x };
});
const inputs = new Map([
  ['x', seededArray(1, [1, 3, 8])],
  ['mask', bools([[true, true, false]])],
]);
const opsOf = (names: readonly string[]) =>
  compileGraph(withAttentionWeights(declared, names), { targets: ['js'] });

describe('attention weights', () => {
  it('are named as their attention', () => {
    expect([...attentionsOf(declared).keys()]).toEqual(['layer.0.attention', 'layer.1.attention']);
  });

  it('sum to 1 over the keys that are seen, of all heads or of one', () => {
    const graph = withAttentionWeights(declared, ['layer.1.attention', 'layer.1.attention:1']);
    const { outputs } = interpret(graph, inputs);
    const all = outputs.get('layer.1.attention.weights');
    expect(all?.shape).toEqual([1, 2, 3, 3]);
    for (let row = 0; row < 6; row++) {
      const [a = 0, b = 0, hidden] = all?.data.slice(3 * row, 3 * row + 3) ?? [];
      expect(a + b).toBeCloseTo(1, 10);
      expect(hidden).toBe(0);
    }
    const one = outputs.get('layer.1.attention.weights.1');
    expect(one?.shape).toEqual([1, 3, 3]);
    expect(one?.data).toEqual(all?.data.slice(9));
  });

  it('keep their attention open and no other, and the ledger says so', async () => {
    const { ledger, optimised } = opsOf(['layer.1.attention:0']);
    const entries = ledger.filter(({ pattern }) => pattern === 'attention');
    const text = JSON.stringify(entries);
    expect(JSON.stringify(optimised.nodes).match(/"op":"attention"/g)).toHaveLength(1);
    expect(text).toContain('layer.1.attention.probs');
    await expectRight(withAttentionWeights(declared, ['all']), { batch: 2, seq: 5 });
  });

  it.each([
    [
      'layer.2.attention',
      /no attention 'layer.2.attention'; it has layer.0.attention, layer.1.att/,
    ],
    ['layer.0.attention:2', /has 2 heads, counted from 0, and no head 2/],
    ['', /no attention ''/],
  ])('refuse %j', (name, message) => {
    expect(() => withAttentionWeights(declared, [name])).toThrow(message);
  });
});
