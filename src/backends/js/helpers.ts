/**
 * Functions that JS lacks or is slow at; a module carries those its kernels call. An exact module has
 * the functions that loop IR defines, step by step.
 */
import { isMathOp, type MathOp, mathDefinition } from '../../loops/math.ts';
import { indent } from '../by-tag.ts';
import { JS_RESERVED, Names } from '../identifiers.ts';
import { printExpression } from './expressions.ts';
import { type JsModule, JsScope } from './scope.ts';

type TextHelper =
  | 'exp'
  | 'erf'
  | 'tanh'
  | 'round_half_even'
  | 'to_integer'
  | 'divide_integers'
  | 'bits_of'
  | 'float_of'
  | 'dot4'
  | 'pack4'
  | 'smaller'
  | 'larger';

export type HelperName = TextHelper | MathOp;

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
  'dot4',
  'pack4',
];

/** Functions that exact modules alone have. */
const EXACT_NAMES: readonly HelperName[] = [
  'log',
  'sin',
  'cos',
  'atan',
  'pow',
  'rem',
  'smaller',
  'larger',
];

/** Names at the module's top level that the helpers use beside their own. */
const HELPER_STATE = ['powers_of_two', 'sixteenths', 'float_bits', 'int_bits'];

/** All names that a module's helpers may take. */
export function helperNames(exact: boolean): readonly string[] {
  return [...HELPER_NAMES, ...(exact ? EXACT_NAMES : []), ...HELPER_STATE];
}

/** The lines of the helpers in use, and of those that these use in turn, in a fixed order. */
export function helperLines(module: JsModule): readonly string[] {
  const printed = new Map<HelperName, readonly string[]>();
  // A set's iteration comes to what is added meanwhile.
  for (const name of module.helpers) printed.set(name, linesOf(name, module));
  const lines: string[] = [];
  if (printed.has('bits_of') || printed.has('float_of')) {
    lines.push(
      '// Four bytes seen as a float32 and as an int32.',
      'const float_bits = new Float32Array(1);',
      'const int_bits = new Int32Array(float_bits.buffer);',
      '',
    );
  }
  for (const name of [...HELPER_NAMES, ...EXACT_NAMES]) {
    const own = printed.get(name);
    if (own !== undefined) lines.push(...own, '');
  }
  return lines;
}

function linesOf(name: HelperName, module: JsModule): readonly string[] {
  if (module.exact && isMathOp(name)) return mathLines(name, module);
  if (!isText(name)) throw new Error(`only an exact module has the function ${name}`);
  return HELPERS[name];
}

function isText(name: HelperName): name is TextHelper {
  return Object.hasOwn(HELPERS, name);
}

/** A function as loop IR defines it, with every step rounded: the one that WebAssembly has. */
function mathLines(op: MathOp, module: JsModule): readonly string[] {
  const { parameters, lets, result, error } = mathDefinition(op, 1);
  const scope = new JsScope({ name: op }, module, new Names(JS_RESERVED, module.names));
  const body = [
    ...lets.map(({ name, value }) => {
      return `const ${scope.identifier(name)} = ${printExpression(value, scope)};`;
    }),
    `return ${printExpression(result, scope)};`,
  ];
  return [
    `// ${op}: ${error}.`,
    `function ${op}(${parameters.map((name) => scope.identifier(name)).join(', ')}) {`,
    ...indent(body),
    '}',
  ];
}

/**
 * exp, erf and tanh are two to four times faster than what Math has, because V8 inlines them; they are
 * fits to float64 made for this file, more exact than float32 can show. `test/backends` measures the
 * bounds in their comments.
 */
const HELPERS: { readonly [N in TextHelper]: readonly string[] } = {
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
  dot4: [
    '// c and the products of the four bytes of a with those of b.',
    'function dot4(a, b, c) {',
    '  const low = ((a << 24) >> 24) * ((b << 24) >> 24) + ((a << 16) >> 24) * ((b << 16) >> 24);',
    '  const high = ((a << 8) >> 24) * ((b << 8) >> 24) + (a >> 24) * (b >> 24);',
    '  return (c + low + high) | 0;',
    '}',
  ],
  pack4: [
    '// Four integers, clamped to signed bytes, as the bytes of one; x is the lowest.',
    'function pack4(x, y, z, w) {',
    '  const byte = (i) => Math.max(-128, Math.min(127, i)) & 255;',
    '  return byte(x) | (byte(y) << 8) | (byte(z) << 16) | (byte(w) << 24);',
    '}',
  ],
  smaller: [
    '// b where it is less than a, else a: as WebAssembly has it, also of two zeros and of NaN.',
    'function smaller(a, b) {',
    '  return b < a ? b : a;',
    '}',
  ],
  larger: [
    '// b where it is more than a, else a.',
    'function larger(a, b) {',
    '  return a < b ? b : a;',
    '}',
  ],
};
