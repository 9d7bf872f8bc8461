/**
 * Compiles the declarations under `fixtures/` and requires exactly the errors that they announce.
 * A line that ends in `// error: TEXT` has one error, whose message contains the text (or each of
 * several, joined by ` + `); no other line has any. Both checkers must say so: the one inside
 * ts-morph, which checks model files on load, and tsc 7, which editors run.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Project, ts } from 'ts-morph';
import { describe, expect, test } from 'vitest';
import { encoderSource } from './encoder-source.ts';

interface Diagnostic {
  /** Relative to the fixtures. */
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

const FOLDER = fileURLToPath(new URL('fixtures/', import.meta.url));
const CONFIG = path.join(FOLDER, 'tsconfig.json');
const FIXTURES = readdirSync(FOLDER).filter((name) => name.endsWith('.ts'));

const CHECKERS: { readonly [name: string]: () => readonly Diagnostic[] } = {
  'ts-morph': () => diagnosticsOf(new Project({ tsConfigFilePath: CONFIG })),
  'tsc 7': diagnosticsOfTsc,
};

function diagnosticsOf(project: Project): readonly Diagnostic[] {
  return project.getPreEmitDiagnostics().map((diagnostic) => ({
    file: path.relative(FOLDER, diagnostic.getSourceFile()?.getFilePath() ?? ''),
    line: diagnostic.getLineNumber() ?? 0,
    message: ts.flattenDiagnosticMessageText(diagnostic.compilerObject.messageText, '\n'),
  }));
}

/** Parses `file(line,column): error TS1: message`, and indented lines that continue it. */
function diagnosticsOfTsc(): readonly Diagnostic[] {
  const require = createRequire(import.meta.url);
  const tsc = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin/tsc');
  const found: { file: string; line: number; message: string }[] = [];
  for (const text of outputOf(tsc, ['-p', CONFIG, '--pretty', 'false']).split('\n')) {
    const start = /^(\S+)\((\d+),\d+\): error TS\d+: (.*)$/.exec(text);
    const last = found.at(-1);
    if (start !== null) {
      const [, file = '', line = '', message = ''] = start;
      found.push({ file, line: Number(line), message });
    } else if (last !== undefined) {
      last.message += `\n${text}`;
    }
  }
  return found;
}

/** What a script prints, whatever its exit status: tsc exits with 2 when there are errors. */
function outputOf(script: string, args: readonly string[]): string {
  try {
    return execFileSync(process.execPath, [script, ...args], { cwd: FOLDER, encoding: 'utf8' });
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && error.stdout !== '')
      return `${error.stdout}`;
    throw error;
  }
}

/** The texts that each line announces. */
function announced(file: string): ReadonlyMap<number, readonly string[]> {
  const lines = readFileSync(path.join(FOLDER, file), 'utf8').split('\n');
  const texts = lines.map((line) => /\/\/ error: (.*)$/.exec(line)?.[1]?.split(' + ') ?? []);
  return new Map([...texts.entries()].map(([index, of]) => [index + 1, of]));
}

describe.each(Object.keys(CHECKERS))('types of declarations, checked by %s', (checker) => {
  const diagnostics = CHECKERS[checker]?.() ?? [];

  test.each(FIXTURES)('%s has the errors it announces and no other', (file) => {
    const found = diagnostics.filter((diagnostic) => diagnostic.file === file);
    for (const [line, texts] of announced(file)) {
      const [message = '', ...others] = found.filter((d) => d.line === line).map((d) => d.message);
      const missing = texts.filter((text) => !message.includes(text));
      expect(missing, `${file}:${line} says: ${message || 'nothing'}`).toEqual([]);
      if (texts.length === 0) expect(message, `${file}:${line}`).toBe('');
      expect(others, `${file}:${line}`).toEqual([]);
    }
  });

  test('what the fixtures import from here has no errors', () => {
    const support = diagnostics.filter((diagnostic) => diagnostic.file.startsWith('support'));
    expect(support).toEqual([]);
  });
});

test('24 layers written out, of 22 ops each, cost the checker less than 60 instantiations an op', () => {
  const project = new Project({ tsConfigFilePath: CONFIG, skipAddingFilesFromTsConfig: true });
  const count = (layers: number): number => {
    const source = encoderSource(layers);
    project.createSourceFile(path.join(FOLDER, 'generated.ts'), source, { overwrite: true });
    const errors = diagnosticsOf(project).filter(({ file }) => file === 'generated.ts');
    expect(errors).toEqual([]);
    return project.getProgram().compilerObject.getInstantiationCount();
  };
  const [base, whole] = [count(0), count(24)];
  expect((whole - base) / (24 * 22)).toBeLessThan(60);
});
