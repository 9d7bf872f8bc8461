/** Ops of the standard that the node tests beside the checkout do not have, against numbers by hand. */
import { describe, expect, it } from 'vitest';
import { runOn } from '../../../src/cli/run-backends.ts';
import { valueOf } from '../../../src/ir/graph.ts';
import type { NdArray } from '../../../src/ir/nd-array.ts';
import { DATA_TYPE } from '../../../src/onnx/schema.ts';
import { f32, nd } from '../../support/op-runs.ts';
import { expectOutputs, importCase, type NodeCase } from './node-case.ts';
import { type Attributes, caseOf, describeCalls } from './one-node.ts';

const floats = (...numbers: readonly number[]) => f32([numbers.length], numbers);
const ints = (...numbers: readonly number[]) => nd('i32', [numbers.length], numbers);
const longs = (...numbers: readonly number[]) => nd('i64', [numbers.length], numbers);
const octets = (...numbers: readonly number[]) => nd('u8', [numbers.length], numbers);
const rows = f32([2, 3], [1, 2, 3, 4, 5, 6]);

const floatRow = f32([1, 4], [1, 2, 3, 4]);
const none = f32([0], []);

/** As the standard's reference implementation computes it. */
function resized(
  scales: readonly number[],
  attributes: Attributes,
  x: NdArray,
  expected: readonly (readonly number[])[],
): readonly Case[] {
  const wanted = f32([expected.length, expected[0]?.length ?? 0], expected.flat());
  return [['Resize', [x, none, floats(...scales)], attributes, wanted]];
}

type Case = readonly [string, readonly NdArray[], Attributes, NdArray];

const cases: readonly Case[] = [
  ['Einsum', [rows, rows], { equation: 'ij, kj -> ik' }, f32([2, 2], [14, 32, 32, 77])],
  ['Einsum', [rows, floats(1, 10)], { equation: '...j,i->j' }, floats(55, 77, 99)],
  ['Einsum', [f32([2, 2], [1, 2, 3, 4])], { equation: 'ii' }, f32([], [5])],
  ['Einsum', [rows], { equation: 'ba' }, f32([3, 2], [1, 4, 2, 5, 3, 6])],
  ['Einsum', [floats(1, 2), floats(3, 4), floats(5, 6)], { equation: 'i,i,j->j' }, floats(55, 66)],
  ['CenterCropPad', [rows, longs(4, 2)], {}, f32([4, 2], [0, 0, 1, 2, 4, 5, 0, 0])],
  ['CenterCropPad', [rows, longs(1)], { axes: [-1] }, f32([2, 1], [2, 5])],
  [
    'ReverseSequence',
    [f32([3, 2], [1, 2, 3, 4, 5, 6]), longs(2, 3)],
    {},
    f32([3, 2], [3, 6, 1, 4, 5, 2]),
  ],
  ['BitShift', [octets(16, 1), octets(1, 2)], { direction: 'LEFT' }, octets(32, 4)],
  ['BitShift', [octets(16, 1), octets(1, 2)], { direction: 'RIGHT' }, octets(8, 0)],
  ['BitwiseNot', [octets(1, 255)], {}, octets(254, 0)],
  ['BitwiseNot', [ints(1, -1)], {}, ints(-2, 0)],
  ['BitwiseXor', [ints(6, 1), ints(3, 1)], {}, ints(5, 0)],
  ['Hardmax', [f32([2, 3], [1, 3, 3, 2, 1, 0])], {}, f32([2, 3], [0, 1, 0, 1, 0, 0])],
  ['GatherElements', [rows, nd('i64', [1, 3], [-1, 0, -2])], {}, f32([1, 3], [4, 2, 3])],
  [
    'OneHot',
    [longs(1, -1, 5), longs(3), floats(2, 7)],
    { axis: 0 },
    f32([3, 3], [2, 2, 2, 7, 2, 2, 2, 7, 2]),
  ],
  ...resized([2, 3], { mode: 'nearest' }, f32([2, 2], [1, 2, 3, 4]), [
    [1, 1, 1, 2, 2, 2],
    [1, 1, 1, 2, 2, 2],
    [3, 3, 3, 4, 4, 4],
    [3, 3, 3, 4, 4, 4],
  ]),
  ...resized([2, 2], { mode: 'linear' }, f32([2, 2], [1, 2, 3, 4]), [
    [1, 1.25, 1.75, 2],
    [1.5, 1.75, 2.25, 2.5],
    [2.5, 2.75, 3.25, 3.5],
    [3, 3.25, 3.75, 4],
  ]),
  ...resized([1, 2], { mode: 'cubic' }, floatRow, [
    [
      ...[0.89453125, 1.19140625, 1.66796875, 2.296875],
      ...[2.703125, 3.33203125, 3.80859375, 4.10546875],
    ],
  ]),
  ...resized([1, 0.5], { mode: 'linear', antialias: 1 }, floatRow, [[1.625, 3.375]]),
  ['Resize', [floatRow, none, none, longs(1, 3)], {}, f32([1, 3], [1, 2, 4])],
  [
    'Resize',
    [floatRow, none, none, longs(1, 3)],
    { mode: 'linear', coordinate_transformation_mode: 'align_corners' },
    f32([1, 3], [1, 2.5, 4]),
  ],
  [
    'Resize',
    [floatRow, none, none, longs(3)],
    { nearest_mode: 'ceil', coordinate_transformation_mode: 'asymmetric', axes: [-1] },
    f32([1, 3], [1, 3, 4]),
  ],
  ['NonZero', [ints(0, 5, 0, 1)], {}, nd('i64', [1, 2], [1, 3])],
  ['HannWindow', [nd('i32', [], [4])], {}, floats(0, 0.5, 1, 0.5)],
  ['HannWindow', [nd('i32', [], [3])], { periodic: 0 }, floats(0, 1, 0)],
  ['Det', [f32([3, 3], [0, 2, 1, 1, 1, 0, 3, 0, 1])], {}, f32([], [-5])],
  [
    'Det',
    [f32([2, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 2, 0, 0, 0, 3, 0, 0, 0, 4])],
    {},
    floats(0, 24),
  ],
  ['Pow', [ints(9, 5, -3), floats(0.5, 0.5, 3)], {}, ints(3, 2, -27)],
  ['Pow', [longs(7, 2), longs(3, 20)], {}, longs(343, 1048576)],
  ['Mod', [ints(-4, 7), ints(3, -5)], {}, ints(2, -3)],
  ['Mod', [ints(-4, 7), ints(3, -5)], { fmod: 1 }, ints(-1, 2)],
  ['Asinh', [floats(0.75, -0.75)], {}, floats(Math.LN2, -Math.LN2)],
  ['IsInf', [floats(Infinity, -Infinity, 1)], { detect_positive: 0 }, nd('bool', [3], [0, 1, 0])],
];

