/** Faults in WebAssembly: its printer, the host code of artifacts, and what checks see of it. */
const RUNTIME = ['test/backends/wasm-runtime.test.ts'];
const CHECKS = ['test/check/check.test.ts'];
const MODELS = ['test/backends/whole-models.test.ts'];

export const wasm = [
  {
    name: 'wasm keeps the addresses of the sizes before',
    file: 'src/runtime/wasm.mts',
    find: 'if (this.placed?.key === key) return',
    replace: 'if (this.placed !== null) return',
    tests: RUNTIME,
  },
  {
    name: 'wasm leaves what was behind a shorter input',
    file: 'src/runtime/wasm.mts',
    find: '      whole.fill(0, data.length);\n',
    replace: '',
    tests: RUNTIME,
  },
  {
    name: 'wasm puts all weights in one place',
    file: 'src/runtime/wasm.mts',
    find: 'at: this.layout.weights + entry.at,',
    replace: 'at: this.layout.weights,',
    tests: MODELS,
  },
  {
    name: 'wasm grows its memory by a page too few',
    file: 'src/runtime/wasm.mts',
    find: 'memory.grow(more);',
    replace: 'memory.grow(more - 1);',
    tests: RUNTIME,
  },
  {
    name: 'wasm takes relaxed SIMD of any host',
    file: 'src/runtime/wasm-features.mts',
    find: 'relaxed !== undefined && hasRelaxedSimd()',
    replace: 'relaxed !== undefined',
    tests: RUNTIME,
  },
  {
    name: "'auto' takes wasm under a policy that forbids it",
    file: 'src/runtime/wasm-features.mts',
    find: ' && (await refusal()) === null',
    replace: '',
    tests: RUNTIME,
  },
  {
    name: 'an artifact reserves no scratch memory',
    file: 'src/backends/backend-tables.ts',
    find: 'scratch: scratchBytes(program)',
    replace: 'scratch: 0',
    tests: CHECKS,
  },
  {
    name: 'weights of a second range lie where the first was before padding',
    file: 'src/backends/weights-file.ts',
    find: 'length += half ? 2 * (to - offset) : to - offset;',
    replace: 'length += half ? 2 * bytes : bytes;',
    tests: ['test/backends/artifact-files.test.ts'],
  },
  {
    name: 'scratch buffers of a kernel lie in one place',
    file: 'src/backends/wasm/scratch.ts',
    find: 'bytes += Math.ceil((4 * statement.size) / ALIGNMENT) * ALIGNMENT;',
    replace: 'bytes = Math.max(bytes, 4 * statement.size);',
    tests: ['test/backends/wasm-', ...CHECKS],
  },
  {
    name: 'wasm takes a mask of bools for ones',
    file: 'src/backends/wasm/expressions.ts',
    find: "['v128.and', x, splatConst(1, to)]",
    replace: 'x',
    tests: ['test/backends/wasm-expressions.test.ts'],
  },
  {
    name: 'wasm reads scratch memory at its start',
    file: 'src/backends/wasm/dims.ts',
    find: 'const offset = start + (folds',
    replace: 'const offset = (folds',
    tests: ['test/backends/wasm-', ...CHECKS],
  },
  {
    name: 'a check does not see what wasm writes outside its buffers',
    file: 'src/check/wasm-kernel-runner.ts',
    find: 'gap.some((byte) => byte !== FILLED)',
    replace: 'gap.length === 0',
    tests: CHECKS,
  },
  {
    name: 'a check passes over what the host cannot run',
    file: 'src/check/check.ts',
    find: 'skipped.push({ backend, reason });',
    replace: '',
    tests: CHECKS,
  },
];
