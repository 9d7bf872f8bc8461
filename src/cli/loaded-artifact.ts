/**
 * Runs compiled code in this process as its users will: the artifact is written to a temporary
 * folder and its `model.mjs` imported from there.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { artifactFiles } from '../artifact-files.ts';
import type { ArtifactFiles } from '../backends/artifact.ts';
import { TABLE_PLACES } from '../backends/backend-tables.ts';
import { type NodeGpu, requestNodeDevice } from '../check/webgpu-node.ts';
import type { Compilation } from '../compile.ts';
import type { Target } from '../loops/program.ts';
import type { LoadOptions, Model } from '../runtime/load.mts';
import { withTemporaryFolder } from '../temporary-folder.ts';

export interface LoadedArtifact {
  readonly model: Model;
  readonly folder: string;
  readonly files: ArtifactFiles;
  /** Null but for wgsl. */
  readonly gpu: NodeGpu | null;
}

/** What a generated `model.mjs` exports. */
interface ModelModule {
  load(options: LoadOptions): Promise<Model>;
}

/** Loads the artifact for one of its targets; the model, the GPU and the folder last as long as `use`. */
export async function withArtifact<T>(
  compilation: Compilation,
  target: Target,
  use: (loaded: LoadedArtifact) => Promise<T>,
  threads = 1,
): Promise<T> {
  const gpu = target === 'wgsl' ? await requestNodeDevice() : null;
  try {
    return await withTemporaryFolder(async (folder) => {
      const files = await artifactFiles(compilation);
      for (const [path, content] of files) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), content);
      }
      const module: ModelModule = await import(pathToFileURL(join(folder, 'model.mjs')).href);
      const options: LoadOptions = gpu === null ? { threads } : { gpu: gpu.gpu };
      const model = await module.load({ backend: TABLE_PLACES[target].backend, ...options });
      try {
        return await use({ model, folder, files, gpu });
      } finally {
        model.dispose();
      }
    });
  } finally {
    gpu?.release();
  }
}
