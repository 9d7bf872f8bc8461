import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    // Examples import the package by its name, and are tested against the source.
    alias: [
      { find: /^encompile$/, replacement: source('index.ts') },
      { find: /^encompile\/compiler$/, replacement: source('compiler.ts') },
      { find: /^encompile\/models$/, replacement: source('models/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/relaxed-simd.ts'],
    // A worker must be a process: the Vulkan driver is found through its environment at its start.
    pool: 'forks',
    // By itself vitest leaves one core to itself, which on two is half of them.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A missing golden is a failure; goldens are written only on request.
    update: 'none',
    reporters: ['default', 'json'],
    outputFile: { json: 'test-results/vitest.json' },
  },
});
