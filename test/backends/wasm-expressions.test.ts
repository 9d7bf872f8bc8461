/** Every expression of every type and number of lanes in WebAssembly, at the edges of its operands. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BinaryOp,
  binary,
  bitcast,
  cast,
  constant,
  type Expression,
  index,
  type Lanes,
  lane,
  load,
  multiplyAdd,
  type Scalar,
  select,
  splat,
  type UnaryOp,
  unary,
  vector,
} from '../../src/loops/nodes.ts';
import {
  caseOf,
  expectSame,
  FLOATS,
  LANES,
  LEAST,
  MOST,
  STRANGE,
  value,
} from './wasm-edge-cases.ts';
import { printWat } from './wasm-runs.ts';

const all = { floats: [...FLOATS, ...STRANGE] };

describe.each(LANES)('in WebAssembly, %i lanes at a time,', (lanes) => {
  const [f, g, i, j, p, q] = (['f', 'g', 'i', 'j', 'p', 'q'] as const).map((name) =>
    value(name, lanes),
  ) as [Expression, Expression, Expression, Expression, Expression, Expression];

  it('unary ops that an instruction or two compute', async () => {
    const ofFloats: readonly UnaryOp[] = ['sqrt', 'floor', 'ceil', 'round', 'trunc'];
    await expectSame(
      [
        ...ofFloats.map((op) => unary(op, f)),
        ...(['neg', 'abs', 'sign'] as const).flatMap((op) => [unary(op, f), unary(op, i)]),
        unary('not', p),
        // an operand that is no local is kept in one
        ...(['abs', 'sign'] as const).map((op) => unary(op, binary('add', i, j))),
      ],
      lanes,
      all,
    );
  });

  it('arithmetic of f32, rounded once an op', async () => {
    const ops: readonly BinaryOp[] = ['add', 'sub', 'mul', 'div'];
    const fused = multiplyAdd(f, g, binary('sub', f, g));
    await expectSame([...ops.map((op) => binary(op, f, g)), fused], lanes, all);
  });

  it('extremes of f32 that are numbers or infinite', async () => {
    const floats = [...FLOATS, Infinity, -Infinity];
    const nested = binary('max', binary('min', f, g), binary('min', g, constant(0.25)));
    const deep = binary('min', binary('max', nested, f), binary('max', f, nested));
    const pair = [binary('min', f, g), binary('max', f, g), nested, deep];
    await expectSame(pair, lanes, { floats });
  });

  it('arithmetic of i32 that wraps around, and division by 0 and -1', async () => {
    const ops: readonly BinaryOp[] = ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max'];
    const by = (op: BinaryOp, divisor: number) => binary(op, i, constant(divisor, 'i32'));
    await expectSame(
      [
        ...ops.map((op) => binary(op, i, j)),
        ...[0, -1, 7, -3].flatMap((divisor) => [by('div', divisor), by('rem', divisor)]),
        binary('max', binary('min', i, j), binary('sub', j, i)),
      ],
      lanes,
    );
  });

  it('bits of i32, shifted by a number and by each other', async () => {
    const ops: readonly BinaryOp[] = ['shift_left', 'shift_right', 'bit_and', 'bit_or', 'bit_xor'];
    await expectSame(
      ops.flatMap((op) => [
        binary(op, i, j),
        binary(op, i, constant(5, 'i32')),
        binary(op, i, value('j', 1)),
      ]),
      lanes,
    );
  });

  it('comparisons and logic', async () => {
    const orders: readonly BinaryOp[] = ['lt', 'le', 'eq', 'ne'];
    const logic: readonly BinaryOp[] = ['and', 'or', 'eq', 'ne'];
    await expectSame(
      [
        ...orders.flatMap((op) => [binary(op, f, g), binary(op, i, j)]),
        ...logic.map((op) => binary(op, p, q)),
      ],
      lanes,
      all,
    );
  });

  it('selections of each type, both arms evaluated', async () => {
    await expectSame([select(p, f, g), select(q, i, j), select(p, q, unary('not', p))], lanes, all);
  });

  it('casts between all types, saturating ones too', async () => {
    const types: readonly Scalar[] = ['f32', 'i32', 'bool'];
    const casts = [f, i, p].flatMap((x) => types.map((type) => cast(type, x)));
    await expectSame([...casts, cast('i32', binary('mul', f, constant(1e10)))], lanes, all);
  });

  it('bits of f32 seen as i32 and back', async () => {
    const rounded = bitcast('f32', binary('bit_and', bitcast('i32', f), constant(-65_536, 'i32')));
    await expectSame([bitcast('i32', f), bitcast('f32', bitcast('i32', g)), rounded], lanes, {
      floats: [...FLOATS, Infinity, -Infinity],
    });
  });

  it('math that loop IR defines', async () => {
    const near = (got: number, want: number) => Math.abs(got - want) <= 2e-6 * (1 + Math.abs(want));
    const floats = [-9.5, -3, -1, -0.75, -0.1, 0, 0.1, 0.5, 1, 2, 4.5, 9.5];
    const ops: readonly UnaryOp[] = ['exp', 'sin', 'cos', 'tanh', 'atan', 'erf'];
    const size = binary('add', unary('abs', f), constant(0.5));
    await expectSame(
      [
        ...ops.map((op) => unary(op, binary('mul', f, constant(0.75)))),
        unary('log', size),
        binary('pow', size, binary('mul', g, constant(0.5))),
        binary('rem', f, binary('add', unary('abs', g), constant(0.25))),
        unary('tanh', unary('erf', unary('exp', unary('neg', unary('abs', f))))),
      ],
      lanes,
      { floats },
      near,
    );
  });
});

describe('in WebAssembly, between one lane and four,', () => {
  const [f, i, p] = [value('f', 4), value('i', 4), value('p', 4)];
  const [f1, g1, i1, j1, p1, q1] = (['f', 'g', 'i', 'j', 'p', 'q'] as const).map((name) =>
    value(name, 1),
  ) as [Expression, Expression, Expression, Expression, Expression, Expression];

  it('splats of constants, loads, lanes and other values', async () => {
    await expectSame(
      [
        ...[constant(-1.5), constant(Infinity), constant(-0)].map(splat),
        splat(constant(LEAST, 'i32')),
        splat(constant(1, 'bool')),
        splat(constant(0, 'bool')),
        splat(load('in0', 'k')),
        splat(load('in2', 'k', 'i32')),
        ...[0, 1, 2, 3].flatMap((which) => [f, i, p].map((x) => splat(lane(x, which)))),
        splat(lane(binary('add', f, f), 2)),
        splat(binary('add', f1, g1)),
        splat(binary('mul', i1, j1)),
        splat(index('3*k')),
        splat(p1),
        splat(binary('and', p1, q1)),
      ],
      4,
      all,
    );
  });

  it('vectors of constants and of values', async () => {
    await expectSame(
      [
        vector([1, -2.5, Infinity, -0].map((x) => constant(x))),
        vector([LEAST, MOST, -1, 0].map((x) => constant(x, 'i32'))),
        vector([1, 0, 0, 1].map((x) => constant(x, 'bool'))),
        vector([f1, constant(3), lane(f, 2), g1]),
        vector([i1, lane(i, 3), constant(3, 'i32'), j1]),
        vector([p1, constant(1, 'bool'), lane(p, 3), q1]),
      ],
      4,
    );
  });

  it('lanes of each type', async () => {
    await expectSame(
      [0, 1, 2, 3].flatMap((which) => [f, i, p].map((x) => lane(x, which))),
      1,
      all,
    );
  });
});

describe('constants in WebAssembly text', () => {
  it('are the float32 nearest to the number', async () => {
    const middle = (x: number) => (x + (x + 2 ** -23)) / 2;
    const numbers = [
      0.1,
      1e-45,
      7e-46,
      -1e39,
      3.4028235677973366e38,
      Number.NaN,
      -0,
      1e21,
      1 / 3,
      16_777_217,
      ...[1, 1.25, 1.0000001192092896].flatMap((x) => [
        middle(x),
        middle(x) + 2 ** -52,
        middle(x) - 2 ** -52,
      ]),
      ...fc.sample(fc.double(), { seed: 7, numRuns: 200 }),
      ...fc.sample(fc.float(), { seed: 8, numRuns: 200 }),
    ];
    await expectSame(
      [...numbers, ...numbers].map((x, n) =>
        n < numbers.length ? binary('add', constant(x), constant(-0)) : constant(x),
      ),
      1,
      { floats: [1], integers: [1] },
      Object.is,
    );
  });
});

describe('instructions chosen', () => {
  const textOf = (x: Expression, lanes: Lanes) =>
    printWat(caseOf([x], lanes, { floats: [1, 2], integers: [1, 2] }).program).replace(/\s+/g, ' ');

  it('load one element to four lanes at once', () => {
    const text = textOf(splat(load('in0', 'k+3')), 4);
    expect(text).toContain(
      '(v128.load32_splat offset=12 (i32.add (local.get $in0) (i32.shl (local.get $k) (i32.const 2))))',
    );
  });

  it('promise the alignment of one element for four', () => {
    const text = textOf(value('f', 4), 4);
    expect(text).toContain('(v128.load align=4 (local.get $in0_at))');
    expect(text).toContain('(v128.store align=4 (i32.add (local.get $out)');
    expect(text).not.toMatch(/v128\.(load|store) \(/);
  });

  it('spread a lane by one shuffle', () => {
    expect(textOf(splat(lane(value('f', 4), 1)), 4)).toContain(
      '(i8x16.shuffle 4 5 6 7 4 5 6 7 4 5 6 7 4 5 6 7 (local.get $f4) (local.get $f4))',
    );
  });

  it('divide by a safe number without a call', () => {
    const text = textOf(binary('div', value('i', 1), constant(7, 'i32')), 1);
    expect(text).toContain('(i32.div_s (local.get $i1) (i32.const 7))');
    expect(text).not.toContain('$divide_i32');
  });
});
