/**
 * The ledger as `explain` shows it: by pass, and what repeats from layer to layer once, with a count.
 * Entries repeat where they differ in nothing but the numbers inside names.
 */
import type { LedgerEntry } from '../passes/ledger.ts';
import { displayLocation } from './locations.ts';

export interface LedgerGroup {
  readonly pass: string;
  readonly pattern: string;
  readonly matched: boolean;
  /** Names of the values at which the pattern was tried, with `*` for what differs. */
  readonly at: string;
  /** What was done, or what stopped it, as the first entry says it. */
  readonly said: string;
  /** Of the first entry. */
  readonly location: string | null;
  readonly count: number;
}

/** In the order of first entries. */
export function groupLedger(entries: readonly LedgerEntry[]): readonly LedgerGroup[] {
  const groups = new Map<string, LedgerEntry[]>();
  for (const entry of entries) {
    const said = saidOf(entry).replace(/%[^\s,;()]+/g, maskNumbers);
    const { pass, pattern, matched, at } = entry;
    const key = JSON.stringify([pass, pattern, matched, maskNumbers(at), said]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { pass, pattern, matched } = first;
    const at = commonName(group.map((entry) => entry.at));
    const said = saidOf(first);
    return [{ pass, pattern, matched, at, said, location: first.location(), count: group.length }];
  });
}

export function printLedgerGroups(groups: readonly LedgerGroup[]): string {
  const lines: string[] = [];
  let pass = '';
  for (const group of groups) {
    if (group.pass !== pass) lines.push('', group.pass);
    pass = group.pass;
    const { matched, at, pattern, said, location, count } = group;
    const verdict = matched ? 'matched' : 'refused';
    const times = count === 1 ? '' : ` x${count}`;
    const where =
      location === null ? '' : ` (${count === 1 ? '' : 'first: '}${displayLocation(location)})`;
    lines.push(`  ${verdict}${times}  %${at}  ${pattern}: ${said}${where}`);
  }
  return lines.slice(1).join('\n');
}

function saidOf(entry: LedgerEntry): string {
  return entry.matched ? entry.detail : entry.reason;
}

function maskNumbers(name: string): string {
  return name.replace(/\d+/g, '*');
}

/** Names that differ in numbers alone as one: `layer.*.query`; numbers that all share stay. */
export function commonName(names: readonly string[]): string {
  const [first = '', ...others] = names.map((name) => name.split(/(\d+)/));
  if (first === '') return '';
  return first.map((part, i) => (others.every((other) => other[i] === part) ? part : '*')).join('');
}

/** Names grouped by what is left when their numbers are masked. */
export function commonNames(names: readonly string[]): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const key = maskNumbers(name);
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return [...groups.values()].map(commonName);
}
