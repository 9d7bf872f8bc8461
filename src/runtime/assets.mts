/**
 * Reads the files of an artifact: by fetch on the web, by node:fs where the artifact lies on disk.
 * Node's modules are asked of `process`, not imported, so bundlers and browsers never resolve them.
 */

import type { ByteRange, WeightRange } from './definition.mts';

/** Where weights come from: the artifact's own file, another address or path, or bytes at hand. */
export type WeightsOption = ArrayBuffer | Uint8Array | URL | string;

/** The part of node:fs/promises that is used. */
interface FileSystem {
  open(url: URL): Promise<OpenFile>;
}

interface OpenFile {
  read(
    into: Uint8Array,
    offset: number,
    length: number,
    at: number,
  ): Promise<{ bytesRead: number }>;
  stat(): Promise<{ size: number }>;
  close(): Promise<void>;
}

interface BuiltinModules {
  readonly 'node:fs/promises': FileSystem;
  readonly 'node:url': { pathToFileURL(path: string): URL };
}

/** What Node, Deno and Bun share, and browsers lack. */
interface Host {
  readonly location?: { readonly href: string };
  readonly process?: {
    getBuiltinModule?<M extends keyof BuiltinModules>(name: M): BuiltinModules[M] | undefined;
  };
}

const TOGETHER =
  'The files of an artifact must stay together; weights may be elsewhere, with load({ weights }).';

/**
 * Some ranges of the weights, which are ascending. Those that follow one another are read together.
 *
 * @throws Error where they cannot be read, or the whole has another length than `total`.
 */
export async function readWeights(
  option: WeightsOption | undefined,
  own: () => URL,
  total: number,
  ranges: readonly WeightRange[],
): Promise<readonly Uint8Array[]> {
  if (option instanceof ArrayBuffer || ArrayBuffer.isView(option)) {
    const bytes = ArrayBuffer.isView(option)
      ? new Uint8Array(option.buffer, option.byteOffset, option.byteLength)
      : new Uint8Array(option);
    checkLength(bytes.length, total, 'The weights passed to load');
    return ranges.map(([from, to]) => bytes.subarray(from, to));
  }
  if (ranges.every(([from, to]) => to <= from)) return ranges.map(() => new Uint8Array(0));
  const url = option === undefined ? own() : addressOf(option);
  const fs = fileSystem(url);
  const spans = spansOf(ranges);
  const read = await (fs === null
    ? fetchSpans(url, total, spans)
    : readFile(fs, url, { total, spans }));
  return ranges.map(([from, to]) => {
    const i = spans.findIndex(([start, end]) => start <= from && to <= end);
    const start = spans[i]?.[0] ?? 0;
    return (read[i] ?? new Uint8Array(0)).subarray(from - start, to - start);
  });
}

function spansOf(ranges: readonly WeightRange[]): readonly ByteRange[] {
  const spans: [number, number][] = [];
  for (const [from, to] of ranges) {
    const last = spans.at(-1);
    if (last?.[1] === from) last[1] = to;
    else spans.push([from, to]);
  }
  return spans;
}

/** A text file of the artifact. */
export async function readText(url: URL): Promise<string> {
  return new TextDecoder().decode(await readBytes(url));
}

/** A binary file of the artifact. */
export async function readBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const fs = fileSystem(url);
  if (fs === null) return new Uint8Array(await (await request(url, {})).arrayBuffer());
  const [bytes = new Uint8Array(0)] = await readFile(fs, url, null);
  return bytes;
}

async function fetchSpans(
  url: URL,
  total: number,
  spans: readonly ByteRange[],
): Promise<readonly Uint8Array[]> {
  const [first = [0, 0], ...others] = spans;
  const [from, to] = first;
  if (to - from === total) return [await fetchWhole(url, total)];
  const { part, whole } = await fetchRange(url, total, first);
  // A server that knows no ranges has sent everything at once.
  if (whole !== null) return spans.map(([from, to]) => whole.subarray(from, to));
  const rest = await Promise.all(others.map((span) => fetchRange(url, total, span)));
  return [part, ...rest.map(({ part }) => part)];
}

