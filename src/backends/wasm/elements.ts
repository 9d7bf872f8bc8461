/** Loads and stores: of memory, or of a register tile, whose elements are locals or lanes of locals. */
import type { Dim } from '../../ir/dims.ts';
import { childrenOf, type Expression, type Lanes, type Statement } from '../../loops/nodes.ts';
import { addressOf } from './dims.ts';
import { getLocal, setLocal, shapeOf, valueType } from './instructions.ts';
import type { Register, WasmScope } from './scope.ts';
import { type Item, line, type Sexp } from './sexp.ts';

type ElementType = 'f32' | 'i32';
type Alloc = Extract<Statement, { tag: 'alloc' }>;

/** The value of elements at .. at + lanes - 1. */
export function loadTree(
  buffer: string,
  at: Dim,
  type: ElementType,
  lanes: Lanes,
  scope: WasmScope,
): Sexp {
  const place = scope.place(buffer);
  if (place.tag === 'memory') {
    const op = lanes === 4 ? 'v128.load' : `${type}.load`;
    return memoryAccess(op, buffer, at, lanes, scope);
  }
  const first = register(place.elements, Number(at), buffer);
  if (lanes === 1) return registerTree(first, type);
  if (first.lane !== null) return getLocal(first.local);
  const elements = [0, 1, 2, 3].map((i) =>
    registerTree(register(place.elements, Number(at) + i, buffer), type),
  );
  return gather(elements, type);
}

/** The element at `at` in four lanes; null where it is not in memory. */
export function splatLoadTree(buffer: string, at: Dim, scope: WasmScope): Sexp | null {
  if (scope.place(buffer).tag !== 'memory') return null;
  return memoryAccess('v128.load32_splat', buffer, at, 1, scope);
}

/** Stores a value to elements at .. at + lanes - 1. */
export function storeItems(
  buffer: string,
  at: Dim,
  value: Sexp,
  type: ElementType,
  lanes: Lanes,
  scope: WasmScope,
): readonly Item[] {
  const place = scope.place(buffer);
  if (place.tag === 'memory') {
    const op = lanes === 4 ? 'v128.store' : `${type}.store`;
    return [line([...memoryAccess(op, buffer, at, lanes, scope), value])];
  }
  const first = register(place.elements, Number(at), buffer);
  if (lanes === 1) return [line(setRegister(first, value, type))];
  if (first.lane !== null) return [line(setLocal(first.local, value))];
  const four = scope.locals.take('v128');
  scope.locals.giveBack(four, 'v128');
  return [
    line(setLocal(four, value)),
    ...[0, 1, 2, 3].map((i) => {
      const element = register(place.elements, Number(at) + i, buffer);
      return line(setRegister(element, extract(getLocal(four), i, type), type));
    }),
  ];
}

/** Four values of one lane as one of four lanes. */
export function gather(elements: readonly Sexp[], type: ElementType): Sexp {
  const shape = shapeOf(type, 4);
  const [first = '', ...others] = elements;
  return others.reduce<Sexp>(
    (vector, element, i) => [`${shape}.replace_lane`, `${i + 1}`, vector, element],
    [`${shape}.splat`, first],
  );
}

export function extract(vector: Sexp, lane: number, type: ElementType): Sexp {
  return [`${shapeOf(type, 4)}.extract_lane`, `${lane}`, vector];
}

/**
 * The locals of a register tile: a v128 for each four elements that `body`, the rest of the alloc's
 * block, takes at once, one a single element for the others. Where fours overlap, all are single.
 */
export function registersOf(
  { buffer, size, type }: Alloc,
  body: readonly Statement[],
  scope: WasmScope,
): readonly Register[] {
  const fours = new Set<number>();
  for (const statement of body) noteFours(statement, buffer, fours);
  const overlap = [...fours].some((start) => start % 4 !== 0);
  return Array.from({ length: size }, (_, i) => {
    const start = i - (i % 4);
    const local = (at: number, lanes: Lanes, alone: boolean) =>
      scope.locals.named(
        alone ? buffer : `${buffer}_${at}`,
        valueType(type, lanes),
        `${buffer}[${at}]`,
      );
    return overlap || !fours.has(start)
      ? { local: local(i, 1, size === 1), lane: null }
      : { local: local(start, 4, size === 4), lane: i % 4 };
  });
}

function noteFours(statement: Statement, buffer: string, fours: Set<number>): void {
  const visit = (x: Expression): void => {
    if (x.tag === 'load' && x.buffer === buffer && x.lanes === 4) fours.add(Number(x.index));
    childrenOf(x).forEach(visit);
  };
  switch (statement.tag) {
    case 'for':
      for (const inner of statement.body) noteFours(inner, buffer, fours);
      break;
    case 'if':
      visit(statement.condition);
      for (const inner of [...statement.then, ...statement.otherwise]) {
        noteFours(inner, buffer, fours);
      }
      break;
    case 'variable':
      visit(statement.initial);
      break;
    case 'store':
      if (statement.buffer === buffer && statement.value.lanes === 4) {
        fours.add(Number(statement.index));
      }
      visit(statement.value);
      break;
    case 'let':
    case 'set':
      visit(statement.value);
      break;
    case 'alloc':
    case 'barrier':
    case 'comment':
      break;
    default:
      statement satisfies never;
  }
}

/** The instruction without its value; four lanes promise no more than the alignment of one. */
function memoryAccess(
  op: string,
  buffer: string,
  at: Dim,
  lanes: Lanes,
  scope: WasmScope,
): readonly Sexp[] {
  const place = scope.place(buffer);
  if (place.tag !== 'memory') throw new Error(`'${buffer}' is not in memory`);
  const { base, offset } = addressOf(place.local, place.start, at, scope);
  return [
    op,
    ...(offset === 0 ? [] : [`offset=${offset}`]),
    ...(lanes === 4 ? ['align=4'] : []),
    base,
  ];
}

function register(elements: readonly Register[], at: number, buffer: string): Register {
  const found = elements[at];
  if (found === undefined) throw new Error(`${buffer} has no register ${at}`);
  return found;
}

function registerTree({ local, lane }: Register, type: ElementType): Sexp {
  return lane === null ? getLocal(local) : extract(getLocal(local), lane, type);
}

function setRegister({ local, lane }: Register, value: Sexp, type: ElementType): Sexp {
  if (lane === null) return setLocal(local, value);
  const shape = shapeOf(type, 4);
  return setLocal(local, [`${shape}.replace_lane`, `${lane}`, getLocal(local), value]);
}
