/**
 * A pattern of raise: a chain of small ops that means what one larger op means.
 *
 * A pattern looks back from the last node of the chain. It gives null where nothing distinctive is
 * there, so that the ledger does not fill with every addition of the graph, and refuses, with the
 * value that stopped it, where the chain has begun well and then differs.
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';
import { firstResult } from '../node-reading.ts';
import { type Outcome, type Refusal, type Rewrite, refuse } from '../rewrite.ts';

export interface RaisePattern {
  /** What it recognises, as the ledger names it. */
  readonly name: string;
  /** The ops at which it is tried. */
  readonly ops: readonly string[];
  match(node: Node, index: GraphIndex): Outcome | null;
}

/**
 * The outcome of a chain that was read whole: `inside` are its nodes before `root`. A value of
 * theirs with a use elsewhere would be computed twice, so it refuses. Constants are free.
 */
export function raised(
  root: Node,
  inside: readonly Node[],
  index: GraphIndex,
  detail: string,
  write: Rewrite['write'],
): Outcome {
  const second = secondUse(root, inside, index);
  if (second !== null) return second;
  return { rewrite: { replaces: [firstResult(root)], write }, detail };
}

export function secondUse(root: Node, inside: readonly Node[], index: GraphIndex): Refusal | null {
  const known = [root, ...inside];
  for (const node of inside) {
    if (node.op === 'constant') continue;
    const id = firstResult(node);
    const other = index.otherUseOf(id, known);
    if (other !== null) return refuse(id, `${index.nameOf(id)} has a second use: ${other}`);
  }
  return null;
}

/** The node that makes a value, where it is of one of the ops. */
export function madeByOneOf(
  id: ValueId | null | undefined,
  ops: readonly string[],
  index: GraphIndex,
): Node | null {
  const node = id == null ? null : index.producerOf(id);
  return node !== null && ops.includes(node.op) ? node : null;
}
