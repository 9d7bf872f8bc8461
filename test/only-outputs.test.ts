import { describe, expect, it } from 'vitest';
import { interpret } from '../src/interpreter/interpreter.ts';
import { buildGraph } from '../src/ir/builder.ts';
import { valueOf } from '../src/ir/graph.ts';
import { f32 } from '../src/ir/types.ts';
import { verifyGraph } from '../src/ir/verify.ts';
import { withOnlyOutputs } from '../src/only-outputs.ts';

const graph = buildGraph('two', (g) => {
  const x = g.input('x', f32('n', 2));
  const shared = g.exp(x);
  const table = g.constant({ dtype: 'f32', shape: [2], value: [3, 5] });
  return { plain: g.neg(shared), scaled: g.mul(shared, table), x };
});

describe('withOnlyOutputs', () => {
  it('keeps what the wanted outputs need, and all inputs', () => {
    const plain = withOnlyOutputs(graph, ['plain']);
    verifyGraph(plain);
    expect(plain.nodes.map(({ op }) => op)).toEqual(['exp', 'neg']);
    expect(plain.inputs.map((id) => valueOf(plain, id).name)).toEqual(['x']);
    const x = { dtype: 'f32', shape: [1, 2], data: Float64Array.of(0, 1) } as const;
    const { outputs } = interpret(plain, new Map([['x', x]]));
    expect([...outputs.keys()]).toEqual(['plain']);
    expect([...(outputs.get('plain')?.data ?? [])]).toEqual([-1, -Math.E]);
  });

  it('leaves a graph alone of which all is wanted, in its own order', () => {
    const all = withOnlyOutputs(graph, ['x', 'scaled', 'plain']);
    expect(all).toEqual(graph);
  });

  it.each([
    [['scale'], "no output 'scale'; it has plain, scaled, x."],
    [[], 'has outputs plain, scaled, x. Name at least one of them.'],
  ])('refuses %j', (names, message) => {
    expect(() => withOnlyOutputs(graph, names)).toThrow(message);
  });
});
