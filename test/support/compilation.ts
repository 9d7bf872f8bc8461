/** A compilation with other passes than the pipeline, or none. */
import type { Compilation } from '../../src/compile.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { checkPlan } from '../../src/loops/check-plan.ts';
import { lower } from '../../src/loops/lower.ts';
import { planMemory } from '../../src/loops/memory-plan.ts';
import type { Target } from '../../src/loops/program.ts';
import { verifyProgram } from '../../src/loops/verify-program.ts';
import { expandComposites } from '../../src/passes/expand-composites.ts';
import { runPasses } from '../../src/passes/pass.ts';

/** The graph as declared, but for composites that are more than one kernel: recurrent layers. */
export function singleOps(graph: Graph): Graph {
  const isLayered = graph.nodes.some(({ op }) => ['rnn', 'lstm', 'gru'].includes(op));
  return isLayered ? runPasses(graph, [expandComposites]) : graph;
}

/** `optimised` is what passes made of `declared`; its programs are verified, their plans checked. */
export function compilationOf(declared: Graph, optimised: Graph, target: Target): Compilation {
  const program = verifyProgram(lower(optimised, target));
  const plan = planMemory(program);
  checkPlan(program, plan);
  const [programs, plans] = [new Map([[target, program]]), new Map([[target, plan]])];
  return { declared, optimised, approximations: [], ledger: [], programs, plans };
}
