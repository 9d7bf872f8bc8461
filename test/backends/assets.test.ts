/** Where weights may come from, and what is said where they do not come. */
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readText, readWeights } from '../../src/runtime/assets.mts';
import { type ArtifactFolder, artifactFolder } from './artifact-folder.ts';
import { program, TABLE } from './programs.ts';

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
const PART = [256, 700] as const;
const WANT = BYTES.slice(...PART);
const never = () => {
  throw new Error('the own address is not needed');
};

let folder: ArtifactFolder;
let file: string;
let server: Server;
let origin: string;
const requests: string[] = [];

function serve(request: IncomingMessage, response: ServerResponse): void {
  const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
  requests.push(`${request.url} ${request.headers.range ?? 'all'}`);
  if (request.url === '/absent') response.writeHead(404).end('no');
  else if (request.url === '/ranges' && range !== null) {
    response.writeHead(206).end(BYTES.slice(Number(range[1]), Number(range[2]) + 1));
  } else if (request.url === '/short') response.writeHead(200).end(BYTES.slice(0, 10));
  else if (request.url === '/wrong-part') response.writeHead(206).end(BYTES.slice(0, 10));
  else response.writeHead(200).end(BYTES);
}

beforeAll(async () => {
  folder = await artifactFolder([program('js')]);
  file = join(folder.path, '..', 'other weights.bin');
  await writeFile(file, BYTES);
  server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await folder.remove();
});

describe('weights', () => {
  it('come from a file, and no more of it is read than is needed', async () => {
    const url = pathToFileURL(file);
    expect(await readWeights(undefined, () => url, BYTES.length, [PART])).toEqual([WANT]);
    expect(await readWeights(url, never, BYTES.length, [PART])).toEqual([WANT]);
    expect(await readWeights(url.href, never, BYTES.length, [PART])).toEqual([WANT]);
    expect(await readWeights(file, never, BYTES.length, [PART])).toEqual([WANT]);
    const short = relative(process.cwd(), file);
    expect(await readWeights(short, never, BYTES.length, [PART])).toEqual([WANT]);
  });

  it('come from bytes at hand', async () => {
    const padded = new Uint8Array(BYTES.length + 3);
    padded.set(BYTES, 3);
    expect(await readWeights(BYTES.buffer, never, BYTES.length, [PART])).toEqual([WANT]);
    expect(await readWeights(padded.subarray(3), never, BYTES.length, [PART])).toEqual([WANT]);
  });

  it('come by http, in part where the server gives parts', async () => {
    requests.length = 0;
    for (const path of ['/ranges', '/whole']) {
      const url = new URL(path, origin);
      expect(await readWeights(url, never, BYTES.length, [PART])).toEqual([WANT]);
      expect(await readWeights(`${url}`, never, BYTES.length, [[0, BYTES.length]])).toEqual([
        BYTES,
      ]);
    }
    expect(requests).toEqual([
      '/ranges bytes=256-699',
      '/ranges all',
      '/whole bytes=256-699',
      '/whole all',
    ]);
  });

  it('are read together where ranges follow one another', async () => {
    const ranges = [
      [0, 256],
      [256, 512, 'f16'],
      [768, 1000],
    ] as const;
    const want = ranges.map(([from, to]) => BYTES.slice(from, to));
    requests.length = 0;
    for (const path of ['/ranges', '/whole']) {
      expect(await readWeights(new URL(path, origin), never, BYTES.length, ranges)).toEqual(want);
    }
    expect(requests.sort()).toEqual([
      '/ranges bytes=0-511',
      '/ranges bytes=768-999',
      '/whole bytes=0-511',
    ]);
    expect(await readWeights(file, never, BYTES.length, ranges)).toEqual(want);
    expect(await readWeights(BYTES, never, BYTES.length, ranges)).toEqual(want);
  });

  it('are not asked for where none are needed', async () => {
    expect(await readWeights(undefined, never, 0, [[0, 0]])).toEqual([new Uint8Array(0)]);
  });

  it.each([
    ['/absent', 'could not be fetched: the server answered 404'],
    ['/short', "are 10 bytes, but this model's are 1000. Use the weights.bin that was written"],
    ['/wrong-part', "are 10 bytes, but this model's are 444"],
  ])('are refused from %s', async (path, message) => {
    await expect(readWeights(new URL(path, origin), never, BYTES.length, [PART])).rejects.toThrow(
      message,
    );
  });

  it('are refused where nothing answers, and where no file is', async () => {
    const url = new URL('http://127.0.0.1:1/weights.bin');
    await expect(readWeights(url, never, 10, [[0, 10]])).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:1\/weights\.bin could not be fetched: .*connect-src\.$/,
    );
    await expect(readWeights(`${file}.absent`, never, 10, [[0, 10]])).rejects.toThrow(
      'could not be read: ENOENT',
    );
    const wrong = readWeights(file, never, 10, [[0, 10]]);
    await expect(wrong).rejects.toThrow(
      /^The weights at file:.* are 1000 bytes, but this model's are 10\./,
    );
  });

  it('are refused where they are no bytes and no address', async () => {
    const wrong = readWeights(7 as unknown as string, never, 10, [[0, 10]]);
    await expect(wrong).rejects.toThrow('takes an ArrayBuffer, a Uint8Array, a URL or a path');
  });

  it('serve a model from memory, at any alignment', async () => {
    const own = await readFile(join(folder.path, 'weights.bin'));
    const odd = new Uint8Array(own.length + 1);
    odd.set(own, 1);
    const run = async (weights: Uint8Array) => {
      const model = await folder.load({ weights });
      const ids = { data: [3], shape: [1, 1] };
      const { states } = await model.run({ ids, mask: { data: [1], shape: [1, 1] } });
      return states?.data;
    };
    expect(own.length).toBe(4 * TABLE.length);
    expect(await run(odd.subarray(1))).toEqual(await run(own));
    await expect(folder.load({ weights: own.subarray(4) })).rejects.toThrow(
      "The weights passed to load are 316 bytes, but this model's are 320.",
    );
  });
});

describe('text', () => {
  it('is read from a file and by http', async () => {
    const text = await readText(pathToFileURL(join(folder.path, 'kernels/kernels.mjs')));
    expect(text).toContain('export function gather(');
    expect((await readText(new URL('/whole', origin))).length).toBeGreaterThan(0);
  });
});
