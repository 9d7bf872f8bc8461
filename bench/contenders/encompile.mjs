// encompile's own artifacts, by the emitted `load` and `run`.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { artifactFolder } from '../models/stored.mjs';

/** Files of an artifact that tools and readers want, and no page. */
const FOR_PEOPLE = /\.wat$|\.d\.ts$|manifest\.json$/;

export const encompileJs = encompile({ id: 'encompile-js', backend: 'js', threads: 1 });
export const encompileWasm = encompile({ id: 'encompile-wasm', backend: 'wasm', threads: 1 });
export const encompileWasm2 = encompile({ id: 'encompile-wasm-2', backend: 'wasm', threads: 2 });

function encompile({ id, backend, threads }) {
  return {
    id,
    name: `encompile ${backend}${threads > 1 ? `, ${threads} threads` : ''}`,
    threads,
    limit: backend,
    async read(folder) {
      const artifact = artifactFolder(folder, backend);
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
      const artifact = artifactFolder(folder, backend);
      const paths = await readdir(artifact, { recursive: true, withFileTypes: true });
      const shipped = paths
        .filter((entry) => entry.isFile() && entry.name !== 'weights.bin')
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
      return { shipped, fetched: shipped.filter((path) => !FOR_PEOPLE.test(path)) };
    },
  };
}
