/**
 * raise: a chain of small ops  ->  the op that it means
 *
 * Exporters write layer_norm, gelu or softmax as the additions and quotients that they are made of,
 * each exporter in its own way. The patterns stand in `raise/`, one a file, each with its equation.
 * Requires: nothing inside the chain has a use elsewhere.
 * Guarantees: the meaning stays within the op's tolerance. Constants may differ from the formula's by
 * roundings of float32 (`raise/constants.ts`). What was declared with the op itself is left alone.
 */
import type { GraphIndex } from './graph-index.ts';
import { firstResult } from './node-reading.ts';
import { embedding } from './raise/embedding.ts';
import { eps } from './raise/eps.ts';
import { gelu } from './raise/gelu.ts';
import { hiddenQueries, maskedSoftmax } from './raise/hidden-rows.ts';
import { layerNorm } from './raise/layer-norm.ts';
import { logSoftmax } from './raise/log-softmax.ts';
import { addedMasks, hiddenWeights, loweredScores, nanGuard, visibleKeys } from './raise/mask.ts';
import type { RaisePattern } from './raise/pattern.ts';
import { rmsNorm } from './raise/rms-norm.ts';
import { sigmoid } from './raise/sigmoid.ts';
import { silu } from './raise/silu.ts';
import { shiftedSoftmax, softmax } from './raise/softmax.ts';
import { type Finding, rewritingPass } from './rewrite.ts';

export const PATTERNS: readonly RaisePattern[] = [
  layerNorm,
  rmsNorm,
  gelu,
  softmax,
  shiftedSoftmax,
  logSoftmax,
  sigmoid,
  silu,
  embedding,
  eps,
  visibleKeys,
  loweredScores,
  addedMasks,
  hiddenWeights,
  nanGuard,
  maskedSoftmax,
  hiddenQueries,
];

export const raise = rewritingPass(
  {
    name: 'raise',
    summary: 'makes one op of the chains that exporters write for layer_norm, gelu, softmax, ..',
    reason:
      'after simplify and merge-duplicates, which leave one form of each chain; before fuse-attention, which looks for a softmax, and fuse-add-norm, which looks for a layer_norm',
  },
  search,
);

function search(index: GraphIndex): readonly Finding[] {
  return index.graph.nodes.flatMap((node) => {
    if (node.results.length !== 1) return [];
    return PATTERNS.flatMap(({ name, ops, match }) => {
      const outcome = ops.includes(node.op) ? match(node, index) : null;
      if (outcome === null) return [];
      const [replaced] = 'rewrite' in outcome ? outcome.rewrite.replaces : [];
      return [{ pattern: name, at: replaced ?? firstResult(node), outcome }];
    });
  });
}
