/**
 * What the compiled closures of one kernel run share: the frame's layout, the strands, the fault log,
 * and the table of access sites by which a stamp leads back to its statement.
 */
import type { Statement } from '../loops/nodes.ts';
import { printHead } from '../loops/print.ts';
import { type Fault, FaultLog, showAt } from './faults.ts';
import { type Frame, FrameLayout } from './frame.ts';
import { SITES, Strands } from './strands.ts';

export type Precision = 'f32' | 'f64';

/** A loop variable and the slot it is in. */
export interface LoopSlot {
  readonly name: string;
  readonly slot: number;
}

/** A load or store in the text; or a barrier, with the statement around it and its number as buffer. */
export interface Site {
  readonly action: 'loads' | 'stores' | 'waits';
  readonly statement: Statement;
  /** From the outermost in. */
  readonly loops: readonly LoopSlot[];
  readonly buffer: string;
  readonly size: number;
}

export interface UnitOptions {
  readonly kernel: string;
  readonly symbols: Readonly<Record<string, number>>;
  readonly precision: Precision;
  readonly maxFaults: number;
  readonly onFault: ((fault: Fault) => void) | undefined;
}

export class Unit {
  readonly kernel: string;
  readonly symbols: Readonly<Record<string, number>>;
  /** Whether every f32 result is rounded; else only what is stored in memory. */
  readonly rounds: boolean;
  readonly layout = new FrameLayout();
  readonly strands = new Strands();
  readonly log: FaultLog;
  barriers = 0;
  private readonly sites: Site[] = [];

  constructor({ kernel, symbols, precision, maxFaults, onFault }: UnitOptions) {
    this.kernel = kernel;
    this.symbols = symbols;
    this.rounds = precision === 'f32';
    this.log = new FaultLog(maxFaults, onFault);
  }

  addSite(site: Site): number {
    if (this.sites.length === SITES) throw new Error(`kernel '${this.kernel}' is too long`);
    this.sites.push(site);
    return this.sites.length - 1;
  }

  site(number: number): Site {
    const site = this.sites[number];
    if (site === undefined) throw new Error(`no access site ${number}`);
    return site;
  }

  outOfBounds(number: number, frame: Frame, index: number, lanes: number): void {
    this.report('out-of-bounds', number, frame, index, ({ buffer, size }) => {
      const element = lanes === 1 ? `${buffer}[${index}]` : `${buffer}[${index}..+${lanes}]`;
      return [`${element}, but ${buffer} has ${size} elements`, null];
    });
  }

  unwritten(number: number, frame: Frame, index: number): void {
    this.report('unwritten-read', number, frame, index, ({ buffer }) => {
      return [`${buffer}[${index}], which nothing has written`, null];
    });
  }

  /** `stamp` is of the earlier access. */
  race(number: number, frame: Frame, index: number, stamp: number): void {
    const earlier = stamp % SITES;
    this.report(
      'race',
      number,
      frame,
      index,
      ({ buffer }, at) => {
        const { statement, action } = this.site(earlier);
        const other = { at: this.partnerAt(earlier, stamp, at), where: printHead(statement) };
        const partner = `\`${other.where}\`${showAt(other.at)} ${action} it`;
        return [`${buffer}[${index}] while ${partner}, and nothing orders the two`, other];
      },
      earlier,
    );
  }

  /** The loop variables of a race's earlier access, as far as they are known: down to the one that differs. */
  private partnerAt(
    earlier: number,
    stamp: number,
    mine: Readonly<Record<string, number>>,
  ): Record<string, number> {
    const iteration = this.strands.iterationOf(stamp);
    const at: Record<string, number> = {};
    for (const { name } of this.site(earlier).loops) {
      if (name === iteration?.variable) {
        at[name] = iteration.value;
        break;
      }
      at[name] = mine[name] ?? 0;
    }
    return at;
  }

  /** `stops` are the sites of the barriers at which the invocations wait, or `ended`. */
  divergence(
    stops: readonly number[],
    ended: number,
    frame: Frame,
    { variable, loops }: { readonly variable: string; readonly loops: readonly LoopSlot[] },
  ): void {
    const key = [...new Set(stops)].sort((a, b) => a - b).join();
    this.log.report(`divergence ${key}`, () => {
      const at = atOf(loops, frame);
      const groups = [...new Set(stops)].map((stop) => {
        const which = ranges(stops.flatMap((other, lane) => (other === stop ? [lane] : [])));
        const lanes = `${variable} = ${which}`;
        if (stop === ended) return `${lanes} has ended`;
        const { statement, buffer } = this.site(stop);
        return `${lanes} waits at ${buffer} in \`${printHead(statement)}\``;
      });
      const barrier = stops.find((stop) => stop !== ended) ?? 0;
      return {
        kind: 'divergence',
        kernel: this.kernel,
        buffer: null,
        index: null,
        size: null,
        at,
        where: printHead(this.site(barrier).statement),
        other: null,
        count: 1,
        message: `Kernel '${this.kernel}'${showAt(at)}: ${groups.join(', but ')}.`,
      };
    });
  }

  private report(
    kind: Fault['kind'],
    number: number,
    frame: Frame,
    index: number,
    describe: (
      site: Site,
      at: Readonly<Record<string, number>>,
    ) => readonly [found: string, other: Fault['other']],
    earlier = number,
  ): void {
    this.log.report(`${kind} ${number} ${earlier}`, () => {
      const site = this.site(number);
      const at = atOf(site.loops, frame);
      const where = printHead(site.statement);
      const { buffer, size, action } = site;
      const [found, other] = describe(site, at);
      const message = `Kernel '${this.kernel}': \`${where}\`${showAt(at)} ${action} ${found}.`;
      return {
        kind,
        kernel: this.kernel,
        buffer,
        index,
        size,
        at,
        where,
        other,
        count: 1,
        message,
      };
    });
  }
}

/** The values of loop variables in a frame. */
function atOf(loops: readonly LoopSlot[], frame: Frame): Record<string, number> {
  return Object.fromEntries(loops.map(({ name, slot }) => [name, frame[slot] ?? 0]));
}

/** `0..3, 8` for 0, 1, 2, 3, 8. */
function ranges(numbers: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const n of numbers) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else parts.push([n, n]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}..${to}`)).join(', ');
}
