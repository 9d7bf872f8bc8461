/**
 * WebGPU in Node: the platform's own `navigator.gpu` where it has one, else Dawn from the npm
 * package `webgpu`.
 *
 * Dawn needs a Vulkan driver on Linux. Where the machine has none, SwiftShader (Vulkan on the CPU)
 * from the npm package `@sparticuz/chromium` serves. The dynamic loader reads LD_LIBRARY_PATH when
 * a process starts, so a process cannot give itself SwiftShader: it asks `vulkanEnvironment` and
 * starts a child. Both packages are optional for users; they are looked up from the current
 * directory first, then from encompile's own location.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { EncompileError } from '../errors.ts';
import { extractTar, unpackedFolder, unpackOnce } from './unpack.ts';

/** WebGPU for this process; call `release` when done, as a live device can keep Node running. */
export interface NodeGpu {
  readonly gpu: GPU;
  readonly adapterName: string;
  /** Destroys every device that was requested through `gpu`. */
  release(): void;
}

/** The part of the `webgpu` package that is used. */
interface DawnModule {
  create(options: string[]): GPU;
  readonly globals: Record<string, unknown>;
}

interface SwiftShader {
  readonly archive: string;
  readonly folder: string;
  readonly key: string;
}

const PROBE_TIMEOUT_MS = 60_000;
/**
 * SwiftShader unrolls what this extension does, zeroing workgroup memory, element by element: a
 * second of compilation for a kernel with a few KiB of it. Without it Dawn zeroes in a loop.
 */
const DAWN_TOGGLES = [
  'disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
];
const SWIFTSHADER_ARCHIVE = 'swiftshader.tar.br';
const ICD_FILE = 'vk_swiftshader_icd.json';
const SWIFTSHADER_FILES = ['libvulkan.so.1', 'libvk_swiftshader.so', ICD_FILE];

/**
 * Gives a GPU with at least one adapter. With Dawn, the constants and classes of WebGPU that the
 * process lacks (`GPUBufferUsage`, `GPUValidationError`, ...) become globals, as in a browser.
 *
 * @throws EncompileError when the package or a Vulkan driver is missing, saying what to install.
 */
export async function requestNodeDevice(): Promise<NodeGpu> {
  const scope: { readonly navigator?: { readonly gpu?: GPU } } = globalThis;
  const gpu = scope.navigator?.gpu ?? (await loadDawn());
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw await noAdapterError();
  const { description, device, vendor } = adapter.info;
  return {
    gpu,
    adapterName: description || device || vendor || 'unnamed adapter',
    release: trackDevices(gpu),
  };
}

/**
 * Gives the environment variables with which a child process must be started to have a Vulkan
 * driver, unpacking SwiftShader on first use. Null when this process has an adapter or those
 * variables already, or when SwiftShader cannot be had: its package is not installed, or the
 * platform is not Linux on x86-64.
 */
export async function vulkanEnvironment(): Promise<Record<string, string> | null> {
  const swiftShader = await findSwiftShader();
  if (swiftShader === null) return null;
  const icd = join(swiftShader.folder, ICD_FILE);
  if (process.env.VK_ICD_FILENAMES === icd) return null;
  if (await hasAdapter()) return null;
  await unpackOnce(swiftShader.key, SWIFTSHADER_FILES, async (folder) => {
    const archive = await promisify(brotliDecompress)(await readFile(swiftShader.archive));
    await extractTar(archive, folder);
  });
  const libraries = [swiftShader.folder, process.env.LD_LIBRARY_PATH].filter(Boolean);
  return { VK_ICD_FILENAMES: icd, LD_LIBRARY_PATH: libraries.join(delimiter) };
}

/** The main file of an optional npm package, or null where it is not installed. */
export function findOptionalPackage(name: string): string | null {
  for (const origin of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      return createRequire(origin).resolve(name);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) {
        throw error;
      }
    }
  }
  return null;
}

