/**
 * What is asked of a random graph: that ONNX Runtime, the re-imported export and the backends all give
 * what the interpreter gives for the declared graph.
 */
import { Float16Array } from '@petamoriken/float16';
import { toOnnx } from '../../src/backends/onnx/export.ts';
import type { OnnxOpset } from '../../src/backends/onnx/opsets.ts';
import { openBackend } from '../../src/check/backends.ts';
import { targetOf } from '../../src/check/check.ts';
import { randomInputs } from '../../src/check/inputs.ts';
import { type CheckBackend, compare } from '../../src/check/report.ts';
import { compiledFor } from '../../src/compile.ts';
import { graphOfModel } from '../../src/frontends/onnx/index.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import type { Graph, Node } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import type { Tolerance } from '../../src/ir/op-arguments.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { isFloat } from '../../src/ir/types.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';
import { type Pass, runPasses } from '../../src/passes/pass.ts';
import { exportPipeline, pipeline } from '../../src/passes/pipeline.ts';
import { missingFeature } from '../../src/wasm-kernels.ts';
import { compilationOf } from '../support/compilation.ts';
import { scattersExtremes } from '../support/op-cases.ts';
import { openOnnx } from './onnx-runtime.mjs';
import type { Case } from './random-case.ts';

type Arrays = ReadonlyMap<string, NdArray>;
type Got = ReadonlyMap<string, { readonly data: ArrayLike<number> }>;

/** One run of the graph, with what the interpreter says. */
interface Run {
  readonly sizes: Sizes;
  readonly inputs: Arrays;
  readonly want: Arrays;
}

export interface Disagreement {
  /** Who disagrees with the interpreter. */
  readonly who: string;
  readonly what: string;
}

/** Of float32 against float64 over a whole model. */
const TOLERANCE: Tolerance = { absolute: 1e-4, relative: 1e-3 };
/** Of two orders of operations in float64, and constants that went through float32. */
const CLOSE: Tolerance = { absolute: 1e-5, relative: 1e-4 };
const EXACT: Tolerance = { absolute: 0, relative: 0 };

/** How the graph with a number is exported. */
export interface Export {
  readonly opset: OnnxOpset;
  readonly form: keyof typeof FORMS;
}

const FORMS = {
  declared: [],
  optimised: exportPipeline,
  fused: pipeline,
} as const satisfies { readonly [form: string]: readonly Pass[] };

const OPSETS = [17, 23, 20, 18, 23, 19] as const satisfies readonly OnnxOpset[];
const EXPORTS: readonly Export[] = OPSETS.flatMap((opset) =>
  (['declared', 'optimised', 'declared', 'fused'] as const).map((form) => ({ opset, form })),
);

/** Seven is prime to the shares of graphs that the checks take. */
export function exportFor(number: number): Export {
  const found = EXPORTS[Math.floor(number / 7) % EXPORTS.length];
  if (found === undefined) throw new Error('there is no such export');
  return found;
}

export function runsOf({ graph, sizes }: Case): readonly Run[] {
  return sizes.map((size, i) => {
    const inputs = randomInputs(graph, size, 1 + i);
    return { sizes: size, inputs, want: interpret(graph, inputs).outputs };
  });
}

/** `model` is null where the exporter says that the opset has no op for the graph. */
type Check = (graph: Graph, runs: readonly Run[], model: Uint8Array | null) => Promise<void>;

/** The checks of the graph with that number, by who is asked: some are for a share of the graphs. */
function checksFor(number: number, comesBack: boolean): ReadonlyMap<string, Check> {
  const every = (n: number, at = 0) => number % n === at;
  const optimisation = every(2) ? 'disabled' : 'all';
  const checks = new Map<string, Check>([
    [`ONNX Runtime, optimisations ${optimisation}`, inOnnxRuntime(optimisation)],
    ...(comesBack ? ([['import of the export', imported]] as const) : []),
  ]);
  const backends: readonly (readonly [CheckBackend, boolean])[] = [
    ['js', every(4)],
    ['wasm', every(8, 1)],
    ['wasm-relaxed', every(8, 5) && missingFeature('wasm-relaxed') === null],
    ['emulator-wasm-relaxed', every(32, 3)],
    ['emulator-wgsl', every(32, 8)],
  ];
  for (const [backend, wanted] of backends) if (wanted) checks.set(backend, onBackend(backend));
  return checks;
}

