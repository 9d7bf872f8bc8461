/**
 * Finds the reference data that lies outside the repository: the folder that ENCOMPILE_TEST_DATA
 * names, else `../shared` beside the checkout. Tests that need absent data are reported as skipped.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

const besideCheckout = fileURLToPath(new URL('../../../shared', import.meta.url));
const root = resolve(process.env.ENCOMPILE_TEST_DATA ?? besideCheckout);

/** The absolute path of a file or folder of the test data, or null where it is absent. */
export function testData(path: string): string | null {
  const location = resolve(root, path);
  return existsSync(location) ? location : null;
}

/**
 * `describe(name, ...)` over the test data at `path`, whose absolute location `define` receives;
 * one skipped test that says what is missing where the data is absent.
 */
export function describeWithData(
  name: string,
  path: string,
  define: (location: string) => void,
): void {
  const location = testData(path);
  describe(name, () => {
    if (location === null) it.skip(`needs ${path} below ENCOMPILE_TEST_DATA or ../shared`);
    else define(location);
  });
}
