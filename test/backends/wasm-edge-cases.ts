/**
 * Expressions over all pairs of the edges of their operands: a kernel each, all of them one program, in
 * WebAssembly and on the emulator with rounded results.
 */
import { expect } from 'vitest';
import {
  binary,
  cast,
  type Expression,
  type Kernel,
  type Lanes,
  letOf,
  load,
  loop,
  read,
  type Statement,
  store,
} from '../../src/loops/nodes.ts';
import { type VerifiedProgram, verifyProgram } from '../../src/loops/verify-program.ts';
import type { Numbers } from './kernel-runs.ts';
import { buffer, emptyProgram, io, parameter, step } from './programs.ts';
import { emulateProgram, runWasm } from './wasm-runs.ts';

export const LANES = [1, 4] as const;
export const MOST = 2 ** 31 - 1;
export const LEAST = -(2 ** 31);

export const FLOATS = [
  0,
  -0,
  0.25,
  -0.5,
  0.5,
  1.5,
  -1.5,
  2.5,
  -2.5,
  1,
  -1,
  7.75,
  -8,
  2 ** 23 - 0.5,
  2 ** 31,
  -(2 ** 31) - 256,
  3e38,
  -3e38,
  1e-38,
  1e-45,
];
export const STRANGE = [Number.NaN, Infinity, -Infinity];
export const INTEGERS = [
  0,
  1,
  -1,
  2,
  -2,
  3,
  -7,
  31,
  32,
  33,
  65_537,
  16_777_217,
  -99_991,
  MOST,
  LEAST,
  LEAST + 1,
];

/** Names of the elements that a body works on: two floats, two integers, two bools, by lanes. */
export const value = (name: 'f' | 'g' | 'i' | 'j' | 'p' | 'q', lanes: Lanes): Expression => {
  const type = name < 'h' ? 'f32' : name < 'k' ? 'i32' : 'bool';
  return read(`${name}${lanes}`, type, lanes);
};

interface Operands {
  readonly floats: readonly number[];
  readonly integers: readonly number[];
}

/** All pairs, 0s behind them up to a multiple of 4. */
function pairs(list: readonly number[], type: 'f32' | 'i32', count: number): [Numbers, Numbers] {
  const Elements = type === 'f32' ? Float32Array : Int32Array;
  const [a, b] = [new Elements(count), new Elements(count)];
  list.forEach((x, i) => {
    list.forEach((y, k) => {
      a[i * list.length + k] = x;
      b[i * list.length + k] = y;
    });
  });
  return [a, b];
}

/** A kernel an expression, each over all pairs of the operands, `lanes` at a time. */
export function caseOf(
  expressions: readonly Expression[],
  lanes: Lanes,
  { floats, integers }: Operands,
): { readonly program: VerifiedProgram; readonly inputs: Readonly<Record<string, Numbers>> } {
  const count = Math.ceil(Math.max(floats.length, integers.length) ** 2 / 4) * 4;
  const inputs = Object.fromEntries(
    [...pairs(floats, 'f32', count), ...pairs(integers, 'i32', count)].map((data, i) => [
      `in${i}`,
      data,
    ]),
  );
  const kernels = expressions.map((x, i) => kernelOf(`k${i}`, x, lanes, count));
  const program = verifyProgram({
    ...emptyProgram(kernels, 'wasm'),
    inputs: Object.keys(inputs).map((name, i) => io(name, i < 2 ? 'f32' : 'i32', [count], name)),
    outputs: kernels.map(({ name, buffers }) =>
      io(name, buffers.at(-1)?.type ?? 'f32', [count], `${name}.out`),
    ),
    buffers: [
      ...Object.keys(inputs).map((name, i) =>
        buffer(name, 'input', i < 2 ? 'f32' : 'i32', [count]),
      ),
      ...kernels.map(({ name, buffers }) =>
        buffer(`${name}.out`, 'output', buffers.at(-1)?.type ?? 'f32', [count]),
      ),
    ],
    steps: kernels.map(({ name }) => step(name, 'in0', 'in1', 'in2', 'in3', `${name}.out`)),
  });
  return { program, inputs };
}

function kernelOf(name: string, x: Expression, lanes: Lanes, count: number): Kernel {
  const at = lanes === 4 ? '4*k' : 'k';
  const loads = LANES.flatMap((width): Statement[] => {
    const from = width === lanes ? at : 0;
    const take = (i: number) => load(`in${i}`, from, i < 2 ? 'f32' : 'i32', width);
    const below = (i: number) => binary('lt', take(i), take(i + 1));
    return [
      ...['f', 'g', 'i', 'j'].map((letter, i) => letOf(`${letter}${width}`, take(i))),
      letOf(`p${width}`, below(0)),
      letOf(`q${width}`, below(2)),
    ];
  });
  const result = x.type === 'bool' ? cast('i32', x) : x;
  return {
    name,
    summary: [],
    symbols: [],
    buffers: [
      ...[0, 1, 2, 3].map((i) => parameter(`in${i}`, 'read', count, i < 2 ? 'f32' : 'i32')),
      parameter('out', 'write', count, x.type === 'f32' ? 'f32' : 'i32'),
    ],
    body: [loop('parallel', 'k', count / lanes, [...loads, store('out', at, result)])],
  };
}

const EXACT = (got: number, want: number) =>
  got === want || (Number.isNaN(got) && Number.isNaN(want));

export async function expectSame(
  expressions: readonly Expression[],
  lanes: Lanes,
  operands: Partial<Operands> = {},
  agree: (got: number, want: number) => boolean = EXACT,
): Promise<void> {
  const given = { floats: FLOATS, integers: INTEGERS, ...operands };
  const { program, inputs } = caseOf(expressions, lanes, given);
  const { outputs } = await runWasm(program, inputs, {});
  const wanted = emulateProgram(program, inputs, {});
  expressions.forEach((x, i) => {
    const got = outputs[`k${i}`] ?? [];
    wanted[`k${i}`]?.forEach((want, at) => {
      const found = got[at] ?? Number.NaN;
      if (agree(found, want)) return;
      const of = Object.values(inputs).map((data) => data[at]);
      expect.fail(`${JSON.stringify(x)} of ${of.join(', ')} is ${found}, not ${want}`);
    });
  });
}
