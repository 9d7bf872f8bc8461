/** Each invariant of kernels: a kernel that breaks it is refused by its label, near misses pass. */
import { describe, expect, it } from 'vitest';
import type { Dim } from '../../src/ir/dims.ts';
import {
  addOf,
  binary,
  bitcast,
  cast,
  constant,
  type Expression,
  index,
  type Kernel,
  lane,
  letOf,
  load,
  loop,
  read,
  type Space,
  type Statement,
  select,
  splat,
  store,
  unary,
} from '../../src/loops/nodes.ts';
import { type VerifyLimits, verifyKernel } from '../../src/loops/verify.ts';
import { INVARIANTS, type InvariantLabel } from '../../src/loops/verify-scope.ts';
import { addOne, isBelow, rowSum, tiledMatmul, when } from '../emulator/example-kernels.ts';

function kernelOf(body: readonly Statement[]): Kernel {
  return {
    name: 'k',
    summary: [],
    symbols: ['n'],
    buffers: [
      { name: 'x', type: 'f32', access: 'read', size: 8 },
      { name: 'ids', type: 'i32', access: 'read', size: 'n' },
      { name: 'y', type: 'f32', access: 'write', size: 'n' },
    ],
    body,
  };
}

function labelOf(kernel: Kernel, limits?: VerifyLimits): string {
  try {
    verifyKernel(kernel, limits);
  } catch (error) {
    const text = error instanceof Error ? error.message : '';
    return /\((loops_v\d+): /.exec(text)?.[1] ?? text;
  }
  return 'accepted';
}

type Case = readonly [what: string, body: readonly Statement[]];

function refuses(label: InvariantLabel, cases: readonly Case[]): void {
  it.each(cases)(`${label} refuses %s`, (_, body) => {
    expect(labelOf(kernelOf(body))).toBe(label);
  });
}

function accepts(cases: readonly Case[]): void {
  it.each(cases)('accepts %s', (_, body) => {
    expect(labelOf(kernelOf(body))).toBe('accepted');
  });
}

const one = constant(1);
const four = load('x', 0, 'f32', 4);
const put = (at: Dim = 0, value: Expression = one) => store('y', at, value);
const barrier: Statement = { tag: 'barrier' };
const alloc = (space: Space, size = 4, buffer = 't'): Statement => ({
  tag: 'alloc',
  buffer,
  type: 'f32',
  size,
  space,
});
const variable = (name: string): Statement => ({ tag: 'variable', name, initial: one });
const set = (name: string, value: Expression = one): Statement => ({ tag: 'set', name, value });
const lanes = (body: readonly Statement[], extent: Dim = 32) =>
  loop('invocation', 'l', extent, body);
const group = (...body: readonly Statement[]) => loop('workgroup', 'g', 'n', body);
const inLanes = (...body: readonly Statement[]) => [group(lanes(body))];

it.each([rowSum(), tiledMatmul(), addOne()])('accepts $name, and gives it back', (kernel) => {
  expect(verifyKernel(kernel)).toBe(kernel);
});

it('names the kernel, the statement and the label', () => {
  const body = [loop('parallel', 'i', 'n', [put('i', load('x', 'j'))])];
  expect(() => verifyKernel(kernelOf(body))).toThrow(
    "Kernel 'k' at `y[i] = x[j]`: 'j' in 'j' is not defined (loops_v3: index symbols are bound).",
  );
});

describe('names', () => {
  refuses('loops_v1', [
    ['a read of nothing', [put(0, read('v'))]],
    ['a read before the let', [put(0, read('v')), letOf('v', one)]],
    ['a let twice', [letOf('v', one), letOf('v', one)]],
    ['a let that hides a buffer', [letOf('x', one)]],
    ['a loop variable that hides another', [loop('serial', 'i', 2, [loop('serial', 'i', 2, [])])]],
    ['a let after its block', [loop('serial', 'i', 2, [letOf('v', one)]), put(0, read('v'))]],
    [
      'a let of one arm in the other',
      [when(isBelow('n', 1), [letOf('v', one)]), put(0, read('v'))],
    ],
    ['a load from nothing', [put(0, load('z', 0))]],
    ['a load from a let', [letOf('v', one), put(0, load('v', 0))]],
    ['a set of a let', [letOf('v', one), set('v')]],
    ['a read of a loop variable', [loop('serial', 'i', 2, [put(0, read('i', 'i32'))])]],
    ['a name that is no identifier', [letOf('a;b', one)]],
    ['a name with a meaning in dims', [letOf('floor', one)]],
  ]);
  accepts([
    [
      'one name in two blocks',
      [loop('serial', 'i', 2, [letOf('v', one)]), loop('serial', 'i', 2, [letOf('v', one)])],
    ],
    ['an outer let in a block', [letOf('v', one), loop('serial', 'i', 2, [put(0, read('v'))])]],
  ]);

  it('loops_v1 refuses a kernel whose own names clash or are no identifiers', () => {
    expect(labelOf({ ...kernelOf([]), symbols: ['x'] })).toBe('loops_v1');
    expect(labelOf({ ...kernelOf([]), name: 'layer.0' })).toBe('loops_v1');
    expect(labelOf({ ...kernelOf([]), name: 'a`*/' })).toBe('loops_v1');
  });
});

describe('types and lanes', () => {
  const broken = (x: Expression, change: object) => ({ ...x, ...change }) as Expression;
  const two = constant(2, 'i32');
  refuses('loops_v2', [
    ['f32 + i32', [put(0, broken(addOf(one, one), { b: two }))]],
    ['one lane + four', [put(0, broken(addOf(one, one), { b: four }))]],
    ['sqrt of an i32', [letOf('v', unary('sqrt', two))]],
    ['pow of i32', [letOf('v', binary('pow', two, two))]],
    ['not of a number', [letOf('v', unary('not', one))]],
    ['and of numbers', [letOf('v', binary('and', two, two))]],
    ['less of bools', [letOf('v', binary('lt', constant(1, 'bool'), constant(0, 'bool')))]],
    [
      'a comparison that says it is a number',
      [letOf('v', broken(isBelow('n', 1), { type: 'i32' }))],
    ],
    ['a select by a number', [letOf('v', select(one, one, one))]],
    [
      'a select between types',
      [letOf('v', broken(select(isBelow('n', 1), one, one), { otherwise: two }))],
    ],
    ['a cast that changes lanes', [letOf('v', broken(cast('i32', four), { lanes: 1 }))]],
    ['a bitcast of a bool', [letOf('v', bitcast('i32', constant(1, 'bool')))]],
    ['a splat of four lanes', [letOf('v', splat(four))]],
    ['a lane of one lane', [letOf('v', lane(one, 0))]],
    ['a fifth lane', [letOf('v', lane(four, 4))]],
    ['a fractional i32', [letOf('v', constant(0.5, 'i32'))]],
    ['a bool that is 2', [letOf('v', constant(2, 'bool'))]],
    ['a read of another type', [letOf('v', one), letOf('w', read('v', 'i32'))]],
    ['a set of another type', [variable('v'), set('v', two)]],
    ['a condition that is a number', [when(one, [])]],
    ['a condition of four lanes', [when(binary('lt', four, four), [])]],
  ]);
  accepts([
    ['casts, splats and lanes', [put(0, lane(addOf(splat(cast('f32', index('n'))), four), 3))]],
    ['equality of bools', [letOf('v', binary('eq', constant(1, 'bool'), constant(0, 'bool')))]],
  ]);
});

describe('indices', () => {
  refuses('loops_v3', [
    ['an unknown symbol', [put('i')]],
    ['an unknown symbol in a floor', [put('floor(i/2)')]],
    ['a loop variable after its loop', [loop('serial', 'i', 2, []), put('i')]],
    ['an f32 let', [letOf('v', one), put('v')]],
    ['a four-lane let', [letOf('v', splat(index('n'))), put('v')]],
    ['a mutable variable', [{ tag: 'variable', name: 'v', initial: index('n') }, put('v')]],
    ['a buffer', [put('x')]],
    ['an unknown bound', [loop('serial', 'i', 'm', [])]],
    ['a fractional index', [put(0.5)]],
    ['an index expression that is not bound', [letOf('v', index('m'))]],
  ]);
  accepts([['an i32 let', [letOf('v', load('ids', 0, 'i32')), put('v')]]]);

  it('loops_v3 refuses a buffer size over something else than symbols', () => {
    const [x] = kernelOf([]).buffers;
    const buffers = x === undefined ? [] : [{ ...x, size: 'm' }];
    expect(labelOf({ ...kernelOf([]), buffers })).toBe('loops_v3');
  });
});

describe('loads and stores', () => {
  refuses('loops_v4', [
    ['a store of an i32 in f32', [put(0, index('n'))]],
    ['a load of another type', [letOf('v', load('x', 0, 'i32'))]],
    ['an element after the end', [put(0, load('x', 8))]],
    ['lanes over the end', [letOf('v', load('x', 5, 'f32', 4))]],
    ['a negative element', [put(-1)]],
  ]);
  accepts([['the last lanes', [letOf('v', load('x', 4, 'f32', 4))]]]);
});

describe('access', () => {
  const again = [put(), letOf('v', load('y', 0))];
  refuses('loops_v5', [
    ['a store to a read parameter', [store('x', 0, one)]],
    ['a load of what was never stored', [letOf('v', load('y', 0))]],
    ['a load before the store', [letOf('v', load('y', 0)), put()]],
    ['an update without a first store', [put(0, addOf(load('y', 0), one))]],
  ]);
  accepts([['a load after the store', again]]);

  it('loops_v5 refuses every load of a write parameter where reading back is off', () => {
    expect(labelOf(kernelOf(again), { readBack: false })).toBe('loops_v5');
  });
});

describe('registers and variables', () => {
  const inside = (kind: 'serial' | 'parallel', ...body: readonly Statement[]) =>
    loop(kind, 'i', 'n', body);
  refuses('loops_v6', [
    [
      'a register index that is no number',
      [alloc('register'), inside('serial', store('t', 'i', one))],
    ],
    ['a register load by a symbol', [alloc('register'), letOf('v', load('t', 'n'))]],
    [
      'a register stored in a parallel loop around which it stands',
      [alloc('register'), inside('parallel', store('t', 0, one))],
    ],
    [
      'a variable set in a parallel loop around which it stands',
      [variable('v'), inside('parallel', set('v'))],
    ],
  ]);
  refuses('loops_v4', [['a register index outside', [alloc('register'), store('t', 4, one)]]]);
  accepts([
    [
      'a register stored in a serial loop',
      [alloc('register'), inside('serial', store('t', 0, one))],
    ],
    ['a variable of the same iteration', [inside('parallel', variable('v'), set('v'))]],
    [
      'a register read in a parallel loop',
      [alloc('register'), store('t', 0, one), inside('parallel', put('i', load('t', 0)))],
    ],
    ['scratch by any index', [alloc('scratch'), inside('serial', store('t', 'i', one))]],
  ]);
});

describe('workgroup loops', () => {
  const nest = (depth: number): Statement =>
    depth === 0 ? lanes([]) : loop('workgroup', `g${depth}`, 2, [nest(depth - 1)]);
  refuses('loops_v7', [
    ['a workgroup loop in a serial loop', [loop('serial', 'i', 2, [group(lanes([]))])]],
    ['a workgroup loop in an if', [when(isBelow('n', 1), [group(lanes([]))])]],
    ['a workgroup loop among invocations', inLanes(loop('workgroup', 'h', 2, [lanes([])]))],
    ['two workgroup loops in a row', [group(lanes([])), group(lanes([]))]],
    ['a let before it', [letOf('v', one), group(lanes([]))]],
    ['four of them', [nest(4)]],
    ['one that starts at 1', [loop('workgroup', 'g', 8, [lanes([])], 1)]],
    ['one that steps by 2', [loop('workgroup', 'g', 8, [lanes([])], 0, 2)]],
  ]);
  accepts([
    ['three of them', [nest(3)]],
    ['a comment before it', [{ tag: 'comment', text: 'rows' }, group(lanes([]))]],
  ]);
});

describe('the invocation loop', () => {
  refuses('loops_v8', [
    ['an invocation loop alone', [lanes([])]],
    ['none in a workgroup', [group()]],
    ['another loop in its place', [group(loop('serial', 'i', 4, []))]],
    ['a statement after it', [group(lanes([]), put())]],
    ['a let before it', [group(letOf('v', one), lanes([]))]],
    ['a register tile before it', [group(alloc('register'), lanes([]))]],
    ['one in another', inLanes(lanes([]))],
    ['257 invocations', [group(lanes([], 257))]],
    ['no invocations', [group(lanes([], 0))]],
    ['a symbolic number of invocations', [group(lanes([], 'n'))]],
    ['one that steps by 2', [group(loop('invocation', 'l', 4, [], 0, 2))]],
  ]);
  accepts([['256 invocations', [group(lanes([], 256))]]]);

  it('loops_v8 keeps the limit of the target', () => {
    const kernel = kernelOf([group(lanes([], 65))]);
    expect(labelOf(kernel, { invocations: 64 })).toBe('loops_v8');
    expect(labelOf(kernel, { invocations: 65 })).toBe('accepted');
  });
});

describe('barriers', () => {
  const loadedAt = (at: Dim) => letOf('v', load('ids', at, 'i32'));
  const isLess = (x: Expression) => binary('lt', x, one);
  const counted = (to: Dim, from: Dim = 0) => loop('serial', 'i', to, [barrier], from);
  refuses('loops_v9', [
    ['a barrier outside invocations', [barrier]],
    [
      'a barrier in a parallel loop of a kernel without workgroups',
      [loop('parallel', 'i', 2, [barrier])],
    ],
    ['under an if on the invocation', inLanes(when(isBelow('l', 4), [barrier]))],
    ['in a loop up to the invocation', inLanes(counted('l'))],
    ['in a loop from the invocation', inLanes(counted(8, 'l'))],
    [
      'under an if on a let of the invocation',
      inLanes(letOf('v', index('2*l')), when(isBelow('v', 4), [barrier])),
    ],
    ['in a loop up to a number loaded where lanes differ', inLanes(loadedAt('l'), counted('v'))],
    ['under an if on a load where lanes differ', inLanes(when(isLess(load('x', 'l')), [barrier]))],
    ['under an if on what the kernel wrote', inLanes(put(), when(isLess(load('y', 0)), [barrier]))],
    [
      'under an if on a variable',
      inLanes(variable('v'), when(binary('lt', read('v'), one), [barrier])),
    ],
    ['in a loop in a loop that differs', inLanes(loop('serial', 'j', 'l', [counted(4)]))],
    [
      'in a loop up to a variable of one that differs',
      inLanes(loop('serial', 'j', 'l', [counted('j')])),
    ],
    ['in a parallel loop', inLanes(loop('parallel', 'j', 4, [barrier]))],
  ]);
  accepts([
    ['in a loop up to a number that is given', inLanes(loadedAt(0), counted('v'))],
    ['under an if on what is given', inLanes(when(isLess(load('x', 0)), [barrier]))],
    ['one directly inside', inLanes(barrier)],
    ['in a loop over a symbol', inLanes(counted('n'))],
    ['in a loop up to the workgroup', inLanes(loop('serial', 'j', 'g', [counted('j')]))],
    [
      'under an if on the workgroup',
      inLanes(letOf('v', index('2*g')), when(isBelow('v', 4), [barrier])),
    ],
    ['after an if on the invocation', inLanes(when(isBelow('l', 4), [put('l')]), barrier)],
  ]);
});

describe('workgroup memory', () => {
  refuses('loops_v10', [
    ['workgroup memory among invocations', inLanes(alloc('workgroup'))],
    ['workgroup memory without workgroups', [alloc('workgroup')]],
    ['more than 16 KiB', [group(alloc('workgroup', 4000), alloc('workgroup', 97, 'u'), lanes([]))]],
  ]);
  accepts([['16 KiB', [group(alloc('workgroup', 4000), alloc('workgroup', 96, 'u'), lanes([]))]]]);

  it('loops_v10 keeps the limit of the target', () => {
    const kernel = kernelOf([group(alloc('workgroup', 4097), lanes([]))]);
    expect(labelOf(kernel)).toBe('loops_v10');
    expect(labelOf(kernel, { workgroupBytes: 32 * 1024 })).toBe('accepted');
  });
});

describe('steps and sizes', () => {
  refuses('loops_v11', [
    ['a loop that stands still', [loop('serial', 'i', 4, [], 0, 0)]],
    ['a loop that goes back', [loop('serial', 'i', 4, [], 0, -1)]],
    ['an alloc of nothing', [alloc('scratch', 0)]],
    ['an alloc of half an element', [alloc('scratch', 0.5)]],
  ]);
});

describe('split loops', () => {
  const split = (body: readonly Statement[]) => loop('split', 'i', 'n', body);
  refuses('loops_v12', [
    ['a split loop inside another', [split([loop('split', 'j', 2, [])])]],
    ['a store beside one', [store('y', 0, constant(1)), split([store('y', 'i', constant(1))])]],
    [
      'a store in a loop beside one',
      [loop('parallel', 'j', 'n', [store('y', 'j', constant(1)), split([])])],
    ],
  ]);
  accepts([
    ['stores where there is none', [loop('parallel', 'i', 'n', [store('y', 'i', constant(1))])]],
    ['one inside other loops', [loop('parallel', 'j', 2, [split([store('y', 'i', constant(1))])])]],
    [
      "a store to a thread's own scratch beside one",
      [alloc('scratch', 4), store('t', 0, constant(1)), split([store('y', 'i', load('t', 0))])],
    ],
  ]);
});

it('every invariant is listed at the head of the verifier', async () => {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(new URL('../../src/loops/verify.ts', import.meta.url), 'utf8');
  for (const label of Object.keys(INVARIANTS)) expect(text).toContain(` * - ${label}: `);
});
