/** Files and folders appear whole or not at all. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EncompileError } from '../src/errors.ts';
import { writeFiles, writeFolder } from '../src/output-files.ts';

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'encompile-output-test-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const anything = { mayReplace: () => true };
const nothing = { mayReplace: () => false };

function content(...path: readonly string[]): string {
  return readFileSync(join(root, ...path), 'utf8');
}

describe('writeFolder', () => {
  it('makes the folder with its parents', async () => {
    await writeFolder(join(root, 'a', 'b'), new Map([['in/x.txt', 'x']]), nothing);
    expect(content('a', 'b', 'in', 'x.txt')).toBe('x');
    expect(readdirSync(join(root, 'a'))).toEqual(['b']);
  });

  it('replaces a folder as a whole', async () => {
    const path = join(root, 'a');
    await writeFolder(path, new Map([['old.txt', 'old']]), nothing);
    await writeFolder(path, new Map([['new.txt', 'new']]), anything);
    expect(readdirSync(path)).toEqual(['new.txt']);
    expect(readdirSync(root)).toEqual(['a']);
  });

  it('replaces what a link leads to, and keeps the link', async () => {
    mkdirSync(join(root, 'real'));
    symlinkSync(join(root, 'real'), join(root, 'link'));
    await writeFolder(join(root, 'link'), new Map([['x.txt', 'x']]), nothing);
    expect(content('real', 'x.txt')).toBe('x');
    expect(readdirSync(root)).toEqual(['link', 'real']);
  });

  it('leaves a folder with foreign files alone', async () => {
    mkdirSync(join(root, 'a'));
    for (const name of ['1', '2', '3', '4', '5']) writeFileSync(join(root, 'a', name), 'mine');
    const writing = writeFolder(join(root, 'a'), new Map([['x', 'x']]), nothing);
    await expect(writing).rejects.toThrow(
      'holds files that encompile did not write there (1, 2, 3 and 2 more). Give another folder',
    );
    expect(readdirSync(root)).toEqual(['a']);
    expect(readdirSync(join(root, 'a'))).toHaveLength(5);
  });

  it('keeps the old folder where a file cannot be written', async () => {
    const path = join(root, 'a');
    await writeFolder(path, new Map([['old.txt', 'old']]), nothing);
    const clash = new Map([
      ['x', 'a file'],
      ['x/y', 'in a folder of the same name'],
    ]);
    await expect(writeFolder(path, clash, anything)).rejects.toThrow(EncompileError);
    expect(content('a', 'old.txt')).toBe('old');
    expect(readdirSync(root)).toEqual(['a']);
  });
});

describe('writeFiles', () => {
  it('writes files that belong together', async () => {
    const files = new Map<string, string | Uint8Array>([
      [join(root, 'x.ir'), 'graph'],
      [join(root, 'x.bin'), Uint8Array.of(65)],
    ]);
    await writeFiles(files);
    expect([content('x.ir'), content('x.bin')]).toEqual(['graph', 'A']);
  });

  it('changes none where one cannot be written', async () => {
    writeFileSync(join(root, 'x.ir'), 'before');
    const files = new Map([
      [join(root, 'x.ir'), 'after'],
      [join(root, 'absent', 'x.bin'), 'weights'],
    ]);
    await expect(writeFiles(files)).rejects.toThrow(
      /x\.bin could not be written: ENOENT[^']*\. Check/,
    );
    expect(content('x.ir')).toBe('before');
    expect(readdirSync(root)).toEqual(['x.ir']);
  });

  it('refuses a folder', async () => {
    await expect(writeFiles(new Map([[root, 'x']]))).rejects.toThrow('is a folder, where a file');
  });
});
