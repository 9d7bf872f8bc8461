/**
 * Attention by segment on all targets: lengths below, at and beyond tiles and blocks, empty segments,
 * segments that end within another's block.
 */
import { describe, expect, test } from 'vitest';
import { checkCompilation } from '../../src/check/check.ts';
import { type CheckBackend, printReport } from '../../src/check/report.ts';
import { compileGraph } from '../../src/compile.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import type { Dim } from '../../src/ir/dims.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { bool, f32, i32 } from '../../src/ir/types.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { nd, some } from '../support/op-runs.ts';

interface Form {
  readonly heads: number;
  readonly keyHeads?: number;
  readonly width: number;
  readonly valueWidth?: number;
  readonly masked?: boolean;
  readonly causal?: boolean;
}

/** Heads are parts of rows, as projections write them. */
function packed({ heads, keyHeads = heads, width, masked, causal = false, ...form }: Form): Graph {
  const { valueWidth = width } = form;
  return buildGraph('packed', (g) => {
    const headsOf = (name: string, count: number, size: number): Value<'f32', [Dim, Dim, Dim]> => {
      const rows = g.input(name, f32('t', count * size));
      const apart = g.reshape<'f32', Dim[], Dim[]>(rows, { shape: ['t', count, size] });
      return g.transpose(apart, { permutation: [1, 0, 2] }) as Value<'f32', [Dim, Dim, Dim]>;
    };
    const context = g.segment_attention(
      headsOf('query', heads, width),
      headsOf('key', keyHeads, width),
      headsOf('value', keyHeads, valueWidth),
      g.input('segments', i32('t')),
      g.input('offsets', i32('s+1')),
      masked ? g.input('mask', bool('t')) : null,
      { scale: 0.6, causal },
    );
    return { y: g.mul(g.transpose(context, { permutation: [1, 0, 2] }), 2) };
  });
}

function inputsOf(graph: Graph, lengths: readonly number[]): ReadonlyMap<string, NdArray> {
  const t = lengths.reduce((a, b) => a + b, 0);
  const offsets = [0];
  for (const length of lengths) offsets.push((offsets.at(-1) ?? 0) + length);
  const given: { readonly [name: string]: (columns: number) => NdArray } = {
    segments: () =>
      nd(
        'i32',
        [t],
        lengths.flatMap((length, b) => Array(length).fill(b)),
      ),
    offsets: () => nd('i32', [offsets.length], offsets),
    mask: () =>
      nd(
        'bool',
        [t],
        Array.from({ length: t }, (_, i) => Number(i % 5 !== 1)),
      ),
  };
  return new Map(
    graph.inputs.map((id, seed) => {
      const { name = '', shape = [] } = graph.values.get(id) ?? {};
      const columns = Number(shape[1] ?? 1);
      return [name, given[name]?.(columns) ?? some([t, columns], seed + 1)];
    }),
  );
}

const EMULATORS = PROGRAM_TARGETS.map((target) => `emulator-${target}` as const);

async function expectRight(
  form: Form,
  lengths: readonly number[],
  backends: readonly CheckBackend[] = EMULATORS,
  exact = false,
): Promise<void> {
  const graph = packed(form);
  const compilation = compileGraph(graph, exact ? { exact, targets: ['js', 'wasm'] } : {});
  const report = await checkCompilation(compilation, {
    backends,
    inputs: inputsOf(graph, lengths),
  });
  expect(report.passed, printReport(report)).toBe(true);
}

describe('lengths', () => {
  test.each([
    [[1]],
    [[3, 1, 2]],
    [[0, 4, 0, 0, 5, 0]],
    [[0, 0]],
    [[15, 16, 17]],
    [[47, 2, 49]],
    [[63, 64, 65]],
    [[1, 129, 1]],
    [[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
  ])('%j', async (lengths) => {
    await expectRight({ heads: 2, width: 4 }, lengths);
  });
});

describe('forms', () => {
  const lengths = [5, 0, 50, 9];
  test.each([
    ['a mask of keys', { heads: 2, width: 8, masked: true }],
    ['causal', { heads: 1, width: 4, causal: true }],
    ['causal with a mask', { heads: 2, width: 4, causal: true, masked: true }],
    ['fewer key heads', { heads: 4, keyHeads: 2, width: 4 }],
    ['values of another, odd width', { heads: 2, width: 5, valueWidth: 7, masked: true }],
  ] as const)('%s', async (_, form) => {
    await expectRight(form, lengths);
  });

  test('as emitted, on js and wasm', async () => {
    await expectRight({ heads: 3, width: 8, masked: true }, lengths, ['js', 'wasm']);
  });

  test('the same bits on js and wasm where exact', async () => {
    const backends = ['js', 'wasm', 'emulator-js', 'emulator-wasm'] as const;
    await expectRight({ heads: 2, width: 8, causal: true }, [5, 0, 70, 49], backends, true);
  });
});

test('a width for which no tiles fit is right all the same', async () => {
  await expectRight({ heads: 1, width: 600 }, [2, 3], ['emulator-wgsl']);
});
