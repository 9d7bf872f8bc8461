/**
 * `encompile check` on every example and on both untrained BERT models: each kernel in the emulator
 * and as emitted, the whole model from one artifact, at two lengths and two batch sizes.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkCompilation } from '../../src/check/check.ts';
import { printReport } from '../../src/check/report.ts';
import { compileGraph } from '../../src/compile.ts';
import { loadModel } from '../../src/frontends/load.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { hasWeights, instantiate } from '../../src/model.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { describeWithData } from '../support/test-data.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const NO_MODEL = new Set(['demo.ts', 'ocr.ts', 'vad.ts']);

const EMULATORS = PROGRAM_TARGETS.map((target) => `emulator-${target}` as const);

async function check(graph: Graph, emulated: boolean) {
  const compilation = compileGraph(hasWeights(graph) ? graph : fillRandomWeights(graph, 1));
  const report = await checkCompilation(compilation, {
    backends: [...(emulated ? EMULATORS : []), ...PROGRAM_TARGETS],
  });
  expect(report.skipped).toEqual([]);
  expect(report.passed, printReport(report)).toBe(true);
  const sizes = new Set(report.backends.map((backend) => JSON.stringify(backend.sizes)));
  expect(sizes.size).toBe(2);
}

describe('examples', () => {
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts') && !NO_MODEL.has(name));
  it('are there', () => expect(files.length).toBeGreaterThanOrEqual(7));
  // emulating a quarter of a billion multiplications takes minutes: `encompile check --backend emulator`
  it.each(files)(
    '%s',
    async (file) => {
      const { default: model } = await import(/* @vite-ignore */ `${EXAMPLES}/${file}`);
      await check(await instantiate(model, { folder: EXAMPLES }), file !== 'use-lite.ts');
    },
    300_000,
  );
});

describeWithData('untrained BERT models', 'models', (folder) => {
  it.each(['sentence_embedding', 'sequence_classification'])('%s', async (kind) => {
    await check((await loadModel(`${folder}/bert-untrained-${kind}`)).graph, true);
  });
});
