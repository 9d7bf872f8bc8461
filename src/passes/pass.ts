/**
 * What a pass is, and how passes run: one after another, the graph verified after each.
 */
import type { Graph, Node } from '../ir/graph.ts';
import { opDefinition } from '../ir/ops/index.ts';
import { verifyGraph } from '../ir/verify.ts';
import { Ledger } from './ledger.ts';

/**
 * A rewrite of the whole graph. It keeps what the graph computes, and is idempotent: a second run
 * changes nothing.
 */
export interface Pass {
  /** The file's name, the label of its dump and its command-line flag. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Why it stands at its place in the pipeline. */
  readonly reason: string;
  run(graph: Graph, ledger: Ledger): Graph;
}

export interface RunOptions {
  readonly ledger?: Ledger;
  /** Called after each pass with the verified graph. */
  readonly onPass?: (name: string, graph: Graph) => void;
}

/**
 * Runs passes in order, each on the graph and then on the bodies in it that are no kernels; a graph that a pass
 * leaves broken is an error that names the pass.
 */
export function runPasses(
  graph: Graph,
  passes: readonly Pass[],
  { ledger = new Ledger(), onPass }: RunOptions = {},
): Graph {
  let current = graph;
  for (const pass of passes) {
    const next = runEverywhere(pass, current, ledger);
    if (next !== current) verifyAfter(pass, next);
    current = next;
    onPass?.(pass.name, current);
  }
  return current;
}

/** On bodies first, for what comes out of one is then in the graph around; again, where the pass made more. */
function runEverywhere(pass: Pass, graph: Graph, ledger: Ledger): Graph {
  const nodes = graph.nodes.map((node) => {
    if (!isRewritten(node) || node.body === null) return node;
    const body = runEverywhere(pass, node.body, ledger);
    return body === node.body ? node : { ...node, body };
  });
  const isSame = nodes.every((node, i) => node === graph.nodes[i]);
  const inside = isSame ? graph : { ...graph, nodes };
  const next = pass.run(inside, ledger);
  return next === inside || !next.nodes.some(isRewritten)
    ? next
    : runEverywhere(pass, next, ledger);
}

/** Whether a node has a body that is no kernel. */
function isRewritten({ op, body }: Node): boolean {
  const { meaning } = opDefinition(op);
  return body !== null && meaning.kind === 'region' && !meaning.isKernel;
}

function verifyAfter(pass: Pass, graph: Graph): void {
  try {
    verifyGraph(graph);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(`The pass ${pass.name} left a broken graph: ${said}`, { cause: error });
  }
}
