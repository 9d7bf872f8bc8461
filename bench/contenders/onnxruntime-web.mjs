import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSession, readOnnx } from './onnx-session.mjs';

export const ortWeb = onnxruntimeWeb({ id: 'ort-web', threads: 1 });
export const ortWeb2 = onnxruntimeWeb({ id: 'ort-web-2', threads: 2 });

function onnxruntimeWeb({ id, threads }) {
  return {
    id,
    name: `onnxruntime-web wasm${threads > 1 ? `, ${threads} threads` : ''}`,
    threads,
    limit: 'wasm',
    read: readOnnx,
    async open(bytes) {
      const ort = await import('onnxruntime-web');
      ort.env.wasm.numThreads = threads;
      return openSession(ort, bytes, { executionProviders: ['wasm'] });
    },
    // What a page fetches for the wasm backend alone.
    files: () => {
      const folder = dirname(fileURLToPath(import.meta.resolve('onnxruntime-web/wasm')));
      return ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'].map(
        (name) => join(folder, name),
      );
    },
  };
}