/** Archive folder and version of the installed `@sparticuz/chromium`, or null where there is none. */
export async function findChromiumPackage(): Promise<{ bin: string; version: string } | null> {
  const main = findOptionalPackage('@sparticuz/chromium');
  if (main === null) return null;
  // How deep the main file lies differs between the package's versions.
  let root = dirname(main);
  while (!existsSync(join(root, 'bin', SWIFTSHADER_ARCHIVE))) {
    if (root === dirname(root)) return null;
    root = dirname(root);
  }
  const manifest: { version: string } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  );
  return { bin: join(root, 'bin'), version: manifest.version };
}

async function findSwiftShader(): Promise<SwiftShader | null> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  const chromium = await findChromiumPackage();
  if (chromium === null) return null;
  const key = `swiftshader-${chromium.version}`;
  return { archive: join(chromium.bin, SWIFTSHADER_ARCHIVE), folder: unpackedFolder(key), key };
}

async function loadDawn(): Promise<GPU> {
  const main = findOptionalPackage('webgpu');
  if (main === null) {
    throw new EncompileError(
      'WebGPU is not available in this process: it has no navigator.gpu, and the npm package ' +
        `webgpu (Dawn for Node) was found neither from ${process.cwd()} nor beside encompile. ` +
        'Install it with "npm install --save-dev webgpu"; on a machine without a GPU install ' +
        '@sparticuz/chromium too, whose software Vulkan driver is then used.',
      2,
    );
  }
  const { create, globals } = await importDawn(main);
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis))
      Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  return create(DAWN_TOGGLES);
}

async function importDawn(main: string): Promise<DawnModule> {
  try {
    return await import(pathToFileURL(main).href);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EncompileError(
      `The npm package webgpu at ${main} could not be loaded: ${reason}. It ships prebuilt ` +
        `binaries for some platforms only; this one is ${process.platform}-${process.arch}. ` +
        'Install a version that supports it, or choose another backend.',
      2,
    );
  }
}

async function noAdapterError(): Promise<EncompileError> {
  const swiftShader = await findSwiftShader();
  const remedy =
    swiftShader === null
      ? 'Install the Vulkan driver of your GPU, or on Linux x86-64 "npm install --save-dev ' +
        '@sparticuz/chromium", whose software driver (SwiftShader) the encompile command then uses.'
      : 'The software driver of @sparticuz/chromium is installed, but a process can use it only ' +
        `if it was started with VK_ICD_FILENAMES=${join(swiftShader.folder, ICD_FILE)} and ` +
        `LD_LIBRARY_PATH=${swiftShader.folder}, as the encompile command does by itself.`;
  return new EncompileError(
    `WebGPU found no GPU adapter on this machine (${process.platform}-${process.arch}). ${remedy}`,
    2,
  );
}

/** Looks for an adapter in a child process, which keeps Dawn's warnings off this one's stderr. */
async function hasAdapter(): Promise<boolean> {
  const scope: { readonly navigator?: { readonly gpu?: GPU } } = globalThis;
  if (scope.navigator?.gpu !== undefined) {
    return (await scope.navigator.gpu.requestAdapter()) !== null;
  }
  const main = findOptionalPackage('webgpu');
  if (main === null) return false;
  const probe =
    `const { create } = await import(${JSON.stringify(pathToFileURL(main).href)});` +
    `if (await create([]).requestAdapter()) console.log('adapter');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', probe], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: PROBE_TIMEOUT_MS,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve) => {
    child.on('error', () => resolve(false));
    child.on('close', () => resolve(output.includes('adapter')));
  });
}

/** Remembers the devices made through `gpu` and returns a function that destroys them. */
function trackDevices(gpu: GPU): () => void {
  const devices = new Set<GPUDevice>();
  const requestAdapter = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options);
    if (adapter === null) return null;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice(descriptor);
      devices.add(device);
      return device;
    };
    return adapter;
  };
  return () => {
    for (const device of devices) device.destroy();
    devices.clear();
  };
}
