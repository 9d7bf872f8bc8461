/** Weights stored as float16: the same results, bit for bit, as the same numbers in four bytes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifactFiles } from '../../src/artifact-files.ts';
import { packWeights } from '../../src/backends/weights-file.ts';
import { checkCompilation } from '../../src/check/check.ts';
import { printReport } from '../../src/check/report.ts';
import { type NodeGpu, requestNodeDevice } from '../../src/check/webgpu-node.ts';
import { type Compilation, type CompileGraphOptions, compileGraph } from '../../src/compile.ts';
import { roundToFloat16 } from '../../src/ir/float16.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Program, Target, WeightBuffer } from '../../src/loops/program.ts';
import type { WeightRange } from '../../src/runtime/definition.mts';
import type { LoadOptions } from '../../src/runtime/load.mts';
import { hold, type WeightPart } from '../../src/runtime/weights.mts';
import { denseInput, denseModel } from '../support/dense-model.ts';
import { withArtifactOf } from './artifact-folder.ts';
import { emptyProgram } from './programs.ts';

/** The graph with every weight rounded. */
function rounded(graph: Graph): Graph {
  const parameters = graph.parameters.map((parameter) => {
    const data = parameter.data?.data;
    if (parameter.data === null || !(data instanceof Float32Array)) return parameter;
    return { ...parameter, data: { ...parameter.data, data: roundToFloat16(data) } };
  });
  return { ...graph, parameters };
}

interface Manifest {
  readonly quantize?: string;
  readonly exact?: boolean;
  readonly weights: {
    readonly bytes: number;
    readonly float16?: { readonly bytes: number; readonly numbers: string };
    readonly entries: readonly { readonly type: string; readonly bytes: number }[];
  };
}

async function manifestOf(compilation: Compilation): Promise<Manifest> {
  return JSON.parse(`${(await artifactFiles(compilation)).get('manifest.json')}`);
}

describe('an artifact', () => {
  let node: NodeGpu;
  beforeAll(async () => {
    node = await requestNodeDevice();
  });
  afterAll(() => node.release());

  // the int8 steps follow from the declared numbers, so there the rounded graph is that after the pass
  it.each<[string, CompileGraphOptions, readonly LoadOptions[]]>([
    [
      'all targets in one',
      { targets: ['js', 'wasm', 'wgsl'] },
      [
        { backend: 'js' },
        { backend: 'wasm' },
        { backend: 'wasm', threads: 3 },
        { backend: 'webgpu' },
      ],
    ],
    ['js alone', { targets: ['js'] }, [{ backend: 'js' }]],
    ['exact', { exact: true }, [{ backend: 'js' }, { backend: 'wasm', threads: 2 }]],
    ['int8', { quantize: 'int8' }, [{ backend: 'wasm' }, { backend: 'wasm', threads: 2 }]],
  ])('%s', async (_, options, loads) => {
    const half = compileGraph(denseModel(), { ...options, weights: 'f16' });
    const last = half.approximations.at(-1)?.after;
    const { quantize: __, ...plain } = options;
    const wide = compileGraph(
      options.quantize === undefined || last === undefined ? rounded(denseModel()) : last,
      { ...plain, targets: options.targets ?? [...targetsOf(half)], weights: 'f32' },
    );
    const given = { x: denseInput(2, 19) };
    for (const load of loads) {
      const withGpu = load.backend === 'webgpu' ? { ...load, gpu: node.gpu } : load;
      const results = [half, wide].map((compilation) =>
        withArtifactOf(compilation, async (artifact) => {
          const model = await artifact.load(withGpu);
          const outputs = await model.run(given);
          model.dispose();
          return outputs;
        }),
      );
      const [got, want] = await Promise.all(results);
      expect(got).toEqual(want);
    }
  });

  it('says in its manifest what was done', async () => {
    const modes = { targets: ['wasm'], weights: 'f16' } as const;
    const half = await manifestOf(compileGraph(denseModel(), modes));
    const wide = await manifestOf(compileGraph(denseModel(), { targets: ['wasm'] }));
    expect(wide.weights).not.toHaveProperty('float16');
    expect(half.weights.float16?.numbers).toBe('rounded');
    expect(half.weights.bytes).toBeLessThan(0.52 * wide.weights.bytes);
    expect(new Set(half.weights.entries.map(({ type }) => type))).toEqual(new Set(['f16']));
    const bytes = compileGraph(denseModel(), { quantize: 'int8', weights: 'f16' });
    expect(await manifestOf(bytes)).toMatchObject({ quantize: 'int8' });
  });

  it('is checked with the weights it has', async () => {
    const compilation = compileGraph(denseModel(), { targets: ['js', 'wasm'], weights: 'f16' });
    const report = await checkCompilation(compilation, { backends: ['js', 'wasm', 'emulator-js'] });
    expect(report.passed, printReport(report)).toBe(true);
  });

  it('refuses weights of another length', async () => {
    const compilation = compileGraph(denseModel(), { targets: ['js', 'wasm'], weights: 'f16' });
    const bytes = (await artifactFiles(compilation)).get('weights.bin') as Uint8Array;
    await withArtifactOf(compilation, async ({ load }) => {
      for (const backend of ['js', 'wasm'] as const) {
        for (const weights of [bytes.subarray(1), bytes.subarray(0, bytes.length / 2)]) {
          await expect(load({ backend, weights })).rejects.toThrow(
            /^The weights passed to load are \d+ bytes, but this model's are \d+\./,
          );
        }
      }
    });
  });
});