async function fetchWhole(url: URL, total: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await (await request(url, {})).arrayBuffer());
  checkLength(bytes.length, total, `The weights at ${url}`);
  return bytes;
}

async function fetchRange(
  url: URL,
  total: number,
  [from, to]: ByteRange,
): Promise<{ readonly part: Uint8Array; readonly whole: Uint8Array | null }> {
  const response = await request(url, { headers: { Range: `bytes=${from}-${to - 1}` } });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (response.status === 206) {
    checkLength(bytes.length, to - from, `The part ${from}-${to - 1} of the weights at ${url}`);
    return { part: bytes, whole: null };
  }
  checkLength(bytes.length, total, `The weights at ${url}`);
  return { part: bytes.subarray(from, to), whole: bytes };
}

async function request(url: URL, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    throw new Error(
      `${url} could not be fetched: ${messageOf(error)}. Check that the server answers, and that the ` +
        "page's Content-Security-Policy, if it has one, allows the address in connect-src.",
      { cause: error },
    );
  }
  if (response.ok) return response;
  throw new Error(
    `${url} could not be fetched: the server answered ${response.status} ${response.statusText}. ${TOGETHER}`,
  );
}

/** Where files are read; null for addresses on the web, and on hosts that fetch files. */
function fileSystem(url: URL): FileSystem | null {
  if (url.protocol !== 'file:') return null;
  return builtinModule('node:fs/promises') ?? null;
}

function builtinModule<M extends keyof BuiltinModules>(name: M): BuiltinModules[M] | undefined {
  const { process }: Host = globalThis as Host;
  return process?.getBuiltinModule?.(name);
}

async function readFile(
  fs: FileSystem,
  url: URL,
  part: { readonly total: number; readonly spans: readonly ByteRange[] } | null,
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  let size: number;
  try {
    const file = await fs.open(url);
    try {
      ({ size } = await file.stat());
      if (part === null) return await readSpans(file, [[0, size]]);
      if (size === part.total) return await readSpans(file, part.spans);
    } finally {
      await file.close();
    }
  } catch (error) {
    const reason = messageOf(error);
    throw new Error(`${url} could not be read: ${reason}. ${TOGETHER}`, { cause: error });
  }
  throw wrongLength(size, part.total, `The weights at ${url}`);
}

async function readSpans(
  file: OpenFile,
  spans: readonly ByteRange[],
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const read: Uint8Array<ArrayBuffer>[] = [];
  for (const [from, to] of spans) {
    const bytes = new Uint8Array(to - from);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, from + done);
      if (bytesRead === 0) throw new Error('the file ended early');
      done += bytesRead;
    }
    read.push(bytes);
  }
  return read;
}

function addressOf(weights: URL | string): URL {
  if (weights instanceof URL) return weights;
  // Callers without type checks may pass anything.
  if (typeof weights !== 'string') {
    throw new TypeError(
      `load({ weights }) takes an ArrayBuffer, a Uint8Array, a URL or a path, but got ${typeof weights}.`,
    );
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(weights)) return new URL(weights);
  const { location }: Host = globalThis as Host;
  if (location !== undefined) return new URL(weights, location.href);
  const url = builtinModule('node:url');
  if (url !== undefined) return url.pathToFileURL(weights);
  throw new Error(
    `This host cannot read weights by the path ${JSON.stringify(weights)}: pass a URL or the bytes.`,
  );
}

function checkLength(actual: number, expected: number, what: string): void {
  if (actual !== expected) throw wrongLength(actual, expected, what);
}

function wrongLength(actual: number, expected: number, what: string): Error {
  return new Error(
    `${what} are ${actual} bytes, but this model's are ${expected}. Use the weights.bin that was ` +
      'written together with model.mjs.',
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
