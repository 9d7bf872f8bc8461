/** Reading files that a user names, with errors that say which file and what to do. */
import { stat } from 'node:fs/promises';
import { EncompileError } from '../errors.ts';
import { withFile } from './file-source.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, quote } from './json.ts';

/** No config, index or tokenizer of a model comes near this. */
const MAX_JSON_BYTES = 256 * 2 ** 20;

/** Whether something is at `path`; a link counts only if it leads somewhere. */
export async function fileExists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** The JSON in the file at `path`. */
export async function readJsonFile(path: string): Promise<JsonValue> {
  const content = withFile(path, (file) => {
    if (file.length <= MAX_JSON_BYTES) return file.read(0, file.length);
    throw new EncompileError(
      `${path} has ${file.length} bytes, where a JSON file of at most ${MAX_JSON_BYTES} was expected. ` +
        'Check that it is the right file.',
    );
  });
  return parseJson(new TextDecoder().decode(content), path);
}

/** The JSON object in the file at `path`. */
export async function readJsonObject(path: string): Promise<JsonObject> {
  const value = await readJsonFile(path);
  if (isJsonObject(value)) return value;
  throw new EncompileError(
    `${path} is ${quote(value)}, where a JSON object was expected. Fetch or save the file again.`,
  );
}
