/**
 * The order of passes. Each one's `reason` says why it stands where it does; the whole:
 * make one form of everything, then recognise patterns, then form kernels.
 */
import { expandComposites } from './expand-composites.ts';
import { foldConstants } from './fold-constants.ts';
import { fuseAddNorm } from './fuse-add-norm.ts';
import { fuseAttention } from './fuse-attention.ts';
import { fuseElementwise } from './fuse-elementwise.ts';
import { fuseEmbeddingNorm } from './fuse-embedding-norm.ts';
import { fuseEpilogue } from './fuse-epilogue.ts';
import { mergeDuplicates } from './merge-duplicates.ts';
import { mergeProjections } from './merge-projections.ts';
import type { Pass } from './pass.ts';
import { quantize } from './quantize.ts';
import { removeDead } from './remove-dead.ts';
import { simplify } from './simplify.ts';

export const pipeline: readonly Pass[] = [
  expandComposites,
  removeDead,
  foldConstants,
  simplify,
  mergeDuplicates,
  fuseAttention,
  mergeProjections,
  fuseEmbeddingNorm,
  fuseAddNorm,
  fuseEpilogue,
  fuseElementwise,
];

/** The pipeline of a model whose products with weights shall run on bytes. */
export const quantizingPipeline: readonly Pass[] = pipeline.flatMap((pass) =>
  pass === mergeProjections ? [pass, quantize] : [pass],
);
