/** rnn, lstm and gru: against their formulas in plain numbers, and against PyTorch. */
import { describe, expect, test } from 'vitest';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { f32 as f32Type, i32 } from '../../src/ir/types.ts';
import { GATE_ORDER, readRecurrentCase } from '../support/onnx-recurrent.ts';
import { type Attributes, expectClose, f32, infer, nd, run, some } from '../support/op-runs.ts';
import { describeWithData, testData } from '../support/test-data.ts';

const [BATCH, LENGTH, INNER, WIDTH] = [2, 4, 3, 2];

type Row = readonly number[];
/** Next states of one row; the first is the output. */
type Step = (x: Row, states: readonly Row[]) => readonly Row[];

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const rowOf = ({ data, shape }: NdArray, row: number): Row => {
  const width = shape.at(-1) ?? 1;
  return [...data.slice(row * width, (row + 1) * width)];
};
/** v M, plus b where it is given. */
const times = (v: Row, m: NdArray, b?: NdArray): Row => {
  const columns = m.shape[1] ?? 0;
  return Array.from({ length: columns }, (_, j) =>
    v.reduce((sum, x, k) => sum + x * (m.data[k * columns + j] ?? 0), b?.data[j] ?? 0),
  );
};
const plus = (a: Row, b: Row): Row => a.map((x, i) => x + (b[i] ?? 0));
const each = (f: (...xs: number[]) => number, ...rows: readonly Row[]): Row =>
  (rows[0] ?? []).map((_, i) => f(...rows.map((row) => row[i] ?? 0)));
const part = (row: Row, which: number): Row => row.slice(which * WIDTH, (which + 1) * WIDTH);

/** Runs a step over [batch, n, k] row by row. */
function layer(
  x: NdArray,
  initial: readonly (NdArray | null)[],
  step: Step,
  { reverse = false, lengths = null as NdArray | null } = {},
): readonly NdArray[] {
  const outputs = Array.from({ length: BATCH * LENGTH }, (): Row => Array(WIDTH).fill(0));
  const last = initial.map((): Row[] => []);
  for (let b = 0; b < BATCH; b++) {
    let states = initial.map((s) => (s === null ? Array(WIDTH).fill(0) : rowOf(s, b)));
    const count = lengths === null ? LENGTH : (lengths.data[b] ?? 0);
    for (let i = 0; i < count; i++) {
      const t = reverse ? count - 1 - i : i;
      states = [...step(rowOf(x, b * LENGTH + t), states)].map((row) => [...row]);
      outputs[b * LENGTH + t] = states[0] ?? [];
    }
    states.forEach((row, i) => {
      last[i]?.push(row);
    });
  }
  return [
    f32([BATCH, LENGTH, WIDTH], outputs.flat()),
    ...last.map((rows) => f32([BATCH, WIDTH], rows.flat())),
  ];
}

const X = some([BATCH, LENGTH, INNER], 0.3);
const [H0, C0] = [some([BATCH, WIDTH], 2), some([BATCH, WIDTH], 3)];
const LENGTHS = nd('i32', [BATCH], [3, 0]);
const weights = (gates: number) => ({
  w: some([INNER, gates * WIDTH], 0.7),
  r: some([WIDTH, gates * WIDTH], 1.3),
  b: some([gates * WIDTH], 0.9),
  d: some([gates * WIDTH], 1.9),
});

function expectLayer(
  op: string,
  operands: readonly (NdArray | null)[],
  attributes: Attributes,
  want: readonly NdArray[],
): void {
  const got = run(op, operands, attributes);
  expect(got).toHaveLength(want.length);
  want.forEach((array, i) => {
    expectClose(got[i] ?? nd('f32', [0], []), array);
  });
}

const VARIANTS = [
  {},
  { reverse: true },
  { lengths: LENGTHS },
  { lengths: LENGTHS, reverse: true },
] as const;

