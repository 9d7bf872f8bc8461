/**
 * Statements as lines of WGSL. The workgroup and invocation loops are no loops in the text: their
 * bodies stand one after another, and their variables are built-in values.
 */
import type { For, LoopKind, Statement } from '../../loops/nodes.ts';
import { byTag, indent, type TableOf } from '../by-tag.ts';
import { commentText } from '../escape.ts';
import { printDim, storeLines } from './elements.ts';
import { printExpression } from './expressions.ts';
import { typeText, type WgslScope } from './scope.ts';

/** A list of statements with a scope of its own. */
export function printBlock(body: readonly Statement[], scope: WgslScope): readonly string[] {
  const inner = scope.inner();
  return body.flatMap((statement) => printStatement(statement, inner));
}

const STATEMENTS: TableOf<Statement, [WgslScope], readonly string[]> = {
  for: (x, scope) => LOOPS[x.kind](x, scope),
  if: (x, scope) => [
    `if (${printExpression(x.condition, scope)}) {`,
    ...indent(printBlock(x.then, scope)),
    ...(x.otherwise.length === 0 ? [] : ['} else {', ...indent(printBlock(x.otherwise, scope))]),
    '}',
  ],
  let: (x, scope) => [
    `let ${scope.identifier(x.name)}: ${typeText(x.value.type, x.value.lanes)} = ${printExpression(x.value, scope)};`,
  ],
  variable: (x, scope) => {
    const type = typeText(x.initial.type, x.initial.lanes);
    const initial = printExpression(x.initial, scope);
    return [`var ${scope.identifier(x.name)}: ${type} = ${initial};`];
  },
  set: (x, scope) => [`${scope.identifier(x.name)} = ${printExpression(x.value, scope)};`],
  alloc: (x, scope) => ALLOCS[x.space](x, scope),
  store: (x, scope) =>
    storeLines(x.buffer, x.index, printExpression(x.value, scope), x.value.lanes, scope),
  barrier: (_, scope) => {
    const readsBack = scope.kernel.buffers.some(
      ({ name, access }) => access === 'write' && scope.widths(name).isLoaded,
    );
    return readsBack ? ['storageBarrier();', 'workgroupBarrier();'] : ['workgroupBarrier();'];
  },
  comment: (x) => x.text.split('\n').map((line) => `// ${commentText(line)}`.trimEnd()),
};

const printStatement = byTag(STATEMENTS);

const LOOPS: {
  readonly [K in LoopKind]: (x: For, scope: WgslScope) => readonly string[];
} = {
  serial: printLoop,
  parallel: printLoop,
  split: () => {
    throw new Error('WGSL has no split loops: workgroups divide the work');
  },
  workgroup: () => {
    throw new Error('a workgroup loop is inside other statements');
  },
  invocation: () => {
    throw new Error('an invocation loop is inside other statements');
  },
};

function printLoop(x: For, scope: WgslScope): readonly string[] {
  const i = scope.identifier(x.variable);
  const next = x.step === 1 ? `${i}++` : `${i} += ${printDim(x.step, scope)}`;
  return [
    `for (var ${i}: i32 = ${printDim(x.from, scope)}; ${i} < ${printDim(x.to, scope)}; ${next}) {`,
    ...indent(printBlock(x.body, scope)),
    '}',
  ];
}

type Alloc = Extract<Statement, { tag: 'alloc' }>;

const ALLOCS: {
  readonly [S in Alloc['space']]: (x: Alloc, scope: WgslScope) => readonly string[];
} = {
  /** Variables of their own: compilers keep them in registers without having to split an array. */
  register: (x, scope) => {
    const { hasWide, aligned } = scope.widths(x.buffer);
    const wide = hasWide && aligned && x.size % 4 === 0;
    const count = wide ? x.size / 4 : x.size;
    const identifiers = Array.from({ length: count }, (_, i) =>
      scope.identifier(count === 1 ? x.buffer : `${x.buffer}_${i}`),
    );
    scope.declare(x.buffer, { tag: 'locals', identifiers, wide });
    return identifiers.map((local) => `var ${local}: ${typeText(x.type, wide ? 4 : 1)};`);
  },
  scratch: (x, scope) => {
    const wide = isWideArray(x, scope);
    const identifier = scope.identifier(x.buffer);
    scope.declare(x.buffer, { tag: 'array', identifier, wide });
    return [`var ${identifier}: ${arrayType(x, wide)};`];
  },
  workgroup: () => {
    throw new Error('workgroup memory is allocated inside other statements');
  },
};

export function isWideArray(x: Alloc, scope: WgslScope): boolean {
  const { hasWide, hasNarrow, aligned } = scope.widths(x.buffer);
  return hasWide && !hasNarrow && aligned && x.size % 4 === 0;
}

export function arrayType(x: Alloc, wide: boolean): string {
  return `array<${typeText(x.type, wide ? 4 : 1)}, ${wide ? x.size / 4 : x.size}>`;
}
