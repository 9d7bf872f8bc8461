/** Functions that JS lacks or is slow at; a module carries those its kernels call. */

export type HelperName =
  | 'exp'
  | 'erf'
  | 'tanh'
  | 'round_half_even'
  | 'to_integer'
  | 'divide_integers'
  | 'bits_of'
  | 'float_of';

/** In the order in which a module lists them. */
export const HELPER_NAMES: readonly HelperName[] = [
  'exp',
  'erf',
  'tanh',
  'round_half_even',
  'to_integer',
  'divide_integers',
  'bits_of',
  'float_of',
];

/** Names at the module's top level that the helpers use beside their own. */
export const HELPER_STATE = ['powers_of_two', 'sixteenths', 'float_bits', 'int_bits'];

/** The lines of the helpers in use, in a fixed order. */
export function helperLines(used: ReadonlySet<HelperName>): readonly string[] {
  const lines: string[] = [];
  if (used.has('bits_of') || used.has('float_of')) {
    lines.push(
      '// Four bytes seen as a float32 and as an int32.',
      'const float_bits = new Float32Array(1);',
      'const int_bits = new Int32Array(float_bits.buffer);',
      '',
    );
  }
  for (const name of HELPER_NAMES) {
    if (used.has(name)) lines.push(...HELPERS[name], '');
  }
  return lines;
}

/**
 * exp, erf and tanh are two to four times faster than what Math has, because V8 inlines them; they are
 * fits to float64 made for this file, more exact than float32 can show. `test/backends` measures the
 * bounds in their comments.
 */
const HELPERS: { readonly [N in HelperName]: readonly string[] } = {
  exp: [
    '// e^x = 2^(n / 16) e^r with |r| <= ln 2 / 32: relative error below 1e-8 over the range of float64.',
    'const powers_of_two = Float64Array.from({ length: 2100 }, (_, i) => 2 ** (i - 1075));',
    'const sixteenths = Float64Array.from({ length: 16 }, (_, i) => 2 ** (i / 16));',
    'function exp(x) {',
    '  const within = x > 710 ? 710 : x < -745 ? -745 : x;',
    '  const n = Math.floor(within * 23.083120654223414 + 0.5);',
    '  const r = within - n * 0.04332169878499658;',
    '  const near = 1 + r * (1 + r * (0.5 + r * 0.16666666666666666));',
    '  return powers_of_two[(n >> 4) + 1075] * sixteenths[n & 15] * near;',
    '}',
  ],
  erf: [
    '// The error function as x P(x^2) / Q(x^2): relative error below 3e-9, 1 from 4.2 on.',
    'function erf(x) {',
    '  const c = x > 4.2 ? 4.2 : x < -4.2 ? -4.2 : x;',
    '  const t = c * c;',
    '  const p = 1.128379170348699 + t * (0.18521213315723542 + t * (0.05439584143680974 + t * (0.003860120787192879 + t * (0.0003830131613183611 + t * (0.000004775342410475706 - t * 1.3671790814224942e-8)))));',
    '  const q = 1 + t * (0.4974734041 + t * (0.1140309378 + t * (0.01549493464 + t * (0.001314292243 + t * 0.00006396941799))));',
    '  return (c * p) / q;',
    '}',
  ],
  tanh: [
    '// tanh as x P(x^2) / Q(x^2): relative error below 7e-9, 1 from 9.8 on.',
    'function tanh(x) {',
    '  const c = x > 9.8 ? 9.8 : x < -9.8 ? -9.8 : x;',
    '  const t = c * c;',
    '  const p = 1.0000000059006502 + t * (0.14070202444430363 + t * (0.004387348668326944 + t * (0.00004128418461773194 + t * (1.0556441563345513e-7 + t * 3.331830559993149e-11))));',
    '  const q = 1 + t * (0.4740353558 + t * (0.02906580244 + t * (0.0004934234331 + t * (0.000002512383091 + t * 2.745167835e-9))));',
    '  return (c * p) / q;',
    '}',
  ],
  round_half_even: [
    '// To the nearest integer, halves to the even one.',
    'function round_half_even(x) {',
    '  const nearest = Math.round(x);',
    '  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;',
    '}',
  ],
  to_integer: [
    '// Without the fraction, at most the largest int32; NaN gives 0.',
    'function to_integer(x) {',
    '  return Math.max(-2147483648, Math.min(2147483647, x)) | 0;',
    '}',
  ],
  divide_integers: [
    '// a / b without the fraction; a where b is 0.',
    'function divide_integers(a, b) {',
    '  return b === 0 ? a : (a / b) | 0;',
    '}',
  ],
  bits_of: [
    '// The bits of a float32 as an int32.',
    'function bits_of(x) {',
    '  float_bits[0] = x;',
    '  return int_bits[0];',
    '}',
  ],
  float_of: [
    '// The float32 with the bits of an int32.',
    'function float_of(x) {',
    '  int_bits[0] = x;',
    '  return float_bits[0];',
    '}',
  ],
};