describe.each(VARIANTS)('%o', (variant) => {
  const lengths = 'lengths' in variant ? variant.lengths : null;
  const reverse = 'reverse' in variant;

  test.each(['tanh', 'relu', 'sigmoid'] as const)(
    'rnn: h_t = f(x W + b + h R), %s',
    (activation) => {
      const f = { tanh: Math.tanh, relu: (x: number) => Math.max(0, x), sigmoid }[activation];
      const { w, r, b } = weights(1);
      const step: Step = (x, [h = []]) => [each(f, plus(times(x, w, b), times(h, r)))];
      const operands = [X, w, r, b, H0, lengths];
      expectLayer(
        'rnn',
        operands,
        { activation, reverse },
        layer(X, [H0], step, { reverse, lengths }),
      );
    },
  );

  test('lstm: gates i f g o', () => {
    const { w, r, b } = weights(4);
    const step: Step = (x, [h = [], c = []]) => {
      const gates = plus(times(x, w, b), times(h, r));
      const [i, f, o] = [0, 1, 3].map((gate) => each(sigmoid, part(gates, gate)));
      const next = each(
        (i, f, g, c) => (f ?? 0) * (c ?? 0) + (i ?? 0) * Math.tanh(g ?? 0),
        i ?? [],
        f ?? [],
        part(gates, 2),
        c,
      );
      return [each((o, c) => (o ?? 0) * Math.tanh(c ?? 0), o ?? [], next), next];
    };
    const operands = [X, w, r, b, H0, C0, null, lengths];
    expectLayer('lstm', operands, { reverse }, layer(X, [H0, C0], step, { reverse, lengths }));
  });

  test('lstm with peepholes, of which that of o sees the next cell', () => {
    const { w, r } = weights(4);
    const p = some([3 * WIDTH], 1.7);
    const see = (gate: Row, c: Row, which: number) =>
      plus(
        gate,
        each((a = 0, b = 0) => a * b, c, part([...p.data], which)),
      );
    const step: Step = (x, [h = [], c = []]) => {
      const gates = plus(times(x, w), times(h, r));
      const i = each(sigmoid, see(part(gates, 0), c, 0));
      const f = each(sigmoid, see(part(gates, 1), c, 1));
      const g = each(Math.tanh, part(gates, 2));
      const next = each((i = 0, f = 0, g = 0, c = 0) => f * c + i * g, i, f, g, c);
      const o = each(sigmoid, see(part(gates, 3), next, 2));
      return [each((o = 0, c = 0) => o * Math.tanh(c), o, next), next];
    };
    const operands = [X, w, r, null, null, null, p, lengths];
    expectLayer('lstm', operands, { reverse }, layer(X, [null, null], step, { reverse, lengths }));
  });

  test.each(['after', 'before'] as const)('gru: gates r z n, reset %s the matmul', (reset) => {
    const { w, r, b, d } = weights(3);
    const step: Step = (x, [h = []]) => {
      const input = times(x, w, b);
      const seen = times(h, r, d);
      const gate = (which: number) => each(sigmoid, plus(part(input, which), part(seen, which)));
      const [reset_, z] = [gate(0), gate(1)];
      const behind = each((r = 0, s = 0) => r * s, reset_, part(seen, 2));
      const before = part(
        times(
          each((r = 0, h = 0) => r * h, reset_, h),
          r,
          d,
        ),
        2,
      );
      const n = each(Math.tanh, plus(part(input, 2), reset === 'after' ? behind : before));
      return [each((n = 0, z = 0, h = 0) => (1 - z) * n + z * h, n, z, h)];
    };
    const operands = [X, w, r, b, d, H0, lengths];
    expectLayer('gru', operands, { reset, reverse }, layer(X, [H0], step, { reverse, lengths }));
  });
});

