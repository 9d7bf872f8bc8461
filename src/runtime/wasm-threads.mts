/**
 * The threads beside the first that run a model in WebAssembly: workers with instances of the same
 * module over one shared memory. Once a worker has started it stays inside the module, waiting for
 * runs; no message goes to and fro.
 */

/** What a worker is told once. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** The values of the module's globals. */
  readonly globals: Readonly<Record<string, number>>;
}

/** What Node's and the web's workers share, as it is used here. */
interface AnyWorker {
  readonly post: (start: WorkerStart) => void;
  readonly onReady: (ready: () => void, failed: (error: unknown) => void) => void;
  readonly end: () => void;
}

interface NodeWorker {
  postMessage(value: unknown): void;
  once(event: 'message' | 'error', listener: (value: unknown) => void): void;
  unref(): void;
  terminate(): Promise<number>;
}

type NodeWorkerClass = new (
  url: URL,
  options: { readonly execArgv: readonly string[] },
) => NodeWorker;

interface Host {
  readonly crossOriginIsolated?: boolean;
  readonly process?: {
    getBuiltinModule?(
      name: 'node:worker_threads',
    ): { readonly Worker: NodeWorkerClass } | undefined;
  };
}

/** Whether workers may share memory here: a page must be cross-origin isolated. */
export function canShareMemory(): boolean {
  return (
    typeof SharedArrayBuffer === 'function' && (globalThis as Host).crossOriginIsolated !== false
  );
}

/** Whether this thread may sleep until another wakes it; the main thread of a page may not. */
export function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a worker for each of `starts`; gives what ends them.
 *
 * @throws where one of them cannot start: then none is left running
 */
export async function startWorkers(starts: readonly WorkerStart[]): Promise<() => void> {
  const workers = starts.map(() => makeWorker());
  const endAll = () => {
    for (const worker of workers) worker.end();
  };
  try {
    await Promise.all(
      workers.map((worker, i) => {
        const start = starts[i];
        return new Promise<void>((ready, failed) => {
          worker.onReady(ready, failed);
          if (start !== undefined) worker.post(start);
        });
      }),
    );
  } catch (error) {
    endAll();
    throw error;
  }
  return endAll;
}

function makeWorker(): AnyWorker {
  const node = (globalThis as Host).process?.getBuiltinModule?.('node:worker_threads');
  return node === undefined ? webWorker() : nodeWorker(node.Worker);
}

function nodeWorker(Worker: NodeWorkerClass): AnyWorker {
  // Options of the process may be none that a worker takes, such as --input-type.
  const worker = new Worker(new URL('./wasm-worker.mjs', import.meta.url), { execArgv: [] });
  return {
    post: (start) => worker.postMessage(start),
    onReady: (ready, failed) => {
      worker.once('message', () => {
        // An idle model must not keep the process alive.
        worker.unref();
        ready();
      });
      worker.once('error', failed);
    },
    end: () => void worker.terminate(),
  };
}

function webWorker(): AnyWorker {
  const worker = new Worker(new URL('./wasm-worker.mjs', import.meta.url), { type: 'module' });
  return {
    post: (start) => worker.postMessage(start),
    onReady: (ready, failed) => {
      worker.addEventListener('message', () => ready(), { once: true });
      worker.addEventListener('error', failed, { once: true });
    },
    end: () => worker.terminate(),
  };
}

/** `host` `memory`, a memory with a maximum: how the module's text begins its import. */
const IMPORT = [4, 104, 111, 115, 116, 6, 109, 101, 109, 111, 114, 121, 2, 1];
const SHARED = 3;

/** The module with its memory declared as shared: the two differ in one byte. */
export function withSharedMemory(module: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = module.findIndex((_, i) => IMPORT.every((byte, k) => module[i + k] === byte));
  if (at < 0) throw new Error('the module does not import host memory');
  const shared = module.slice();
  shared[at + IMPORT.length - 1] = SHARED;
  return shared;
}
