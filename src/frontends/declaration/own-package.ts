/**
 * What `encompile` and its subpaths mean in a model file: this very package, the one that runs, so
 * that a model file needs no installed copy and there is never a second one. The same holds when the
 * package runs from its sources, as its tests do.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Subpath to its module, without extension. */
const MODULES: ReadonlyMap<string, string> = new Map([
  ['encompile', 'index'],
  ['encompile/models', 'models/index'],
]);

const ROOT = new URL('../../', import.meta.url);
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** The URL of the running module that a specifier names, or null for other packages. */
export function ownModule(specifier: string): string | null {
  const path = MODULES.get(specifier);
  return path === undefined ? null : new URL(path + EXTENSION, ROOT).href;
}

/** The files with the types of each specifier. */
export function ownTypes(): { readonly [specifier: string]: string } {
  const extension = EXTENSION === '.ts' ? '.ts' : '.d.ts';
  const files = [...MODULES].map(([specifier, path]) => {
    return [specifier, fileURLToPath(new URL(path + extension, ROOT))] as const;
  });
  return Object.fromEntries(files.filter(([, file]) => existsSync(file)));
}

/** Whether a file is one of this package's own. */
export function isOwnFile(path: string): boolean {
  return path.startsWith(OWN_FOLDER);
}

const OWN_FOLDER = fileURLToPath(ROOT).replaceAll('\\', '/');