test('time may lie along the first axis', () => {
  const { w, r } = weights(1);
  const timeFirst = (x: NdArray): NdArray => {
    const [n = 0, m = 0, k = 0] = x.shape;
    const data = Array.from({ length: x.data.length }, (_, at) => {
      const [t, b] = [Math.floor(at / (n * k)), Math.floor(at / k) % n];
      return x.data[(b * m + t) * k + (at % k)] ?? 0;
    });
    return f32([m, n, k], data);
  };
  const [outputs, last] = run('rnn', [X, w, r, null, null, LENGTHS], {});
  const [moved, same] = run('rnn', [timeFirst(X), w, r, null, null, LENGTHS], { axis: 0 });
  expectClose(moved ?? X, timeFirst(outputs ?? X));
  expectClose(same ?? X, last ?? X);
});

describe('constraints', () => {
  const types = {
    x: f32Type(2, 4, 3),
    w: f32Type(3, 8),
    r: f32Type(2, 8),
    b: f32Type(8),
    h: f32Type(2, 2),
    p: f32Type(6),
    lengths: i32(2),
  };
  test.each([
    ['c1', { x: f32Type(4, 3) }, {}],
    ['c1', {}, { axis: 2 }],
    ['c2', { w: f32Type(3, 6) }, {}],
    ['c2', { r: f32Type(8, 2) }, {}],
    ['c3', { b: f32Type(6) }, {}],
    ['c3', { p: f32Type(8) }, {}],
    ['c4', { h: f32Type(4, 2) }, {}],
    ['c5', { lengths: i32(4) }, {}],
    ['c5', { lengths: f32Type(2) }, {}],
    ['c6', { h: { dtype: 'f16', shape: [2, 2] } as const }, {}],
  ] as const)('lstm_%s', (label, wrong, attributes) => {
    const { x, w, r, b, h, p, lengths } = { ...types, ...wrong };
    const call = () => infer('lstm', [x, w, r, b, h, h, p, lengths], attributes);
    expect(call).toThrow(`lstm_${label}`);
  });

  test('the same without a fault', () => {
    const { x, w, r, b, h, p, lengths } = types;
    expect(infer('lstm', [x, w, r, b, h, h, p, lengths])).toEqual([f32Type(2, 4, 2), h, h]);
  });
});

describeWithData('PyTorch', 'torch-cases/lstm.onnx', () => {
  const read = (name: string, order: readonly number[]) => {
    const [onnx, tensors] = ['onnx', 'safetensors'].map((end) =>
      testData(`torch-cases/${name}.${end}`),
    );
    return readRecurrentCase(onnx ?? '', tensors ?? '', order);
  };
  const expectTorch = (got: NdArray | undefined, want: NdArray) => {
    const shape = got?.shape ?? [];
    expectClose({ ...want, data: got?.data ?? new Float64Array(0) }, want, 1e-5);
    expect(shape).toEqual(want.shape.length === shape.length ? want.shape : want.shape.slice(1));
  };

  test('nn.RNN', () => {
    const { x, weight, recurrent, bias, recurrentBias, want } = read('rnn_tanh', GATE_ORDER.rnn);
    const both = f32(bias.shape, plus([...bias.data], [...recurrentBias.data]));
    const [y, h] = run('rnn', [x, weight, recurrent, both], { axis: 0 });
    expectTorch(y, want('y'));
    expectTorch(h, want('h'));
  });

  test('nn.LSTM', () => {
    const { x, weight, recurrent, bias, recurrentBias, want } = read('lstm', GATE_ORDER.lstm);
    const both = f32(bias.shape, plus([...bias.data], [...recurrentBias.data]));
    const [y, h, c] = run('lstm', [x, weight, recurrent, both], { axis: 0 });
    expectTorch(y, want('y'));
    expectTorch(h, want('h'));
    expectTorch(c, want('c'));
  });

  test('nn.GRU', () => {
    const { x, weight, recurrent, bias, recurrentBias, want } = read('gru', GATE_ORDER.gru);
    const [y, h] = run('gru', [x, weight, recurrent, bias, recurrentBias], { axis: 0 });
    expectTorch(y, want('y'));
    expectTorch(h, want('h'));
  });
});
