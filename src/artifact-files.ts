/** From a compilation to the files of its artifact. */
import { type ArtifactFiles, emitArtifact } from './backends/artifact.ts';
import { runtimeFiles } from './backends/runtime-files.ts';
import { type Compilation, compiledFor } from './compile.ts';
import { packageVersion } from './version.ts';

export interface ArtifactFilesOptions {
  /** The seed of weights that were made up, for the manifest. */
  readonly randomWeights?: number | null;
}

/**
 * The files of an artifact with every target that was compiled, by path.
 *
 * @throws EncompileError where a weight has no numbers, or a kernel exceeds a target's limits
 */
export async function artifactFiles(
  compilation: Compilation,
  options: ArtifactFilesOptions = {},
): Promise<ArtifactFiles> {
  const names = [...compilation.programs.keys()];
  return emitArtifact({
    targets: names.map((target) => compiledFor(compilation, target)),
    runtime: await runtimeFiles(names),
    version: packageVersion(),
    randomWeights: options.randomWeights ?? null,
  });
}
