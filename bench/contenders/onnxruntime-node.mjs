import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSession, readOnnx } from './onnx-session.mjs';

export const ortNode = onnxruntimeNode({ id: 'ort-node', threads: 1 });
export const ortNode2 = onnxruntimeNode({ id: 'ort-node-2', threads: 2 });

function onnxruntimeNode({ id, threads }) {
  return {
    id,
    name: `onnxruntime-node, native${threads > 1 ? `, ${threads} threads` : ''}`,
    threads,
    limit: null,
    read: readOnnx,
    async open(bytes) {
      const { default: ort } = await import('onnxruntime-node');
      return openSession(ort, bytes, {
        executionProviders: ['cpu'],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
      });
    },
    files: () => {
      const entry = dirname(fileURLToPath(import.meta.resolve('onnxruntime-node')));
      const folder = join(entry, '..', 'bin', 'napi-v6', process.platform, process.arch);
      return readdirSync(folder).map((name) => join(folder, name));
    },
  };
}
