/**
 * Processes find a Vulkan driver, or are told what to install. The built files are run in processes
 * of their own, because a driver is found through the environment at a process's start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromiumPackage } from '../../src/check/webgpu-node.ts';
import { repositoryRoot } from '../support/build-dist.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'encompile-webgpu-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Ends, if it hangs, well before the test does. */
const HANG_MS = 40_000;

function start(script: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [script, ...args], { cwd: folder, env, timeout: HANG_MS });
}

function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

/** The environment of a process that nobody has given a driver. */
function bareEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { VK_ICD_FILENAMES: _icd, LD_LIBRARY_PATH: _libraries, ...rest } = process.env;
  return { ...rest, ...extra };
}

/** Writes a script that sees `requestNodeDevice`, `vulkanEnvironment` and `respawnWithVulkan`. */
async function scriptOf(name: string, body: string, root = repositoryRoot): Promise<string> {
  const url = (file: string) => JSON.stringify(pathToFileURL(join(root, 'dist/check', file)).href);
  const path = join(folder, name);
  await writeFile(
    path,
    `import { requestNodeDevice, vulkanEnvironment } from ${url('webgpu-node.js')};\n` +
      `import { respawnWithVulkan } from ${url('respawn.js')};\n${body}`,
  );
  return path;
}

describe('respawnWithVulkan', () => {
  test('gives the command an adapter, its arguments and its exit status', async () => {
    const script = await scriptOf(
      'status.mjs',
      `await respawnWithVulkan();
      const { adapterName, release } = await requestNodeDevice();
      console.log(JSON.stringify({ adapterName, args: process.argv.slice(2) }));
      release();
      process.exitCode = 7;`,
    );
    const { status, stdout, stderr } = await ended(
      start(script, ['a b', '--flag'], bareEnvironment()),
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      adapterName: expect.stringMatching(/./),
      args: ['a b', '--flag'],
    });
    expect(status).toBe(7);
  });

  test('ends by the signal that ended the command', async () => {
    const script = await scriptOf(
      'killed.mjs',
      `await respawnWithVulkan(); process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 9e4);`,
    );
    expect((await ended(start(script, [], bareEnvironment()))).signal).toBe('SIGTERM');
  });

  test('passes a signal on', async () => {
    const script = await scriptOf(
      'signalled.mjs',
      `await respawnWithVulkan();
      process.on('SIGINT', () => process.exit(5));
      setTimeout(() => {}, 9e4);
      console.log('ready');`,
    );
    const child = start(script, [], bareEnvironment());
    const end = ended(child);
    child.stdout?.once('data', () => child.kill('SIGINT'));
    expect((await end).status).toBe(5);
  });
});

describe('vulkanEnvironment', () => {
  test('is null in a process that was started with it', async () => {
    const script = await scriptOf('env.mjs', 'console.log(await vulkanEnvironment());');
    expect((await ended(start(script, [], process.env))).stdout).toBe('null\n');
  });

  test('unpacks once for processes that ask at the same time', async () => {
    const TMPDIR = await mkdtemp(join(folder, 'tmp-'));
    const script = await scriptOf(
      'unpack.mjs',
      'console.log(JSON.stringify(await vulkanEnvironment()));',
    );
    const runs = await Promise.all(
      Array.from({ length: 3 }, () => ended(start(script, [], bareEnvironment({ TMPDIR })))),
    );
    expect(runs.map(({ stderr }) => stderr)).toEqual(['', '', '']);
    const answers = new Set(runs.map(({ stdout }) => stdout));
    expect(answers.size).toBe(1);
    const environment = JSON.parse([...answers][0] ?? '');
    // Null is the answer of a machine whose own driver serves.
    if (environment !== null) {
      const chromium = await findChromiumPackage();
      const [owned] = await readdir(TMPDIR);
      const cache = join(TMPDIR, owned ?? '');
      expect(await readdir(cache)).toEqual([`swiftshader-${chromium?.version}`]);
      expect(environment.LD_LIBRARY_PATH).toContain(cache);
    }
  });
});

describe('requestNodeDevice', () => {
  const use = `
    const nodeGpu = await requestNodeDevice();
    const adapter = await nodeGpu.gpu.requestAdapter();
    globalThis.kept = [nodeGpu, await adapter.requestDevice()];`;

  test.each([
    ['after release', `${use} nodeGpu.release();`],
    ['without release', use],
  ])('lets the process end %s', async (_when, body) => {
    const { status, signal } = await ended(start(await scriptOf('end.mjs', body), [], process.env));
    expect({ status, signal }).toEqual({ status: 0, signal: null });
  });

  test('says what to install where the packages are missing', async () => {
    const root = join(folder, 'alone');
    await cp(join(repositoryRoot, 'dist'), join(root, 'dist'), { recursive: true });
    await writeFile(join(root, 'package.json'), '{ "type": "module" }');
    const script = await scriptOf(
      'missing.mjs',
      `if ((await vulkanEnvironment()) !== null) throw new Error('found a package');
      await respawnWithVulkan();
      await requestNodeDevice().catch(({ name, message, exitCode }) =>
        console.log(JSON.stringify({ name, message, exitCode })));`,
      root,
    );
    const { stdout, stderr } = await ended(start(script, [], bareEnvironment()));
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      name: 'EncompileError',
      exitCode: 2,
      message: expect.stringContaining('npm install --save-dev webgpu'),
    });
  });

  test.skipIf(process.platform !== 'linux')(
    'says how to get a driver where there is none',
    async () => {
      const script = await scriptOf(
        'driverless.mjs',
        'await requestNodeDevice().catch(({ message }) => console.log(message));',
      );
      const noDriver = bareEnvironment({ VK_ICD_FILENAMES: join(folder, 'absent.json') });
      const { stdout } = await ended(start(script, [], noDriver));
      expect(stdout).toMatch(/found no GPU adapter.*(@sparticuz\/chromium|driver)/s);
    },
  );
});
