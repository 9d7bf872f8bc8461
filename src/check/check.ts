/**
 * The check: is what was compiled what was declared?
 *
 * First the optimised graph is compared with the declared one, both in the float64 interpreter; of
 * a model that was quantised or whose weights were rounded the graph up to the pass that does it, and
 * from there on with what that left.
 * Then, for every backend, each kernel gets the interpreter's own values as its inputs, rounded as
 * its buffers hold them, and its results are compared with the interpreter run on the very same
 * numbers: a kernel answers for its own arithmetic alone, and the first bad one is found without
 * bisecting. Last, the whole model runs from inputs to outputs; what was compiled exactly must then give
 * the same bits on every backend.
 */

import { aroundAll, type Compilation, compiledFor } from '../compile.ts';
import { interpret } from '../interpreter/interpreter.ts';
import type { Graph, Node } from '../ir/graph.ts';
import type { NdArray } from '../ir/nd-array.ts';
import { DEFAULT_TOLERANCE } from '../ir/op.ts';
import type { Tolerance } from '../ir/op-arguments.ts';
import { opDefinition } from '../ir/ops/index.ts';
import { MOST_STEPS } from '../ir/ops/quantize.ts';
import type { Sizes } from '../ir/sizes.ts';
import { isFloat } from '../ir/types.ts';
import type { Program, Step } from '../loops/program.ts';
import { missingFeature } from '../wasm-kernels.ts';
import { type OpenBackend, openBackend } from './backends.ts';
import { checkSizes } from './default-sizes.ts';
import { Feed } from './feed.ts';
import { randomInputs } from './inputs.ts';
import { Oracle } from './oracle.ts';
import {
  type BackendCheck,
  type CheckBackend,
  type CheckReport,
  type Comparison,
  compare,
  type KernelCheck,
  passes,
  type SkippedBackend,
} from './report.ts';
import type { Reproducer } from './reproducer.ts';
import { checkBits, type Outputs } from './same-bits.ts';

export interface CheckOptions {
  readonly backends: readonly CheckBackend[];
  /** By input name; random ones are made where they are left out. */
  readonly inputs?: ReadonlyMap<string, NdArray>;
  /** Sizes of symbols; the others take two uneven sizes each, as far as the model takes them. */
  readonly dims?: Sizes;
  readonly seed?: number;
  readonly onProgress?: (done: string) => void;
}

/** Two float64 evaluations differ by rounding: also that of folded weights to their own dtype. */
const PASS_TOLERANCE: Tolerance = { absolute: 1e-5, relative: 1e-5 };
/** A whole model in float32: what rounding may add up to over its layers. */
const MODEL_TOLERANCE: Tolerance = { absolute: 1e-4, relative: 1e-3 };

export async function checkCompilation(
  compilation: Compilation,
  { backends, inputs, dims = {}, seed = 1, onProgress = () => {} }: CheckOptions,
): Promise<CheckReport> {
  const { declared, optimised, approximations, weights } = compilation;
  const approximated = aroundAll(approximations);
  const runs = inputs === undefined ? randomRuns(declared, dims, seed) : [inputs];
  const oracles = runs.map((run) => {
    const exact = interpret(declared, run).outputs;
    const before = approximated === null ? null : interpret(approximated.before, run).outputs;
    const want = approximated === null ? exact : interpret(approximated.after, run).outputs;
    const oracle = new Oracle(optimised, run);
    const comparisons = [
      ...(before === null ? [] : compareOutputs(before, exact, () => PASS_TOLERANCE)),
      ...compareOutputs(oracle.outputs, want, () => PASS_TOLERANCE),
    ];
    onProgress(`interpreted ${declared.name}`);
    return { oracle, want, comparisons };
  });
  const checks: BackendCheck[] = [];
  const skipped: SkippedBackend[] = [];
  const exactRuns = oracles.map((): { backend: CheckBackend; outputs: Outputs }[] => []);
  for (const backend of backends) {
    const reason = missingOn(backend);
    if (reason !== null) {
      skipped.push({ backend, reason });
      continue;
    }
    const { program, plan } = compiledFor(compilation, targetOf(backend));
    const opened = await openBackend(backend, program, plan, weights);
    try {
      for (const [i, { oracle, want }] of oracles.entries()) {
        const { check, outputs } = await checkBackend(backend, program, opened, oracle, want);
        checks.push(check);
        if (program.exact && backend === program.target) exactRuns[i]?.push({ backend, outputs });
        onProgress(`checked ${backend}`);
      }
    } finally {
      await opened.close();
    }
  }
  const bits = oracles.flatMap(({ oracle }, i) => checkBits(oracle.sizes, exactRuns[i] ?? []));
  const inPasses = oracles.map(({ oracle, comparisons }) => ({ sizes: oracle.sizes, comparisons }));
  return {
    model: declared.name,
    seed,
    passes: inPasses,
    backends: checks,
    bits,
    skipped,
    passed:
      checks.every((c) => c.passed) &&
      inPasses.every((p) => passes(p.comparisons)) &&
      bits.every(({ difference }) => difference === null),
  };
}

