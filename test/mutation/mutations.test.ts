/** The mutations themselves run with `npm run mutate`; here only whether they still fit the sources. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('every mutation is an edit of exactly one place', () => {
  const script = fileURLToPath(new URL('run.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--check'], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  expect(Number(/^\d+/.exec(stdout)?.[0])).toBeGreaterThanOrEqual(25);
});
