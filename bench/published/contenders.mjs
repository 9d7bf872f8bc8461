// Who runs the published models: encompile's artifacts, and the runtimes that take the files themselves, one
// thread each. `open(model, folder)` loads the runtime and the model -> run(inputs) -> outputs, arrays in the
// order of the file's outputs. `inputs` are { shape, data } by name.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const CONTENDERS = [
  encompile('wasm'),
  encompile('js'),
  {
    id: 'ort-web',
    name: 'onnxruntime-web wasm',
    async open(model) {
      const ort = await import('onnxruntime-web');
      ort.env.wasm.numThreads = 1;
      return openSession(ort, model, { executionProviders: ['wasm'] });
    },
  },
  {
    id: 'ort-node',
    name: 'onnxruntime-node, native',
    async open(model) {
      const { default: ort } = await import('onnxruntime-node');
      const one = { intraOpNumThreads: 1, interOpNumThreads: 1 };
      return openSession(ort, model, { executionProviders: ['cpu'], ...one });
    },
  },
];

/** Whom ratios are to. */
export const BASELINE = 'ort-web';
/** Whose outputs all others must agree with. */
export const ORACLE = 'ort-node';

function encompile(backend) {
  return {
    id: `encompile-${backend}`,
    name: `encompile ${backend}`,
    backend,
    async open(_, folder) {
      const { load } = await import(pathToFileURL(join(folder, backend, 'model.mjs')).href);
      const loaded = await load({ backend });
      return async (inputs) => Object.values(await loaded.run(inputs)).map(({ data }) => data);
    },
  };
}

async function openSession({ InferenceSession, Tensor }, { file, constants = {} }, options) {
  const session = await InferenceSession.create(await readFile(file), {
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    ...options,
  });
  const fixed = Object.entries(constants).map(([name, value]) => {
    return [name, new Tensor('int64', BigInt64Array.of(BigInt(value)), [])];
  });
  return async (inputs) => {
    const given = Object.entries(inputs).map(([name, { shape, data }]) => {
      return [name, new Tensor('float32', data, shape)];
    });
    const outputs = await session.run(Object.fromEntries([...given, ...fixed]));
    return session.outputNames.map((name) => outputs[name].data);
  };
}
