// A model on disk, in every form that a contender reads: encompile's artifacts, the ONNX file that
// encompile exports, and the plain weights for those that take arrays.
//
//   js/, wasm/, int8/ artifacts, one for each target; int8 is wasm with --quantize int8
//   model.onnx
//   weights.f32       all weights in a row; weights.json says where each begins

import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toOnnx } from '../../dist/compiler.js';
import { compile } from '../../dist/index.js';

/** Of 'js', 'wasm' or 'int8'. */
export const artifactFolder = (folder, kind) => join(folder, kind);

const ARTIFACTS = {
  js: { targets: ['js'] },
  wasm: { targets: ['wasm'] },
  int8: { targets: ['wasm'], quantize: 'int8' },
};
export const onnxPath = (folder) => join(folder, 'model.onnx');

export async function storeModel(model, folder, onProgress = () => {}) {
  onProgress('making weights');
  const weights = model.makeWeights();
  await storeWeights(weights, folder);
  for (const [kind, options] of Object.entries(ARTIFACTS)) {
    onProgress(`compiling for ${kind}`);
    const output = artifactFolder(folder, kind);
    const { declared } = await compile(model.declare({ weights }), { ...options, output });
    if (kind === 'js') await writeFile(onnxPath(folder), toOnnx(declared));
  }
}

async function storeWeights(weights, folder) {
  const index = [];
  let offset = 0;
  const file = await open(join(folder, 'weights.f32'), 'w');
  try {
    for (const [name, { shape, data }] of weights) {
      index.push({ name, shape, offset, length: data.length });
      await file.writeFile(new Uint8Array(data.buffer));
      offset += data.byteLength;
    }
  } finally {
    await file.close();
  }
  await writeFile(join(folder, 'weights.json'), JSON.stringify(index));
}

/** The plain weights by name, views of one buffer. */
export async function readWeights(folder) {
  const [bytes, index] = await Promise.all([
    readFile(join(folder, 'weights.f32')),
    readFile(join(folder, 'weights.json'), 'utf8').then(JSON.parse),
  ]);
  return index.map(({ name, shape, offset, length }) => {
    return { name, shape, data: new Float32Array(bytes.buffer, bytes.byteOffset + offset, length) };
  });
}
