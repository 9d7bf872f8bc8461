/**
 * Golden files under `test/golden`. A golden that is missing or differs is a failure; it is written
 * only when ENCOMPILE_BLESS=1, and never where CI is set.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const FOLDER = fileURLToPath(new URL('../golden', import.meta.url));
const CONTEXT = 3;
const MAX_SHOWN = 60;

/** Fails with a line diff unless `test/golden/<name>` holds `text`. */
export function expectGolden(name: string, text: string): void {
  const path = join(FOLDER, name);
  const golden = existsSync(path) ? readFileSync(path, 'utf8') : null;
  if (golden === text) return;
  if (process.env.ENCOMPILE_BLESS === '1' && !process.env.CI) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return;
  }
  const bless = 'Read the text, and if it is right write it with ENCOMPILE_BLESS=1.';
  expect.fail(
    golden === null
      ? `There is no golden test/golden/${name}. ${bless} It would be:\n${text}`
      : `test/golden/${name} differs (- golden, + now). ${bless}\n${diffLines(golden, text)}`,
  );
}

/** The lines that differ, each with its number, and a few equal ones around them. */
export function diffLines(before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const edits = compare(old, now);
  const near = new Set<number>();
  edits.forEach(({ sign }, i) => {
    if (sign === ' ') return;
    for (let j = i - CONTEXT; j <= i + CONTEXT; j++) near.add(j);
  });
  const shown = edits.flatMap(({ sign, line, number }, i) => {
    if (!near.has(i)) return near.has(i - 1) ? ['  ...'] : [];
    return [`${sign} ${String(number).padStart(4)} ${line}`];
  });
  const rest = shown.length - MAX_SHOWN;
  return [...shown.slice(0, MAX_SHOWN), ...(rest > 0 ? [`  ... ${rest} more lines`] : [])].join(
    '\n',
  );
}

interface Edit {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
  /** In the old text for `-`, else in the new one; from 1. */
  readonly number: number;
}

/** A shortest edit script between what the texts have not in common at both ends. */
function compare(old: readonly string[], now: readonly string[]): readonly Edit[] {
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (
    tail < Math.min(old.length, now.length) - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  ) {
    tail++;
  }
  const [a, b] = [old.slice(head, old.length - tail), now.slice(head, now.length - tail)];
  const keep = (from: number, to: number): Edit[] =>
    now.slice(from, to).map((line, i) => ({ sign: ' ', line, number: from + i + 1 }));
  return [...keep(0, head), ...middle(a, b, head), ...keep(now.length - tail, now.length)];
}

function middle(a: readonly string[], b: readonly string[], head: number): readonly Edit[] {
  const removed = a.map((line, i): Edit => ({ sign: '-', line, number: head + i + 1 }));
  const added = b.map((line, i): Edit => ({ sign: '+', line, number: head + i + 1 }));
  // The table would not fit; such texts have little in common anyway.
  if (a.length * b.length > 4_000_000) return [...removed, ...added];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      edits.push({ sign: ' ', line: b[j] ?? '', number: head + j + 1 });
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      edits.push(...removed.slice(i, i + 1));
      i++;
    } else {
      edits.push(...added.slice(j, j + 1));
      j++;
    }
  }
  return edits;
}
