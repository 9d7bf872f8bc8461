/**
 * Rewriting: patterns find places in a graph, `applyRewrites` writes the graph anew with other
 * nodes there. Patterns match on the old graph alone, so the rewrites of a round are independent.
 *
 * - A rewrite may use any value that stands before the first it replaces, so no cycle can arise.
 * - What replaces a value has its type and takes its name.
 * - Nodes that a rewrite leaves without a use are dropped.
 * - A round is linear in the size of the graph; rounds repeat until none finds anything.
 */
import type { Graph, Value, ValueId } from '../ir/graph.ts';
import { GraphIndex } from './graph-index.ts';
import { GraphWriter } from './graph-writer.ts';
import type { Ledger } from './ledger.ts';
import type { Pass } from './pass.ts';

export interface Rewrite {
  /** The values that get another definition. */
  readonly replaces: readonly ValueId[];
  /** Writes what stands for them, one value each. */
  readonly write: (into: GraphWriter) => readonly Value[];
}

export interface Match {
  readonly rewrite: Rewrite;
  /** What was found, for the ledger. */
  readonly detail: string;
}

/** Why a pattern does not match, in words a user understands, and the value that stopped it. */
export interface Refusal {
  readonly refused: string;
  readonly stopper: ValueId;
}

export type Outcome = Match | Refusal;

export function refuse(stopper: ValueId, refused: string): Refusal {
  return { refused, stopper };
}

export function isRefusal<T extends object>(found: T | Refusal): found is Refusal {
  return 'refused' in found;
}

/** A pattern tried at a value. */
export interface Finding {
  readonly pattern: string;
  readonly at: ValueId;
  readonly outcome: Outcome;
}

/** All places at which a pass tries its patterns, best first where they overlap. */
export type Search = (index: GraphIndex) => readonly Finding[];

/** The graph with every rewrite done; they must replace different values. */
export function applyRewrites(index: GraphIndex, rewrites: readonly Rewrite[]): Graph {
  const starts = new Map<number, Rewrite[]>();
  for (const rewrite of rewrites) {
    const place = Math.min(...rewrite.replaces.map((id) => index.placeOf(id)));
    starts.set(place, [...(starts.get(place) ?? []), rewrite]);
  }
  const writer = new GraphWriter(index);
  index.graph.nodes.forEach((node, place) => {
    for (const rewrite of starts.get(place) ?? []) writer.apply(rewrite, place);
    if (!node.results.every((id) => writer.isReplaced(id))) writer.keep(node);
  });
  return writer.finish();
}

const MOST_ROUNDS = 200;

/** A pass that searches and rewrites until nothing more is found. */
export function rewritingPass(
  pass: Pick<Pass, 'name' | 'summary' | 'reason'>,
  search: Search,
): Pass {
  return {
    ...pass,
    run: (graph, ledger) => {
      let current = graph;
      for (let round = 0; round < MOST_ROUNDS; round++) {
        const index = new GraphIndex(current);
        const findings = withoutOverlaps(search(index));
        const rewrites = findings.flatMap(({ outcome }) =>
          'rewrite' in outcome ? [outcome.rewrite] : [],
        );
        record(pass.name, index, findings, rewrites.length === 0, ledger);
        if (rewrites.length === 0) return current;
        current = applyRewrites(index, rewrites);
      }
      throw new Error(`${pass.name} does not come to an end`);
    },
  };
}

/** Of findings that replace the same value the first; the next round tries the others again. */
function withoutOverlaps(findings: readonly Finding[]): readonly Finding[] {
  const claimed = new Set<ValueId>();
  return findings.filter(({ outcome }) => {
    if (!('rewrite' in outcome)) return true;
    const { replaces } = outcome.rewrite;
    if (replaces.some((id) => claimed.has(id))) return false;
    for (const id of replaces) claimed.add(id);
    return true;
  });
}

/**
 * What was refused counts in the last round, for an earlier one may only have been too early; and
 * beside a match at the same place, of which it is the limit.
 */
function record(
  pass: string,
  index: GraphIndex,
  findings: readonly Finding[],
  isLast: boolean,
  ledger: Ledger,
): void {
  const placeOf = ({ pattern, at }: Finding) => `${at} ${pattern}`;
  const matched = new Set(findings.filter(({ outcome }) => 'rewrite' in outcome).map(placeOf));
  for (const finding of findings) {
    const { pattern, at, outcome } = finding;
    const location = () => index.producerOf(at)?.origin.location() ?? null;
    const tried = { pass, pattern, at: index.value(at).name, location };
    if ('rewrite' in outcome) ledger.record({ ...tried, matched: true, detail: outcome.detail });
    else if (isLast || matched.has(placeOf(finding))) {
      const stopper = index.value(outcome.stopper).name;
      ledger.record({ ...tried, matched: false, reason: outcome.refused, stopper });
    }
  }
}
