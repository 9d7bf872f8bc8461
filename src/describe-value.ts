/** What a value of unknown type is, in the few words that an error has for it. */
import { quote } from './frontends/json.ts';

/** `nothing`, `a function`, `an object with the keys a, b`; short text and numbers as they are. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return `${value}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value === 'function') {
    return isClass(value) ? `the class ${value.name}` : `the function ${value.name}`.trim();
  }
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const kind = Object.getPrototypeOf(value)?.constructor?.name;
  if (typeof kind === 'string' && kind !== 'Object') return `a ${kind}`;
  const keys = Object.keys(value);
  const shown = keys.slice(0, 8).map((key) => quote(key).slice(1, -1));
  if (shown.length === 0) return 'an empty object';
  return `an object with the keys ${shown.join(', ')}${keys.length > shown.length ? ', ...' : ''}`;
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
