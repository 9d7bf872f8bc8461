/**
 * Faults: what a kernel did that it must not do. Each names the statement, the values of the loop
 * variables around it, the buffer and the element. A statement that commits the same kind of fault
 * again is counted, not listed again.
 */

export type FaultKind =
  | 'out-of-bounds'
  | 'unwritten-read'
  | 'race'
  | 'divergence'
  | 'unwritten-output';

export interface Fault {
  readonly kind: FaultKind;
  readonly kernel: string;
  /** Null of a divergence. */
  readonly buffer: string | null;
  /** The element; null of a divergence. */
  readonly index: number | null;
  /** Elements of the buffer; null of a divergence. */
  readonly size: number | null;
  /** The loop variables around the statement, from the outermost in. */
  readonly at: Readonly<Record<string, number>>;
  /** The statement as `print.ts` shows it; of an unwritten output, its declaration. */
  readonly where: string;
  /** The other access of a race; the loop variables that differ come first. */
  readonly other: { readonly at: Readonly<Record<string, number>>; readonly where: string } | null;
  /** How often the statement committed it; of an unwritten output, how many elements lack. */
  readonly count: number;
  /** One sentence with all of this. */
  readonly message: string;
}

/** Faults of one run; statements beyond the limit are dropped. */
export class FaultLog {
  private readonly known = new Map<string, Fault & { count: number }>();
  private readonly limit: number;
  private readonly onFault: ((fault: Fault) => void) | undefined;

  constructor(limit: number, onFault: ((fault: Fault) => void) | undefined) {
    this.limit = limit;
    this.onFault = onFault;
  }

  /** Counts a fault; `describe` is called for the first of its key. */
  report(key: string, describe: () => Fault): void {
    const known = this.known.get(key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    if (this.known.size >= this.limit) return;
    const fault = describe();
    this.known.set(key, { ...fault });
    this.onFault?.(fault);
  }

  get faults(): readonly Fault[] {
    return [...this.known.values()];
  }
}

/** ` (row = 3, lane = 5)`, or nothing where there are no loops. */
export function showAt(at: Readonly<Record<string, number>>): string {
  const parts = Object.entries(at).map(([name, value]) => `${name} = ${value}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
