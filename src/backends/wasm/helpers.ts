/**
 * Functions of a module that its kernels call: the math that loop IR defines, and integer arithmetic
 * that WebAssembly traps on, rounds otherwise or has for one lane only. A module carries those in use.
 */
import { MATH_OPS, type MathOp, mathDefinition } from '../../loops/math.ts';
import type { Lanes } from '../../loops/nodes.ts';
import { extract, gather } from './elements.ts';
import { expressionTree } from './expressions.ts';
import { getLocal, i32Const, setLocal, valueType } from './instructions.ts';
import { Locals, type WasmModule, WasmScope } from './scope.ts';
import { block, comments, type Item, line, type Sexp } from './sexp.ts';

export type MathHelper = MathOp;
type LaneHelper = 'divide' | 'remainder' | 'shift_left' | 'shift_right';
type IntegerHelper = 'floor_divide' | 'divide_i32' | 'remainder_i32';
export type Helper = `${MathOp}_${'f32' | 'f32x4'}` | `${LaneHelper}_i32x4` | IntegerHelper;

/** Every helper, in the order in which a module lists those it uses. */
export const HELPERS: readonly Helper[] = [
  'floor_divide',
  'divide_i32',
  'remainder_i32',
  'divide_i32x4',
  'remainder_i32x4',
  'shift_left_i32x4',
  'shift_right_i32x4',
  ...MATH_OPS.flatMap((op): Helper[] => [`${op}_f32`, `${op}_f32x4`]),
];

/** The functions that the module's kernels have asked for, and those that these call in turn. */
export function helperFunctions(module: WasmModule): readonly (readonly Item[])[] {
  const printed = new Map<Helper, readonly Item[]>();
  // A set's iteration comes to what is added meanwhile.
  for (const helper of module.helpers) printed.set(helper, helperItems(helper, module));
  return HELPERS.flatMap((helper) => {
    const items = printed.get(helper);
    return items === undefined ? [] : [items];
  });
}

function helperItems(helper: Helper, module: WasmModule): readonly Item[] {
  if (isInteger(helper)) return INTEGERS[helper];
  const [, name = '', shape] = /^(\w+)_(i32x4|f32x4|f32)$/.exec(helper) ?? [];
  if (shape === 'i32x4') return laneItems(name as LaneHelper, module);
  return mathItems(name as MathOp, shape === 'f32' ? 1 : 4, helper, module);
}

function isInteger(helper: Helper): helper is IntegerHelper {
  return helper in INTEGERS;
}

function mathItems(op: MathOp, lanes: Lanes, helper: Helper, module: WasmModule): readonly Item[] {
  const { parameters, lets, result, error } = mathDefinition(op, lanes);
  const scope = new WasmScope(module, new Locals());
  const type = valueType('f32', lanes);
  const head = parameters.map((name): Sexp => ['param', scope.declareParameter(name), type]);
  const body = lets.map(({ name, value }) => {
    const tree = expressionTree(value, scope);
    return line(setLocal(scope.declare(name, valueType(value.type, value.lanes)), tree));
  });
  const last = line(expressionTree(result, scope));
  return [
    ...comments(`${op}: ${error}.`),
    block(
      ['func', `$${helper}`, ...head, ['result', type]],
      [...localItems(scope.locals), ...body, last],
    ),
  ];
}

/** The declarations of a function's locals, those of one type together. */
export function localItems(locals: Locals): readonly Item[] {
  return (['i32', 'f32', 'v128'] as const).flatMap((type) => {
    const names = [...locals.types].flatMap(([name, of]) => (of === type ? [name] : []));
    const lines: Item[] = [];
    for (let i = 0; i < names.length; i += LOCALS_A_LINE) {
      const group = names.slice(i, i + LOCALS_A_LINE);
      lines.push({ tag: 'row', sexps: group.map((name): Sexp => ['local', name, type]) });
    }
    return lines;
  });
}

const LOCALS_A_LINE = 4;

const [a, b] = [getLocal('$a'), getLocal('$b')];

function integerFunction(helper: IntegerHelper, comment: string, value: Sexp): readonly Item[] {
  const parameters = ['$a', '$b'].map((name): Sexp => ['param', name, 'i32']);
  return [
    ...comments(comment),
    block(['func', `$${helper}`, ...parameters, ['result', 'i32']], [line(value)]),
  ];
}

/** Not 0, for a quotient whose value for 0 is chosen apart. */
const divisor: Sexp = ['i32.or', b, ['i32.eqz', b]];

const INTEGERS: { readonly [H in IntegerHelper]: readonly Item[] } = {
  floor_divide: integerFunction('floor_divide', 'a / b rounded down for b > 0; a where b is 0.', [
    'i32.sub',
    ['i32.div_s', a, divisor],
    ['i32.lt_s', ['i32.rem_s', a, divisor], i32Const(0)],
  ]),
  divide_i32: integerFunction(
    'divide_i32',
    'a / b without the fraction; a where b is 0; wraps around where b is -1.',
    [
      'if',
      ['result', 'i32'],
      ['i32.eq', b, i32Const(-1)],
      ['then', ['i32.sub', i32Const(0), a]],
      ['else', ['i32.div_s', a, divisor]],
    ],
  ),
  remainder_i32: integerFunction(
    'remainder_i32',
    'a - b * (a / b), with the sign of a; 0 where b is 0.',
    ['i32.rem_s', a, divisor],
  ),
};

const OF_ONE_LANE: {
  readonly [H in LaneHelper]: (module: WasmModule, x: Sexp, y: Sexp) => Sexp;
} = {
  divide: (module, x, y) => ['call', ask(module, 'divide_i32'), x, y],
  remainder: (module, x, y) => ['call', ask(module, 'remainder_i32'), x, y],
  shift_left: (_, x, y) => ['i32.shl', x, y],
  shift_right: (_, x, y) => ['i32.shr_s', x, y],
};

function ask(module: WasmModule, helper: Helper): string {
  module.helpers.add(helper);
  return `$${helper}`;
}

function laneItems(name: LaneHelper, module: WasmModule): readonly Item[] {
  const lanes = [0, 1, 2, 3].map((i) =>
    OF_ONE_LANE[name](module, extract(a, i, 'i32'), extract(b, i, 'i32')),
  );
  const parameters = ['$a', '$b'].map((local): Sexp => ['param', local, 'v128']);
  return [
    ...comments(`${name.replace('_', ' ')}, lane by lane.`),
    block(
      ['func', `$${name}_i32x4`, ...parameters, ['result', 'v128']],
      [line(gather(lanes, 'i32'))],
    ),
  ];
}
