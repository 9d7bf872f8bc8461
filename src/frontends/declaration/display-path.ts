/** Paths as messages show them. */
import { isAbsolute, relative } from 'node:path';

/** Relative to the working folder where the file lies in it, else whole. */
export function displayPath(path: string): string {
  const below = relative(process.cwd(), path);
  return below === '' || below.startsWith('..') || isAbsolute(below) ? path : below;
}
