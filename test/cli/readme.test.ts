/** What the README shows of its first model is what the commands print. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repositoryRoot } from '../support/build-dist.ts';
import { encompile, folderWith } from './command.ts';

const README = readFileSync(join(repositoryRoot, 'README.md'), 'utf8');
const [, MODEL = ''] = /```ts\n([\s\S]*?)```/.exec(README) ?? [];
const folder = folderWith({ 'encoder.ts': MODEL });

it('compiles to as many kernels as it says', async () => {
  const { status, stdout } = await encompile(folder, 'compile', 'encoder.ts', '-o', 'out');
  expect(status).toBe(0);
  const shown = stdout.split('\n').filter((line) => line.includes('kernel calls'));
  expect(shown).toHaveLength(4);
  expect(README).toContain(shown.join('\n'));
});

it('has the kernel that is shown', async () => {
  const { stdout } = await encompile(folder, 'dump', 'encoder.ts', '--stage', 'source');
  const [, kernel = ''] =
    /\n(export function add_norm[\s\S]*?)\n {4}\.\.\.\n```/.exec(README) ?? [];
  expect(kernel.split('\n').length).toBeGreaterThan(8);
  expect(stdout).toContain(kernel);
});

it('is checked at the sizes that are shown', async () => {
  const { stdout } = await encompile(folder, 'check', 'encoder.ts', '--backend', 'js');
  const numbers = (text: string) => text.replaceAll(/ +/g, ' ').replaceAll(/\d\.\de-\d+/g, 'e');
  const shown = stdout.split('\n').filter((line) => line.startsWith('js '));
  expect(shown).toHaveLength(2);
  for (const line of shown) expect(numbers(README)).toContain(numbers(line));
});
