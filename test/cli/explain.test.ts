/** `encompile explain` and `encompile passes`. */
import { describe, expect, it } from 'vitest';
import { wholePipeline } from '../../src/passes/pipeline.ts';
import { encompile, folderWith, TINY_TS } from './command.ts';

const LAYERS = `[0, 1, 2].reduce(
      (x, i) => encoderBlock(g.scope(\`layer.\${i}\`), x, { heads: 2, hidden: 32, mask }),
      embedded,
    )`;

const folder = folderWith({
  'deep.ts': TINY_TS.replace(/encoderBlock\(g\.scope.*\}\)(?= \})/, LAYERS),
});

async function explain(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await encompile(folder, 'explain', 'deep.ts', ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('explain', () => {
  it('shows what repeats once, with its count and the place of the first', async () => {
    const stdout = await explain();
    expect(stdout).toMatch(/^fuse-attention\n {2}matched x3 {2}%layer\.\*\.attention\./m);
    expect(stdout).toMatch(/^ {2}matched x3 .* \(first: deep\.ts:\d+:\d+\)$/m);
    expect(stdout.match(/fuse-attention$/gm)).toHaveLength(1);
  });

  it('lists what each kernel costs at the sizes asked for', async () => {
    const stdout = await explain('--dim', 'seq=10', '--dim', 'batch=2', '--target', 'wgsl');
    expect(stdout).toMatch(/kernel calls of \d+ kernels for wgsl: .* at batch=2 seq=10$/m);
    // (2*10 rows) * 16 * 32 products and sums, then a bias and a gelu; three layers.
    expect(stdout).toMatch(
      /^ {2}matmul_add_gelu +3 +[\d.]+ kFLOP +[\d.]+ % +[\d.]+ kB +[\d.]+ {2}matmul add gelu$/m,
    );
    expect(stdout).toMatch(/^ {2}matmul_add_gelu: %layer\.\*\.ffn\.\S+, .* \(deep\.ts:\d+:\d+\)$/m);
  });

  it('prints JSON alone with --json', async () => {
    const report = JSON.parse(await explain('--json', '--dim', 'seq=10'));
    expect(report).toMatchObject({ model: 'tiny', target: 'js', sizes: { batch: 1, seq: 10 } });
    const fused = report.ledger.filter(
      (entry: { pass: string }) => entry.pass === 'fuse-attention',
    );
    expect(fused.filter((entry: { matched: boolean }) => entry.matched)).toHaveLength(3);
    expect(fused[0].location).toMatch(/deep\.ts:\d+:\d+$/);
    const gelu = report.steps.find((step: { ops: string[] }) => step.ops.includes('gelu'));
    expect(gelu.flops).toBeGreaterThanOrEqual(2 * 10 * 16 * 32);
    expect(gelu.bytes).toBeGreaterThanOrEqual(4 * (10 * 16 + 16 * 32 + 32 + 10 * 32));
  });
});

describe('passes', () => {
  it('are listed in order with their reasons', async () => {
    const { status, stdout, stderr } = await encompile(folder, 'passes');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const names = [...stdout.matchAll(/^\d+\. +(\S+)$/gm)].map(([, name]) => name);
    expect(names).toEqual(wholePipeline.map(({ name }) => name));
    for (const { reason } of wholePipeline) expect(stdout).toContain(reason);
  });

  it('are JSON with --json', async () => {
    const { stdout } = await encompile(folder, 'passes', '--json');
    const { passes } = JSON.parse(stdout);
    expect(passes).toEqual(
      wholePipeline.map(({ name, summary, reason }) => ({ name, summary, reason })),
    );
  });
});
