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
import { isApproximation, pipelineWith } from './passes/pipeline.ts';
import {
  COMPILE_TARGETS,
  type CompileTarget,
  EXACT_TARGETS,
  programsFor,
  QUANTIZED_TARGETS,
} from './targets.ts';
import { WEIGHT_STORAGES, type WeightStorage } from './weight-storage.ts';

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
  /**
   * How weights of f32 are stored. 'f16': rounded to float16, in two bytes a number, which changes what
   * the model computes a little; those that float16 cannot hold stay. 'f32': in four bytes each. Left out:
   * in two bytes where no number changes by that, as those of a float16 file, and else in four.
   */
  readonly weights?: WeightStorage;
  /** Called after each pass with the verified graph. */
  readonly onPass?: (name: string, graph: Graph) => void;
  /** Called before each stage, with its name. */
  readonly onProgress?: (stage: string) => void;
}

export const QUANTIZATIONS = ['int8'] as const;
export type Quantization = (typeof QUANTIZATIONS)[number];

/** The graph on either side of a pass that changes its meaning. */
export interface Approximation {
  readonly pass: string;
  readonly before: Graph;
  readonly after: Graph;
}

/** A compiled graph, still in memory: what artifacts are written from and checks look at. */
export interface Compilation {
  readonly declared: Graph;
  readonly optimised: Graph;
  /** Of weights that were quantised or rounded, in order: `optimised` computes what the last left. */
  readonly approximations: readonly Approximation[];
  /** As asked for. */
  readonly quantize?: Quantization;
  readonly weights?: WeightStorage;
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
  const { exact = false, quantize, weights, onPass, onProgress = () => {} } = options;
  const { targets = defaultTargets(exact, quantize) } = options;
  checkTargets(targets);
  checkQuantization(quantize, exact);
  checkStorage(weights);
  const wanted = programsFor(targets, exact);
  verifyGraph(graph);
  const ledger = new Ledger();
  const passes = pipelineWith({ quantize: quantize !== undefined, round: weights === 'f16' });
  let passed = 0;
  let current = graph;
  const approximations: Approximation[] = [];
  const announcePass = () => {
    const next = passes[passed++];
    if (next !== undefined) onProgress(next.name);
  };
  announcePass();
  const optimised = runPasses(graph, passes, {
    ledger,
    onPass: (name, after) => {
      if (isApproximation(name)) approximations.push({ pass: name, before: current, after });
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
  return {
    ...{ declared: graph, optimised, approximations, ledger: ledger.entries, programs, plans },
    ...(quantize === undefined ? {} : { quantize }),
    ...(weights === undefined ? {} : { weights }),
  };
}

/** The graph before all passes that change its meaning, and after them; null where none ran. */
export function aroundAll(
  approximations: readonly Approximation[],
): Omit<Approximation, 'pass'> | null {
  const [first, last] = [approximations[0], approximations.at(-1)];
  return first === undefined || last === undefined
    ? null
    : { before: first.before, after: last.after };
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

/** Callers without type checks may pass anything, and most likely the numbers. */
function checkStorage(weights: unknown): void {
  if (weights === undefined || WEIGHT_STORAGES.some((known) => known === weights)) return;
  throw new EncompileError(
    `weights is ${describeValue(weights)}, where 'f16' or 'f32' was expected: how weights are stored. ` +
      'Their numbers come with the model: model(name, build, { weights }).',
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
