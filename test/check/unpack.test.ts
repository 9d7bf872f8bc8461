/** Archives are unpacked whole or not at all, and only below the folder that was named. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { extractTar, unpackedFolder, unpackOnce } from '../../src/check/unpack.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'encompile-unpack-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

interface Entry {
  readonly name: string;
  readonly prefix?: string;
  readonly type?: string;
  readonly mode?: string;
  readonly content?: string;
}

/** A ustar archive, written field by field as POSIX lays the header out. */
function tar(...entries: readonly Entry[]): Uint8Array {
  const blocks = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? '');
    const header = Buffer.alloc(512);
    header.write(entry.name, 0);
    header.write(`${entry.mode ?? '0000644'}\0`, 100);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write(entry.type ?? '0', 156);
    header.write('ustar\0', 257);
    header.write(entry.prefix ?? '', 345);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

describe('extractTar', () => {
  test('writes files of any length, their modes, folders and split names', async () => {
    const archive = tar(
      { name: 'lib/', type: '5' },
      { name: 'lib/empty' },
      { name: 'tool', mode: '0000755', content: 'x'.repeat(513) },
      { name: 'block', content: 'y'.repeat(512) },
      { name: 'file', prefix: 'deep/er', content: 'z' },
    );
    await extractTar(archive, folder);
    expect((await readdir(folder)).sort()).toEqual(['block', 'deep', 'lib', 'tool']);
    expect(await readFile(join(folder, 'tool'), 'utf8')).toBe('x'.repeat(513));
    expect((await stat(join(folder, 'tool'))).mode & 0o777).toBe(0o755);
    expect(await readFile(join(folder, 'block'), 'utf8')).toBe('y'.repeat(512));
    expect(await readFile(join(folder, 'deep/er/file'), 'utf8')).toBe('z');
    expect(await readFile(join(folder, 'lib/empty'), 'utf8')).toBe('');
  });

  test.each(['../escape', '/tmp/../escape', 'a/../../escape'])('refuses %s', async (name) => {
    const inside = join(folder, 'inside');
    await expect(extractTar(tar({ name, content: '!' }), inside)).rejects.toThrow(/leads out/);
    expect(existsSync(join(folder, 'escape'))).toBe(false);
  });

  test('refuses a symbolic link', async () => {
    await expect(extractTar(tar({ name: 'link', type: '2' }), folder)).rejects.toThrow(/type 2/);
  });
});

describe('unpackOnce', () => {
  const fill = (content: string) => (staging: string) => writeFile(join(staging, 'a'), content);

  test('fills a folder once', async () => {
    const first = await unpackOnce('key', ['a'], fill('first'));
    expect(first).toBe(unpackedFolder('key'));
    expect(await unpackOnce('key', ['a'], fill('second'))).toBe(first);
    expect(await readFile(join(first, 'a'), 'utf8')).toBe('first');
  });

  test('fills a folder again that lost a file', async () => {
    const target = await unpackOnce('key', ['a'], fill('first'));
    await rm(join(target, 'a'));
    await unpackOnce('key', ['a'], fill('second'));
    expect(await readFile(join(target, 'a'), 'utf8')).toBe('second');
    expect(await readdir(dirname(target))).toEqual(['key']);
  });

  test('leaves nothing behind when filling fails', async () => {
    const failing = async (staging: string) => {
      await fill('half')(staging);
      throw new Error('disk full');
    };
    await expect(unpackOnce('key', ['a'], failing)).rejects.toThrow('disk full');
    expect(await readdir(dirname(unpackedFolder('key')))).toEqual([]);
  });

  test('gives racing callers one complete folder', async () => {
    const racers = Array.from({ length: 8 }, (_, i) => unpackOnce('key', ['a'], fill(`${i}`)));
    expect(new Set(await Promise.all(racers))).toEqual(new Set([unpackedFolder('key')]));
    expect(await readdir(dirname(unpackedFolder('key')))).toEqual(['key']);
  });
});
