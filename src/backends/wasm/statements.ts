/** Statements as instructions. Loops test at their end, after a test ahead where they may not run. */
import { ceilDivide, type Dim, subtract } from '../../ir/dims.ts';
import type { For, LoopKind, Statement } from '../../loops/nodes.ts';
import { byTag, type TableOf } from '../by-tag.ts';
import { SharedAddresses } from './addresses.ts';
import { dimTree } from './dims.ts';
import { registersOf, storeItems } from './elements.ts';
import { expressionTree } from './expressions.ts';
import { getLocal, isAtom, setLocal, valueType } from './instructions.ts';
import type { WasmScope } from './scope.ts';
import { block, comments, type Item, line, nested, type Sexp } from './sexp.ts';

/** A list of statements with a scope of its own. */
export function printBlock(body: readonly Statement[], scope: WasmScope): readonly Item[] {
  const inner = scope.inner();
  const addresses = new SharedAddresses(body, inner);
  return body.flatMap((statement, i) => [
    ...addresses.before(statement),
    ...printStatement(statement, inner, body.slice(i + 1)),
  ]);
}

/** `rest` is what follows in the statement's block. */
const STATEMENTS: TableOf<Statement, [WasmScope, readonly Statement[]], readonly Item[]> = {
  for: (x, scope) => {
    if (LOOPS[x.kind] === 'refused') throw new Error(`WebAssembly has no ${x.kind} loops`);
    return x.kind === 'split' ? printSplitLoop(x, scope) : printLoop(x, scope);
  },
  if: (x, scope) => {
    const condition = ['if', expressionTree(x.condition, scope)];
    return [
      x.otherwise.length === 0
        ? nested([condition, ['then']], printBlock(x.then, scope))
        : block(condition, [
            block(['then'], printBlock(x.then, scope)),
            block(['else'], printBlock(x.otherwise, scope)),
          ]),
    ];
  },
  let: (x, scope) => [start(x.name, x.value, scope)],
  variable: (x, scope) => [start(x.name, x.initial, scope)],
  set: (x, scope) => [line(setLocal(scope.local(x.name), expressionTree(x.value, scope)))],
  alloc: (x, scope, rest) => ALLOCS[x.space](x, scope, rest),
  store: (x, scope) => {
    const value = expressionTree(x.value, scope);
    const type = x.value.type === 'f32' ? 'f32' : 'i32';
    return storeItems(x.buffer, x.index, value, type, x.value.lanes, scope);
  },
  barrier: () => {
    throw new Error('WebAssembly has no barriers');
  },
  comment: (x) => comments(x.text),
};

const printStatement = byTag(STATEMENTS);

function start(name: string, value: Extract<Statement, { tag: 'let' }>['value'], scope: WasmScope) {
  const tree = expressionTree(value, scope);
  return line(setLocal(scope.declare(name, valueType(value.type, value.lanes)), tree));
}

const LOOPS: { readonly [K in LoopKind]: 'printed' | 'refused' } = {
  serial: 'printed',
  parallel: 'printed',
  split: 'printed',
  workgroup: 'refused',
  invocation: 'refused',
};

function printLoop(x: For, scope: WasmScope): readonly Item[] {
  const known = typeof x.from === 'number' && typeof x.to === 'number';
  if (known && x.from >= x.to) return [];
  const from = dimTree(x.from, scope);
  const ends: Item[] = [];
  const to = onceTree(x.to, `${x.variable}_end`, scope, ends);
  const step = onceTree(x.step, `${x.variable}_step`, scope, ends);
  return [...ends, ...printIterations(x, scope, { from, to, step, runs: known })];
}

/** The iterations of this thread: of n, from n * thread / threads to n * (thread + 1) / threads. */
function printSplitLoop(x: For, scope: WasmScope): readonly Item[] {
  const ahead: Item[] = [];
  const from = onceTree(x.from, `${x.variable}_from`, scope, ahead);
  const step = onceTree(x.step, `${x.variable}_step`, scope, ahead);
  const extent = ceilDivide(subtract(x.to, x.from), x.step);
  const count = onceTree(extent, `${x.variable}_count`, scope, ahead);
  const share = (thread: Sexp): Sexp => {
    const done: Sexp = ['i32.div_s', ['i32.mul', count, thread], ['global.get', '$threads']];
    const iterations: Sexp = x.step === 1 ? done : ['i32.mul', done, step];
    return x.from === 0 ? iterations : ['i32.add', from, iterations];
  };
  const end = scope.locals.own(`${x.variable}_end`, 'i32');
  const thread: Sexp = ['global.get', '$thread'];
  ahead.push(line(setLocal(end, share(['i32.add', thread, ['i32.const', '1']]))));
  const bounds = { from: share(thread), to: getLocal(end), step, runs: false };
  return [...ahead, ...printIterations(x, scope, bounds)];
}

interface Bounds {
  readonly from: Sexp;
  readonly to: Sexp;
  readonly step: Sexp;
  /** Whether there is at least one iteration. */
  readonly runs: boolean;
}

function printIterations(
  x: For,
  scope: WasmScope,
  { from, to, step, runs }: Bounds,
): readonly Item[] {
  const inner = scope.inner();
  const i = inner.declare(x.variable, 'i32');
  const next: Sexp = ['local.tee', i, ['i32.add', getLocal(i), step]];
  const guard: readonly Sexp[][] = runs ? [] : [['if', ['i32.lt_s', getLocal(i), to]], ['then']];
  const body = [...printBlock(x.body, inner), line(['br_if', i, ['i32.lt_s', next, to]])];
  return [line(setLocal(i, from)), nested([...guard, ['loop', i]], body)];
}

/** A dim whose arithmetic is done once, ahead of the loop. */
function onceTree(dim: Dim, name: string, scope: WasmScope, ahead: Item[]): Sexp {
  const tree = dimTree(dim, scope);
  if (isAtom(tree)) return tree;
  const local = scope.locals.own(name, 'i32');
  ahead.push(line(setLocal(local, tree)));
  return getLocal(local);
}

type Alloc = Extract<Statement, { tag: 'alloc' }>;

const ALLOCS: {
  readonly [S in Alloc['space']]: (
    x: Alloc,
    scope: WasmScope,
    rest: readonly Statement[],
  ) => readonly Item[];
} = {
  register: (x, scope, rest) => {
    scope.declareBuffer(x.buffer, {
      tag: 'registers',
      elements: registersOf(x, rest, scope),
    });
    return [];
  },
  scratch: (x, scope) => {
    const start = scope.scratch.get(x);
    if (start === undefined) throw new Error(`${x.buffer} has no place in scratch memory`);
    scope.declareBuffer(x.buffer, { tag: 'memory', local: scope.locals.scratch, start });
    return comments(`${x.buffer}: ${x.type}[${x.size}], ${start} bytes into scratch memory`);
  },
  workgroup: () => {
    throw new Error('WebAssembly has no workgroup memory');
  },
};