describeCalls('ops of one node', cases, 20);

const octet = f32([1, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
const newest: readonly Case[] = [
  ['SwiGLU', [floats(2, -1), floats(3, 4)], {}, floats(5.28478247, -1.07576569)],
  ['SwiGLU', [floats(2), floats(3)], { alpha: { float: 0.5 } }, floats(4.38635147)],
  // blocks of a channel one behind another, or channels of a place of the block
  [
    'SpaceToDepth',
    [octet],
    { blocksize: 2, mode: 'CRD' },
    f32([1, 8, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8]),
  ],
  ['SpaceToDepth', [octet], { blocksize: 2 }, f32([1, 8, 1, 1], [1, 5, 2, 6, 3, 7, 4, 8])],
  // past either end of the bits, and by less than 0
  [
    'BitShift',
    [ints(-8, -8, 8, 1), ints(1, 32, 40, -1)],
    { direction: 'RIGHT' },
    ints(-4, -1, 0, 0),
  ],
  ['BitShift', [ints(-8, 3, 3), ints(1, 32, -1)], { direction: 'LEFT' }, ints(-16, 0, 0)],
  ['BitShift', [octets(200), octets(8)], { direction: 'RIGHT' }, octets(0)],
];

describeCalls('ops as of opset 28', newest, 28);

describe('refusals', () => {
  it.each<readonly [RegExp, ...Case]>([
    [/at most 32 are taken/, 'Det', [f32([2, 3], [1, 2, 3, 4, 5, 6])], {}, f32([], [0])],
    [/does not fit its 1 operands/, 'Einsum', [rows], { equation: 'ij,jk->ik' }, rows],
    [/does not label 2 dims/, 'Einsum', [rows], { equation: 'i->i' }, rows],
    [/names no dim/, 'Einsum', [rows], { equation: 'ij->ik' }, rows],
  ])('%s', (message, op, operands, attributes, expected) => {
    expect(() => importCase(caseOf([op, operands, attributes, expected]))).toThrow(message);
  });
});

describe('Resize of symbolic sizes', () => {
  const numbers = Array.from({ length: 12 }, (_, i) => (i * i) % 7);
  const scales = floats(2, 3);

  it.each(['nearest', 'linear', 'cubic'])('%s is that of the sizes', async (mode) => {
    const x = f32([3, 4], numbers);
    const fixed = caseOf(['Resize', [x, none, scales], { mode }, f32([6, 12], [])]);
    const known = importCase(fixed);
    const names = new Set(known.inputs.map((id) => valueOf(known, id).name));
    const tensors = new Map([...fixed.inputs].filter(([name]) => names.has(name)));
    const got = await runOn('interpreter', known, { tensors, sizes: {} });
    const graph = fixed.model.graph;
    const dim = ['h', 'w'].map((dimParam) => ({ dimParam }));
    const [first, ...others] = graph?.input ?? [];
    const type = { tensorType: { elemType: DATA_TYPE.float, shape: { dim } } };
    const input = [{ ...first, type }, ...others];
    const one: NodeCase = {
      ...fixed,
      model: { ...fixed.model, graph: { ...graph, input } } as NodeCase['model'],
      outputs: got,
    };
    const symbolic = importCase(one);
    for (const backend of ['interpreter', 'js', 'wasm', 'emulator-wgsl'] as const) {
      await expectOutputs(symbolic, one, backend);
    }
  });
});
