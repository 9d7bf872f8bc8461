/**
 * The artifact of a model: every file that a host needs to run it, from verified programs of one model
 * for one or more targets. Equal programs give equal files.
 */
import type { MemoryPlan } from '../loops/memory-plan.ts';
import type { Target } from '../loops/program.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import type { Backend } from './backend.ts';
import { jsBackend } from './js/module.ts';
import { manifestText } from './manifest.ts';
import { BACKEND_NAME, modelModule, type PrintedTarget } from './model-module.ts';
import { modelTypes } from './model-types.ts';
import { packWeights } from './weights-file.ts';
import { wgslBackend } from './wgsl/module.ts';

export const BACKENDS: { readonly [T in Target]: Backend } = {
  js: jsBackend,
  wasm: unprinted('wasm'),
  'wasm-relaxed': unprinted('wasm-relaxed'),
  wgsl: wgslBackend,
};

/** Its programs can be lowered and emulated; there is no text yet. */
function unprinted(target: Target): Backend {
  return {
    target,
    print: () => {
      throw new Error(`programs for ${target} are not printed yet`);
    },
  };
}

/** Contents by path, `/` between folders. */
export type ArtifactFiles = ReadonlyMap<string, string | Uint8Array>;

export interface ArtifactTarget {
  readonly program: VerifiedProgram;
  readonly plan: MemoryPlan;
}

export interface ArtifactOptions {
  /** One entry a target, all of the same model. */
  readonly targets: readonly ArtifactTarget[];
  /** Of `runtimeFiles` for these targets. */
  readonly runtime: ReadonlyMap<string, string>;
  /** Encompile's own. */
  readonly version: string;
  /** The seed of weights that were made up where the model has none. */
  readonly randomWeights?: number | null;
}

/** @throws EncompileError where weights are missing or a kernel exceeds a target's limits. */
export function emitArtifact(options: ArtifactOptions): ArtifactFiles {
  const { targets, runtime, version, randomWeights = null } = options;
  const [first] = targets;
  if (first === undefined) throw new Error('an artifact needs at least one target');
  for (const { program } of targets) checkSameModel(first.program, program);
  const printed = targets.map(
    ({ program, plan }): PrintedTarget => ({
      program,
      plan,
      source: BACKENDS[program.target].print(program),
    }),
  );
  const weights = packWeights(targets.map(({ program }) => program));
  const names = targets.map(({ program }) => BACKEND_NAME[program.target]);
  const types = modelTypes(first.program, names);
  const files = new Map<string, string | Uint8Array>([
    ['model.mjs', modelModule(first.program, printed, weights)],
    ['model.d.ts', types],
    // TypeScript takes the types of model.mjs from a file of this name alone.
    ['model.d.mts', types],
    ...printed.map(({ source }) => [source.path, source.text] as const),
    ['weights.bin', weights.content],
    ...runtime,
  ]);
  const made = { version, randomWeights };
  files.set('manifest.json', manifestText(first.program, printed, weights, files, made));
  return files;
}

function checkSameModel(a: VerifiedProgram, b: VerifiedProgram): void {
  const shown = [a, b].map(({ name, symbols, inputs, outputs }) => {
    const io = [...inputs, ...outputs].map(({ name, dtype, shape }) => [name, dtype, shape]);
    return JSON.stringify([name, symbols, io]);
  });
  if (shown[0] === shown[1]) return;
  throw new Error(`the programs for ${a.target} and ${b.target} are of different models`);
}
