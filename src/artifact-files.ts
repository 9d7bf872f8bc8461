/** From a compilation to the files of its artifact. */
import { type ArtifactFiles, emitArtifact } from './backends/artifact.ts';
import { exportManifestText } from './backends/manifest.ts';
import { type OnnxExportOptions, toOnnx } from './backends/onnx/export.ts';
import { runtimeFiles } from './backends/runtime-files.ts';
import { type Compilation, compiledFor } from './compile.ts';
import type { Graph } from './ir/graph.ts';
import { runPasses } from './passes/pass.ts';
import { exportPipeline } from './passes/pipeline.ts';
import { roundWeights } from './passes/round-weights.ts';
import { packageVersion } from './version.ts';

export interface ArtifactFilesOptions {
  /** The seed of weights that were made up, for the manifest. */
  readonly randomWeights?: number | null;
  /** How the model is added as `model.onnx`, or whether it is: as declared, in opset 17. */
  readonly onnx?: boolean | OnnxFileOptions;
}

export interface OnnxFileOptions extends OnnxExportOptions {
  /** Whether the graph is written behind the passes that make fewer and larger ops. Default: as declared. */
  readonly optimised?: boolean;
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
  const exports = onnxFiles(declared, onnx);
  const rounded = ledger.some(({ pass, matched }) => pass === roundWeights.name && matched);
  const made = { version: packageVersion(), randomWeights, quantize, rounded };
  if (exports.size > 0 && names.length === 0) {
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

function onnxFiles(
  declared: Graph,
  onnx: boolean | OnnxFileOptions,
): ReadonlyMap<string, Uint8Array> {
  if (onnx === false) return new Map();
  const { optimised = false, ...options } = onnx === true ? {} : onnx;
  const graph = optimised ? runPasses(declared, exportPipeline) : declared;
  return new Map([[ONNX_PATH, toOnnx(graph, options)]]);
}
