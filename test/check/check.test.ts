/** The check must pass what is right, and name the first kernel that is not. */
import { describe, expect, it, vi } from 'vitest';
import { checkCompilation, targetOf } from '../../src/check/check.ts';
import { randomInputs } from '../../src/check/inputs.ts';
import { printReport } from '../../src/check/report.ts';
import { decodeReproducer, encodeReproducer, isReproducer } from '../../src/check/reproducer.ts';
import { type Compilation, compileGraph } from '../../src/compile.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { add } from '../../src/ir/dims.ts';
import { printGraph } from '../../src/ir/print.ts';
import { bool, dims, f32 } from '../../src/ir/types.ts';
import { planMemory } from '../../src/loops/memory-plan.ts';
import type { Kernel, Statement } from '../../src/loops/nodes.ts';
import type { Target } from '../../src/loops/program.ts';
import { verifyProgram } from '../../src/loops/verify-program.ts';
import { encoderBlock } from '../../src/models/index.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';

const { batch, seq } = dims('batch', 'seq');

const graph = fillRandomWeights(
  buildGraph('block', (g) => {
    const x = g.input('x', f32(batch, seq, 16));
    const mask = g.input('mask', bool(batch, seq));
    return { states: encoderBlock(g, x, { heads: 2, hidden: 32, mask }) };
  }),
  3,
);

const compilation = compileGraph(graph);

/** The compilation with every kernel of that name changed, for one target. */
function withKernel(target: Target, name: string, change: (kernel: Kernel) => Kernel): Compilation {
  const program = compilation.programs.get(target);
  if (program === undefined) throw new Error(target);
  const kernels = program.kernels.map((kernel) => (kernel.name === name ? change(kernel) : kernel));
  expect(kernels).not.toEqual(program.kernels);
  const programs = new Map(compilation.programs).set(
    target,
    verifyProgram({ ...program, kernels }),
  );
  return { ...compilation, programs };
}

/** Every statement rewritten, innermost first; null drops one. */
function rewrite(
  body: readonly Statement[],
  f: (s: Statement) => Statement | null,
): readonly Statement[] {
  return body.flatMap((s) => {
    const inner =
      s.tag === 'for'
        ? { ...s, body: rewrite(s.body, f) }
        : s.tag === 'if'
          ? { ...s, then: rewrite(s.then, f) }
          : s;
    return f(inner) ?? [];
  });
}

const outputsOf = ({ buffers }: Kernel) =>
  buffers.filter(({ access }) => access === 'write').map(({ name }) => name);

/** The scores' scale 1 / sqrt(8) doubled wherever it stands. */
const doubleScale = (kernel: Kernel): Kernel => ({ ...kernel, body: doubled(kernel.body) });

/** A copy in which twice the scale of attention stands for it; JSON would lose infinities. */
function doubled<T>(part: T): T {
  if (part === 0.35355339059327373) return (2 * Number(part)) as T;
  if (Array.isArray(part)) return part.map(doubled) as T;
  if (typeof part !== 'object' || part === null) return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, doubled(value)])) as T;
}

