/** Faults in weights that are stored as float16. */
const BITS = ['test/ir/float16.test.ts'];
const PASS = ['test/passes/round-weights.test.ts'];
const ARTIFACT = ['test/backends/float16-weights.test.ts'];

export const float16 = [
  {
    name: 'float16 rounds ties up instead of to even',
    file: 'src/ir/float16.ts',
    find: '0xfff + ((size >>> DROPPED) & 1)',
    replace: '0x1000',
    tests: BITS,
  },
  {
    name: 'round-weights makes infinities in float16 of large weights',
    file: 'src/passes/round-weights.ts',
    find: '!(Math.abs(x) <= LARGEST_FLOAT16)',
    replace: 'Number.isNaN(x)',
    tests: PASS,
  },
  {
    name: 'round-weights loses weights too small for float16',
    file: 'src/passes/round-weights.ts',
    find: 'if (change <= LARGEST_CHANGE) return null;',
    replace: 'if (change <= 2) return null;',
    tests: PASS,
  },
  {
    name: 'hosts hold a float16 range in the bytes that it has in the file',
    file: 'src/backends/weights-file.ts',
    find: 'half ? 2 * (to - offset) : to - offset',
    replace: 'to - offset',
    tests: ARTIFACT,
  },
  {
    name: 'subnormal float16 weights are held as zeros',
    file: 'src/runtime/weights.mts',
    find: 'else subnormals[bits] = bits * 2 ** -24;',
    replace: 'else subnormals[bits] = 0;',
    tests: ARTIFACT,
  },
  {
    name: 'float16 is taken without being asked for where it stores the smaller part',
    file: 'src/backends/weights-file.ts',
    find: 'if (storage === undefined && 2 * bytesOf(fitting) < bytesOf(floats)) return found;',
    replace: '',
    tests: ARTIFACT,
  },
];
