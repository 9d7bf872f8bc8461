/** What tf2onnx writes: choices as products, while loops, slices to 10^9, sizes that are compared. */
import { describe, expect, it } from 'vitest';
import { interpret } from '../../../src/interpreter/interpreter.ts';
import { type Graph, valueOf } from '../../../src/ir/graph.ts';
import { lower } from '../../../src/loops/lower.ts';
import type { Draft } from '../../../src/onnx/codec.ts';
import type { GraphProto, NodeProto } from '../../../src/onnx/schema.ts';
import { runPasses } from '../../../src/passes/pass.ts';
import { pipeline } from '../../../src/passes/pipeline.ts';
import { floats, imported, info, ints, node } from './made-model.ts';

const f32 = (shape: readonly number[], data: readonly number[]) =>
  ({ dtype: 'f32', shape, data: Float64Array.from(data) }) as const;
const i32 = (shape: readonly number[], data: readonly number[]) =>
  ({ dtype: 'i32', shape, data: Float64Array.from(data) }) as const;

const opsOf = (graph: Graph) => graph.nodes.map(({ op }) => op);
const resultOf = (graph: Graph, inputs: Record<string, ReturnType<typeof f32 | typeof i32>>) =>
  [...interpret(graph, new Map(Object.entries(inputs))).outputs].map(([, y]) => Array.from(y.data));

describe('cast(b) * x + cast(not b) * y', () => {
  /** `shown` and `other` are the bools that x and y are multiplied with. */
  const choice = (shown: string, other: string, to = 1) =>
    imported({
      input: [info('x', ['n']), info('y', ['n']), info('m', ['n'], 'int32')],
      node: [
        node('Cast', ['m'], ['b'], { to: 9 }),
        node('Not', ['b'], ['not_b']),
        node('Cast', [shown], ['first'], { to }),
        node('Cast', [other], ['second'], { to }),
        node('Mul', ['first', 'x'], ['left']),
        node('Mul', ['y', 'second'], ['right']),
        node('Add', ['left', 'right'], ['z']),
      ],
      output: [info('z')],
    });
  const given = { x: f32([2], [1, 2]), y: f32([2], [3, 4]), m: i32([2], [1, 0]) };

  it('is select(b, x, y)', () => {
    for (const [bools, expected] of [
      [
        ['b', 'not_b'],
        [1, 4],
      ],
      [
        ['not_b', 'b'],
        [3, 2],
      ],
    ] as const) {
      const graph = choice(bools[0], bools[1]);
      expect(opsOf(graph)).toContain('select');
      expect(resultOf(graph, given)).toEqual([expected]);
    }
  });

  it('not where both are multiplied with one bool', () => {
    const graph = choice('b', 'b');
    expect(opsOf(graph)).not.toContain('select');
    expect(resultOf(graph, given)).toEqual([[4, 0]]);
  });
});

describe('masked scores written as products', () => {
  /** softmax of cast(m) x + cast(not m) low over the keys, m differing from query to query. */
  const weights = (low: number) =>
    imported({
      input: [info('x', ['n', 'n']), info('m', ['n', 'n'], 'int32')],
      initializer: [floats('low', [], [low])],
      node: [
        node('Cast', ['m'], ['b'], { to: 9 }),
        node('Not', ['b'], ['not_b']),
        node('Cast', ['b'], ['shown'], { to: 1 }),
        node('Cast', ['not_b'], ['hidden'], { to: 1 }),
        node('Mul', ['shown', 'x'], ['left']),
        node('Mul', ['low', 'hidden'], ['right']),
        node('Add', ['left', 'right'], ['scores']),
        node('Softmax', ['scores'], ['y'], { axis: -1 }),
      ],
      output: [info('y')],
    });

  it.each([-3.4028234663852886e38, -2.3726709583555947e38, -1e9])(
    'a query that sees no key weighs all alike, as with %s in the file',
    (low) => {
      const given = { x: f32([2, 2], [1, 2, 0, 0]), m: i32([2, 2], [0, 0, 1, 1]) };
      expect(resultOf(weights(low), given)).toEqual([[0.5, 0.5, 0.5, 0.5]]);
    },
  );
});

