/** Statements as lines of JS. */
import type { For, LoopKind, Statement } from '../../loops/nodes.ts';
import { byTag, indent, type TableOf } from '../by-tag.ts';
import { commentText } from '../escape.ts';
import { elementText, printDim, printExpression } from './expressions.ts';
import type { JsScope } from './scope.ts';

/** A list of statements with a scope of its own. */
export function printBlock(body: readonly Statement[], scope: JsScope): readonly string[] {
  const inner = scope.inner();
  return body.flatMap((statement) => printByTag(statement, inner));
}

const STATEMENTS: TableOf<Statement, [JsScope], readonly string[]> = {
  for: (x, scope) => {
    if (LOOPS[x.kind] === 'refused') throw new Error(`JS has no ${x.kind} loops`);
    return [`for (${forHead(x, scope)}) {`, ...indent(printBlock(x.body, scope)), '}'];
  },
  if: (x, scope) => [
    `if (${printExpression(x.condition, scope)}) {`,
    ...indent(printBlock(x.then, scope)),
    ...(x.otherwise.length === 0 ? [] : ['} else {', ...indent(printBlock(x.otherwise, scope))]),
    '}',
  ],
  let: (x, scope) => [`const ${scope.identifier(x.name)} = ${printExpression(x.value, scope)};`],
  variable: (x, scope) => [
    `let ${scope.identifier(x.name)} = ${printExpression(x.initial, scope)};`,
  ],
  set: (x, scope) => [`${scope.identifier(x.name)} = ${printExpression(x.value, scope)};`],
  alloc: (x, scope) => ALLOCS[x.space](x, scope),
  store: (x, scope) => [
    `${elementText(x.buffer, x.index, scope)} = ${printExpression(x.value, scope)};`,
  ],
  barrier: () => {
    throw new Error('JS has no barriers');
  },
  comment: (x) => x.text.split('\n').map((line) => `// ${commentText(line)}`.trimEnd()),
};

const printByTag = byTag(STATEMENTS);

const LOOPS: { readonly [K in LoopKind]: 'printed' | 'refused' } = {
  serial: 'printed',
  parallel: 'printed',
  split: 'refused',
  workgroup: 'refused',
  invocation: 'refused',
};

function forHead(x: For, scope: JsScope): string {
  const i = scope.identifier(x.variable);
  const from = printDim(x.from, scope);
  const to = printDim(x.to, scope);
  const next = x.step === 1 ? `${i}++` : `${i} += ${printDim(x.step, scope)}`;
  // A limit that takes arithmetic is computed once, not before every iteration.
  if (/^\w+$/.test(to)) return `let ${i} = ${from}; ${i} < ${to}; ${next}`;
  const end = scope.fresh(`${x.variable}_end`);
  return `let ${i} = ${from}, ${end} = ${to}; ${i} < ${end}; ${next}`;
}

type Alloc = Extract<Statement, { tag: 'alloc' }>;

const LOCALS_A_LINE = 8;

const ALLOCS: {
  readonly [S in Alloc['space']]: (x: Alloc, scope: JsScope) => readonly string[];
} = {
  /** One local an element; the loop around may run again, so each starts defined. */
  register: (x, scope) => {
    const identifiers = Array.from({ length: x.size }, (_, i) =>
      scope.identifier(x.size === 1 ? x.buffer : `${x.buffer}_${i}`),
    );
    scope.declare(x.buffer, { tag: 'locals', identifiers });
    const lines: string[] = [];
    for (let i = 0; i < x.size; i += LOCALS_A_LINE) {
      const locals = identifiers.slice(i, i + LOCALS_A_LINE);
      lines.push(`let ${locals.map((local) => `${local} = 0`).join(', ')};`);
    }
    return lines;
  },
  /**
   * Made once for the module: JS runs one kernel at a time. Floats stay as they were computed, which
   * in an exact module is rounded.
   */
  scratch: (x, scope) => {
    const identifier = scope.fresh(`${scope.kernel.name}_${x.buffer}`);
    scope.module.names.claim(identifier);
    const array =
      x.type === 'i32' ? 'Int32Array' : scope.module.exact ? 'Float32Array' : 'Float64Array';
    scope.module.scratch.push(`const ${identifier} = new ${array}(${x.size});`);
    scope.declare(x.buffer, { tag: 'array', identifier });
    return [];
  },
  workgroup: () => {
    throw new Error('JS has no workgroup memory');
  },
};
