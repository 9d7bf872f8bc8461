/** Errors that the user's code throws while it runs, placed at the user's own line. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EncompileError } from '../../errors.ts';
import { sourceExcerpt } from '../../source-excerpt.ts';
import { displayPath } from './display-path.ts';

/** Between the user's call and what fails in it stand frames of this package. */
const FRAMES = 50;

/** A place as stacks name it: counted from 1. */
interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Runs what calls the user's code. What it throws becomes one paragraph with the place in one of the
 * user's files, if any was on the stack; the error itself is its cause.
 *
 * @param sources the user's files
 */
export async function placingErrors<T>(
  path: string,
  sources: readonly string[],
  run: () => Promise<T>,
): Promise<T> {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  try {
    return await run();
  } catch (error) {
    throw placed(path, sources, error);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function placed(path: string, sources: readonly string[], error: unknown): EncompileError {
  const place = placeOf(error, sources);
  const at = place === null ? displayPath(path) : printPlace(place);
  const isOwn = error instanceof EncompileError;
  // An error of ours that was not raised from the user's code says all there is to say.
  if (isOwn && place === null) return error;
  const said = isOwn ? error.message : `the model file failed while it ran: ${describe(error)}`;
  const excerpt = place === null ? '' : `\n\n${excerptAt(place)}`;
  const result = new EncompileError(`${at}: ${said}${excerpt}`, isOwn ? error.exitCode : 1);
  result.cause = error;
  return result;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}.`;
  const text = `${error.name}: ${error.message}`.trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function printPlace({ path, line, column }: Place): string {
  return `${displayPath(path)}:${line}:${column}`;
}

/** The topmost frame in one of the user's files. */
function placeOf(error: unknown, sources: readonly string[]): Place | null {
  if (!(error instanceof Error)) return null;
  for (const frame of (error.stack ?? '').split('\n')) {
    const [, file = '', line = '', column = ''] =
      /^\s*at (?:async )?(?:[^/]* \()?(.+):(\d+):(\d+)\)?$/.exec(frame) ?? [];
    const path = file.startsWith('file://') ? fileURLToPath(file).replaceAll('\\', '/') : file;
    if (sources.includes(path)) return { path, line: Number(line), column: Number(column) };
  }
  return null;
}

function excerptAt({ path, line, column }: Place): string {
  const text = readFileSync(path, 'utf8');
  let start = 0;
  for (let i = 1; i < line; i++) start = text.indexOf('\n', start) + 1;
  const offset = start + column - 1;
  const word = /^[\w$.]+/.exec(text.slice(offset))?.[0] ?? '';
  return sourceExcerpt(text, offset, word.length);
}