describe('sizes', () => {
  it('a slice to 10^9 is one to the last', () => {
    const graph = imported({
      input: [info('x', ['n', 3])],
      initializer: [
        ints('starts', [2], [1, 0]),
        ints('ends', [2], [1e9, 1e9]),
        ints('axes', [2], [0, 1]),
      ],
      node: [node('Slice', ['x', 'starts', 'ends', 'axes'], ['y'])],
      output: [info('y')],
    });
    expect(graph.outputs.map(({ value }) => valueOf(graph, value).shape)).toEqual([['n-1', 3]]);
  });

  it('an end that is chosen by a comparison that another one decides', () => {
    const graph = imported({
      input: [info('x', ['n'])],
      initializer: [
        ...[ints('zero', [1], [0]), ints('begin', [1], [1]), ints('last', [1], [2147483647])],
      ],
      node: [
        node('Shape', ['x'], ['n']),
        node('Equal', ['n', 'zero'], ['is_empty']),
        node('Less', ['begin', 'zero'], ['is_behind']),
        node('And', ['is_empty', 'is_behind'], ['both']),
        node('Where', ['both', 'last', 'n'], ['end']),
        node('Slice', ['x', 'begin', 'end'], ['y']),
      ],
      output: [info('y')],
    });
    expect(graph.outputs.map(({ value }) => valueOf(graph, value).shape)).toEqual([['n-1']]);
  });

  it('sides of a product whose leading dims are joined have one batch', () => {
    const graph = imported({
      input: [info('x', ['a', 4, 2, 3]), info('y', ['b', 4, 3, 2])],
      initializer: [ints('left', [3], [-1, 2, 3]), ints('right', [3], [-1, 3, 2])],
      node: [
        node('Reshape', ['x', 'left'], ['x_joined']),
        node('Reshape', ['y', 'right'], ['y_joined']),
        node('MatMul', ['x_joined', 'y_joined'], ['z']),
      ],
      output: [info('z')],
    });
    const shapes = graph.inputs.map((id) => valueOf(graph, id).shape[0]);
    expect(new Set(shapes).size).toBe(1);
  });
});

