// What the ONNX runtimes have in common: the file that encompile exports, run by their shared API.

import { readFile } from 'node:fs/promises';
import { onnxPath } from '../models/stored.mjs';

export const readOnnx = (folder) => readFile(onnxPath(folder));

export async function openSession({ InferenceSession, Tensor }, bytes, options) {
  const session = await InferenceSession.create(bytes, {
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    ...options,
  });
  const [output] = session.outputNames;
  return {
    run: async ({ ids, mask, batch, seq }) => {
      const outputs = await session.run({
        ids: new Tensor('int32', ids, [batch, seq]),
        mask: new Tensor('bool', mask, [batch, seq]),
      });
      return outputs[output].data;
    },
  };
}
