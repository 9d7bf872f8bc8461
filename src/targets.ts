/**
 * What users compile for, and the programs that each of these stands for. WebAssembly has two: which
 * one runs is known only on the user's host, so every artifact for it carries both.
 */
import { EncompileError } from './errors.ts';
import type { Target } from './loops/program.ts';

/** As in `--target` and `compile(model, { targets })`. */
export type CompileTarget = 'js' | 'wasm' | 'wgsl';

const PROGRAMS: { readonly [T in CompileTarget]: readonly Target[] } = {
  js: ['js'],
  wasm: ['wasm', 'wasm-relaxed'],
  wgsl: ['wgsl'],
};

/** What a quantised model is compiled for by default: the others lack instructions for bytes. */
export const QUANTIZED_TARGETS: readonly CompileTarget[] = ['wasm'];

/** Why the programs of a target are never exact; null where they can be. */
const INEXACT: { readonly [T in Target]: string | null } = {
  js: null,
  wasm: null,
  'wasm-relaxed': 'relaxed SIMD leaves to the processor whether a multiply-add rounds its product',
  wgsl: 'WGSL leaves to the GPU how division, exp and other functions round',
};

/** Those whose programs can be exact, in the order of artifacts. */
export const EXACT_TARGETS: readonly CompileTarget[] = ['js', 'wasm'];

/** All there are, in the order of artifacts. */
export const COMPILE_TARGETS: readonly CompileTarget[] = ['js', 'wasm', 'wgsl'];

/** The programs of all targets, in the order of artifacts. */
export const PROGRAM_TARGETS: readonly Target[] = programsFor(COMPILE_TARGETS);

export function isCompileTarget(name: string): name is CompileTarget {
  return Object.hasOwn(PROGRAMS, name);
}

/**
 * @param exact leaves out the programs that cannot be exact
 * @throws EncompileError where a target has none that can
 */
export function programsFor(targets: readonly CompileTarget[], exact = false): readonly Target[] {
  return [...new Set(targets)].flatMap((target) => {
    const programs = PROGRAMS[target];
    if (!exact) return programs;
    const able = programs.filter((program) => INEXACT[program] === null);
    if (able.length === 0) programs.forEach(checkExact);
    return able;
  });
}

/** @throws EncompileError where a program cannot be exact */
export function checkExact(program: Target): void {
  const reason = INEXACT[program];
  if (reason === null) return;
  throw new EncompileError(
    `${program} has no exact mode: ${reason}, so the same bits everywhere cannot be promised. ` +
      `Choose from ${EXACT_TARGETS.join(' and ')}, or leave exact mode out.`,
    2,
  );
}

/** The target that one compiles for to get a program. */
export function compileTargetOf(program: Target): CompileTarget {
  const found = COMPILE_TARGETS.find((target) => PROGRAMS[target].includes(program));
  if (found === undefined) throw new Error(`nothing compiles to ${program}`);
  return found;
}
