/** Writes artifacts to temporary folders and loads them as a user would. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { artifactFiles } from '../../src/artifact-files.ts';
import { type ArtifactFiles, emitArtifact } from '../../src/backends/artifact.ts';
import { runtimeFiles } from '../../src/backends/runtime-files.ts';
import { writeArtifact } from '../../src/backends/write-artifact.ts';
import type { Compilation } from '../../src/compile.ts';
import { checkPlan } from '../../src/loops/check-plan.ts';
import { planMemory } from '../../src/loops/memory-plan.ts';
import type { VerifiedProgram } from '../../src/loops/verify-program.ts';
import type { LoadOptions, Model } from '../../src/runtime/load.mts';

export interface ArtifactFolder {
  readonly path: string;
  load(options?: LoadOptions): Promise<Model>;
  remove(): Promise<void>;
}

export async function emit(programs: readonly VerifiedProgram[]) {
  const targets = programs.map((program) => {
    const plan = planMemory(program);
    checkPlan(program, plan);
    return { program, plan };
  });
  const runtime = await runtimeFiles(programs.map(({ target }) => target));
  return emitArtifact({ targets, runtime, version: '0.0.0-test' });
}

export async function artifactFolder(
  programs: readonly VerifiedProgram[],
): Promise<ArtifactFolder> {
  return folderOf(await emit(programs));
}

/** The artifact of a compilation; its folder lasts as long as `use`. */
export async function withArtifactOf<T>(
  compilation: Compilation,
  use: (folder: ArtifactFolder) => Promise<T>,
): Promise<T> {
  const folder = await folderOf(await artifactFiles(compilation));
  try {
    return await use(folder);
  } finally {
    await folder.remove();
  }
}

async function folderOf(files: ArtifactFiles): Promise<ArtifactFolder> {
  const parent = await mkdtemp(join(tmpdir(), 'encompile-artifact-'));
  const path = join(parent, 'model');
  await writeArtifact(path, files);
  const module: { load(options?: LoadOptions): Promise<Model> } = await import(
    /* @vite-ignore */ pathToFileURL(join(path, 'model.mjs')).href
  );
  return {
    path,
    load: (options) => module.load(options),
    remove: () => rm(parent, { recursive: true }),
  };
}
