/**
 * The artifact of a model: every file that a host needs to run it, from verified programs of one model
 * for one or more targets. Equal programs give equal files.
 */
import type { MemoryPlan } from '../loops/memory-plan.ts';
import type { Target } from '../loops/program.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import type { WeightStorage } from '../weight-storage.ts';
import { type KernelSource, wasmPathOf } from './backend.ts';
import { type PrintedTarget, TABLE_PLACES } from './backend-tables.ts';
import { manifestText } from './manifest.ts';
import { modelModule } from './model-module.ts';
import { modelTypes } from './model-types.ts';
import { assembledSource, printProgram } from './print.ts';
import { withoutFunctionsOf } from './wasm/module.ts';
import { packWeights } from './weights-file.ts';

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
  /** The model in formats of other runtimes, by path. */
  readonly exports?: ReadonlyMap<string, Uint8Array>;
  /** Encompile's own. */
  readonly version: string;
  /** The seed of weights that were made up where the model has none. */
  readonly randomWeights?: number | null;
  /** What products with weights were quantised to. */
  readonly quantize?: string | null;
  /** Whether weights were rounded to float16. */
  readonly rounded?: boolean;
  /** See `packWeights`. */
  readonly weights?: WeightStorage;
}

/** @throws EncompileError where weights are missing or a kernel exceeds a target's limits. */
export async function emitArtifact(options: ArtifactOptions): Promise<ArtifactFiles> {
  const { targets, runtime, version, randomWeights = null } = options;
  const [first] = targets;
  if (first === undefined) throw new Error('an artifact needs at least one target');
  for (const { program } of targets) checkSameModel(first.program, program);
  const printed = targets.map(
    ({ program, plan }): PrintedTarget => ({
      program,
      plan,
      source: printProgram(program),
    }),
  );
  const weights = packWeights(
    targets.map(({ program }) => program),
    options.weights,
  );
  const names = new Set(targets.map(({ program }) => TABLE_PLACES[program.target].backend));
  const types = modelTypes(first.program, [...names]);
  const binaries = await Promise.all(printed.map(({ source }) => BINARIES[source.target](source)));
  const files = new Map<string, string | Uint8Array>([
    ['model.mjs', modelModule(first.program, printed, weights)],
    ['model.d.ts', types],
    ['model.d.mts', MODULE_TYPES],
    ...printed.flatMap(({ source }, i) => [
      [source.path, shippedText(source, printed[i - 1]?.source)] as const,
      ...(binaries[i] ?? []),
    ]),
    ['weights.bin', weights.content],
    ...runtime,
    ...(options.exports ?? []),
  ]);
  const { quantize = null, rounded = false } = options;
  const made = { version, randomWeights, quantize, rounded };
  files.set('manifest.json', manifestText(first.program, printed, weights, files, made));
  return files;
}

/** TypeScript takes the types of model.mjs from a file of this name alone. */
const MODULE_TYPES = "export * from './model.js';\n";

/** For reading: what the text before has is not said again. */
function shippedText(source: KernelSource, before: KernelSource | undefined): string {
  const follows = source.target === 'wasm-relaxed' && before?.target === 'wasm';
  return follows ? withoutFunctionsOf(before, source) : source.text;
}

type Binaries = (source: KernelSource) => Promise<readonly (readonly [string, Uint8Array])[]>;

const assembled: Binaries = async (source) => [[wasmPathOf(source), await assembledSource(source)]];

/** What hosts run where that is not the text itself. */
const BINARIES: { readonly [T in Target]: Binaries } = {
  js: async () => [],
  wasm: assembled,
  'wasm-relaxed': assembled,
  wgsl: async () => [],
};

function checkSameModel(a: VerifiedProgram, b: VerifiedProgram): void {
  const shown = [a, b].map(({ name, symbols, inputs, outputs }) => {
    const io = [...inputs, ...outputs].map(({ name, dtype, shape }) => [name, dtype, shape]);
    return JSON.stringify([name, symbols, io]);
  });
  if (shown[0] === shown[1]) return;
  throw new Error(`the programs for ${a.target} and ${b.target} are of different models`);
}
