/**
 * Finds the large test data that lives outside the repository: the folder that
 * ENCOMPILE_TEST_DATA names, else `../shared`. Tests that need it skip visibly without it:
 * `describe.skipIf(testDataPath('x') === undefined)('... (needs test data)', ...)`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT =
  process.env.ENCOMPILE_TEST_DATA ?? fileURLToPath(new URL('../../../shared', import.meta.url));

/** The absolute path of a file or folder of the test data, or undefined where it is absent. */
export function testDataPath(...segments: readonly string[]): string | undefined {
  const path = join(ROOT, ...segments);
  return existsSync(path) ? path : undefined;
}
