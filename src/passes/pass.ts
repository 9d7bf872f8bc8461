/**
 * What a pass is, and how passes run: one after another, the graph verified after each.
 */
import type { Graph } from '../ir/graph.ts';
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

function runEverywhere(pass: Pass, graph: Graph, ledger: Ledger): Graph {
  const next = pass.run(graph, ledger);
  const nodes = next.nodes.map((node) => {
    const { meaning } = opDefinition(node.op);
    if (node.body === null || meaning.kind !== 'region' || meaning.isKernel) return node;
    const body = runEverywhere(pass, node.body, ledger);
    return body === node.body ? node : { ...node, body };
  });
  return nodes.every((node, i) => node === next.nodes[i]) ? next : { ...next, nodes };
}

function verifyAfter(pass: Pass, graph: Graph): void {
  try {
    verifyGraph(graph);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(`The pass ${pass.name} left a broken graph: ${said}`, { cause: error });
  }
}