/** The first check that the graph does not pass. */
export async function disagreement(given: Case, number: number): Promise<Disagreement | null> {
  let who = 'the exporter';
  try {
    const runs = runsOf(given);
    const how = exportFor(number);
    const model = exportedAs(given.graph, how);
    for (const [name, check] of checksFor(number, comesBack(given.graph, how))) {
      who = `${name} (opset ${how.opset}, ${how.form})`;
      await check(given.graph, runs, model);
    }
    return null;
  } catch (error) {
    return { who, what: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

export function exportedAs(graph: Graph, { opset, form }: Export): Uint8Array | null {
  if (!isExportable(graph, opset)) return null;
  return toOnnx(formOf(graph, form), { opset });
}

function formOf(graph: Graph, form: Export['form']): Graph {
  return runPasses(graph, FORMS[form]);
}

/** Before opset 18 neither the largest nor the smallest is scattered, which the exporter says. */
export function isExportable(graph: Graph, opset: OnnxOpset): boolean {
  return opset >= 18 || !scattersExtremes(graph);
}

/** Whether the importer takes what the exporter writes: it counts what is not 0, and nothing besides. */
export function comesBack(graph: Graph, { opset, form }: Export): boolean {
  const countsMore = ({ op, attributes: { always } }: Node) =>
    op === 'nonzero' && [always].flat().length > 0;
  return isExportable(graph, opset) && !formOf(graph, form).nodes.some(countsMore);
}

function inOnnxRuntime(optimisation: string): Check {
  return async (_graph, runs, model) => {
    if (model === null) return;
    const session = await openOnnx(model, optimisation);
    try {
      for (const { sizes, inputs, want } of runs) {
        const got = await session.run(inputs);
        for (const [name, { dtype, shape }] of want) {
          const other = got.get(name);
          if (other?.dtype === dtype && String(other.shape) === String(shape)) continue;
          throw new Error(
            `%${name} is ${other?.dtype}[${other?.shape}], and was ${dtype}[${shape}]`,
          );
        }
        expectSame(got, want, TOLERANCE, sizes);
      }
    } finally {
      await session.release();
    }
  };
}

const imported: Check = async (_graph, runs, model) => {
  if (model === null) return;
  const file = { model: decodeModel(model, 'the export'), external: new Map() };
  const again = graphOfModel(file, 'the export');
  for (const { sizes, inputs, want } of runs) {
    expectSame(interpret(again, inputs).outputs, want, CLOSE, sizes);
  }
};

function onBackend(backend: CheckBackend): Check {
  return async (graph, runs) => {
    const target = targetOf(backend);
    const compilation = compilationOf(graph, runPasses(graph, pipeline), target);
    const { program, plan } = compiledFor(compilation, target);
    const opened = await openBackend(backend, program, plan);
    try {
      for (const { sizes, inputs, want } of runs) {
        expectSame(await opened.run(inputs, sizes), want, TOLERANCE, sizes);
      }
    } finally {
      await opened.close();
    }
  };
}

function expectSame(got: Got, want: Arrays, tolerance: Tolerance, sizes: Sizes): void {
  for (const [name, array] of want) {
    const within = isFloat(array.dtype) ? tolerance : EXACT;
    const { worst, ...where } = compare(name, got.get(name)?.data ?? [], stored(array), within);
    if (worst <= 1) continue;
    throw new Error(
      `at ${JSON.stringify(sizes)}, element ${where.index} of %${name} is ${where.got}, and by the ` +
        `interpreter ${where.want}`,
    );
  }
}

/** f16 is computed in float32, and rounded where it leaves the model. */
function stored({ dtype, data }: NdArray): ArrayLike<number> {
  return dtype === 'f16' ? Float16Array.from(data) : data;
}