describe('checkCompilation', () => {
  it('passes a right compilation in the emulator, JS and WebAssembly, at two sizes', async () => {
    const report = await checkCompilation(compilation, {
      backends: ['emulator-js', 'emulator-wasm', 'emulator-wgsl', 'js', 'wasm', 'wasm-relaxed'],
    });
    expect(printReport(report)).toContain('block: check passed');
    expect(report.backends.map(({ kernels }) => kernels.length)).toEqual(
      Array.from({ length: 2 * 6 }, () => 7),
    );
    expect(new Set(report.backends.map(({ sizes }) => JSON.stringify(sizes))).size).toBe(2);
  });

  it('passes an exact compilation whose backends give the same bits, and no other', async () => {
    const exact = compileGraph(graph, { exact: true });
    const right = await checkCompilation(exact, { backends: ['js', 'emulator-js', 'wasm'] });
    expect(right.passed, printReport(right)).toBe(true);
    expect(right.bits.map(({ backends }) => backends)).toEqual([
      ['js', 'wasm'],
      ['js', 'wasm'],
    ]);
    const program = compilation.programs.get('wasm');
    if (program === undefined) throw new Error('wasm');
    const programs = new Map(exact.programs).set('wasm', { ...program, exact: true });
    const wrong = await checkCompilation(
      { ...exact, programs, plans: new Map(exact.plans).set('wasm', planMemory(program)) },
      { backends: ['js', 'wasm'] },
    );
    expect(wrong.backends.every(({ passed }) => passed)).toBe(true);
    expect(wrong.passed).toBe(false);
    expect(printReport(wrong)).toMatch(
      /^js, wasm +batch=2 seq=7 {2}DIFFER {2}%states: element \d+/m,
    );
  });

  it('passes on WebGPU', async () => {
    const report = await checkCompilation(compilation, { backends: ['wgsl'] });
    expect(printReport(report)).toContain('block: check passed');
  });

  for (const backend of ['emulator-js', 'js', 'emulator-wasm', 'wasm', 'wasm-relaxed'] as const) {
    it(`names the kernel that computes something else (${backend})`, async () => {
      const broken = withKernel(targetOf(backend), 'attention', doubleScale);
      const report = await checkCompilation(broken, { backends: [backend] });
      expect(report.passed).toBe(false);
      const text = printReport(report);
      expect(text).toContain(
        'first bad kernel: attention (step 1), which computes %attention.context',
      );
      expect(text).toContain('declared at');
      expect(text).toContain('check.test.ts');
      expect(report.backends[0]?.kernels.filter(({ passed }) => !passed)).toHaveLength(1);
    });
  }

  it('names the kernel that computes something else (wgsl)', async () => {
    const broken = withKernel('wgsl', 'attention', doubleScale);
    const report = await checkCompilation(broken, { backends: ['wgsl'] });
    expect(printReport(report)).toContain('first bad kernel: attention (step 1)');
  });

  it('reports reads before the writes of others where a barrier is missing', async () => {
    const broken = withKernel('wgsl', 'matmul_add', (kernel) => ({
      ...kernel,
      body: rewrite(kernel.body, (s) => (s.tag === 'barrier' ? null : s)),
    }));
    const report = await checkCompilation(broken, { backends: ['emulator-wgsl'] });
    expect(report.passed).toBe(false);
    expect(printReport(report)).toContain('which nothing has written');
  });

  it('reports writes of WebAssembly outside the buffers of a kernel', async () => {
    const outputs = new Set(compilation.programs.get('wasm')?.kernels.flatMap(outputsOf));
    const broken = withKernel('wasm', 'add_norm', (kernel) => ({
      ...kernel,
      body: rewrite(kernel.body, (s) =>
        s.tag === 'store' && outputs.has(s.buffer) ? { ...s, index: add(s.index, 1) } : s,
      ),
    }));
    const report = await checkCompilation(broken, { backends: ['wasm'] });
    expect(printReport(report)).toMatch(/add_norm writes behind 'out'/);
  });

  it('says what the host cannot run', async () => {
    vi.spyOn(WebAssembly, 'validate').mockReturnValue(false);
    const backends = ['js', 'wasm-relaxed', 'emulator-wasm-relaxed'] as const;
    const report = await checkCompilation(compilation, { backends, dims: { batch: 1, seq: 3 } });
    vi.restoreAllMocks();
    expect(report.backends.map(({ backend }) => backend)).toEqual(['js', 'emulator-wasm-relaxed']);
    expect(report.skipped).toEqual([
      { backend: 'wasm-relaxed', reason: expect.stringContaining('has no relaxed SIMD') },
    ]);
    expect(printReport(report)).toMatch(/^wasm-relaxed +skipped: the WebAssembly of Node/m);
  });

  it('takes given inputs and sizes', async () => {
    const inputs = randomInputs(graph, { batch: 1, seq: 70 }, 5);
    const report = await checkCompilation(compilation, { backends: ['js'], inputs });
    expect(report.backends.map(({ sizes }) => sizes)).toEqual([{ batch: 1, seq: 70 }]);
    expect(report.passed).toBe(true);
  });
});

describe('reproducer', () => {
  it('is one file that holds the node and its numbers', async () => {
    const broken = withKernel('js', 'attention', doubleScale);
    const report = await checkCompilation(broken, { backends: ['js'], dims: { batch: 1, seq: 4 } });
    const reproducer = report.backends[0]?.reproducer;
    if (reproducer == null) throw new Error('no reproducer');
    const bytes = encodeReproducer(reproducer);
    expect(isReproducer(bytes, 'case')).toBe(true);
    const again = decodeReproducer(bytes, 'case');
    expect(printGraph(again.graph)).toBe(printGraph(reproducer.graph));
    expect(again.inputs).toEqual(reproducer.inputs);
    const alone = compileGraph(again.graph);
    expect(alone.programs.get('js')?.steps).toHaveLength(1);
    const right = await checkCompilation(alone, { backends: ['js'], inputs: again.inputs });
    expect(right.passed).toBe(true);
  });
});
