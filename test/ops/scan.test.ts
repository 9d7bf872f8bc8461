import { describe, expect, test } from 'vitest';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph } from '../../src/ir/print.ts';
import { f32 as f32Type, i32 } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { expectClose, f32, nd } from '../support/op-runs.ts';

function outputsOf(graph: Graph, inputs: { readonly [name: string]: NdArray }) {
  verifyGraph(graph);
  const reread = parseGraph(printGraph(graph));
  expect(printGraph(reread)).toBe(printGraph(graph));
  const { outputs } = interpret(reread, new Map(Object.entries(inputs)));
  return (name: string): NdArray => outputs.get(name) ?? nd('f32', [0], []);
}

const sums = (axis: 0 | 1, reverse = false) =>
  buildGraph('sums', (g) => {
    const x = g.input('x', f32Type('a', 'b'));
    const start = g.input('start', f32Type(axis === 0 ? 'b' : 'a'));
    const scanned = (g as AnyScan).scan(
      { states: [start], sequences: [x], axis, reverse },
      (g, [s], [row]) => {
        const next = g.add(s as Value<'f32'>, row as Value<'f32'>);
        return { states: [next], outputs: [next] };
      },
    );
    return { last: scanned.states[0] as Value, sums: scanned.outputs[0] as Value };
  });

/** The call without its types, for axes that are data. */
type AnyScan = {
  scan(
    over: { states: Value[]; sequences: Value[]; axis?: number; reverse?: boolean },
    step: (
      g: Builder,
      states: readonly Value[],
      elements: readonly Value[],
    ) => { states: Value[]; outputs?: Value[] },
  ): { readonly states: readonly Value[]; readonly outputs: readonly Value[] };
};

describe('scan: states, outputs[t] = body(states, sequences[t], captures)', () => {
  const x = f32([3, 2], [1, 10, 2, 20, 3, 30]);

  test('adds up rows from the first to the last', () => {
    const get = outputsOf(sums(0), { x, start: f32([2], [100, 0]) });
    expectClose(get('sums'), f32([3, 2], [101, 10, 103, 30, 106, 60]));
    expectClose(get('last'), f32([2], [106, 60]));
  });

  test('in reverse begins with the last row, and an output stands where its row stood', () => {
    const get = outputsOf(sums(0, true), { x, start: f32([2], [100, 0]) });
    expectClose(get('sums'), f32([3, 2], [106, 60, 105, 50, 103, 30]));
    expectClose(get('last'), f32([2], [106, 60]));
  });

  test('runs along another axis, along which its outputs are stacked, too', () => {
    const get = outputsOf(sums(1), { x, start: f32([3], [100, 0, 0]) });
    expectClose(get('sums'), f32([3, 2], [101, 111, 2, 22, 3, 33]));
    expectClose(get('last'), f32([3], [111, 22, 33]));
  });

  test('of no elements gives back its states', () => {
    const get = outputsOf(sums(0), { x: f32([0, 2], []), start: f32([2], [7, 8]) });
    expectClose(get('sums'), f32([0, 2], []));
    expectClose(get('last'), f32([2], [7, 8]));
  });

  test('all next states are made of the states before the step: a swap', () => {
    const graph = buildGraph('swap', (g) => {
      const [a, b] = [g.input('a', f32Type()), g.input('b', f32Type())];
      const x = g.input('x', f32Type('n'));
      const { states, outputs } = g.scan({ states: [a, b], sequences: [x] }, (g, [a, b], [x]) => ({
        states: [b, g.add(a, x)],
        outputs: [a, x],
      }));
      return { a: states[0], b: states[1], before: outputs[0], x: outputs[1] };
    });
    const get = outputsOf(graph, {
      a: f32([], [1]),
      b: f32([], [2]),
      x: f32([3], [10, 100, 1000]),
    });
    expectClose(get('before'), f32([3], [1, 2, 11]));
    expectClose(get('a'), f32([], [102]));
    expectClose(get('b'), f32([], [1011]));
    expectClose(get('x'), f32([3], [10, 100, 1000]));
  });

  test('values of the graph around are captured, each once, and weights may be declared inside', () => {
    const graph = buildGraph('captures', (g) => {
      const x = g.input('x', f32Type('n', 'b'));
      const factor = g.input('factor', f32Type());
      const twice = g.add(factor, factor);
      const { states } = g
        .scope('cell')
        .scan({ states: [g.input('s', f32Type('b'))], sequences: [x] }, (g, [s], [x]) => {
          const w = g.weight('w', f32Type(), { dtype: 'f32', shape: [], data: Float32Array.of(3) });
          const y = g.mul(g.mul(x, twice), g.mul(factor, twice));
          return { states: [g.add(g.mul(s, w), y)] };
        });
      return { states: states[0] };
    });
    const node = graph.nodes.at(-1);
    expect(node?.operands.map((id) => graph.values.get(id ?? (-1 as never))?.name)).toEqual([
      's',
      'x',
      'cell.w',
      'add',
      'factor',
    ]);
    const run = interpret(
      graph,
      new Map([
        ['x', f32([2, 1], [1, 10])],
        ['factor', f32([], [0.5])],
        ['s', f32([1], [100])],
      ]),
    );
    expectClose(run.outputs.get('states') ?? nd('f32', [0], []), f32([1], [100 * 9 + 3 * 0.5 + 5]));
  });

  test('nests: the inner scan captures what the outer one has and what stands around both', () => {
    const graph = buildGraph('nested', (g) => {
      const x = g.input('x', f32Type('n', 'm'));
      const weight = g.input('weight', f32Type());
      const zero = g.input('zero', f32Type());
      const outer = g.scan({ states: [zero], sequences: [x] }, (g, [total], [row]) => {
        const inner = g.scan({ states: [zero], sequences: [row] }, (g, [sum], [element]) => ({
          states: [g.add(sum, g.mul(g.add(element, total), weight))],
        }));
        return { states: [g.add(total, inner.states[0])], outputs: [inner.states[0]] };
      });
      return { sums: outer.outputs[0] };
    });
    const get = outputsOf(graph, {
      x: f32([2, 2], [1, 2, 3, 4]),
      weight: f32([], [2]),
      zero: f32([], [0]),
    });
    expectClose(get('sums'), f32([2], [6, 2 * (9 + 10)]));
  });
});

