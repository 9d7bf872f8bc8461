/** `docs/onnx.md`: which ops are taken and which node tests pass, as text. */
import { handlers } from '../../../src/frontends/onnx/ops/index.ts';

export interface Outcome {
  readonly name: string;
  readonly opTypes: ReadonlySet<string>;
  /** Null where it passes. */
  readonly failure: string | null;
}

const FAILING = /^\| `(test_\w+)` \|/gm;

/** The tests that the page says fail. */
export function failingIn(page: string): ReadonlySet<string> {
  return new Set([...page.matchAll(FAILING)].map(([, name]) => name ?? ''));
}

export function onnxPage(outcomes: readonly Outcome[]): string {
  const failing = outcomes.filter(({ failure }) => failure !== null);
  const types = new Set([...Object.keys(handlers), ...outcomes.flatMap((o) => [...o.opTypes])]);
  const rows = [...types].sort().map((opType) => {
    const using = outcomes.filter(({ opTypes }) => opTypes.has(opType));
    const passing = using.filter(({ failure }) => failure === null);
    const isTaken = Object.hasOwn(handlers, opType);
    const tests = using.length === 0 ? '' : `${passing.length} of ${using.length}`;
    return `| ${opType} | ${isTaken ? 'yes' : 'no'} | ${tests} |`;
  });
  const reasons = failing.map(({ name, failure }) => `| \`${name}\` | ${failure} |`);
  return [
    '# ONNX',
    '',
    'What the importer takes, measured by the node tests of ONNX itself. This page is written by',
    '`ENCOMPILE_BLESS=1 npx vitest run test/frontends/onnx/node-tests.test.ts`, and the same test',
    'without it fails where the page is not current.',
    '',
    `Of ${outcomes.length} node tests ${outcomes.length - failing.length} give the outputs that the standard`,
    'wants, in the interpreter and in compiled JavaScript: floats to 1e-4, integers and bools exactly.',
    '',
    '## Node tests that fail',
    '',
    ...(reasons.length === 0 ? ['None.'] : ['| test | reason |', '|---|---|', ...reasons]),
    '',
    '## Ops',
    '',
    'The last column counts the node tests in which the op occurs, alone or with others.',
    '',
    '| op | taken | tests that pass |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** An error as a cell of a table. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, node] = message.split('\n');
  const reason = node?.startsWith('  "') ? node.replace(/^ {2}"(?:[^"\\]|\\.)*" /, '') : message;
  return reason.replaceAll(/[|\n]/g, ' ').slice(0, 200).trim();
}