export function targetOf(backend: CheckBackend): Program['target'] {
  return TARGET_OF[backend];
}

const TARGET_OF: { readonly [B in CheckBackend]: Program['target'] } = {
  js: 'js',
  wasm: 'wasm',
  'wasm-relaxed': 'wasm-relaxed',
  wgsl: 'wgsl',
  'emulator-js': 'js',
  'emulator-wasm': 'wasm',
  'emulator-wasm-relaxed': 'wasm-relaxed',
  'emulator-wgsl': 'wgsl',
};

/** The emulator runs every program on every host. */
function missingOn(backend: CheckBackend): string | null {
  return backend === targetOf(backend) ? missingFeature(targetOf(backend)) : null;
}

function randomRuns(graph: Graph, dims: Sizes, seed: number) {
  return checkSizes(graph, dims).map((sizes, i) => randomInputs(graph, sizes, seed + i));
}

async function checkBackend(
  backend: CheckBackend,
  program: Program,
  opened: OpenBackend,
  oracle: Oracle,
  /** Outputs of the declared graph. */
  wanted: ReadonlyMap<string, NdArray>,
): Promise<{ readonly check: BackendCheck; readonly outputs: Outputs }> {
  const feed = new Feed(program, oracle);
  const kernels: KernelCheck[] = [];
  let reproducer: Reproducer | null = null;
  for (const [i, step] of program.steps.entries()) {
    const { outputs, faults } = await opened.kernels.run(step, feed.inputs(step), oracle.sizes);
    const expected = feed.expected(step);
    const comparisons = outputs.flatMap((got, which) => {
      const want = expected[which];
      if (want === undefined) throw new Error(`${step.kernel} writes more than expected`);
      if (want === null) return [];
      return [compare(want.name, got, want.array.data, within(toleranceOf(step), want.array))];
    });
    const { node, ops, names, location } = step.provenance;
    const passed = passes(comparisons) && faults.length === 0;
    if (!passed) reproducer ??= feed.reproducer(step);
    kernels.push({
      ...{ step: i, kernel: step.kernel, node, ops, names, location },
      ...{ comparisons, faults, passed },
    });
  }
  const got = await opened.run(oracle.run, oracle.sizes);
  const isQuantized = oracle.graph.nodes.some(holdsQuantized);
  const tolerance = isQuantized ? quantizedTolerance : () => MODEL_TOLERANCE;
  const endToEnd = compareOutputs(got, wanted, tolerance);
  const passed = passes(endToEnd) && kernels.every((kernel) => kernel.passed);
  const { sizes } = oracle;
  return { check: { backend, sizes, kernels, endToEnd, reproducer, passed }, outputs: got };
}

function compareOutputs(
  got: ReadonlyMap<string, { readonly data: ArrayLike<number> }>,
  want: ReadonlyMap<string, NdArray>,
  toleranceOf: (want: NdArray) => Tolerance,
): readonly Comparison[] {
  return [...want].map(([name, array]) =>
    compare(name, got.get(name)?.data ?? [], array.data, within(toleranceOf(array), array)),
  );
}

function holdsQuantized({ op, body }: Node): boolean {
  return op === 'quantized_matmul' || (body?.nodes.some(holdsQuantized) ?? false);
}

/**
 * A whole model in which rows are rounded to whole steps: where float32 puts a number on the other
 * side of the middle between two, it moves by a step, 1/127 of the row's largest. Of a thousand numbers
 * some one does, as their errors are some 1e-4 of a step; two such moves may meet in an output.
 */
function quantizedTolerance({ data }: NdArray): Tolerance {
  const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return { absolute: Math.max(MODEL_TOLERANCE.absolute, (2 / MOST_STEPS) * largest), relative: 0 };
}

/** Integers and bools are right or wrong. */
function within(tolerance: Tolerance, { dtype }: NdArray): Tolerance {
  return isFloat(dtype) ? tolerance : { absolute: 0, relative: 0 };
}

/** The widest tolerance among the ops that a kernel runs. */
function toleranceOf(step: Step): Tolerance {
  const inside = step.provenance.ops
    .filter((op) => op !== 'copy')
    .map((op) => opDefinition(op).tolerance);
  return [DEFAULT_TOLERANCE, ...inside].reduce((a, b) => ({
    absolute: Math.max(a.absolute, b.absolute),
    relative: Math.max(a.relative, b.relative),
  }));
}
