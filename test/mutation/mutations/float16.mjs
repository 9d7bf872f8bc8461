/** Faults in weights that are stored as float16. */
const BITS = ['test/ir/float16.test.ts'];
const PASS = ['test/passes/round-weights.test.ts'];
const ARTIFACT = ['test/backends/float16-weights.test.ts'];

const OPS = ['test/ops/elementwise.test.ts'];
const CASTS = ['test/frontends/onnx/casts.test.ts'];
const STEPS = ['test/frontends/onnx/pooling.test.ts'];

export const float16 = [
  {
    name: 'kernels round halves of float16 and bfloat16 down',
    file: 'src/ir/ops/float_rounding.ts',
    find: 'addOf(addOf(word, bit(2 ** (dropped - 1) - 1)), isOdd)',
    replace: 'addOf(word, bit(2 ** (dropped - 1) - 1))',
    tests: OPS,
  },
  {
    name: 'kernels make finite numbers of what is beyond float16',
    file: 'src/ir/ops/float_rounding.ts',
    find: 'const TOO_LARGE = 0x4780_0000;',
    replace: 'const TOO_LARGE = 0x7f80_0000;',
    tests: OPS,
  },
  {
    name: 'an imported cast to float16 keeps all digits',
    file: 'src/frontends/onnx/ops/casts.ts',
    find: "return held(node, node.g.round_float16(held(node, x, 'f32')), 'f16');",
    replace: "return held(node, x, 'f16');",
    tests: CASTS,
  },
  {
    name: 'imported steps of quantisation are counted in more digits than float32',
    file: 'src/frontends/onnx/ops/quantization.ts',
    find: 'g.round_float32(g.div(wide as Value, step as Value))',
    replace: 'g.div(wide as Value, step as Value)',
    tests: STEPS,
  },
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
