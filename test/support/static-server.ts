/**
 * A static file server for browser tests. Every response carries the strict policy that artifacts
 * must run under, so that a page which needs `eval` or an inline script fails here. WebAssembly needs
 * a word more in it.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.wgsl': 'text/plain',
};

export interface ServedContent {
  /** Folders by URL prefix, such as `{ '/artifact': '/tmp/x/out' }`. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Texts by URL path, such as `{ '/main.js': 'import ...' }`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Whether the policy lets pages compile WebAssembly. */
  readonly allowsWasm?: boolean;
  /** Sends COOP and COEP, which give the page SharedArrayBuffer. */
  readonly isolated?: boolean;
}

export interface StaticServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** Serves on a free port of the loopback interface. */
export async function serve(content: ServedContent): Promise<StaticServer> {
  const headers = {
    'Content-Security-Policy': `script-src 'self'${content.allowsWasm ? " 'wasm-unsafe-eval'" : ''}`,
    ...(content.isolated && {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    }),
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    answer(content, path, response, headers).catch(() => response.writeHead(404, headers).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  content: ServedContent,
  path: string,
  response: ServerResponse,
  headers: Record<string, string>,
): Promise<void> {
  // The browser asks for it by itself; a 404 would show up among the page's problems.
  if (path === '/favicon.ico') {
    response.writeHead(204, headers).end();
    return;
  }
  const body = content.files?.[path] ?? (await readServed(content.folders ?? {}, path));
  const type = MEDIA_TYPES[extname(path)] ?? 'application/octet-stream';
  response.writeHead(200, { ...headers, 'Content-Type': type }).end(body);
}

async function readServed(
  folders: Readonly<Record<string, string>>,
  path: string,
): Promise<Uint8Array> {
  for (const [prefix, folder] of Object.entries(folders)) {
    if (path.startsWith(`${prefix}/`)) {
      return readFile(join(folder, normalize(path.slice(prefix.length))));
    }
  }
  throw new Error(`Nothing is served at ${path}.`);
}
