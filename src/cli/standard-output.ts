/** Results, which alone go to standard output. */
import { progress } from './progress.ts';

export function printText(text: string): void {
  progress.clear();
  process.stdout.write(withoutControls(text.endsWith('\n') ? text : `${text}\n`));
}

/** Names come from model files; none may steer the terminal. */
export function withoutControls(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
}

/** Numbers that JSON lacks are written as the strings `NaN`, `Infinity` and `-Infinity`. */
export function printJson(value: object): void {
  printText(toJson(value));
}

export function toJson(value: object): string {
  return `${JSON.stringify(value, spell, 2)}\n`;
}

/** A remark that is no result and no error. */
export function printNote(text: string): void {
  progress.clear();
  process.stderr.write(withoutControls(`${text}\n`));
}

function spell(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<unknown>);
  }
  return value;
}