describe('a while loop over time', () => {
  interface Variant {
    /** The step that the condition compares with the number of steps. */
    readonly compared?: string;
    readonly condition?: string;
    readonly by?: number;
    readonly at?: string;
    readonly n?: number | string;
  }
  /** h = tanh(x[t] w + h) for t < n: the step, the number of steps and w are states, as in TensorFlow. */
  const recurrence = ({
    compared = 'next',
    condition = 'Less',
    by = 1,
    at = 'time',
    n = 'n',
  }: Variant = {}) => {
    const body: Draft<GraphProto> = {
      input: [
        ...[info('i', [], 'int64'), info('on', [], 'bool'), info('time', [], 'int32')],
        ...[info('count', [], 'int32'), info('w', [3, 2]), info('h', ['b', 2])],
      ],
      initializer: [
        { name: 'one', dims: [], dataType: 6, int32Data: [by] },
        { name: 'zero', dims: [], dataType: 6, int32Data: [0] },
      ],
      node: [
        node('Add', ['time', 'one'], ['next']),
        node('Gather', ['x', at], ['x_t']),
        node('MatMul', ['x_t', 'w'], ['projected']),
        node('Add', ['projected', 'h'], ['sum']),
        node('Tanh', ['sum'], ['new_h']),
        node('Cast', [compared], ['step'], { to: 1 }),
        node('Cast', ['count'], ['steps'], { to: 1 }),
        node(condition, ['step', 'steps'], ['first']),
        node('Cast', ['count'], ['count_64'], { to: 7 }),
        node('Less', ['i', 'count_64'], ['second']),
        node('And', ['first', 'second'], ['goes_on']),
        node('Identity', ['w'], ['same_w']),
      ],
      output: ['goes_on', 'next', 'count', 'same_w', 'new_h', 'new_h'].map((name, i) => {
        return info(i === 5 ? 'new_h_row' : name);
      }),
    };
    const row = node('Identity', ['new_h'], ['new_h_row']);
    const whole = { ...body, node: [...(body.node as Draft<NodeProto>[]), row] };
    return imported({
      input: [info('x', [n, 'b', 3]), info('h0', ['b', 2])],
      initializer: [
        floats('weights', [3, 2], [0.1, 0.2, -0.3, 0.4, 0.5, -0.6]),
        { name: 'start', dims: [], dataType: 6, int32Data: [0] },
        floats('nothing', [], [0]),
        ints('axis', [1], [0]),
        ints('from', [1], [0]),
        ints('to', [1], [1]),
      ],
      node: [
        node('Shape', ['x'], ['shape']),
        node('Slice', ['shape', 'from', 'to'], ['n_1']),
        node('Squeeze', ['n_1', 'axis'], ['trips']),
        node('Cast', ['trips'], ['count_0'], { to: 6 }),
        node('Cast', ['trips'], ['size'], { to: 1 }),
        node('Less', ['nothing', 'size'], ['any']),
        node('And', ['any', 'any'], ['begins']),
        node(
          'Loop',
          ['trips', 'begins', 'start', 'count_0', 'weights', 'h0'],
          ['time_n', 'count_n', 'w_n', 'last', 'all'],
          { body: whole },
        ),
      ],
      output: [info('last'), info('all'), info('time_n', [], 'int32')],
    });
  };
  const x = f32([3, 1, 3], [1, 2, 3, -1, 0, 1, 2, 2, 2]);
  const h0 = f32([1, 2], [0.5, -0.5]);
  const weights = [0.1, 0.2, -0.3, 0.4, 0.5, -0.6];
  const expected = () => {
    let h = [0.5, -0.5];
    const rows: number[] = [];
    for (let t = 0; t < 3; t++) {
      h = h.map((before, j) => {
        const projected = [0, 1, 2].reduce(
          (sum, k) => sum + (x.data[t * 3 + k] ?? 0) * Math.fround(weights[k * 2 + j] ?? 0),
          0,
        );
        return Math.tanh(projected + before);
      });
      rows.push(...h);
    }
    return { last: h, rows };
  };

  it('gives its steps', () => {
    const graph = recurrence();
    const [last = [], all = [], time] = resultOf(graph, { x, h0 });
    const { last: h, rows } = expected();
    for (const [i, value] of last.entries()) expect(value).toBeCloseTo(h[i] ?? 0, 12);
    expect(all).toHaveLength(rows.length);
    for (const [i, value] of all.entries()) expect(value).toBeCloseTo(rows[i] ?? 0, 12);
    expect(time).toEqual([3]);
  });

  it('is a scan over the elements of x, whose product with the weights is one matmul before it', () => {
    const optimised = runPasses(recurrence(), pipeline);
    const scan = optimised.nodes.find(({ op }) => op === 'scan');
    expect(scan?.attributes).toMatchObject({ states: 1, sequences: 1 });
    const inside = scan?.body?.nodes.flatMap(
      ({ op, body }) => body?.nodes.map((n) => n.op) ?? [op],
    );
    expect(inside?.toSorted()).toEqual(['add', 'tanh']);
    expect(lower(optimised, 'js').kernels.length).toBeGreaterThan(0);
  });

  it('of a fixed length gives the same steps, as a scan unless there are few', () => {
    const [fixed, longer] = [recurrence({ n: 3 }), recurrence({ n: 5 })];
    expect(resultOf(fixed, { x, h0 })).toEqual(resultOf(recurrence(), { x, h0 }));
    expect(opsOf(fixed)).not.toContain('scan');
    expect(opsOf(longer)).toContain('scan');
    const doubled = f32([5, 1, 3], [...x.data, ...x.data.slice(0, 6)]);
    const given = { x: doubled, h0 };
    expect(resultOf(longer, given)).toEqual(resultOf(recurrence(), given));
  });

  it('goes on while i < n, whether i is the step before or the one behind', () => {
    expect(opsOf(recurrence({ compared: 'time' }))).toContain('scan');
    expect(opsOf(recurrence({ compared: 'i' }))).toContain('scan');
  });

  it.each([
    ['that ends early', { compared: 'next', by: 2 }],
    ['of another sense', { condition: 'Greater' }],
  ])('refuses a condition %s', (_, variant) => {
    expect(() => recurrence(variant)).toThrow('its condition depends on what it computes');
  });

  it('an element that is looked up at another place stays a lookup', () => {
    const graph = recurrence({ at: 'zero' });
    const scan = graph.nodes.find(({ op }) => op === 'scan');
    expect(scan?.attributes).toMatchObject({ sequences: 1 });
    const [last = []] = resultOf(graph, { x, h0 });
    expect(last).not.toEqual(expected().last);
  });
});
