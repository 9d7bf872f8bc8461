/** `encompile bench`: times of a model and its kernels that add up. */
import { describe, expect, it } from 'vitest';
import { leftBehindBy } from '../support/temporary-files.ts';
import { encompile, folderWith, LINEAR_IR, LINEAR_WEIGHTS } from './command.ts';

const folder = folderWith({ 'linear.ir': LINEAR_IR, 'linear.safetensors': LINEAR_WEIGHTS });

describe('bench', () => {
  it.each([
    ['js', null],
    ['wasm', null],
    ['wgsl', expect.any(String)],
  ])('measures %s', async (backend, device) => {
    const { status, stdout, stderr } = await encompile(
      ...[folder, 'bench', 'linear.ir', '--backend', backend, '--json', '--dim', 'batch=50'],
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(/^(note: wasm-relaxed is not measured: .*\n)?$/);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ model: 'linear', sizes: { batch: 50 } });
    const result = report.backends[backend];
    expect(result.device).toEqual(device);
    // 50 * 3 results of 4 products and sums, a bias and a tanh each
    expect(result.model.flops).toBe(50 * 3 * (2 * 4 + 2));
    expect(result.model.milliseconds).toBeGreaterThan(0);
    expect(result.model.rounds).toBeGreaterThanOrEqual(5);
    expect(result.kernels).toHaveLength(1);
    expect(result.kernels[0]).toMatchObject({ kernel: 'matmul_add_tanh', calls: 1, share: 1 });
    expect(result.kernels[0].milliseconds).toBeGreaterThan(0);
  });

  it('prints a table, and leaves no temporary files', async () => {
    const left = await leftBehindBy(async () => {
      const { status, stdout } = await encompile(folder, 'bench', 'linear.ir', '--threads', '1');
      expect(status).toBe(0);
      expect(stdout).toMatch(
        /^js at batch=1: [\d.]+ [mu]s a run, 30 FLOP, [\d.]+ GFLOP\/s \(median of \d+ runs\)\n/,
      );
      expect(stdout).toMatch(/^ {2}matmul_add_tanh +1 +[\d.]+ us +[\d.]+ us +100\.0 % /m);
      expect(stdout).toMatch(/GFLOP\/s {2}of peak {2}ops\n/);
      expect(stdout).toMatch(/ [\d.]+ % {2}matmul add tanh$/m);
    });
    expect(left).toEqual([]);
  });

  it('runs wasm on threads, and says for others that they have none', async () => {
    const threads = ['--threads', '2', '--json'];
    const wasm = await encompile(folder, 'bench', 'linear.ir', '--backend', 'wasm', ...threads);
    expect(JSON.parse(wasm.stdout).backends.wasm).toMatchObject({
      threads: 2,
      peak: expect.any(Number),
    });
    const js = await encompile(folder, 'bench', 'linear.ir', ...threads);
    expect(js).toMatchObject({ status: 2, stdout: '' });
    expect(js.stderr).toContain('--threads 2 asks for several threads, but js has none');
  });
});
