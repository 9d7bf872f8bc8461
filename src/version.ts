/** The version of this package. */
import { readFileSync } from 'node:fs';

/** `0.1.0`, as package.json says. */
export function packageVersion(): string {
  const manifest: { readonly version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return manifest.version;
}