describe('without being asked for', () => {
  const stored = async (graph: Graph, weights?: 'f32') =>
    (await manifestOf(compileGraph(graph, { targets: ['js'], ...(weights && { weights }) })))
      .weights;

  it('float16 stores what it does not change', async () => {
    const wide = await stored(denseModel());
    const half = await stored(rounded(denseModel()));
    expect(half.float16).toEqual({ bytes: expect.any(Number), numbers: 'unchanged' });
    expect(half.bytes).toBeLessThan(0.52 * wide.bytes);
    expect((await stored(rounded(denseModel()), 'f32')).bytes).toBe(wide.bytes);
  });

  it('is left alone where most weights would change', async () => {
    const exact = rounded(denseModel());
    const parameters = denseModel().parameters.map((parameter, i) =>
      parameter.data?.shape.length === 1 ? (exact.parameters[i] ?? parameter) : parameter,
    );
    expect(await stored({ ...exact, parameters })).not.toHaveProperty('float16');
  });
});

describe('weights.bin', () => {
  const weight = (buffer: string, values: readonly number[]): WeightBuffer => {
    const data = Float32Array.from(values);
    return { buffer, layout: 'rows', type: 'f32', size: data.length, data: () => data };
  };
  const codes: WeightBuffer = {
    ...{ buffer: 'codes', layout: 'rows', type: 'i32', size: 2 },
    data: () => Int32Array.of(-7, 8),
  };
  const js: Program = {
    ...emptyProgram([], 'js'),
    weights: [
      weight('exact', [1, -2.5, 0]),
      codes,
      weight('other', [0.1]),
      weight('far', [65_504, 2 ** -24]),
    ],
  };
  const wgsl: Program = { ...emptyProgram([], 'wgsl'), weights: [weight('exact', [1, -2.5, 0])] };

  /** What a host holds of a buffer. */
  function heldBy(target: Target, buffer: string, count: number): Float32Array {
    const { content, rangesOf, offsetOf } = packWeights([js, wgsl], 'f16');
    const parts = rangesOf(target).map(([from, to, type]: WeightRange): WeightPart => {
      return { stored: content.subarray(from, to), isFloat16: type === 'f16' };
    });
    const bytes = new Uint8Array(8192);
    hold(parts, bytes);
    return new Float32Array(bytes.buffer, offsetOf(target, buffer), count);
  }

  it('has float16 behind the rest of what the same targets read, in ranges of its own', () => {
    const { entries, rangesOf, float16Bytes } = packWeights([js, wgsl], 'f16');
    expect(entries.map(({ offset, bytes, type }) => [offset, bytes, type])).toEqual([
      [0, 8, 'i32'],
      [256, 4, 'f32'],
      [512, 4, 'f16'],
      [768, 6, 'f16'],
    ]);
    expect(float16Bytes).toBe(10);
    expect(rangesOf('js')).toEqual([
      [0, 512],
      [512, 774, 'f16'],
    ]);
    expect(rangesOf('wgsl')).toEqual([[768, 774, 'f16']]);
  });

  it('is held as kernels read it', () => {
    expect([...heldBy('js', 'exact', 3)]).toEqual([1, -2.5, 0]);
    expect([...heldBy('wgsl', 'exact', 3)]).toEqual([1, -2.5, 0]);
    expect([...heldBy('js', 'far', 2)]).toEqual([65_504, 2 ** -24]);
    expect([...heldBy('js', 'other', 1)]).toEqual([Math.fround(0.1)]);
    expect([...new Int32Array(heldBy('js', 'codes', 2).slice().buffer)]).toEqual([-7, 8]);
  });

  it('gives every pattern of 16 bits the number that it is, from odd addresses, too', () => {
    const patterns = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const finite = patterns.filter((bits) => (bits & 0x7c00) !== 0x7c00);
    const odd = new Uint8Array(2 * finite.length + 1);
    odd.set(new Uint8Array(finite.buffer), 1);
    const into = new Uint8Array(4 * finite.length);
    hold([{ stored: odd.subarray(1), isFloat16: true }], into);
    const values = new Float32Array(into.buffer);
    expect(roundToFloat16(values)).toEqual(values);
    expect(packWeights([{ ...js, weights: [weight('all', [...values])] }], 'f16').content).toEqual(
      new Uint8Array(finite.buffer),
    );
  });
});

function targetsOf({ programs }: Compilation) {
  return new Set(
    [...programs.keys()].map((target) => (target === 'wasm-relaxed' ? 'wasm' : target)),
  );
}