describe('scan refuses', () => {
  const anyCall = (
    states: readonly Value[],
    sequences: readonly Value[],
    axis: number,
    g: Builder,
    step: (g: Builder, s: readonly Value[], x: readonly Value[]) => unknown,
  ) =>
    (g as unknown as { scan: (...args: unknown[]) => unknown }).scan(
      { states, sequences, axis },
      step,
    );
  const scanOf = (
    types: readonly (readonly [name: string, shape: readonly (number | string)[]])[],
    states: number,
    axis: number,
    step: (g: Builder, s: readonly Value[], x: readonly Value[]) => unknown,
  ) =>
    buildGraph('wrong', (g) => {
      const values = types.map(([name, shape]) => g.input(name, f32Type(...shape)));
      anyCall(values.slice(0, states), values.slice(states), axis, g, step);
      return { y: values[0] as Value };
    });
  const pass = (_: Builder, states: readonly Value[]) => ({ states });

  test.each([
    ['scan_c2', [['s', [2]]], 1, 0, pass],
    [
      'scan_c3',
      [
        ['s', [2]],
        ['x', [3]],
      ],
      1,
      1,
      pass,
    ],
    [
      'scan_c3',
      [
        ['s', [2]],
        ['x', [3, 1]],
        ['y', [4, 1]],
      ],
      1,
      0,
      pass,
    ],
    [
      'scan_c3',
      [
        ['s', [2]],
        ['x', ['n']],
        ['y', ['m']],
      ],
      1,
      0,
      pass,
    ],
    [
      'scan_c5',
      [
        ['s', [2]],
        ['x', [3, 2, 1]],
      ],
      1,
      0,
      (_g: Builder, _s, [x]) => ({ states: [x] }),
    ],
    [
      'scan_c6',
      [
        ['s', []],
        ['x', [3, 2]],
      ],
      1,
      1,
      (_g: Builder, [s]) => ({ states: [s], outputs: [s] }),
    ],
  ] as const satisfies readonly (readonly [
    string,
    readonly (readonly [string, readonly (number | string)[]])[],
    number,
    number,
    (g: Builder, s: readonly Value[], x: readonly Value[]) => unknown,
  ])[])('%s', (label, types, states, axis, step) => {
    expect(() => scanOf(types, states, axis, step)).toThrow(label);
  });

  test('another number of states than it was given, or no lists of values', () => {
    const types = [
      ['s', [2]],
      ['x', [3, 2]],
    ] as const;
    expect(() => scanOf(types, 1, 0, () => ({ states: [] }))).toThrow(/returns \{ states/);
    expect(() => scanOf(types, 1, 0, () => undefined)).toThrow(/returns \{ states/);
    expect(() => scanOf(types, 1, 0, () => ({ states: [1] }))).toThrow(/returns \{ states/);
  });

  test('an input inside, and values of a graph that is not around', () => {
    const types = [
      ['s', [2]],
      ['x', [3, 2]],
    ] as const;
    const withInput = (g: Builder) => ({ states: [g.input('inside', f32Type(2))] });
    expect(() => scanOf(types, 1, 0, withInput)).toThrow(/declared in the body/);
    let foreign: Value | null = null;
    buildGraph('other', (g) => {
      foreign = g.input('foreign', f32Type(2));
      return { foreign };
    });
    expect(() => scanOf(types, 1, 0, () => ({ states: [foreign] }))).toThrow('another graph');
  });

  test('types of inputs that its body does not have (c4), as text', () => {
    const text = `graph @wrong(%s: f32[2], %x: f32[n, 2], %c: i32[]) {
  %y = scan %s, %x, %c {states = 1, sequences = 1, axis = 0, reverse = false} : f32[2]
    body @step(%a: f32[2], %b: f32[2], %c: f32[]) {
      %next = add %a, %b : f32[2]
      return %next
    }
  return %y
}
`;
    expect(() => parseGraph(text)).toThrow('scan_c4');
    expect(() => parseGraph(text.replace(', %c: f32[])', ')'))).toThrow('scan_c1');
    expect(parseGraph(text.replace('%c: f32[])', '%c: i32[])')).nodes).toHaveLength(1);
  });
});

describe('the verifier', () => {
  test('refuses a body with symbols that the graph around does not have (v11)', () => {
    const graph = buildGraph('new-symbol', (g) => {
      const x = g.input('x', i32('n'));
      const { states } = g.scan(
        { states: [g.input('s', i32())], sequences: [x] },
        (g, [s], [x]) => ({
          states: [g.add(g.add(s, x), g.reduce_sum(g.iota({ shape: ['k'] }), { axes: [0] }))],
        }),
      );
      return { y: states[0] };
    });
    expect(() => verifyGraph(graph)).toThrow('verify_v11');
  });
});
