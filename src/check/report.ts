/** What a check found, and how it reads. */
import type { Tolerance } from '../ir/op-arguments.ts';
import type { Target } from '../loops/program.ts';
import type { Reproducer } from './reproducer.ts';
import type { BitsCheck } from './same-bits.ts';

/** Emitted code, or its loop IR in the emulator. */
export type CheckBackend = Target | `emulator-${Target}`;

/** Two tensors compared: `worst` is the largest |got - want| / (absolute + relative * |want|). */
export interface Comparison {
  readonly what: string;
  readonly tolerance: Tolerance;
  /** Above 1 the comparison fails; infinite where one side is NaN alone. */
  readonly worst: number;
  readonly largestDifference: number;
  /** Where the worst element stands, and what stood there. */
  readonly index: number;
  readonly got: number;
  readonly want: number;
}

export interface KernelCheck {
  readonly step: number;
  readonly kernel: string;
  /** The graph node, as the name of its first result. */
  readonly node: string;
  readonly ops: readonly string[];
  readonly names: readonly string[];
  readonly location: string | null;
  readonly comparisons: readonly Comparison[];
  /** What the emulator saw: races, places out of bounds, reads of unwritten memory. */
  readonly faults: readonly string[];
  readonly passed: boolean;
}

export interface BackendCheck {
  readonly backend: CheckBackend;
  readonly sizes: Readonly<Record<string, number>>;
  readonly kernels: readonly KernelCheck[];
  /** The whole model, from its inputs to its outputs. */
  readonly endToEnd: readonly Comparison[];
  /** The first bad kernel alone, to be written with `encodeReproducer`. */
  readonly reproducer: Reproducer | null;
  readonly passed: boolean;
}

export interface CheckReport {
  readonly model: string;
  readonly seed: number;
  /** The optimised graph against the declared one, both in the interpreter. */
  readonly passes: readonly {
    readonly sizes: Readonly<Record<string, number>>;
    readonly comparisons: readonly Comparison[];
  }[];
  readonly backends: readonly BackendCheck[];
  /** Of an exact compilation, whether backends gave the same bits; else empty. */
  readonly bits: readonly BitsCheck[];
  /** What this host cannot run, and why. */
  readonly skipped: readonly SkippedBackend[];
  readonly passed: boolean;
}

export interface SkippedBackend {
  readonly backend: CheckBackend;
  readonly reason: string;
}

type Numbers = ArrayLike<number>;

export function compare(
  what: string,
  got: Numbers,
  want: Numbers,
  tolerance: Tolerance,
): Comparison {
  const { absolute, relative } = tolerance;
  const none = { what, tolerance, index: -1, got: 0, want: 0, largestDifference: 0 };
  if (got.length !== want.length) return { ...none, worst: Infinity, largestDifference: Infinity };
  let worst: Comparison = { ...none, worst: 0 };
  let largestDifference = 0;
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [finite(got[i]), finite(want[i])];
    if (g === w || (Number.isNaN(g) && Number.isNaN(w))) continue;
    const difference = Math.abs(g - w);
    const ratio = Number.isFinite(difference)
      ? difference / (absolute + relative * Math.abs(w))
      : Infinity;
    largestDifference = Math.max(
      largestDifference,
      Number.isNaN(difference) ? Infinity : difference,
    );
    if (ratio > worst.worst) worst = { ...worst, worst: ratio, index: i, got: g, want: w };
  }
  return { ...worst, largestDifference };
}

const LARGEST = 3.4028234663852886e38;

/** WGSL has no infinities: the largest finite float32 stands for them. NaN stays. */
function finite(x = Number.NaN): number {
  return Math.max(-LARGEST, Math.min(LARGEST, x));
}

export function passes(comparisons: readonly Comparison[]): boolean {
  return comparisons.every(({ worst }) => worst <= 1);
}

/** The first kernel that fails, if any. */
export function firstFailure(check: BackendCheck): KernelCheck | null {
  return check.kernels.find(({ passed }) => !passed) ?? null;
}

export function printReport(report: CheckReport): string {
  const lines: string[] = [];
  const named = [...report.backends, ...report.skipped];
  const width = Math.max(10, ...named.map(({ backend }) => backend.length));
  for (const { sizes, comparisons } of report.passes) {
    const verdict = passes(comparisons) ? 'ok' : 'DIFFERS';
    lines.push(
      `${'passes'.padEnd(width)} ${showSizes(sizes)}  ${verdict}  ${worstOf(comparisons)}`,
    );
  }
  for (const check of report.backends) {
    const bad = check.kernels.filter(({ passed }) => !passed).length;
    const kernels = `${check.kernels.length - bad} of ${check.kernels.length} kernels ok`;
    lines.push(
      `${check.backend.padEnd(width)} ${showSizes(check.sizes)}  ${check.passed ? 'ok' : 'FAILED'}  ` +
        `${kernels}; whole model ${worstOf(check.endToEnd)}`,
    );
    const failure = firstFailure(check);
    if (failure !== null) lines.push(...describeFailure(failure).map((line) => `  ${line}`));
  }
  for (const { backends, sizes, difference } of report.bits) {
    const verdict = difference === null ? 'ok  the same bits' : `DIFFER  ${difference}`;
    lines.push(`${backends.join(', ').padEnd(width)} ${showSizes(sizes)}  ${verdict}`);
  }
  for (const { backend, reason } of report.skipped) {
    lines.push(`${backend.padEnd(width)} skipped: ${reason}`);
  }
  const verdict = report.passed ? 'passed' : 'FAILED';
  lines.push(`${report.model}: check ${verdict} (seed ${report.seed})`);
  return lines.join('\n');
}

function describeFailure(check: KernelCheck): readonly string[] {
  const declared = check.location === null ? '' : `, declared at ${check.location}`;
  const names = check.names.map((name) => `%${name}`).join(', ');
  return [
    `first bad kernel: ${check.kernel} (step ${check.step}), which computes %${check.node}${declared}`,
    `ops inside: ${check.ops.join(', ')}${names === '' ? '' : `; from ${names}`}`,
    ...check.comparisons
      .filter(({ worst }) => !(worst <= 1))
      .map(
        ({ what, index, got, want, tolerance }) =>
          `%${what}: element ${index} is ${got}, expected ${want} ` +
          `(tolerance ${tolerance.absolute} + ${tolerance.relative} * |expected|)`,
      ),
    ...check.faults.slice(0, 5),
  ];
}

function worstOf(comparisons: readonly Comparison[]): string {
  const largest = Math.max(0, ...comparisons.map((c) => c.largestDifference));
  return `largest difference ${largest.toExponential(1)}`;
}

function showSizes(sizes: Readonly<Record<string, number>>): string {
  const parts = Object.entries(sizes).map(([symbol, size]) => `${symbol}=${size}`);
  return parts.length === 0 ? '(no symbols)' : parts.join(' ');
}
