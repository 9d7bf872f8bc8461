/** From a compilation to the files of its artifact. */
import { type ArtifactFiles, emitArtifact } from './backends/artifact.ts';
import { exportManifestText } from './backends/manifest.ts';
import { toOnnx } from './backends/onnx/export.ts';
import { runtimeFiles } from './backends/runtime-files.ts';
import { type Compilation, compiledFor } from './compile.ts';
import { roundWeights } from './passes/round-weights.ts';
import { packageVersion } from './version.ts';

export interface ArtifactFilesOptions {
  /** The seed of weights that were made up, for the manifest. */
  readonly randomWeights?: number | null;
  /** Whether the model as declared is added as `model.onnx`. */
  readonly onnx?: boolean;
}

export const ONNX_PATH = 'model.onnx';

/**
 * The files of an artifact with every target that was compiled, by path. Where there is none but an
 * exported model, they are that model and a manifest.
 *
 * @throws EncompileError where a weight has no numbers, or a kernel exceeds a target's limits
 */
export async function artifactFiles(
  compilation: Compilation,
  { randomWeights = null, onnx = false }: ArtifactFilesOptions = {},
): Promise<ArtifactFiles> {
  const { declared, programs, ledger, quantize = null, weights } = compilation;
  const names = [...programs.keys()];
  const exports = new Map(onnx ? [[ONNX_PATH, toOnnx(declared)]] : []);
  const rounded = ledger.some(({ pass, matched }) => pass === roundWeights.name && matched);
  const made = { version: packageVersion(), randomWeights, quantize, rounded };
  if (onnx && names.length === 0) {
    return new Map<string, string | Uint8Array>([
      ...exports,
      ['manifest.json', exportManifestText(declared, exports, made)],
    ]);
  }
  return emitArtifact({
    targets: names.map((target) => compiledFor(compilation, target)),
    runtime: await runtimeFiles(names),
    exports,
    ...(weights === undefined ? {} : { weights }),
    ...made,
  });
}
