/** floor(c log(x))  ->  floor(round_float32(c round_float32(log(x)))) */
import { describe, expect, test } from 'vitest';
import { withFloat32Steps } from '../../../src/frontends/onnx/float32-steps.ts';
import { interpret } from '../../../src/interpreter/interpreter.ts';
import { type Builder, buildGraph } from '../../../src/ir/builder.ts';
import type { Graph, Value } from '../../../src/ir/graph.ts';
import { dims, f32 } from '../../../src/ir/types.ts';
import { opsOf } from '../../support/run-pass.ts';

const { n } = dims('n');
type V = Value<'f32'>;

const graphOf = (build: (g: Builder, x: V) => Value): Graph =>
  buildGraph('steps', (g) => ({ y: build(g, g.input('x', f32(n))) }));

function run(graph: Graph, x: readonly number[]): readonly number[] {
  const given = { dtype: 'f32', shape: [x.length], data: Float64Array.from(x) } as const;
  return [...(interpret(graph, new Map([['x', given]])).outputs.get('y')?.data ?? [])];
}

/** 8 log(x / 8) / log(16), as float32 has log(16): buckets of T5 for distances of 8 and more. */
const bucket = (g: Builder, x: V): V =>
  g.mul(g.div(g.log(g.div(x, 8)), Math.fround(Math.log(16))), 8);

describe('whole numbers of functions', () => {
  const distances = [8, 16, 31, 32, 64, 100, 128];
  const expected = [0, 2, 3, 4, 6, 7, 8];

  test('are off in float64, where the file has a rounded logarithm', () => {
    const graph = graphOf((g, x) => g.cast(bucket(g, x), { dtype: 'i32' }));
    expect(run(graph, distances)).not.toEqual(expected);
  });

  const forms: { readonly [how: string]: (g: Builder, x: V) => Value } = {
    'a cast': (g, x) => g.cast(bucket(g, x), { dtype: 'i32' }),
    floor: (g, x) => g.floor(bucket(g, x)),
    'a floor behind a select and a view': (g, x) => {
      const chosen: V = g.select(g.less(x, 4), x, bucket(g, x));
      return g.floor(g.reshape(chosen, { shape: [1, n] }));
    },
    'the floor of what is above, as ceil of what is below 0': (g, x) =>
      g.neg(g.ceil(g.neg(bucket(g, x)))),
  };
  for (const [how, build] of Object.entries(forms)) {
    test(`by ${how}`, () => {
      const graph = withFloat32Steps(graphOf(build));
      expect(run(graph, distances)).toEqual(expected);
      expect(opsOf(graph).filter((op) => op === 'round_float32')).toHaveLength(4);
    });
  }
});

describe('stays', () => {
  const kept: { readonly [what: string]: (g: Builder, x: V) => Value } = {
    'a function that no whole number is made of': bucket,
    'a whole number of sums and products': (g, x) => g.floor(g.mul(g.add(x, 1), 0.5)),
    'a function behind the whole number': (g, x) => g.log(g.floor(x)),
    'a function in front of another op': (g, x) => g.floor(g.sigmoid(g.log(x))),
    'a cast to bool': (g, x) => g.cast(g.log(x), { dtype: 'bool' }),
  };
  for (const [what, build] of Object.entries(kept)) {
    test(what, () => {
      const graph = graphOf(build);
      expect(withFloat32Steps(graph)).toBe(graph);
    });
  }
});
