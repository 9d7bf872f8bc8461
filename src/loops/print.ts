/**
 * Loop IR as text, for dumps, golden files and fault messages: one statement a line, bodies indented
 * by two, only the parentheses that the grouping needs. A name shown is the name in the IR, and an
 * f32 constant always shows a point or an exponent, so that it cannot be taken for an i32.
 */
import { type Dim, termsOf } from '../ir/dims.ts';
import type {
  BinaryOp,
  BufferParameter,
  Expression,
  For,
  Kernel,
  Lanes,
  Statement,
} from './nodes.ts';

/** Binding strength; a subexpression weaker than its place gets parentheses. */
const STRENGTH = { or: 1, and: 2, comparison: 3, sum: 4, product: 5, sign: 6, atom: 7 } as const;

type Notation =
  | { readonly sign: string; readonly strength: number; readonly associative: boolean }
  | { readonly call: string };

const BINARY: { readonly [O in BinaryOp]: Notation } = {
  add: { sign: '+', strength: STRENGTH.sum, associative: true },
  sub: { sign: '-', strength: STRENGTH.sum, associative: true },
  mul: { sign: '*', strength: STRENGTH.product, associative: true },
  div: { sign: '/', strength: STRENGTH.product, associative: true },
  rem: { sign: '%', strength: STRENGTH.product, associative: true },
  min: { call: 'min' },
  max: { call: 'max' },
  pow: { call: 'pow' },
  lt: { sign: '<', strength: STRENGTH.comparison, associative: false },
  le: { sign: '<=', strength: STRENGTH.comparison, associative: false },
  eq: { sign: '==', strength: STRENGTH.comparison, associative: false },
  ne: { sign: '!=', strength: STRENGTH.comparison, associative: false },
  and: { sign: '&&', strength: STRENGTH.and, associative: true },
  or: { sign: '||', strength: STRENGTH.or, associative: true },
  shift_left: { call: 'shift_left' },
  shift_right: { call: 'shift_right' },
  bit_and: { call: 'bit_and' },
  bit_or: { call: 'bit_or' },
  bit_xor: { call: 'bit_xor' },
};

const LANE_NAMES = ['x', 'y', 'z', 'w'];

/** Kernels one after another, an empty line between. */
export function printKernels(kernels: readonly Kernel[]): string {
  return kernels.map(printKernel).join('\n');
}

export function printKernel(kernel: Kernel): string {
  const lines = [
    `kernel ${kernel.name}`,
    ...kernel.summary.flatMap((line) => commentLines(line)).map((line) => `  ${line}`),
    ...(kernel.symbols.length > 0 ? [`  symbols ${kernel.symbols.join(', ')}`] : []),
    ...kernel.buffers.map((buffer) => `  ${printBuffer(buffer)}`),
    '',
    ...kernel.body.flatMap((statement) => statementLines(statement, 1)),
  ];
  return `${lines.join('\n')}\n`;
}

export function printBuffer(buffer: BufferParameter): string {
  return `${buffer.name}: ${buffer.type}[${buffer.size}] ${buffer.access}`;
}

/** A statement with its body. */
export function printStatement(statement: Statement): string {
  return statementLines(statement, 0).join('\n');
}

/** The first line of a statement, without its body: how errors and faults name it. */
export function printHead(statement: Statement): string {
  switch (statement.tag) {
    case 'for':
      return forHead(statement);
    case 'if':
      return `if ${printExpression(statement.condition)}`;
    case 'let':
      return `let ${statement.name} = ${printExpression(statement.value)}`;
    case 'variable':
      return `var ${statement.name} = ${printExpression(statement.initial)}`;
    case 'set':
      return `${statement.name} = ${printExpression(statement.value)}`;
    case 'alloc':
      return `alloc ${statement.space} ${statement.buffer}: ${statement.type}[${statement.size}]`;
    case 'store': {
      const { buffer, index, value } = statement;
      return `${printElement(buffer, index, value.lanes)} = ${printExpression(value)}`;
    }
    case 'barrier':
      return 'barrier';
    case 'comment':
      return commentLines(statement.text).join('\n');
    default:
      return statement satisfies never;
  }
}

export function printExpression(x: Expression): string {
  return write(x).text;
}

