/**
 * Whole graphs through `run`: the kernels that schedules make, scalar ones and those in fours, against
 * the emulator on the same program.
 */
import { describe, expect, it } from 'vitest';
import { assembleWat, wasmRelaxedBackend } from '../../src/backends/wasm/module.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { evaluateDim } from '../../src/ir/dims.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { bool, f32, i32 } from '../../src/ir/types.ts';
import { lower } from '../../src/loops/lower.ts';
import type { Program, Target } from '../../src/loops/program.ts';
import { type VerifiedProgram, verifyProgram } from '../../src/loops/verify-program.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import { table } from '../support/agreement.ts';
import { attentionBlock } from '../support/sample-graphs.ts';
import type { Numbers, Sizes } from './kernel-runs.ts';
import { emulateProgram, runWasm, type WasmTarget } from './wasm-runs.ts';

/** The graph's program by the schedules of one target, for another. */
function programOf(graph: Graph, schedules: Target, target: WasmTarget = 'wasm'): VerifiedProgram {
  const optimised = runPasses(fillRandomWeights(graph, 1), pipeline);
  const program: Program = { ...lower(optimised, schedules), target };
  return verifyProgram(program);
}

function inputsOf({ inputs, buffers }: Program, sizes: Sizes): Record<string, Numbers> {
  return Object.fromEntries(
    inputs.map(({ name, buffer, range, dtype }) => {
      const size = evaluateDim(buffers.find((b) => b.name === buffer)?.size ?? 0, sizes);
      const limit = dtype === 'bool' ? 2 : (range?.[1] ?? 8) + 1;
      const data =
        dtype === 'f32'
          ? Float32Array.from({ length: size }, (_, i) => Math.sin(3 * i + 1))
          : Int32Array.from({ length: size }, (_, i) => (7 * i + 1) % limit);
      return [name, data];
    }),
  );
}

async function expectSame(
  program: VerifiedProgram,
  sizes: Sizes,
  target: WasmTarget = 'wasm',
): Promise<void> {
  const inputs = inputsOf(program, sizes);
  const { outputs } = await runWasm(program, inputs, sizes, target);
  for (const [name, want] of Object.entries(emulateProgram(program, inputs, sizes))) {
    const got = outputs[name] ?? [];
    expect(got.length).toBe(want.length);
    want.forEach((x, i) => {
      // Sums are in one order; only the math of the module is its own.
      const error = Math.abs((got[i] ?? Number.NaN) - x);
      if (!(error <= 1e-5 * (1 + Math.abs(x)))) expect.fail(`${name}[${i}] is ${got[i]}, not ${x}`);
    });
  }
}

const feedForward = buildGraph('feed-forward', (g) => {
  const x = g.input('x', f32('rows', 19));
  const hidden = g.gelu(g.add(g.matmul(x, table(g, 'w', 19, 37)), g.weight('b', f32(37))));
  const out = g.tanh(g.matmul(hidden, table(g, 'v', 37, 19)));
  const [gamma, beta] = [g.weight('gamma', f32(19)), g.weight('beta', f32(19))];
  const [y] = g.add_norm(out, x, gamma, beta, { eps: 1e-6 });
  return { y, best: g.argmax(y, { axis: -1 }) };
});

const lookUp = buildGraph('look-up', (g) => {
  const ids = g.input('ids', i32('n', 'm'));
  const rows = g.gather(table(g, 'embeddings', 9, 12), ids);
  const mask = g.input('mask', bool('n', 'm', 1));
  const shown = g.select(mask, rows, 0);
  return {
    sums: g.reduce_sum(shown, { axes: [1] }),
    scores: g.softmax(g.sin(shown), { axis: -1 }),
    next: g.mul(g.add(ids, 3), 1_000_003),
  };
});

const GRAPHS: Readonly<Record<string, readonly [Graph, readonly Sizes[]]>> = {
  'an attention block': [
    attentionBlock(),
    [
      { batch: 1, seq: 1 },
      { batch: 2, seq: 5 },
      { batch: 1, seq: 67 },
    ],
  ],
  'a feed-forward layer of odd sizes': [
    feedForward,
    [{ rows: 1 }, { rows: 3 }, { rows: 22 }, { rows: 0 }],
  ],
  'tables, masks and integers': [
    lookUp,
    [
      { n: 1, m: 1 },
      { n: 3, m: 6 },
    ],
  ],
};

describe.each(Object.entries(GRAPHS))('%s in WebAssembly', (_, [graph, sizes]) => {
  it.each(['js', 'wasm', 'wasm-relaxed'] as const)('by the schedules for %s', async (schedules) => {
    const program = programOf(graph, schedules);
    for (const size of sizes) await expectSame(program, size);
  });

  it('with relaxed SIMD', async ({ skip }) => {
    const program = programOf(graph, 'wasm-relaxed', 'wasm-relaxed');
    const { text, path } = wasmRelaxedBackend.print(program);
    const binary = await assembleWat(text, path);
    if (!WebAssembly.validate(binary)) skip('this engine has no relaxed SIMD; the text assembles');
    for (const size of sizes) await expectSame(program, size, 'wasm-relaxed');
  });
});

describe('the assembler', () => {
  it('says where text is wrong', async () => {
    await expect(assembleWat('(module\n  (func (i32.addd)))', 'kernels.wat')).rejects.toThrow(
      'kernels.wat:2:10',
    );
  });

  it('refuses text whose types disagree', async () => {
    const text = '(module (func (result i32) (f32.const 1)))';
    await expect(assembleWat(text, 'kernels.wat')).rejects.toThrow('type mismatch');
  });

  it('keeps letters beyond ASCII in comments', async () => {
    expect(WebAssembly.validate(await assembleWat(';; \u00e9\u4e2d\n(module)', 'a.wat'))).toBe(
      true,
    );
  });
});
