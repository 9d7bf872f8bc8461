/** `encompile check`: passes, fails with a reproducer, and takes sizes and inputs. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import {
  encompile,
  folderWith,
  LINEAR_INPUTS,
  LINEAR_IR,
  LINEAR_WEIGHTS,
  TINY_TS,
} from './command.ts';

/** 2e9 x + 2e9: where x is 1, beyond the 32 bits in which kernels hold an i64. */
const OVERFLOW_IR = `graph @overflow(%x: i64[n]) {
  %c = constant {value = [2000000000], dtype = i64, shape = []} : i64[]
  %large = mul %x, %c : i64[n]
  %y = add %large, %c : i64[n]
  return %y
}
`;

const folder = folderWith({
  'linear.ir': LINEAR_IR,
  'linear.safetensors': LINEAR_WEIGHTS,
  'in.safetensors': LINEAR_INPUTS,
  'tiny.ts': TINY_TS,
});

/** The command runs in processes without the flags of this one. */
const hasRelaxed = Number(process.versions.node.split('.')[0]) >= 22;

describe('a check', () => {
  it('passes on every backend at two sizes each', async () => {
    const { status, stdout, stderr } = await encompile(
      ...[folder, 'check', 'tiny.ts', '--backend', 'js,wasm,wgsl,emulator'],
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const emitted = PROGRAM_TARGETS.filter((target) => hasRelaxed || target !== 'wasm-relaxed');
    for (const backend of [...emitted, ...PROGRAM_TARGETS.map((name) => `emulator-${name}`)]) {
      const lines = stdout.split('\n').filter((line) => line.startsWith(`${backend} `));
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line).toContain(' 8 of 8 kernels ok');
    }
    expect(stdout).toMatch(/tiny: check passed \(seed 1\)\n$/);
    expect(/^wasm-relaxed +skipped: the WebAssembly of Node .* has no/m.test(stdout)).toBe(
      !hasRelaxed,
    );
  });

  it.skipIf(hasRelaxed)('of nothing but what cannot run here is no check', async () => {
    const { status, stderr } = await encompile(
      ...[folder, 'check', 'linear.ir', '--backend', 'wasm-relaxed'],
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: None of the backends can run here, so nothing was checked/);
  });

  it('of an exact model compares the bits of js and wasm', async () => {
    const { status, stdout, stderr } = await encompile(folder, 'check', 'tiny.ts', '--exact');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.match(/^js, wasm +batch=\d+ seq=\d+ {2}ok {2}the same bits$/gm)).toHaveLength(2);
    expect(stdout).not.toMatch(/^(wasm-relaxed|wgsl|emulator)/m);
  });

  it.each(['wgsl', 'wasm-relaxed', 'emulator-wgsl'])('refuses an exact %s', async (backend) => {
    const { status, stderr } = await encompile(
      ...[folder, 'check', 'tiny.ts', '--exact', '--backend', backend],
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: (wgsl|wasm-relaxed) has no exact mode: .* leaves to the /);
  });

  it('takes sizes together, and a seed', async () => {
    const { status, stdout, stderr } = await encompile(
      ...[folder, 'check', 'linear.ir', '--backend', 'js', '--json', '--seed', '9'],
      ...['--dim', 'batch=1,6', '--dim', 'batch=9'],
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ model: 'linear', seed: 9, passed: true, reproducer: null });
    expect(report.backends.map(({ sizes }: { sizes: object }) => sizes)).toEqual([
      { batch: 1 },
      { batch: 6 },
      { batch: 9 },
    ]);
  });

  it('takes the inputs of a file', async () => {
    const { status, stdout } = await encompile(
      ...[folder, 'check', 'linear.ir', '--backend', 'emulator-js', '--json'],
      ...['--inputs', 'in.safetensors'],
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout).backends).toMatchObject([{ sizes: { batch: 2 }, passed: true }]);
  });

  it('refuses sizes beside inputs', async () => {
    const { status, stderr } = await encompile(
      ...[folder, 'check', 'linear.ir', '--inputs', 'in.safetensors', '--dim', 'batch=2'],
    );
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'error: --inputs has sizes of its own: leave out --dim.\n',
    });
  });
});

describe('a failed check', () => {
  it('has status 1, names the kernel, and writes what reproduces it', async () => {
    const failing = folderWith({ 'overflow.ir': OVERFLOW_IR });
    const first = await encompile(
      failing,
      'check',
      'overflow.ir',
      '--backend',
      'js',
      '--dim',
      'n=40',
    );
    expect(first.status).toBe(1);
    expect(first.stdout).toMatch(/first bad kernel: mul\w* \(step 0\), which computes %y/);
    expect(first.stdout).toMatch(
      /The kernel and its numbers are in overflow\.reproducer\.safetensors: run it again with "encompile check overflow\.reproducer\.safetensors"\.\n$/,
    );
    const again = await encompile(
      ...[failing, 'check', 'overflow.reproducer.safetensors', '--backend', 'js', '--json'],
    );
    expect(again.status).toBe(1);
    expect(again.stderr).toBe('');
    expect(JSON.parse(again.stdout)).toMatchObject({ passed: false });
  });

  it('leaves nothing behind where it passed', () => {
    expect(existsSync(join(folder, 'linear.reproducer.safetensors'))).toBe(false);
    expect(readdirSync(folder).sort()).toEqual([
      'in.safetensors',
      'linear.ir',
      'linear.safetensors',
      'tiny.ts',
    ]);
  });
});