function statementLines(statement: Statement, depth: number): readonly string[] {
  const indent = '  '.repeat(depth);
  const head = printHead(statement)
    .split('\n')
    .map((line) => indent + line);
  const inside = (body: readonly Statement[]) => body.flatMap((s) => statementLines(s, depth + 1));
  if (statement.tag === 'for') return [...head, ...inside(statement.body)];
  if (statement.tag !== 'if') return head;
  const otherwise = inside(statement.otherwise);
  return [
    ...head,
    ...inside(statement.then),
    ...(otherwise.length > 0 ? [`${indent}else`, ...otherwise] : []),
  ];
}

function forHead({ kind, variable, from, to, step }: For): string {
  const prefix = kind === 'serial' ? 'for' : `for ${kind}`;
  return `${prefix} ${variable} in ${from}..${to}${step === 1 ? '' : ` step ${step}`}`;
}

function commentLines(text: string): readonly string[] {
  return text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => `// ${line}`.trimEnd());
}

function printElement(buffer: string, at: Dim, lanes: Lanes): string {
  return lanes === 1 ? `${buffer}[${at}]` : `${buffer}[${at}..+${lanes}]`;
}

interface Written {
  readonly text: string;
  readonly strength: number;
}

function write(x: Expression): Written {
  switch (x.tag) {
    case 'constant':
      return signed(x.type === 'f32' ? printFloat(x.value) : printOther(x.type, x.value));
    case 'index':
      return { text: `${x.value}`, strength: strengthOfDim(x.value) };
    case 'read':
      return atom(x.name);
    case 'load':
      return atom(printElement(x.buffer, x.index, x.lanes));
    case 'unary':
      if (x.op === 'neg' || x.op === 'not') return writeSign(x.op === 'neg' ? '-' : '!', x.x);
      return call(x.op, [x.x]);
    case 'binary':
      return writeBinary(x.op, x.a, x.b);
    case 'multiply_add':
      return call('multiply_add', [x.a, x.b, x.c]);
    case 'dot4':
      return call('dot4', [x.a, x.b, x.c]);
    case 'pack4':
      return call('pack4', [x.x]);
    case 'vector':
      return call('vector', x.elements);
    case 'select':
      return call('select', [x.condition, x.then, x.otherwise]);
    case 'cast':
      return call(x.type, [x.x]);
    case 'bitcast':
      return call(`bitcast<${x.type}>`, [x.x]);
    case 'splat':
      return call('splat', [x.x]);
    case 'lane':
      return atom(`${within(write(x.x), STRENGTH.atom)}.${LANE_NAMES[x.lane] ?? x.lane}`);
    default:
      return x satisfies never;
  }
}

function writeBinary(op: BinaryOp, a: Expression, b: Expression): Written {
  const notation = BINARY[op];
  if ('call' in notation) return call(notation.call, [a, b]);
  const { sign, strength, associative } = notation;
  const left = within(write(a), associative ? strength : strength + 1);
  return { text: `${left} ${sign} ${within(write(b), strength + 1)}`, strength };
}

function writeSign(sign: string, x: Expression): Written {
  const operand = write(x);
  const text = operand.text.startsWith(sign) ? `(${operand.text})` : within(operand, STRENGTH.sign);
  return { text: sign + text, strength: STRENGTH.sign };
}

function call(name: string, operands: readonly Expression[]): Written {
  return atom(`${name}(${operands.map(printExpression).join(', ')})`);
}

function atom(text: string): Written {
  return { text, strength: STRENGTH.atom };
}

function signed(text: string): Written {
  return { text, strength: text.startsWith('-') ? STRENGTH.sign : STRENGTH.atom };
}

function within(written: Written, strength: number): string {
  return written.strength < strength ? `(${written.text})` : written.text;
}

function strengthOfDim(dim: Dim): number {
  const terms = termsOf(dim);
  const [first] = terms;
  if (terms.length > 1) return STRENGTH.sum;
  if (first === undefined) return STRENGTH.atom;
  if (first.factors.length + (first.coefficient === 1 ? 0 : 1) > 1) return STRENGTH.product;
  return first.coefficient < 0 ? STRENGTH.sign : STRENGTH.atom;
}

function printFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0.0';
  const text = `${value}`;
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function printOther(type: 'i32' | 'bool', value: number): string {
  if (type === 'bool') return value === 0 ? 'false' : 'true';
  return `${value}`;
}
