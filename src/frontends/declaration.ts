/**
 * Model files: TypeScript or JavaScript modules whose default export is a model.
 *
 * A TypeScript file is type-checked before anything of it runs. Then it and the files it imports by
 * path run as JavaScript from a temporary folder that is gone when they have been loaded; nothing is
 * kept on disk. The files can do whatever a Node module can: they are the user's own programs.
 */
import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeValue } from '../describe-value.ts';
import { EncompileError } from '../errors.ts';
import type { Graph } from '../ir/graph.ts';
import { instantiate, isModel, type Model } from '../model.ts';
import { withTemporaryFolder } from '../temporary-folder.ts';
import { displayPath } from './declaration/display-path.ts';
import { placingErrors } from './declaration/errors.ts';

export interface LoadOptions {
  /** Told what is being done, for a progress line. */
  readonly onProgress?: (doing: string) => void;
}

/**
 * The graph of the model file at `path`, with its weights bound where it names a source.
 *
 * @throws EncompileError that shows the type errors, or where the file's own code failed, or why its
 * default export is no model, or which weights do not fit
 */
export async function loadDeclaration(
  path: string,
  { onProgress = () => {} }: LoadOptions = {},
): Promise<Graph> {
  const file = resolve(path).replaceAll('\\', '/');
  onProgress(`checking ${displayPath(file)}`);
  // The compiler takes a moment to load, which other kinds of models need not wait for.
  const { loadProgram } = await import('./declaration/program.ts');
  const { emitModules } = await import('./declaration/emit.ts');
  const program = loadProgram(file);
  const sources = program.modules.map(({ fileName }) => fileName);
  return placingErrors(file, sources, async () => {
    onProgress(`running ${displayPath(file)}`);
    const exports = await withTemporaryFolder(async (folder) => {
      const emitted = emitModules(program, folder);
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
      for (const { name, text } of emitted) await writeFile(join(folder, name), text);
      process.setSourceMapsEnabled(true);
      const entry = join(folder, emitted[0]?.name ?? '');
      return (await import(pathToFileURL(entry).href)) as { readonly [name: string]: unknown };
    });
    const model = await modelOf(file, exports);
    onProgress(`reading the weights of ${model.name}`);
    return instantiate(model, { folder: dirname(file) });
  });
}

const HOW_TO_EXPORT = "Export it so: export default model('name', (g) => ({ ... })).";

async function modelOf(
  file: string,
  exports: { readonly [name: string]: unknown },
): Promise<Model> {
  const path = displayPath(file);
  if (!('default' in exports)) {
    const names = Object.keys(exports);
    const others = names.length === 0 ? 'nothing' : `only ${names.join(', ')}`;
    const model = names.find((name) => isModel(exports[name]));
    throw new EncompileError(
      `${path} has no default export, where a model was expected: it exports ${others}. ` +
        (model === undefined ? HOW_TO_EXPORT : `Add the line: export default ${model};`),
    );
  }
  const exported = await exports.default;
  const made = typeof exported === 'function' ? await exported() : exported;
  if (isModel(made)) return made;
  const what = typeof exported === 'function' ? 'a function that gives ' : '';
  throw new EncompileError(
    `The default export of ${path} is ${what}${describeValue(made)}, where a model was expected. ` +
      HOW_TO_EXPORT,
  );
}
