// encompile's own artifacts, by the emitted `load` and `run`.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { artifactFolder } from '../models/stored.mjs';

/** Files of an artifact that tools and readers want, and no page. */
const FOR_PEOPLE = /\.wat$|\.d\.m?ts$|manifest\.json$/;

/** What rounding weights to 7 bits and rows to 8 may do to six to twelve layers. */
const INT8 = { cosine: 0.99 };

export const encompileJs = encompile({ id: 'encompile-js', backend: 'js', threads: 1 });
export const encompileWasm = encompile({ id: 'encompile-wasm', backend: 'wasm', threads: 1 });
export const encompileWasm2 = encompile({ id: 'encompile-wasm-2', backend: 'wasm', threads: 2 });
export const encompileInt8 = encompile({ id: 'encompile-int8', kind: 'int8', threads: 1 });
export const encompileInt82 = encompile({ id: 'encompile-int8-2', kind: 'int8', threads: 2 });

function encompile({ id, backend = 'wasm', kind = backend, threads }) {
  return {
    id,
    ...(kind === 'int8' ? { agreement: INT8 } : {}),
    name: `encompile ${kind === 'int8' ? 'wasm int8' : backend}${threads > 1 ? `, ${threads} threads` : ''}`,
    threads,
    limit: backend,
    async read(folder) {
      const artifact = artifactFolder(folder, kind);
      return { artifact, weights: await readFile(join(artifact, 'weights.bin')) };
    },
    async open({ artifact, weights }) {
      const { load } = await import(pathToFileURL(join(artifact, 'model.mjs')).href);
      const loaded = await load({ backend, weights, ...(threads > 1 ? { threads } : {}) });
      if ((loaded.threads ?? 1) !== threads) {
        throw new Error(`${id} runs on ${loaded.threads} threads, not ${threads}`);
      }
      return {
        run: async ({ ids, mask, batch, seq }) => {
          const shape = [batch, seq];
          const outputs = await loaded.run({
            ids: { data: ids, shape },
            mask: { data: mask, shape },
          });
          return Object.values(outputs)[0].data;
        },
      };
    },
    async files(folder) {
      const artifact = artifactFolder(folder, kind);
      const paths = await readdir(artifact, { recursive: true, withFileTypes: true });
      const shipped = paths
        .filter((entry) => entry.isFile() && entry.name !== 'weights.bin')
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
      return { shipped, fetched: shipped.filter((path) => !FOR_PEOPLE.test(path)) };
    },
  };
}
