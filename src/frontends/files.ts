/** Reading files that a user names, with errors that say which file and what to do. */
import { stat } from 'node:fs/promises';
import { EncompileError } from '../errors.ts';
import { withFile } from './file-source.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, quote } from './json.ts';

/** How many bytes a file of JSON may have, and how many values and keys (`parseJson`). */
export interface JsonBounds {
  readonly bytes: number;
  readonly parts: number;
}

/** Those of the header of a safetensors file. A config has thousands of bytes, an index some millions. */
const USUAL: JsonBounds = { bytes: 12_000_000, parts: 1_000_000 };
/** The largest vocabularies, of 256,000 tokens with their merges, take 35 MB and three million values. */
export const TOKENIZER: JsonBounds = { bytes: 64_000_000, parts: 4_000_000 };

/** Whether something is at `path`; a link counts only if it leads somewhere. */
export async function fileExists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** The JSON in the file at `path`. */
export async function readJsonFile(path: string, bounds = USUAL): Promise<JsonValue> {
  const content = withFile(path, (file) => {
    if (file.length <= bounds.bytes) return file.read(0, file.length);
    throw new EncompileError(
      `${path} has ${file.length} bytes, where a JSON file of at most ${bounds.bytes} was expected. ` +
        'Check that it is the right file.',
    );
  });
  return parseJson(new TextDecoder().decode(content), path, bounds.parts);
}

/** The JSON object in the file at `path`. */
export async function readJsonObject(path: string): Promise<JsonObject> {
  const value = await readJsonFile(path);
  if (isJsonObject(value)) return value;
  throw new EncompileError(
    `${path} is ${quote(value)}, where a JSON object was expected. Fetch or save the file again.`,
  );
}
