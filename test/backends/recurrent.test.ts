/** Recurrent layers as emitted code, each kernel and the whole against the interpreter, and PyTorch's numbers. */
import { describe, expect, test } from 'vitest';
import { checkCompilation } from '../../src/check/check.ts';
import { printReport } from '../../src/check/report.ts';
import { compileGraph } from '../../src/compile.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { f32, i32 } from '../../src/ir/types.ts';
import { table } from '../support/agreement.ts';

const BACKENDS = ['js', 'wasm', 'wasm-relaxed', 'wgsl'] as const;

const graph = buildGraph('recurrent', (g) => {
  const x = g.input('x', f32('batch', 'seq', 6));
  const lengths = g.input('lengths', i32('batch'));
  const h = g.input('h', f32('batch', 20));
  const [states, last] = g.lstm(
    x,
    table(g, 'w1', 6, 80),
    table(g, 'r1', 20, 80),
    null,
    h,
    null,
    null,
    lengths,
  );
  const [y] = g.gru(
    states,
    table(g, 'w2', 20, 30),
    table(g, 'r2', 10, 30),
    null,
    null,
    null,
    null,
    {
      reverse: true,
    },
  );
  return { y, last };
});

/** More operands and results than a kernel of WebGPU may have buffers. */
const full = buildGraph('full', (g) => {
  const x = g.input('x', f32('seq', 'batch', 6));
  const [h, c] = [g.input('h', f32('batch', 8)), g.input('c', f32('batch', 8))];
  const lengths = g.input('lengths', i32('batch'));
  const peephole = g.reshape(table(g, 'p', 1, 24), { shape: [24] });
  const [y, hn, cn] = g.lstm(
    ...[x, table(g, 'w', 6, 32), table(g, 'r', 8, 32)],
    ...([null, h, c, peephole, lengths, { axis: 0 }] as const),
  );
  return { y, hn, cn };
});

describe('an lstm with all it can have', () => {
  const compilation = compileGraph(full);
  test('has no more than 8 buffers on WebGPU, as some are copied into one', () => {
    const { kernels, steps } = compilation.programs.get('wgsl') ?? { kernels: [], steps: [] };
    const counts = kernels.map(({ buffers }) => buffers.length);
    expect(Math.max(...counts)).toBe(8);
    expect(steps.filter(({ provenance }) => provenance.ops[0] === 'copy').length).toBeGreaterThan(
      1,
    );
    const js = compilation.programs.get('js')?.steps ?? [];
    expect(js.filter(({ provenance }) => provenance.ops[0] === 'copy')).toEqual([]);
  });
  test.each([...BACKENDS, 'emulator-wgsl'] as const)('%s', async (backend) => {
    const report = await checkCompilation(compilation, {
      ...{ backends: [backend], dims: { batch: 3, seq: 4 } },
    });
    expect(report.passed, printReport(report)).toBe(true);
  });
});

describe('an lstm with lengths, and a gru behind it', () => {
  const compilation = compileGraph(graph);
  test.each(BACKENDS)('%s', async (backend) => {
    for (const dims of [
      { batch: 1, seq: 7 },
      { batch: 5, seq: 3 },
      { batch: 2, seq: 0 },
    ]) {
      const report = await checkCompilation(compilation, { backends: [backend], dims });
      expect(report.passed, printReport(report)).toBe(true);
    }
  });
});
