/** The compile driver: what it gives, announces and refuses, and that its time grows with the layers. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileGraph } from '../src/compile.ts';
import { bool, compile, dims, EncompileError, f32, model, randomWeights } from '../src/index.ts';
import type { Graph } from '../src/ir/graph.ts';
import { encoderBlock } from '../src/models/index.ts';
import { pipeline } from '../src/passes/pipeline.ts';
import { countPrimitives } from '../src/primitive-count.ts';
import { fillRandomWeights } from '../src/random-weights.ts';
import { PROGRAM_TARGETS } from '../src/targets.ts';
import { processorClock } from './support/processor-time.ts';

const { batch, seq } = dims('batch', 'seq');

function layers(count: number) {
  return model(
    'layers',
    (g) => {
      const mask = g.input('mask', bool(batch, seq));
      let x = g.input('x', f32(batch, seq, 16));
      for (let i = 0; i < count; i++) {
        x = encoderBlock(g.scope(`layer.${i}`), x, { heads: 2, hidden: 32, mask });
      }
      return { x };
    },
    { weights: randomWeights({ seed: 3 }) },
  );
}

function graphOf(count: number): Graph {
  return fillRandomWeights(layers(count).build(), 3);
}

describe('compileGraph', () => {
  it('announces every stage before it starts, and gives the graph after every pass', () => {
    const heard: string[] = [];
    const { declared, optimised, programs, plans, ledger } = compileGraph(graphOf(1), {
      onProgress: (stage) => heard.push(stage),
      onPass: (name) => heard.push(`after ${name}`),
    });
    const passes = pipeline.flatMap(({ name }) => [name, `after ${name}`]);
    const lowering = PROGRAM_TARGETS.flatMap((target) => [
      `lower to ${target}`,
      `plan the memory of ${target}`,
    ]);
    expect(heard).toEqual([...passes, ...lowering]);
    expect(declared.nodes.length).toBeGreaterThan(optimised.nodes.length);
    expect([...programs.keys()]).toEqual(PROGRAM_TARGETS);
    expect([...plans.keys()]).toEqual(PROGRAM_TARGETS);
    expect(ledger.some(({ pass, matched }) => pass === 'fuse-attention' && matched)).toBe(true);
  });

  it('shares kernels between layers', () => {
    const [few, many] = [3, 9].map((count) => {
      const program = compileGraph(graphOf(count), { targets: ['js'] }).programs.get('js');
      return { kernels: program?.kernels.length ?? 0, steps: program?.steps.length ?? 0 };
    });
    expect(many?.kernels).toBe(few?.kernels);
    expect(many?.steps).toBe((few?.steps ?? 0) * 3);
  });

  it('takes time that grows no faster than the layers', () => {
    const time = (graph: Graph) => {
      const elapsed = processorClock();
      compileGraph(graph, { targets: ['js'] });
      return elapsed();
    };
    time(graphOf(4));
    const few = Math.min(...[0, 1, 2].map(() => time(graphOf(8))));
    const many = time(graphOf(64));
    // 8 times the layers; a quadratic step that matters would take it to 64 times.
    expect(many / few).toBeLessThan(24);
  });
});

describe('compile', () => {
  it('gives the files of an artifact, and writes them where it is told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'encompile-compile-test-'));
    try {
      const output = join(folder, 'new', 'artifact');
      const { files, programs } = await compile(layers(1), { targets: ['js'], output });
      expect([...programs.keys()]).toEqual(['js']);
      const entries = readdirSync(output, { recursive: true, withFileTypes: true });
      const written = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
      expect(written.sort()).toEqual(
        [...files.keys()].map((path) => path.replace(/.*\//, '')).sort(),
      );
      expect(readdirSync(join(folder, 'new'))).toEqual(['artifact']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('refuses a graph without weights', async () => {
    await expect(compile(layers(1).build())).rejects.toThrow(EncompileError);
  });

  it.each([
    ['./model.ts', undefined, 'compile takes a model or a graph, but got "./model.ts"'],
    [undefined, undefined, 'compile takes a model or a graph, but got nothing'],
    [layers(1), 'js', `The targets are "js", where a list of 'js', 'wasm' and 'wgsl' was expected`],
    [layers(1), ['js', 'cpu'], 'The targets are "js", "cpu", where a list'],
    [layers(1), [], 'The targets are an empty list'],
  ])('says what is wrong about a call: %s', async (what, targets, message) => {
    const options = targets === undefined ? {} : { targets };
    const call = compile(what as never, options as never);
    await expect(call).rejects.toThrow(EncompileError);
    await expect(call).rejects.toThrow(message);
  });
});

it('counts what would be kernels without fusion', () => {
  const graph = model('counted', (g) => {
    const x = g.input('x', f32(batch, 8));
    const w = g.weight('w', f32(8, 8));
    const b = g.weight('b', f32(8));
    const y = g.tanh(g.linear(g.linear(x, w, b), w, b));
    return { y: g.transpose(y, { permutation: [1, 0] }) };
  }).build();
  // Twice a matmul and a sum, and a tanh; the transpose computes nothing.
  expect(countPrimitives(graph)).toBe(2 * 2 + 1);
  const [target] = compileGraph(graph, { targets: ['js'] }).programs.values();
  expect(target?.steps).toHaveLength(2);
});
