/** A thread beside the first: an instance of the model's module, which waits for runs inside it. */
import type { WorkerStart } from './wasm-threads.mts';

interface Port {
  postMessage(value: unknown): void;
  on?(event: 'message', listener: (start: WorkerStart) => void): void;
  addEventListener?(
    event: 'message',
    listener: (event: { readonly data: WorkerStart }) => void,
  ): void;
}

interface Host extends Port {
  readonly process?: {
    getBuiltinModule?(
      name: 'node:worker_threads',
    ): { readonly parentPort: Port | null } | undefined;
  };
}

const host = globalThis as unknown as Host;
const port = host.process?.getBuiltinModule?.('node:worker_threads')?.parentPort ?? host;

async function serve({ module, memory, globals }: WorkerStart): Promise<void> {
  const { exports } = await WebAssembly.instantiate(module, { host: { memory } });
  for (const [name, value] of Object.entries(globals)) {
    (exports[name] as WebAssembly.Global<'i32'>).value = value;
  }
  port.postMessage('ready');
  (exports.serve as (runs: number) => void)(0);
}

if (port.on !== undefined) port.on('message', serve);
else port.addEventListener?.('message', ({ data }) => void serve(data));
