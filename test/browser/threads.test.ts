/** Threads in a real page: several where it is cross-origin isolated, one where it is not. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { artifactFiles } from '../../src/artifact-files.ts';
import { writeArtifact } from '../../src/backends/write-artifact.ts';
import { compileGraph } from '../../src/compile.ts';
import { openPage } from '../support/browser.ts';
import { denseInput, denseModel } from '../support/dense-model.ts';

const MAIN = `
import { load } from '/artifact/model.mjs';

async function main() {
  const { data, shape } = await (await fetch('/input.json')).json();
  const x = { data: Float32Array.from(data), shape };
  const results = [];
  for (const threads of [1, 2]) {
    const model = await load({ backend: 'wasm', threads });
    for (let i = 0; i < 5; i++) await model.run({ x });
    const { states } = await model.run({ x });
    results.push({ threads: model.threads, states: Array.from(states.data) });
    model.dispose();
  }
  return { isolated: crossOriginIsolated, results };
}

window.results = await main().catch((error) => ({ error: String(error) }));
document.title = 'done';
`;

interface Results {
  readonly error?: string;
  readonly isolated: boolean;
  readonly results: readonly { readonly threads: number; readonly states: readonly number[] }[];
}

async function visit(
  isolated: boolean,
): Promise<Results & { readonly problems: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'encompile-page-'));
  try {
    const compilation = compileGraph(denseModel(), { targets: ['wasm'] });
    await writeArtifact(folder, await artifactFiles(compilation));
    const { data, shape } = denseInput(2, 30);
    const served = await openPage({
      folders: { '/artifact': folder },
      files: {
        '/index.html':
          '<!doctype html><title>empty</title><script type="module" src="/main.js"></script>',
        '/main.js': MAIN,
        '/input.json': JSON.stringify({ data: Array.from(data), shape }),
      },
      allowsWasm: true,
      isolated,
    });
    try {
      await served.page.goto(`${served.origin}/index.html`);
      await served.page.waitForFunction(() => document.title === 'done', null, { timeout: 60_000 });
      const results: unknown = await served.page.evaluate('window.results');
      return { ...(results as Results), problems: served.problems };
    } finally {
      await served.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('load({ threads: 2 }) in a page', () => {
  test.each([
    ['that is cross-origin isolated runs two', true, 2],
    ['that is not runs one', false, 1],
  ])('%s', async (_, isolated, threads) => {
    const { error, isolated: found, results, problems } = await visit(isolated);
    expect(error).toBeUndefined();
    expect(problems).toEqual([]);
    expect(found).toBe(isolated);
    expect(results.map((result) => result.threads)).toEqual([1, threads]);
    expect(results[1]?.states).toEqual(results[0]?.states);
    expect(results[0]?.states).toHaveLength(2 * 30 * 64);
  });
});
