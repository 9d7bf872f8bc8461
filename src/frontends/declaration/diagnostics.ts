/** What the type checker found, as an error shows it: like `tsc --pretty`, without its colours. */
import { ts } from 'ts-morph';
import { EncompileError } from '../../errors.ts';
import { sourceExcerpt } from '../../source-excerpt.ts';
import { displayPath } from './display-path.ts';

const MAX_SHOWN = 10;

/** Throws one error that shows all of them, in the order of the files, where there are any. */
export function failOnDiagnostics(path: string, diagnostics: readonly ts.Diagnostic[]): void {
  const errors = ts
    .sortAndDeduplicateDiagnostics(diagnostics)
    .filter(({ category }) => category === ts.DiagnosticCategory.Error);
  if (errors.length === 0) return;
  const shown = errors.slice(0, MAX_SHOWN).map(describe);
  const rest = errors.length - shown.length;
  if (rest > 0) shown.push(`and ${rest} more.`);
  const count = errors.length === 1 ? 'an error' : `${errors.length} errors`;
  throw new EncompileError(
    `${displayPath(path)} was not run, because its types have ${count}:\n\n${shown.join('\n\n')}`,
  );
}

function describe({ file, start, length, code, messageText }: ts.Diagnostic): string {
  const said = `error TS${code}: ${essence(ts.flattenDiagnosticMessageText(messageText, '\n'))}`;
  if (file === undefined || start === undefined) return said;
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  const place = `${displayPath(file.fileName)}:${line + 1}:${character + 1}`;
  return `${place} - ${said}\n\n${sourceExcerpt(file.text, start, length)}`;
}

/**
 * What is wrong, where the checker can say it only in types: an operand or attribute that breaks a
 * constraint of an op (of the types that do not agree, one is the constraint's label and message),
 * or a declaration that forgets to return its outputs.
 */
function essence(message: string): string {
  const constraint = /"(\w+_c\d+: [^"]*)"/.exec(message)?.[1];
  if (constraint !== undefined) return constraint;
  if (!/=> void' is not assignable to .*=> Outputs'/.test(message)) return message;
  return 'the declaration returns nothing. Return the outputs by name, as in: return { states: x }';
}
