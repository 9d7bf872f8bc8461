/**
 * What users compile for, and the programs that each of these stands for. WebAssembly has two: which
 * one runs is known only on the user's host, so every artifact for it carries both.
 */
import type { Target } from './loops/program.ts';

/** As in `--target` and `compile(model, { targets })`. */
export type CompileTarget = 'js' | 'wasm' | 'wgsl';

const PROGRAMS: { readonly [T in CompileTarget]: readonly Target[] } = {
  js: ['js'],
  wasm: ['wasm', 'wasm-relaxed'],
  wgsl: ['wgsl'],
};

/** All there are, in the order of artifacts. */
export const COMPILE_TARGETS: readonly CompileTarget[] = ['js', 'wasm', 'wgsl'];

/** The programs of all targets, in the order of artifacts. */
export const PROGRAM_TARGETS: readonly Target[] = programsFor(COMPILE_TARGETS);

export function isCompileTarget(name: string): name is CompileTarget {
  return Object.hasOwn(PROGRAMS, name);
}

export function programsFor(targets: readonly CompileTarget[]): readonly Target[] {
  return [...new Set(targets)].flatMap((target) => PROGRAMS[target]);
}

/** The target that one compiles for to get a program. */
export function compileTargetOf(program: Target): CompileTarget {
  const found = COMPILE_TARGETS.find((target) => PROGRAMS[target].includes(program));
  if (found === undefined) throw new Error(`nothing compiles to ${program}`);
  return found;
}
