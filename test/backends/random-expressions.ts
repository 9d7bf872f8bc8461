/**
 * Random expressions over values that every target computes exactly, and kernels around them.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { runKernel } from '../../src/emulator/run.ts';
import {
  type BinaryOp,
  binary,
  bitcast,
  cast,
  constant,
  dot4,
  type Expression,
  type Kernel,
  type Lanes,
  lane,
  letOf,
  load,
  loop,
  pack4,
  read,
  type Scalar,
  type Statement,
  select,
  splat,
  store,
  type UnaryOp,
  unary,
  vector,
} from '../../src/loops/nodes.ts';
import type { Target } from '../../src/loops/program.ts';
import { type VerifiedProgram, verifyProgram } from '../../src/loops/verify-program.ts';
import { buffer, emptyProgram, io, parameter, step } from './programs.ts';

const FLOATS = Float32Array.of(-2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2, 0, -0.5, 1.5, -2, 0.5, 2, 0, -1);
const INTEGERS = Int32Array.of(
  7,
  -3,
  1,
  -1,
  5,
  100_003,
  -99_991,
  2,
  0,
  65_537,
  -8,
  3,
  12,
  0,
  -2,
  9,
);
export const COUNT = FLOATS.length;
const DEPTH = 3;

type Tree = fc.Arbitrary<Expression>;

const names = (lanes: Lanes, type: Scalar, ...list: readonly string[]) =>
  list.map((name) => read(`${name}${lanes}`, type, lanes));

const LEAVES: { readonly [T in Scalar]: (lanes: Lanes) => Tree } = {
  f32: (lanes) => {
    const number = constant(-1.5);
    const leaves = names(lanes, 'f32', 'f', 'g');
    return fc.constantFrom(...leaves, lanes === 4 ? splat(number) : number);
  },
  i32: (lanes) => fc.constantFrom(...names(lanes, 'i32', 'i', 'j')),
  bool: (lanes) => fc.constantFrom(...names(lanes, 'bool', 'p')),
};

/** Expressions over the lets f, g (f32), i, j (i32) and p (bool) of each number of lanes. */
export class Expressions {
  /** Whether lanes may be taken out of fours, and spread to them. */
  private readonly mixesLanes: boolean;

  constructor(mixesLanes: boolean) {
    this.mixesLanes = mixesLanes;
  }

  of(type: Scalar, lanes: Lanes, depth: number): Tree {
    const leaf = LEAVES[type](lanes);
    return depth === 0 ? leaf : fc.oneof(leaf, ...this[type](lanes, depth - 1));
  }

  private f32(lanes: Lanes, depth: number): readonly Tree[] {
    return [
      this.pair('f32', lanes, depth, ['add', 'sub', 'mul', 'min', 'max']),
      this.pair('f32', lanes, depth, ['add', 'sub', 'mul']),
      this.single('f32', lanes, depth, ['neg', 'abs', 'floor', 'ceil', 'round', 'trunc', 'sign']),
      this.choice('f32', lanes, depth),
      this.of('bool', lanes, depth).map((x) => cast('f32', x)),
      this.of('f32', lanes, depth).map((x) => bitcast('f32', bitcast('i32', x))),
      ...this.otherLanes('f32', lanes, depth),
    ];
  }

  private i32(lanes: Lanes, depth: number): readonly Tree[] {
    return [
      this.pair('i32', lanes, depth, ['add', 'sub', 'mul', 'min', 'max']),
      this.pair('i32', lanes, depth, ['add', 'sub', 'div', 'rem']),
      this.single('i32', lanes, depth, ['neg', 'abs', 'sign']),
      this.choice('i32', lanes, depth),
      this.of('f32', lanes, depth).map((x) => cast('i32', x)),
      this.of('bool', lanes, depth).map((x) => cast('i32', x)),
      this.bytes(lanes, depth),
      this.packed(lanes, depth),
      ...this.otherLanes('i32', lanes, depth),
    ];
  }

  private bool(lanes: Lanes, depth: number): readonly Tree[] {
    return [
      this.pair('f32', lanes, depth, ['lt', 'le', 'eq', 'ne']),
      this.pair('i32', lanes, depth, ['lt', 'le', 'eq', 'ne']),
      this.pair('bool', lanes, depth, ['and', 'or', 'eq', 'ne']),
      this.single('bool', lanes, depth, ['not']),
      this.of('i32', lanes, depth).map((x) => cast('bool', x)),
      this.of('f32', lanes, depth).map((x) => cast('bool', x)),
    ];
  }

  private pair(type: Scalar, lanes: Lanes, depth: number, ops: readonly BinaryOp[]): Tree {
    const operand = this.of(type, lanes, depth);
    return fc
      .tuple(fc.constantFrom(...ops), operand, operand)
      .map(([op, a, b]) => binary(op, a, b));
  }

  /** The bytes of the second operand have seven bits. */
  private bytes(lanes: Lanes, depth: number): Tree {
    const [x, seven] = [this.of('i32', lanes, depth), constant(0x7f7f_7f7f, 'i32')];
    return fc.tuple(x, x, x).map(([a, b, c]) => dot4(a, binary('bit_and', b, seven), c));
  }

  private packed(lanes: Lanes, depth: number): Tree {
    const x = this.of('i32', 1, depth);
    const word = fc.tuple(x, x, x, x).map((bytes) => pack4(vector(bytes)));
    return lanes === 1 ? word : fc.tuple(word, word, word, word).map(vector);
  }

