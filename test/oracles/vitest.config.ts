/** Tests against runtimes that only this package installs: `npm run onnx` in this folder. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

export default defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^encompile$/, replacement: `${root}src/index.ts` },
      { find: /^encompile\/models$/, replacement: `${root}src/models/index.ts` },
    ],
  },
  test: { include: ['test/oracles/*.oracle.ts'], pool: 'forks', testTimeout: 300_000 },
});
