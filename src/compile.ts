/**
 * The compile driver: a graph through passes, lowering and the memory plan, with a proof of its own
 * after each. It does no work of its own on graphs or programs, so the time is that of its stages.
 *
 * Invariants: the declared graph is verified before the first pass; every program that leaves here
 * was verified, and its plan was checked by running it.
 */
import { describeValue } from './describe-value.ts';
import { EncompileError } from './errors.ts';
import type { Graph } from './ir/graph.ts';
import { verifyGraph } from './ir/verify.ts';
import { checkPlan } from './loops/check-plan.ts';
import { lower } from './loops/lower.ts';
import { type MemoryPlan, planMemory } from './loops/memory-plan.ts';
import type { Target } from './loops/program.ts';
import { type VerifiedProgram, verifyProgram } from './loops/verify-program.ts';
import { Ledger, type LedgerEntry } from './passes/ledger.ts';
import { runPasses } from './passes/pass.ts';
import { pipeline, quantizingPipeline } from './passes/pipeline.ts';
import { quantize as quantizePass } from './passes/quantize.ts';
import {
  COMPILE_TARGETS,
  type CompileTarget,
  EXACT_TARGETS,
  programsFor,
  QUANTIZED_TARGETS,
} from './targets.ts';

export interface CompileGraphOptions {
  /** Default: all that exist, or can be exact, or gain from quantising; with none, the graph is optimised alone. */
  readonly targets?: readonly CompileTarget[];
  /**
   * Whether js and wasm shall compute the same bits: no fused multiply-add, every step rounded to
   * float32, one fixed order of every sum. There is no exact wgsl. Default: false.
   */
  readonly exact?: boolean;
  /**
   * 'int8': products with weights run on bytes, which changes what the model computes a little.
   * Instructions for that has wasm alone; js and wgsl compute the same, slower than in float32.
   */
  readonly quantize?: Quantization;
  /** Called after each pass with the verified graph. */
  readonly onPass?: (name: string, graph: Graph) => void;
  /** Called before each stage, with its name. */
  readonly onProgress?: (stage: string) => void;
}

export const QUANTIZATIONS = ['int8'] as const;
export type Quantization = (typeof QUANTIZATIONS)[number];

/** The graph on either side of the pass that changes its meaning. */
export interface Quantized {
  readonly before: Graph;
  readonly after: Graph;
}

/** A compiled graph, still in memory: what artifacts are written from and checks look at. */
export interface Compilation {
  readonly declared: Graph;
  readonly optimised: Graph;
  /** There where the model was quantised: `optimised` computes what `after` does. */
  readonly quantized?: Quantized;
  /** Every pattern that a pass tried, in order. */
  readonly ledger: readonly LedgerEntry[];
  readonly programs: ReadonlyMap<Target, VerifiedProgram>;
  readonly plans: ReadonlyMap<Target, MemoryPlan>;
}

/**
 * Compiles a graph for one or more targets. Its parameters may lack their numbers.
 *
 * @throws EncompileError where the graph is wrong or needs what a target does not have, or a target
 * has no exact mode
 */
export function compileGraph(graph: Graph, options: CompileGraphOptions = {}): Compilation {
  const { exact = false, quantize, onPass, onProgress = () => {} } = options;
  const { targets = defaultTargets(exact, quantize) } = options;
  checkTargets(targets);
  checkQuantization(quantize, exact);
  const wanted = programsFor(targets, exact);
  verifyGraph(graph);
  const ledger = new Ledger();
  const passes = quantize === undefined ? pipeline : quantizingPipeline;
  let passed = 0;
  let current = graph;
  const quantized: Quantized[] = [];
  const announcePass = () => {
    const next = passes[passed++];
    if (next !== undefined) onProgress(next.name);
  };
  announcePass();
  const optimised = runPasses(graph, passes, {
    ledger,
    onPass: (name, after) => {
      if (name === quantizePass.name) quantized.push({ before: current, after });
      current = after;
      onPass?.(name, after);
      announcePass();
    },
  });
  const programs = new Map<Target, VerifiedProgram>();
  const plans = new Map<Target, MemoryPlan>();
  for (const target of wanted) {
    onProgress(`lower to ${target}`);
    const program = verifyProgram(lower(optimised, target, exact));
    onProgress(`plan the memory of ${target}`);
    const plan = planMemory(program);
    checkPlan(program, plan);
    programs.set(target, program);
    plans.set(target, plan);
  }
  const result = { declared: graph, optimised, ledger: ledger.entries, programs, plans };
  const [around] = quantized;
  return around === undefined ? result : { ...result, quantized: around };
}

function defaultTargets(exact: boolean, quantize: unknown): readonly CompileTarget[] {
  if (quantize !== undefined) return QUANTIZED_TARGETS;
  return exact ? EXACT_TARGETS : COMPILE_TARGETS;
}

/** Callers without type checks may pass anything. */
function checkQuantization(quantize: unknown, exact: boolean): void {
  if (quantize !== undefined && exact) {
    throw new EncompileError(
      'exact and quantize exclude each other: the whole sums of quantised products leave float32, in ' +
        'which js computes them. Leave one of them out.',
      2,
    );
  }
  if (quantize === undefined || QUANTIZATIONS.some((known) => known === quantize)) return;
  throw new EncompileError(
    `quantize is ${describeValue(quantize)}, where ${QUANTIZATIONS.map((q) => `'${q}'`).join(' or ')} ` +
      'was expected. Leave it out to compute in float32.',
    2,
  );
}

/** Callers without type checks may pass anything. */
function checkTargets(targets: readonly CompileTarget[]): void {
  const isList = Array.isArray(targets);
  if (isList && targets.every((target) => COMPILE_TARGETS.includes(target))) return;
  const got = isList ? targets.map(describeValue).join(', ') : describeValue(targets);
  throw new EncompileError(
    `The targets are ${got}, where a list of 'js', 'wasm' and 'wgsl' was expected. ` +
      'Leave them out to compile for all.',
    2,
  );
}

/** The compilation with the program of one target alone. */
export function onlyFor(compilation: Compilation, target: Target): Compilation {
  const { program, plan } = compiledFor(compilation, target);
  return {
    ...compilation,
    programs: new Map([[target, program]]),
    plans: new Map([[target, plan]]),
  };
}

/** The program and plan of a target that was compiled. */
export function compiledFor(
  { programs, plans }: Compilation,
  target: Target,
): { readonly program: VerifiedProgram; readonly plan: MemoryPlan } {
  const program = programs.get(target);
  const plan = plans.get(target);
  if (program === undefined || plan === undefined) {
    throw new Error(`the model was not compiled for ${target}`);
  }
  return { program, plan };
}