  private single(type: Scalar, lanes: Lanes, depth: number, ops: readonly UnaryOp[]): Tree {
    const operand = this.of(type, lanes, depth);
    return fc.tuple(fc.constantFrom(...ops), operand).map(([op, x]) => unary(op, x));
  }

  private choice(type: Scalar, lanes: Lanes, depth: number): Tree {
    const arm = this.of(type, lanes, depth);
    return fc
      .tuple(this.of('bool', lanes, depth), arm, arm)
      .map(([condition, a, b]) => select(condition, a, b));
  }

  private otherLanes(type: 'f32' | 'i32', lanes: Lanes, depth: number): readonly Tree[] {
    if (!this.mixesLanes) return [];
    return lanes === 4
      ? [this.of(type, 1, depth).map(splat)]
      : [fc.tuple(this.of(type, 4, depth), fc.nat(3)).map(([x, which]) => lane(x, which))];
  }
}

/** The numbers of lanes that a target has. */
const WIDTHS: { readonly [T in Target]: readonly Lanes[] } = {
  js: [1],
  wasm: [1, 4],
  'wasm-relaxed': [1, 4],
  wgsl: [1, 4],
};

/** A kernel that computes one expression of each type for each element, or for each four. */
export function kernelOf(
  name: string,
  target: Target,
  lanes: Lanes,
  xs: readonly Expression[],
): Kernel {
  const body = (k: string, at: string | number): readonly Statement[] => [
    ...WIDTHS[target].flatMap((width) => {
      const from = width === lanes ? at : 0;
      return [
        letOf(`f${width}`, load('floats', from, 'f32', width)),
        letOf(`g${width}`, load('more_floats', from, 'f32', width)),
        letOf(`i${width}`, load('integers', from, 'i32', width)),
        letOf(`j${width}`, load('more_integers', from, 'i32', width)),
        letOf(
          `p${width}`,
          binary('lt', read(`f${width}`, 'f32', width), read(`g${width}`, 'f32', width)),
        ),
      ];
    }),
    ...xs.map((x, i) => {
      const value = x.type === 'bool' ? cast('i32', x) : x;
      return store(`out${i}`, lanes === 4 ? `4*${k}` : k, value);
    }),
  ];
  const count = COUNT / lanes;
  const at = lanes === 4 ? '4*k' : 'k';
  return {
    name,
    summary: [name],
    symbols: [],
    buffers: [
      parameter('floats', 'read', COUNT),
      parameter('more_floats', 'read', COUNT),
      parameter('integers', 'read', COUNT, 'i32'),
      parameter('more_integers', 'read', COUNT, 'i32'),
      ...xs.map((x, i) => parameter(`out${i}`, 'write', COUNT, x.type === 'f32' ? 'f32' : 'i32')),
    ],
    body:
      target === 'wgsl'
        ? [loop('workgroup', 'group', 1, [loop('invocation', 'k', count, body('k', at))])]
        : [loop('parallel', 'k', count, body('k', at))],
  };
}

export const DATA = {
  floats: FLOATS,
  more_floats: FLOATS.toReversed(),
  integers: INTEGERS,
  more_integers: INTEGERS.toReversed(),
};

export function emulate(kernel: Kernel, precision: 'f32' | 'f64'): readonly (readonly number[])[] {
  const outputs = outputsOf(kernel);
  const faults = runKernel(kernel, { symbols: {}, precision, buffers: { ...DATA, ...outputs } });
  expect(faults).toEqual([]);
  return Object.values(outputs).map((data) => Array.from(data, normal));
}

export function outputsOf(kernel: Kernel): Record<string, Float32Array | Int32Array> {
  const written = kernel.buffers.filter(({ access }) => access === 'write');
  return Object.fromEntries(
    written.map(({ name, type }) => [
      name,
      type === 'f32' ? new Float32Array(COUNT) : new Int32Array(COUNT),
    ]),
  );
}

/** WGSL may drop the sign of a zero. */
export function normal(x: number): number {
  return x === 0 ? 0 : x;
}

export function programOf(kernels: readonly Kernel[], target: Target): VerifiedProgram {
  const inputs = kernels[0]?.buffers.filter(({ access }) => access === 'read') ?? [];
  const results = kernels.flatMap((kernel) =>
    kernel.buffers
      .filter(({ access }) => access === 'write')
      .map(({ name, type }) => ({ name: `${kernel.name}.${name}`, type })),
  );
  return verifyProgram({
    ...emptyProgram(kernels, target),
    inputs: inputs.map(({ name, type }) => io(name, type, [COUNT], name)),
    outputs: results.map(({ name, type }) => io(name, type, [COUNT], name)),
    buffers: [
      ...inputs.map(({ name, type }) => buffer(name, 'input', type, [COUNT])),
      ...results.map(({ name, type }) => buffer(name, 'output', type, [COUNT])),
    ],
    steps: kernels.map((kernel) =>
      step(
        kernel.name,
        ...kernel.buffers.map(({ name, access }) =>
          access === 'read' ? name : `${kernel.name}.${name}`,
        ),
      ),
    ),
  });
}

export function oneOfEach(
  lanes: Lanes,
  expressions: Expressions,
): fc.Arbitrary<readonly Expression[]> {
  return fc.tuple(
    expressions.of('f32', lanes, DEPTH),
    expressions.of('i32', lanes, DEPTH),
    expressions.of('bool', lanes, DEPTH),
  );
}
