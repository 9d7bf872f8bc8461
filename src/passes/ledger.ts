/**
 * The ledger: every pattern that a pass tried, and whether it matched. Entries stand in the order
 * of passes, within a pass in the order of nodes.
 */

interface Tried {
  readonly pass: string;
  readonly pattern: string;
  /** Name of the value at which the pattern was tried. */
  readonly at: string;
  /** `file:line:column` of its declaration, where known. */
  readonly location: () => string | null;
}

export type LedgerEntry =
  | (Tried & { readonly matched: true; readonly detail: string })
  | (Tried & {
      readonly matched: false;
      /** What stopped it, in words that name the value. */
      readonly reason: string;
      /** Name of the value that stopped it. */
      readonly stopper: string;
    });

export class Ledger {
  readonly entries: LedgerEntry[] = [];
  private readonly known = new Set<string>();

  /** Adds an entry; one that says the same of the same value is there once. */
  record(entry: LedgerEntry): void {
    const said = entry.matched ? entry.detail : entry.reason;
    const key = JSON.stringify([entry.pass, entry.pattern, entry.at, entry.matched, said]);
    if (this.known.has(key)) return;
    this.known.add(key);
    this.entries.push(entry);
  }
}

/** One line an entry, under a heading a pass. */
export function printLedger(entries: readonly LedgerEntry[]): string {
  const lines: string[] = [];
  let pass = '';
  for (const entry of entries) {
    if (entry.pass !== pass) lines.push(...(lines.length > 0 ? [''] : []), entry.pass);
    pass = entry.pass;
    const verdict = entry.matched ? 'matched' : 'refused';
    const said = entry.matched ? entry.detail : entry.reason;
    const place = entry.location();
    const where = place === null ? '' : `  (${place})`;
    lines.push(`  ${verdict}  %${entry.at}: ${entry.pattern}: ${said}${where}`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** The entries as plain data for JSON. */
export function ledgerToJson(entries: readonly LedgerEntry[]) {
  return entries.map((entry) => ({ ...entry, location: entry.location() }));
}
