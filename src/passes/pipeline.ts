/**
 * The order of passes. Each one's `reason` says why it stands where it does; the whole:
 * make one form of everything, then recognise patterns, then form kernels.
 */
import type { OpName } from '../ir/ops/index.ts';
import { expandAllBut, expandComposites } from './expand-composites.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { foldConstants } from './fold-constants.ts';
import { fuseAddNorm } from './fuse-add-norm.ts';
import { fuseAttention } from './fuse-attention.ts';
import { fuseElementwise } from './fuse-elementwise.ts';
import { fuseEmbeddingNorm } from './fuse-embedding-norm.ts';
import { fuseEpilogue } from './fuse-epilogue.ts';
import { hoistFromScan } from './hoist-from-scan.ts';
import { mergeDuplicates } from './merge-duplicates.ts';
import { mergeProjections } from './merge-projections.ts';
import { openDepthwise } from './open-depthwise.ts';
import type { Pass } from './pass.ts';
import { quantize } from './quantize.ts';
import { raise } from './raise.ts';
import { removeDead } from './remove-dead.ts';
import { removePadding } from './remove-padding.ts';
import { roundWeights } from './round-weights.ts';
import { simplify } from './simplify.ts';

/** One form of everything, and the patterns that are recognised in it. */
const recognition: readonly Pass[] = [
  foldConstants,
  simplify,
  mergeDuplicates,
  raise,
  fuseAttention,
  mergeProjections,
];

export const pipeline: readonly Pass[] = [
  expandComposites,
  hoistFromScan,
  removeDead,
  foldBatchNorm,
  openDepthwise,
  ...recognition,
  removePadding,
  fuseEmbeddingNorm,
  fuseAddNorm,
  fuseEpilogue,
  fuseElementwise,
];

/** Composites of which no kernel is made as a whole here, and one is in other runtimes. */
const STANDARD_OPS = new Set<OpName>(['max_pool', 'average_pool', 'rnn', 'lstm', 'gru']);

/**
 * For a model that other runtimes run: fewer and larger ops, of which the runtime forms the kernels. It has
 * one for a convolution of single channels, and no attention over packed rows.
 */
export const exportPipeline: readonly Pass[] = [
  expandAllBut(STANDARD_OPS),
  hoistFromScan,
  removeDead,
  foldBatchNorm,
  ...recognition,
];

/** Passes that change what a graph computes, as far as they are asked for. */
export interface Approximations {
  /** Products with weights shall run on bytes. */
  readonly quantize: boolean;
  /** Weights shall be float16. */
  readonly round: boolean;
}

/** The pipeline with the passes that are asked for, which follow one another. */
export function pipelineWith({ quantize: bytes, round }: Approximations): readonly Pass[] {
  const asked = [...(bytes ? [quantize] : []), ...(round ? [roundWeights] : [])];
  return pipeline.flatMap((pass) => (pass === removePadding ? [pass, ...asked] : [pass]));
}

export const wholePipeline = pipelineWith({ quantize: true, round: true });

/** Whether a pass may change results by more than rounding. */
export function isApproximation(name: string): boolean {
  return name === quantize.name || name === roundWeights.name;
}
