/** Faults in what is made for vectors and threads. */
const NESTS = ['test/loops/nests.test.ts'];
const LOOPS = ['test/loops/vectorise.test.ts', ...NESTS];
const MATH = ['test/loops/math.test.ts'];
const THREADS = ['test/backends/wasm-threads.test.ts'];
const SIMD = 'src/loops/schedule/simd';
const ATTENTION = `${SIMD}/attention-simd.ts`;
const PANELS = `${SIMD}/weight-panels.ts`;

export const simd = [
  {
    name: 'a gather for four lanes takes one element four times',
    file: `${SIMD}/widen.ts`,
    find: 'return vector(LANES.map((lane) => load(x.buffer, this.dim(x.index, lane), type)));',
    replace: 'return vector(LANES.map(() => load(x.buffer, this.dim(x.index, 0), type)));',
    tests: LOOPS,
  },
  {
    name: 'four lanes have the position of the first',
    file: `${SIMD}/widen.ts`,
    find: "constant(coefficient * lane, 'i32')",
    replace: "constant(coefficient * 0 * lane, 'i32')",
    tests: LOOPS,
  },
  {
    name: 'a loop four at a time takes one element too many',
    file: `${SIMD}/vectorise.ts`,
    find: 'subtract(s.to, step - 1)',
    replace: 'subtract(s.to, step - 2)',
    tests: LOOPS,
  },
  {
    name: 'the lanes of a reduction are added without the last',
    file: `${SIMD}/vectorise.ts`,
    find: '[0, 2, 1, 3].map(',
    replace: '[0, 2, 1, 1].map(',
    tests: LOOPS,
  },
  {
    name: 'a loop whose elements need the one before is taken four at a time',
    file: `${SIMD}/vectorise.ts`,
    find: 'x.buffer === buffer && x.index !== index',
    replace: 'x.buffer === buffer && x.index === index',
    tests: LOOPS,
  },
  {
    name: 'a tile of few rows forgets the sums of its second steps',
    file: `${SIMD}/tile.ts`,
    find: 'const [first = [], ...others] = sums;',
    replace: 'const [first = [], , ...others] = sums;',
    tests: NESTS,
  },
  {
    name: 'rows that fill no tile are left out',
    file: `${SIMD}/tile.ts`,
    find: 'height *= 2) heights.splice(1, 0, height);',
    replace: 'height *= 2) if (height > 1) heights.splice(1, 0, height);',
    tests: NESTS,
  },
  {
    name: 'a block of k begins its sums anew',
    file: PANELS,
    find: 'const sums = sumsOf(p, (blocks - 1) * block, resume(p));',
    replace: 'const sums = sumsOf(p, (blocks - 1) * block);',
    tests: NESTS,
  },
  {
    name: 'groups of panels leave out the last of each',
    file: PANELS,
    find: "emitter.integer('last', start(add(g, 1)))",
    replace: "emitter.integer('last', subtract(start(add(g, 1)), 1))",
    tests: NESTS,
  },
  {
    name: 'attention on vectors takes what was summed before as it is',
    file: ATTENTION,
    find: 'return multiplyOf(before, load(this.rescales, slotAt(r)));',
    replace: 'return multiplyOf(before, constant(1 + 0 * r));',
    tests: NESTS,
  },
  {
    name: 'attention on vectors multiplies keys that were never packed',
    file: ATTENTION,
    find: '{ from: count, to: filled },',
    replace: '{ from: filled, to: filled },',
    tests: NESTS,
  },
  {
    name: 'attention on vectors weighs the keys of the first block in all',
    file: ATTENTION,
    find: 'b: (j, v) => this.values(add(start, j),',
    replace: 'b: (j, v) => this.values(j,',
    tests: NESTS,
  },
  {
    name: 'exp scales by a power of two too much',
    file: 'src/loops/math.ts',
    find: 'const ROUNDER = 12_582_912 + 126;',
    replace: 'const ROUNDER = 12_582_912 + 127;',
    tests: MATH,
  },
  {
    name: 'a thread takes the iterations of the one before',
    file: 'src/backends/wasm/statements.ts',
    find: 'const bounds = { from: share(thread),',
    replace: "const bounds = { from: share(['i32.sub', thread, ['i32.const', '1']]),",
    tests: [
      'test/backends/wasm-statements.test.ts',
      'test/backends/wasm-programs.test.ts',
      ...THREADS,
    ],
  },
  {
    name: 'the verifier lets every thread store',
    file: 'src/loops/verify.ts',
    find: "binding.space === 'write' && !context.alone",
    replace: "binding.space === 'scratch' && !context.alone",
    tests: ['test/loops/verify.test.ts'],
  },
];
