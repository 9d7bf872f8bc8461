import { describe, expect, it, test } from 'vitest';
import { checkCompilation } from '../../src/check/check.ts';
import { printReport } from '../../src/check/report.ts';
import { compileGraph } from '../../src/compile.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { opDefinition } from '../../src/ir/ops/index.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph } from '../../src/ir/print.ts';
import { bool, f32, i32 } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { elementOf } from '../support/element-of.ts';
import { infer, nd, run } from '../support/op-runs.ts';

const symbol = 'found';

test.each([
  ['bool', [2, 3], [0, 1, 1, 0, 0, 1], [], [1, 2, 5]],
  ['i32', [4], [-7, 0, 0, 3], [], [0, 3]],
  ['bool', [2, 3], [0, 1, 0, 0, 0, 0], [0], [0, 1, 3]],
  ['bool', [2, 3], [0, 1, 0, 0, 0, 0], [2, 2, 7], [1, 2, 5]],
  ['bool', [2], [0, 0], [], []],
  ['bool', [0, 3], [], [0], []],
] as const)('nonzero of %s%j: %j, always %j', (dtype, shape, numbers, always, positions) => {
  const x = nd(dtype, shape, numbers);
  const [y] = run('nonzero', [x], { symbol, always });
  expect(y).toEqual(nd('i32', [positions.length], positions));
  const { meaning } = opDefinition('nonzero');
  if (!('lower' in meaning)) expect.fail('nonzero is a primitive');
  const type = { dtype: 'i32', shape: [positions.length] } as const;
  const pulled = positions.map((_, t) => elementOf(meaning, [x], type, { symbol, always }, [t]));
  expect(pulled).toEqual(positions);
});

describe('constraints', () => {
  test.each([
    ['nonzero_c1', f32(2), { symbol }],
    ['nonzero_c1', bool(), { symbol }],
    ['nonzero_c2', bool(2), { symbol: 3 }],
    ['nonzero_c2', bool(2), { symbol: '2*found' }],
    ['nonzero_c2', bool('found'), { symbol }],
  ])('%s', (label, type, attributes) => {
    expect(() => infer('nonzero', [type], attributes)).toThrow(`${label}: `);
  });
});

describe('the size that is counted', () => {
  const text = (mask: string, second = 'other') => `graph @g(%x: bool[n, 3], %ids: i32[n]) {
  %y = not %x : bool[n, 3]
  %index = nonzero ${mask} {symbol = found} : i32[found]
  %again = nonzero %ids {symbol = ${second}} : i32[${second}]
  return %index, %again
}
`;

  it('is counted in an input, and has a name of its own', () => {
    verifyGraph(parseGraph(text('%x')));
    expect(() => verifyGraph(parseGraph(text('%y')))).toThrow(/verify_v12.*is no input/s);
    expect(() => verifyGraph(parseGraph(text('%x', 'found')))).toThrow(
      /verify_v12.*a size already/s,
    );
    expect(printGraph(parseGraph(text('%x')))).toContain('{symbol = found, always = []}');
  });
});

/** The rows of x that count, doubled; and which they are. */
function picking(always: readonly (number | string)[] = []): Graph {
  return buildGraph('picking', (g) => {
    const x = g.input('x', f32('n', 'm', 3));
    const index = g.nonzero(g.input('mask', i32('n', 'm')), { symbol, always });
    const rows = g.reshape(x, { shape: ['m*n', 3] });
    return { rows: g.mul(g.gather(rows, index), 2), index };
  });
}

function inputsOf(n: number, m: number, mask: readonly number[]) {
  const x = nd(
    'f32',
    [n, m, 3],
    Array.from({ length: n * m * 3 }, (_, i) => i),
  );
  return new Map([
    ['x', x],
    ['mask', nd('i32', [n, m], mask)],
  ]);
}

describe.each([
  ['some', [], 2, 3, [0, -1, 1, 0, 0, 7]],
  ['none', [], 2, 3, [0, 0, 0, 0, 0, 0]],
  ['all', [], 1, 5, [1, 1, 1, 1, 1]],
  ['some places whatever is there', [0, 'm-1'], 2, 3, [0, 0, 0, 1, 0, 0]],
  [
    'more than a workgroup takes at once',
    [0],
    3,
    100,
    Array.from({ length: 300 }, (_, i) => i % 7 && i % 3),
  ],
  ['nothing to count', [0], 0, 4, []],
])('%s', (_, always, n, m, mask) => {
  const graph = picking(always);
  const inputs = inputsOf(n, m, mask);

  it.each([
    ...PROGRAM_TARGETS.map((target) => `emulator-${target}` as const),
    'js',
    'wasm',
  ] as const)('on %s', async (backend) => {
    const { sizes } = interpret(graph, inputs);
    const counted = mask.filter(
      (x, i) =>
        x !== 0 || (always.length > 0 && i % m === 0) || (always.length > 1 && i % m === m - 1),
    );
    expect(sizes).toEqual({ n, m, found: counted.length });
    const report = await checkCompilation(compileGraph(graph), { backends: [backend], inputs });
    expect(report.passed, printReport(report)).toBe(true);
  });
});
