/**
 * simplify: an expression  ->  a smaller one of equal value
 *
 * The equations stand at the rules, in `simplify/`, by what they are about. Each keeps the value of
 * every finite element; sums and products with constants may round differently by the last bit.
 * x * 0 stays, for x may be infinite.
 * Requires: nothing.
 * Guarantees: no rule applies any more.
 */
import type { Node } from '../ir/graph.ts';
import type { GraphIndex } from './graph-index.ts';
import { type Finding, type Rewrite, rewritingPass } from './rewrite.ts';
import { arithmeticRules } from './simplify/arithmetic.ts';
import { boundRules } from './simplify/bounds.ts';
import { logicRules } from './simplify/logic.ts';
import { placeRules } from './simplify/places.ts';
import { rowRules } from './simplify/rows.ts';
import { sinkingRules } from './simplify/sinking.ts';
import { sliceRules } from './simplify/slices.ts';
import { viewRules } from './simplify/views.ts';

/** A rule's name is its equation. */
export interface Rule {
  readonly equation: string;
  /** What stands for the only result of the node, or null where the rule does not apply. */
  apply(node: Node, index: GraphIndex): Rewrite['write'] | null;
}

const RULES: readonly Rule[] = [
  ...viewRules,
  ...sliceRules,
  ...placeRules,
  ...boundRules,
  ...arithmeticRules,
  ...logicRules,
  ...sinkingRules,
  ...rowRules,
];

export const simplify = rewritingPass(
  {
    name: 'simplify',
    summary: 'removes what computes nothing: x + 0, transposes of transposes, needless broadcasts',
    reason:
      'after fold-constants, which shows the constants; before patterns, which then need not know detours',
  },
  (index) => index.graph.nodes.flatMap((node) => firstRule(node, index)),
);

function firstRule(node: Node, index: GraphIndex): readonly Finding[] {
  const [at, other] = node.results;
  if (at === undefined || other !== undefined) return [];
  for (const rule of RULES) {
    const write = rule.apply(node, index);
    if (write === null) continue;
    const rewrite = { replaces: [at], write };
    return [{ pattern: rule.equation, at, outcome: { rewrite, detail: `was ${node.op}` } }];
  }
  return [];
}
