/**
 * Which accesses may happen at the same time, decided exactly from one sequential run.
 *
 * A region is one run of a parallel or workgroup loop, or one phase of a workgroup: what its
 * invocations do between two barriers. The iterations of a region are concurrent, everything else is
 * in order. Each iteration starts a new strand, and strands are numbered upwards, so an earlier
 * access is concurrent with the present one exactly when its strand lies in an open region but before
 * that region's present iteration. This is the test for series-parallel programs of Feng and
 * Leiserson, "Efficient detection of determinacy races in Cilk programs" (1997), with the intervals
 * of open regions in place of its disjoint sets.
 *
 * A stamp is a strand's number times SITES, plus the number of the statement's access site.
 */

/** Access sites of a kernel, at most; also the first strand's stamp. */
export const SITES = 65_536;
/** The stamp of what was written before the kernel began. */
export const BEFORE = 1;

interface Region {
  readonly variable: string;
  readonly from: number;
  readonly step: number;
  /** The stamp of the region's begin. */
  readonly start: number;
  /** The stamps at which its iterations began. */
  readonly begun: number[];
  iteration: number;
}

/** The iteration of a region in which an access was made. */
export interface Iteration {
  readonly variable: string;
  readonly value: number;
}

export class Strands {
  /** The stamp of the present strand; a site's number is added to it. */
  now = SITES;
  /** Where the innermost iteration began: what is stamped later is in order with us. */
  iteration = 0;
  private readonly regions: Region[] = [];

  /** A stamp above all before it. */
  advance(): number {
    this.now += SITES;
    return this.now;
  }

  open(variable: string, from: number, step: number): void {
    const start = this.advance();
    this.regions.push({ variable, from, step, start, begun: [], iteration: start });
    this.iteration = start;
  }

  /** The next iteration of the innermost region begins. */
  next(): void {
    const region = this.regions[this.regions.length - 1];
    if (region === undefined) throw new Error('no region is open');
    region.iteration = this.advance();
    region.begun.push(region.iteration);
    this.iteration = region.iteration;
  }

  close(): void {
    this.regions.pop();
    this.iteration = this.regions[this.regions.length - 1]?.iteration ?? 0;
  }

  /** Whether an access stamped so is in order with one made now. */
  isOrdered(stamp: number): boolean {
    return this.regionOf(stamp) === null;
  }

  /** The concurrent iteration that made an access; null where it is in order with us. */
  iterationOf(stamp: number): Iteration | null {
    const region = this.regionOf(stamp);
    if (region === null) return null;
    const later = region.begun.findIndex((begin) => begin > stamp);
    const ordinal = (later < 0 ? region.begun.length : later) - 1;
    return { variable: region.variable, value: region.from + ordinal * region.step };
  }

  private regionOf(stamp: number): Region | null {
    for (let depth = this.regions.length - 1; depth >= 0; depth--) {
      const region = this.regions[depth];
      if (region === undefined || stamp >= region.iteration) return null;
      if (stamp >= region.start) return region;
    }
    return null;
  }
}
