/** Faults in quantised products, from the pass to the bytes. */
const NEST = 'src/loops/schedule/simd/quantized-matmul.ts';
const OP = 'src/ir/ops/quantize.ts';
const PASS = 'src/passes/quantize.ts';
const REPORT = 'src/quantization-report.ts';
const NESTS = ['test/loops/quantized-matmul.test.ts'];
const BITS = ['test/backends/wasm-quantized.test.ts'];
const PASSES = ['test/passes/quantize.test.ts'];
const PRINTED = ['test/backends/expressions.test.ts'];
const REPORTS = ['test/quantization-report.test.ts'];

export const quantized = [
  {
    name: 'quantised sums keep what the weights were moved up by',
    file: NEST,
    find: "constant(BYTE_OFFSET, 'i32')",
    replace: "constant(0, 'i32')",
    tests: NESTS,
  },
  {
    name: 'a quantised row ends before its last elements',
    file: NEST,
    find: 'if (done < inner) {',
    replace: 'if (done < inner - 3) {',
    tests: NESTS,
  },
  {
    name: 'bytes behind a quantised row are those of its last element',
    file: NEST,
    find: '(l < count ? at(l) : constant(0))',
    replace: 'at(Math.min(l, count - 1))',
    tests: NESTS,
  },
  {
    name: 'quantised rows of a second block take the codes of the first',
    file: NEST,
    find: 'this.quantize(add(block.start, r), r)',
    replace: 'this.quantize(r, r)',
    tests: NESTS,
  },
  {
    name: 'a quantised row takes the step of the row above',
    file: NEST,
    find: 'const step = load(this.stepSizes, add(first, r));',
    replace: 'const step = load(this.stepSizes, first);',
    tests: NESTS,
  },
  {
    name: 'quantised numbers are a step too large',
    file: NEST,
    find: 'splat(constant(ROUNDING))',
    replace: 'splat(constant(ROUNDING + 1))',
    tests: NESTS,
  },
  {
    name: 'quantised weights lie in rows of their columns',
    file: 'src/loops/weight-layout.ts',
    find: 'const at = (p * steps + s) * width + (c - p * width);',
    replace: 'const at = (p * width + (c - p * width)) * steps + s;',
    tests: NESTS,
  },
  {
    name: 'quantised weights of eight bits are packed',
    file: 'src/loops/weight-layout.ts',
    find: 'moved < 2 * BYTE_OFFSET',
    replace: 'moved < 4 * BYTE_OFFSET',
    tests: BITS,
  },
  {
    name: 'quantize divides by a largest of zero',
    file: OP,
    find: 'most < SMALLEST ? 0 :',
    replace: 'most < 0 ? 0 :',
    tests: ['test/ops/quantized.test.ts'],
  },
  {
    name: 'quantize rounds in float64',
    file: OP,
    find: 'roundHalfToEven(Math.fround(Math.fround(atBroadcast(x, index)) * inverse))',
    replace: 'roundHalfToEven(atBroadcast(x, index) * inverse)',
    tests: ['test/ops/quantized.test.ts'],
  },
  {
    name: 'quantize in JS keeps the digits of float64',
    file: OP,
    find: "return bitcast('f32', bitcast('i32', x));",
    replace: 'return x;',
    tests: ['test/ops/quantized.test.ts'],
  },
  {
    name: 'a weight of two uses is quantised',
    file: PASS,
    find: 'if (other !== null)',
    replace: 'if (other === name)',
    tests: PASSES,
  },
  {
    name: 'short sums are quantised',
    file: PASS,
    find: 'inner < shortest ||',
    replace: 'inner < 1 ||',
    tests: PASSES,
  },
  {
    name: 'all columns of a quantised weight have the steps of the first',
    file: PASS,
    find: '(scale[i % columns] ?? 1)',
    replace: '(scale[0] ?? 1)',
    tests: PASSES,
  },
  {
    name: 'dot4 without relaxed SIMD takes the signs of even bytes from their neighbours',
    file: 'src/backends/wasm/expressions.ts',
    find: "['i16x8.shr_s', ['i16x8.shl', a0, eight], eight]",
    replace: "['i16x8.shr_s', a0, eight]",
    tests: PRINTED,
  },
  {
    name: 'dot4 in JS takes the highest byte for the lowest',
    file: 'src/backends/js/helpers.ts',
    find: '((a << 24) >> 24) * ((b << 24) >> 24)',
    replace: '(a >> 24) * ((b << 24) >> 24)',
    tests: PRINTED,
  },
  {
    name: 'the report compares float32 with itself',
    file: REPORT,
    find: "await run(after, 'as compiled')",
    replace: "await run(before, 'in int8')",
    tests: REPORTS,
  },
  {
    name: 'the report of a product is that of the first',
    file: REPORT,
    find: 'compared(layer.name, probeOf(layer.name))',
    replace: "compared(layer.name, probeOf(layers[0]?.name ?? ''))",
    tests: REPORTS,
  },
];
