// The model in encompile, compiled to an artifact in a temporary folder and loaded from there.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bool, compile, dims, i32, model } from '../../dist/index.js';
import { bert } from '../../dist/models/index.js';
import { sizes } from './weights.mjs';

/** The declaration, of any depth and with weights or without. */
export function declare({ layers = sizes.layers, weights } = {}) {
  const { batch, seq } = dims('batch', 'seq');
  return model(
    'minilm',
    (g) => {
      const ids = g.input('ids', i32(batch, seq));
      const mask = g.input('mask', bool(batch, seq));
      return { states: bert(g, { ...sizes, layers }, { ids, mask }) };
    },
    weights === undefined ? {} : { weights },
  );
}

/** The token vectors of one text, [tokens, hidden], by emitted kernels in JS. */
export async function openEncompile(weights) {
  const folder = await mkdtemp(join(tmpdir(), 'encompile-bench-'));
  try {
    const output = join(folder, 'minilm');
    await compile(declare({ weights }), { targets: ['js'], output });
    const { load } = await import(pathToFileURL(join(output, 'model.mjs')).href);
    const loaded = await load({ backend: 'js' });
    return {
      name: 'encompile js',
      run: async ({ ids, mask }) => {
        const shape = [1, ids.length];
        const { states } = await loaded.run({
          ids: { data: ids, shape },
          mask: { data: mask, shape },
        });
        return states.data;
      },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
