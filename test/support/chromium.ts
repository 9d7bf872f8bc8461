/**
 * The Chromium of the npm package `@sparticuz/chromium`, unpacked once per user and version together
 * with SwiftShader and, for machines that lack them, the libraries that it links against.
 */
import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { brotliDecompress, createBrotliDecompress } from 'node:zlib';
import { type Browser, chromium } from 'playwright-core';
import { extractTar, unpackOnce } from '../../src/check/unpack.ts';
import { findChromiumPackage } from '../../src/check/webgpu-node.ts';

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan,WebGPU',
];

const EXPECTED_FILES = ['chromium', 'libvk_swiftshader.so', 'lib/libnss3.so'];

/** Starts the browser; the caller closes it. */
export async function launchChromium(): Promise<Browser> {
  const folder = await unpackChromium();
  const executablePath = join(folder, 'chromium');
  return chromium.launch({
    executablePath,
    args: FLAGS,
    env: { ...process.env, ...(await libraryEnvironment(executablePath, join(folder, 'lib'))) },
  });
}

async function unpackChromium(): Promise<string> {
  const source = await findChromiumPackage();
  if (source === null) throw new Error('@sparticuz/chromium is not installed; run npm ci.');
  return unpackOnce(`chromium-${source.version}`, EXPECTED_FILES, async (folder) => {
    for (const archive of ['swiftshader', 'al2023']) {
      const packed = await readFile(join(source.bin, `${archive}.tar.br`));
      await extractTar(await promisify(brotliDecompress)(packed), folder);
    }
    await pipeline(
      createReadStream(join(source.bin, 'chromium.br')),
      createBrotliDecompress(),
      createWriteStream(join(folder, 'chromium'), { mode: 0o700 }),
    );
  });
}

/** Puts the package's own NSS libraries in front only where the system lacks one. */
async function libraryEnvironment(
  executablePath: string,
  libraries: string,
): Promise<Record<string, string>> {
  const { stdout } = await promisify(execFile)('ldd', [executablePath]);
  if (!stdout.includes('not found')) return {};
  const paths = [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean);
  return { LD_LIBRARY_PATH: paths.join(delimiter) };
}
