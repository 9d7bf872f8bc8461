/** A quantised model is checked as any other, against the graph that was quantised. */
import { describe, expect, it } from 'vitest';
import { checkCompilation } from '../../src/check/check.ts';
import { printReport } from '../../src/check/report.ts';
import { compileGraph } from '../../src/compile.ts';
import { opDefinition } from '../../src/ir/ops/index.ts';
import { denseModel } from '../support/dense-model.ts';

const compilation = compileGraph(denseModel(), { quantize: 'int8' });

describe('a quantised encoder', () => {
  it('has a kernel of bytes for every product with a weight', () => {
    for (const program of compilation.programs.values()) {
      const quantised = program.steps.filter(({ provenance }) =>
        provenance.ops.includes('quantized_matmul'),
      );
      expect(quantised.length).toBe(8);
      expect(program.steps.some(({ provenance }) => provenance.ops.includes('matmul'))).toBe(false);
    }
    const text = JSON.stringify(compilation.programs.get('wasm-relaxed')?.kernels);
    expect(text).toContain('"dot4"');
  });

  it.each(['js', 'wasm', 'wasm-relaxed', 'wgsl', 'emulator-wasm'] as const)(
    'computes on %s what the interpreter computes, kernel by kernel and whole',
    async (backend) => {
      for (const dims of [
        { batch: 1, seq: 13 },
        { batch: 2, seq: 50 },
      ]) {
        const report = await checkCompilation(compilation, { backends: [backend], dims });
        expect(report.passed, printReport(report)).toBe(true);
      }
    },
  );

  it('answers for its kernels as sharply as float32 does', () => {
    expect(opDefinition('quantized_matmul').tolerance.relative).toBeLessThanOrEqual(1e-5);
  });
});

it('another kind of quantisation is an error', () => {
  expect(() => compileGraph(denseModel(), { quantize: 'int4' as 'int8' })).toThrow(
    'quantize is "int4", where',
  );
});
