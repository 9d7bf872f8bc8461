import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { repositoryRoot } from './build-dist.ts';
import { diffLines, expectGolden } from './golden.ts';

const folder = join(repositoryRoot, 'test/golden/of-the-helper-itself');
const file = join(folder, 'text.txt');

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

function put(text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, text);
}

const check = (text: string) => expectGolden('of-the-helper-itself/text.txt', text);

test('a golden that is missing or differs is a failure, and is not written', () => {
  vi.stubEnv('ENCOMPILE_BLESS', '');
  expect(() => check('a\n')).toThrow(/There is no golden .*It would be:\na\n/s);
  expect(existsSync(folder)).toBe(false);
  put('a\nb\n');
  expect(() => check('a\nc\n')).toThrow(/differs .*\n {5}1 a\n- {4}2 b\n\+ {4}2 c\n/s);
  expect(readFileSync(file, 'utf8')).toBe('a\nb\n');
  expect(() => check('a\nb\n')).not.toThrow();
});

test('it is written on request, but never in CI', () => {
  vi.stubEnv('ENCOMPILE_BLESS', '1');
  vi.stubEnv('CI', 'true');
  expect(() => check('a\n')).toThrow('There is no golden');
  vi.stubEnv('CI', '');
  check('a\n');
  expect(readFileSync(file, 'utf8')).toBe('a\n');
});

test('a diff shows what changed with a few lines around it', () => {
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i + 1}`);
  const changed = [...lines.slice(0, 9), 'new', ...lines.slice(9, 20), ...lines.slice(21)];
  expect(diffLines(lines.join('\n'), changed.join('\n')).split('\n')).toEqual([
    ...['     7 line 7', '     8 line 8', '     9 line 9', '+   10 new'],
    ...['    11 line 10', '    12 line 11', '    13 line 12', '  ...'],
    ...['    19 line 18', '    20 line 19', '    21 line 20', '-   21 line 21'],
    ...['    22 line 22', '    23 line 23', '    24 line 24', '  ...'],
  ]);
});
