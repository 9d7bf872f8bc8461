/** What `dump` prints: each stage of a compilation in each format it has. */
import { printProgram } from '../backends/print.ts';
import { type Compilation, compiledFor } from '../compile.ts';
import { EncompileError } from '../errors.ts';
import { graphToDot, graphToJson, graphToSvg } from '../ir/dump.ts';
import type { Graph } from '../ir/graph.ts';
import { printGraph } from '../ir/print.ts';
import { printPlan } from '../loops/check-plan.ts';
import { lifetimesOf } from '../loops/memory-plan.ts';
import { printKernels } from '../loops/print.ts';
import type { Target } from '../loops/program.ts';
import { toJson } from './standard-output.ts';

export const STAGES = ['graph', 'loops', 'plan', 'source'] as const;
export type Stage = (typeof STAGES)[number];

export const FORMATS = ['text', 'json', 'dot', 'svg'] as const;
export type Format = (typeof FORMATS)[number];

/** What files of a graph's format end in. */
export const GRAPH_ENDINGS: { readonly [F in Format]: string } = {
  text: 'ir',
  json: 'json',
  dot: 'dot',
  svg: 'svg',
};

export async function graphText(graph: Graph, format: Format): Promise<string> {
  return GRAPH_TEXT[format](graph);
}

const GRAPH_TEXT: { readonly [F in Format]: (graph: Graph) => string | Promise<string> } = {
  text: printGraph,
  json: graphToJson,
  dot: graphToDot,
  svg: graphToSvg,
};

/** A later stage than the graph; these have text and JSON alone. */
export function programText(
  compilation: Compilation,
  stage: Exclude<Stage, 'graph'>,
  target: Target,
  format: Format,
): string {
  if (format !== 'text' && format !== 'json') {
    throw new EncompileError(
      `The stage '${stage}' has no format '${format}': only graphs are drawn. Choose text or json, ` +
        'or --stage graph.',
      2,
    );
  }
  return PROGRAM_TEXT[stage][format](compilation, target);
}

type PrintProgram = (compilation: Compilation, target: Target) => string;

const PROGRAM_TEXT: {
  readonly [S in Exclude<Stage, 'graph'>]: { readonly [F in 'text' | 'json']: PrintProgram };
} = {
  loops: {
    text: (compilation, target) => printKernels(compiledFor(compilation, target).program.kernels),
    json: (compilation, target) => {
      const { name, kernels, steps } = compiledFor(compilation, target).program;
      const calls = steps.map((step) => ({ kernel: step.kernel, arguments: step.arguments }));
      return toJson({ program: name, target, kernels, steps: calls });
    },
  },
  plan: {
    text: (compilation, target) => {
      const { program, plan } = compiledFor(compilation, target);
      return printPlan(program, plan);
    },
    json: (compilation, target) => {
      const { program, plan } = compiledFor(compilation, target);
      const unit = 'elements of 4 bytes';
      return toJson({
        ...{ program: program.name, target, unit, slots: plan.slots },
        lifetimes: lifetimesOf(program).map(({ value, size, first, last }) => {
          return { value, slot: plan.slotOf.get(value), size, first, last };
        }),
      });
    },
  },
  source: {
    text: (compilation, target) => sourceOf(compilation, target).text,
    json: (compilation, target) => toJson(sourceOf(compilation, target)),
  },
};

function sourceOf(compilation: Compilation, target: Target) {
  return printProgram(compiledFor(compilation, target).program);
}
