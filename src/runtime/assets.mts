/**
 * Reads the files of an artifact: by fetch on the web, by node:fs where the artifact lies on disk.
 * `node:fs/promises` is imported by a computed name, so that bundlers and browsers never resolve it.
 */

/** Where weights come from: the artifact's own file, another address or path, or bytes at hand. */
export type WeightsOption = ArrayBuffer | Uint8Array | URL | string;

/** The part of node:fs/promises that is used. */
interface FileSystem {
  open(url: URL): Promise<{
    read(
      into: Uint8Array,
      offset: number,
      length: number,
      at: number,
    ): Promise<{ bytesRead: number }>;
    stat(): Promise<{ size: number }>;
    close(): Promise<void>;
  }>;
}

/**
 * The bytes `from` to `to` of the weights.
 *
 * @throws Error where they cannot be read, or the whole has another length than `total`.
 */
export async function readWeights(
  option: WeightsOption | undefined,
  own: () => URL,
  total: number,
  [from, to]: readonly [number, number],
): Promise<Uint8Array> {
  if (option instanceof ArrayBuffer || ArrayBuffer.isView(option)) {
    const bytes = ArrayBuffer.isView(option)
      ? new Uint8Array(option.buffer, option.byteOffset, option.byteLength)
      : new Uint8Array(option);
    checkLength(bytes.length, total, 'The weights passed to load');
    return bytes.subarray(from, to);
  }
  if (to <= from) return new Uint8Array(0);
  return readRange(option === undefined ? own() : await addressOf(option), total, from, to);
}

/** A text file of the artifact. */
export async function readText(url: URL): Promise<string> {
  if (url.protocol !== 'file:') return (await request(url, {})).text();
  return new TextDecoder().decode(await readFile(url, null));
}

async function readRange(url: URL, total: number, from: number, to: number): Promise<Uint8Array> {
  if (url.protocol === 'file:') return readFile(url, { total, from, to });
  const isPart = to - from < total;
  const headers = isPart ? { Range: `bytes=${from}-${to - 1}` } : {};
  const response = await request(url, { headers });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (response.status === 206) {
    checkLength(bytes.length, to - from, `The part ${from}-${to - 1} of the weights at ${url}`);
    return bytes;
  }
  checkLength(bytes.length, total, `The weights at ${url}`);
  return bytes.subarray(from, to);
}

async function request(url: URL, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    throw new Error(`${url} could not be fetched: ${messageOf(error)}.`, { cause: error });
  }
  if (response.ok) return response;
  throw new Error(
    `${url} could not be fetched: the server answered ${response.status} ${response.statusText}. ` +
      'The files of an artifact must stay together; weights may be elsewhere, with load({ weights }).',
  );
}

async function readFile(
  url: URL,
  part: { readonly total: number; readonly from: number; readonly to: number } | null,
): Promise<Uint8Array> {
  const specifier = 'node:fs/promises';
  try {
    const fs: FileSystem = await import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
    const file = await fs.open(url);
    try {
      const { size } = await file.stat();
      if (part !== null) checkLength(size, part.total, `The weights at ${url}`);
      const [from, to] = part === null ? [0, size] : [part.from, part.to];
      const bytes = new Uint8Array(to - from);
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, from + done);
        if (bytesRead === 0) throw new Error('the file ended early');
        done += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(`${url} could not be read: ${messageOf(error)}`, { cause: error });
  }
}

async function addressOf(weights: URL | string): Promise<URL> {
  if (weights instanceof URL) return weights;
  if (/^[a-z][a-z0-9+.-]+:/i.test(weights)) return new URL(weights);
  const scope: { readonly location?: { readonly href: string }; readonly process?: unknown } =
    globalThis;
  if (scope.location !== undefined) return new URL(weights, scope.location.href);
  const specifier = 'node:url';
  const { pathToFileURL }: { pathToFileURL(path: string): URL } = await import(
    /* @vite-ignore */ /* webpackIgnore: true */ specifier
  );
  return pathToFileURL(weights);
}

function checkLength(actual: number, expected: number, what: string): void {
  if (actual === expected) return;
  throw new Error(
    `${what} are ${actual} bytes, but this model's are ${expected}. Use the weights.bin that was ` +
      'written together with model.mjs.',
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
