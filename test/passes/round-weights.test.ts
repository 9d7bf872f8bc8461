/** round-weights: w -> the float16 nearest to w */
import { describe, expect, test } from 'vitest';
import { areFloat16, roundToFloat16 } from '../../src/ir/float16.ts';
import { type Graph, valueOf } from '../../src/ir/graph.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import type { TensorData, TypedData } from '../../src/ir/types.ts';
import { roundWeights } from '../../src/passes/round-weights.ts';
import { matches, refusals, run } from '../support/run-pass.ts';

/** A model of one weight, of four numbers. */
function weightOf(data: TypedData | null, dtype: TensorData['dtype'] = 'f32') {
  const graph = parseGraph(
    `graph @one(%x: f32[4]) {\n  param %w: ${dtype}[4]\n` +
      `  %c = cast %w {dtype = f32} : f32[4]\n  %y = add %x, %c : f32[4]\n  return %y\n}\n`,
  );
  const bound = data === null ? null : { dtype, shape: [4], data };
  const parameters = graph.parameters.map((parameter) => ({ ...parameter, data: bound }));
  return { ...graph, parameters };
}

const dataIn = ({ graph }: { readonly graph: Graph }) => graph.parameters[0]?.data?.data;

describe('is rounded', () => {
  test.each([
    ['numbers between float16s', [0.1, -0.3, 1 / 3, 1000.3]],
    ['as far as float16 goes', [65_504, 65_503, 0.1, 0]],
    ['a few almost zero beside others', [1e-9, -1e-20, 0.1, 0.2]],
  ])('%s', (_, numbers) => {
    const data = Float32Array.from(numbers);
    const result = run(weightOf(data), roundWeights);
    expect(dataIn(result)).toEqual(roundToFloat16(data));
    expect(matches(result)).toEqual(['%w: [4] is rounded to float16']);
    expect(data).toEqual(Float32Array.from(numbers));
    const again = run(result.graph, roundWeights);
    expect(again.graph).toBe(result.graph);
    expect(again.entries).toEqual([]);
  });
});

describe('stays, for a reason that is named', () => {
  test.each([
    [[65_505, 0.1, 0, 0], '%w holds 65505, and float16 ends at 65504'],
    [[0.1, -1e38, 0, 0], /^%w: %w holds -9\.99.*e\+37, and float16 ends/],
    [[0.1, Number.NaN, 0, 0], '%w holds NaN, and float16 ends'],
    [[0.1, -Infinity, 0, 0], '%w holds -Infinity, and float16 ends'],
    [
      [1.1e-8, 0, 0, 2.2e-8],
      '%w has numbers too small for float16, which would change it by 100 %',
    ],
    [[1.23e-6, 3.21e-6, 0, 0], /too small for float16, which would change it by 0\.\d+ %/],
  ])('%j', (numbers, reason) => {
    const data = Float32Array.from(numbers);
    const result = run(weightOf(data), roundWeights);
    expect(dataIn(result)).toBe(data);
    expect(result.entries).toHaveLength(1);
    expect(refusals(result)[0]).toMatch(reason);
  });
});

describe('stays, with nothing to say', () => {
  const exact = Float32Array.of(1, -0, 2 ** -24, 65_504);
  test.each([
    ['float16 already', exact, 'f32'],
    ['declared so', roundToFloat16(Float32Array.of(0.1, 0.2, 0.3, 0.4)), 'f16'],
    ['whole numbers', Int8Array.of(1, 2, 3, 127), 'i8'],
    ['without numbers', null, 'f32'],
  ] as const)('%s', (_, data, dtype) => {
    const graph = weightOf(data, dtype);
    const result = run(graph, roundWeights);
    expect(result.graph).toBe(graph);
    expect(result.entries).toEqual([]);
  });

  test('what is left fits', () => {
    const { graph } = run(weightOf(Float32Array.of(0.1, 3, -7.7, 1e-9)), roundWeights);
    for (const { value, data } of graph.parameters) {
      expect([valueOf(graph, value).name, areFloat16(data?.data as Float32Array)]).toEqual([
        'w',
        true,
      ]);
    }
  });
});
