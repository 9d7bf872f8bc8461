/**
 * Names from a model file are data: whatever they hold, they reach no emitted code as code. Every
 * level takes them: declaration, passes, dumps, kernels, artifact, all backends.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestNodeDevice } from '../src/check/webgpu-node.ts';
import { compileGraph } from '../src/compile.ts';
import { interpret } from '../src/interpreter/interpreter.ts';
import { buildGraph } from '../src/ir/builder.ts';
import { graphToSvg } from '../src/ir/dump.ts';
import { parseGraph } from '../src/ir/parse.ts';
import { printGraph } from '../src/ir/print.ts';
import { dims, f32 } from '../src/ir/types.ts';
import { fillRandomWeights } from '../src/random-weights.ts';
import { type ArtifactFolder, artifactFolder } from './backends/artifact-folder.ts';

const HOSTILE = [
  'quote " quote \' back \\',
  'two\nlines\r\nand \u2028 one more',
  '*/ globalThis.broken = true; /*',
  '// */ }); globalThis.broken = true; ({',
  'tick ` and \u0024{globalThis.broken = true}',
  '\u0024{process.exit()}',
  '</script><script>globalThis.broken = true</script>',
  '__proto__',
  'constructor',
  '/encoder/layer.0/2',
  '0.weight',
  '',
];

const { batch } = dims('batch');
const INPUT = `input ${HOSTILE.join(' ')}`;
const OUTPUT = `output ${HOSTILE.join(' ')}`;

const graph = fillRandomWeights(
  buildGraph(`model ${HOSTILE.join(' ')}`, (g) => {
    let x = g.named(HOSTILE[0] ?? '', g.relu(g.input(INPUT, f32(batch, 8))));
    for (const name of HOSTILE.filter((text) => text !== '')) {
      const weight = g.weight(name, f32(8, 8));
      x = g.named(`${name} product`, g.matmul(x, weight));
      x = g.named(`${name} norm`, g.softmax(x));
    }
    return { [OUTPUT]: x };
  }),
  1,
);

const data = Array.from({ length: 16 }, (_, i) => Math.sin(i));
const given = new Map([
  [INPUT, { dtype: 'f32' as const, shape: [2, 8], data: Float64Array.from(data) }],
]);

describe('a model whose names are hostile', () => {
  const { programs, optimised } = compileGraph(graph);
  const want = interpret(graph, given).outputs.get(OUTPUT)?.data ?? new Float64Array(0);
  let folder: ArtifactFolder;
  beforeAll(async () => {
    folder = await artifactFolder([...programs.values()]);
  });
  afterAll(() => folder?.remove());

  it('prints and reads back, and draws', async () => {
    const text = printGraph(optimised);
    expect(printGraph(parseGraph(text))).toBe(text);
    expect(await graphToSvg(optimised)).not.toContain('<script>');
  });

  const expectRight = (got: ArrayLike<number> | ArrayLike<bigint> | undefined) => {
    expect(want).toHaveLength(16);
    const differences = Array.from(want, (x, i) => Math.abs(x - Number(got?.[i])));
    expect(Math.max(...differences)).toBeLessThan(1e-5);
    expect(globalThis).not.toHaveProperty('broken');
  };

  it('runs on JS', async () => {
    const model = await folder.load({ backend: 'js' });
    expectRight((await model.run({ [INPUT]: { data, shape: [2, 8] } }))[OUTPUT]?.data);
  });

  it.each(['wasm', 'wasm-relaxed'] as const)('runs on WebAssembly (%s)', async (target) => {
    const program = programs.get(target);
    if (program === undefined) throw new Error(target);
    const alone = await artifactFolder([program]);
    const model = await alone.load({ backend: 'wasm' });
    expectRight((await model.run({ [INPUT]: { data, shape: [2, 8] } }))[OUTPUT]?.data);
    model.dispose();
    await alone.remove();
  });

  it('runs on WebGPU', async () => {
    const { gpu, release } = await requestNodeDevice();
    const model = await folder.load({ backend: 'webgpu', gpu });
    expectRight((await model.run({ [INPUT]: { data, shape: [2, 8] } }))[OUTPUT]?.data);
    model.dispose();
    release();
  });
});
