/** Functions that JS lacks; a module carries those its kernels call. */
import { mathDefinition } from '../../loops/math.ts';
import { indent } from '../by-tag.ts';
import { commentText } from '../escape.ts';

export type HelperName =
  | 'erf'
  | 'round_half_even'
  | 'to_integer'
  | 'divide_integers'
  | 'bits_of'
  | 'float_of';

/** In the order in which a module lists them. */
export const HELPER_NAMES: readonly HelperName[] = [
  'erf',
  'round_half_even',
  'to_integer',
  'divide_integers',
  'bits_of',
  'float_of',
];

/** Names at the module's top level that the helpers use beside their own. */
export const HELPER_STATE = ['float_bits', 'int_bits'];

/** The lines of the helpers in use, in a fixed order. */
export function helperLines(
  used: ReadonlySet<HelperName>,
  erfBody: readonly string[],
): readonly string[] {
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
    if (used.has(name)) lines.push(...HELPERS[name](erfBody), '');
  }
  return lines;
}

const HELPERS: { readonly [N in HelperName]: (erfBody: readonly string[]) => readonly string[] } = {
  erf: (erfBody) => [
    `// The error function: ${commentText(mathDefinition('erf', 1).error)}.`,
    'function erf(x) {',
    ...indent(erfBody),
    '}',
  ],
  round_half_even: () => [
    '// To the nearest integer, halves to the even one.',
    'function round_half_even(x) {',
    '  const nearest = Math.round(x);',
    '  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;',
    '}',
  ],
  to_integer: () => [
    '// Without the fraction, at most the largest int32; NaN gives 0.',
    'function to_integer(x) {',
    '  return Math.max(-2147483648, Math.min(2147483647, x)) | 0;',
    '}',
  ],
  divide_integers: () => [
    '// a / b without the fraction; a where b is 0.',
    'function divide_integers(a, b) {',
    '  return b === 0 ? a : (a / b) | 0;',
    '}',
  ],
  bits_of: () => [
    '// The bits of a float32 as an int32.',
    'function bits_of(x) {',
    '  float_bits[0] = x;',
    '  return int_bits[0];',
    '}',
  ],
  float_of: () => [
    '// The float32 with the bits of an int32.',
    'function float_of(x) {',
    '  int_bits[0] = x;',
    '  return float_bits[0];',
    '}',
  ],
};
