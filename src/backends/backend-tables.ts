/**
 * What `model.mjs` holds for each backend: where buffers lie, in which order kernels run, and where
 * the code is. `runtime/definition.mts` describes the tables.
 */
import { add } from '../ir/dims.ts';
import type { MemoryPlan } from '../loops/memory-plan.ts';
import type { ProgramBuffer, Target } from '../loops/program.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import { type KernelSource, wasmPathOf } from './backend.ts';
import { Code, Extended, type JsData, jsLiteral, type SizeFunctions } from './js-data.ts';
import { LOWEST_ADDRESS, SYNC_BYTES, scratchBytes } from './wasm/module.ts';
import type { WeightsFile } from './weights-file.ts';

/** A program with its plan and its printed kernels. */
export interface PrintedTarget {
  readonly program: VerifiedProgram;
  readonly plan: MemoryPlan;
  readonly source: KernelSource;
}

type Entries = { readonly [key: string]: JsData };

interface Place {
  /** The constant in the module that holds the table. */
  readonly constant: string;
  /** As in `load({ backend })`. */
  readonly backend: 'js' | 'wasm' | 'webgpu';
  /** Where a backend has several modules, what its table is called. */
  readonly variant: string | null;
}

export const TABLE_PLACES: { readonly [T in Target]: Place } = {
  js: { constant: 'js', backend: 'js', variant: null },
  wasm: { constant: 'wasm', backend: 'wasm', variant: 'simd128' },
  'wasm-relaxed': { constant: 'wasmRelaxed', backend: 'wasm', variant: 'relaxed' },
  wgsl: { constant: 'webgpu', backend: 'webgpu', variant: null },
};

/** The definitions of all tables, and the expression of the record that holds them by backend. */
export function backendTables(
  targets: readonly PrintedTarget[],
  weights: WeightsFile,
  functions: SizeFunctions,
): { readonly constants: readonly string[]; readonly backends: JsData } {
  const tables = targets.map((printed) => {
    const entries = OWN_TABLES[printed.program.target](printed, weights, functions);
    return { ...TABLE_PLACES[printed.program.target], entries };
  });
  const constants = tables.map(({ constant, backend, entries }, i) => {
    const earlier = tables.slice(0, i).find((table) => table.backend === backend);
    return `const ${constant} = ${tableText(entries, earlier)};`;
  });
  const backends: Record<string, JsData> = {};
  for (const { constant, backend, variant } of tables) {
    const known = backends[backend] as Entries | undefined;
    const table = new Code(constant);
    backends[backend] = variant === null ? table : { ...known, [variant]: table };
  }
  return { constants, backends };
}

/** What is equal in an earlier table of the same backend is taken from there. */
function tableText(
  entries: Entries,
  earlier: { readonly constant: string; readonly entries: Entries } | undefined,
): string {
  if (earlier === undefined) return jsLiteral(entries);
  const textOf = (data: JsData | undefined) => (data === undefined ? '' : jsLiteral(data));
  const own = Object.entries(entries).filter(([key, data]) => {
    return textOf(data) !== textOf(earlier.entries[key]);
  });
  return jsLiteral(new Extended(earlier.constant, Object.fromEntries(own)));
}

const OWN_TABLES: {
  readonly [T in Target]: (
    printed: PrintedTarget,
    weights: WeightsFile,
    functions: SizeFunctions,
  ) => Entries;
} = {
  js: (printed, weights, functions) => ({
    ...memoryTables(printed, weights, functions, usedBuffers(printed.program)),
    kernels: printed.source.kernels.map(({ entry }, i) => ({
      name: entry,
      symbols: (printed.program.kernels[i]?.symbols ?? []).map((symbol) =>
        printed.program.symbols.indexOf(symbol),
      ),
    })),
    steps: stepTables(printed),
    module: new Code(`() => import('./${printed.source.path}')`),
  }),
  wasm: wasmTables,
  'wasm-relaxed': wasmTables,
  wgsl: (printed, weights, functions) => ({
    ...memoryTables(printed, weights, functions, usedBuffers(printed.program)),
    kernels: printed.source.kernels.map(({ entry, dispatch }, i) => ({
      name: entry,
      access: (printed.program.kernels[i]?.buffers ?? []).map(({ access }) => access),
      workgroups: functions.list(dispatch?.workgroups ?? [1, 1, 1]),
    })),
    steps: stepTables(printed),
    source: urlOf(printed.source.path),
  }),
};

/** The module's `run` knows the kernels and their order itself, and all buffers by their places. */
function wasmTables(
  printed: PrintedTarget,
  weights: WeightsFile,
  functions: SizeFunctions,
): Entries {
  const { program, source } = printed;
  return {
    ...memoryTables(printed, weights, functions, program.buffers),
    lowest: LOWEST_ADDRESS,
    scratch: scratchBytes(program),
    sync: SYNC_BYTES,
    steps: program.steps.length,
    work: functions.one(program.steps.map(({ provenance }) => provenance.flops).reduce(add, 0)),
    module: urlOf(wasmPathOf(source)),
  };
}

function urlOf(path: string): Code {
  return new Code(`() => new URL('./${path}', import.meta.url)`);
}

function usedBuffers(program: VerifiedProgram): readonly ProgramBuffer[] {
  const used = new Set(program.steps.flatMap((step) => step.arguments));
  const io = new Set([...program.inputs, ...program.outputs].map(({ buffer }) => buffer));
  return program.buffers.filter(({ name }) => used.has(name) || io.has(name));
}

function memoryTables(
  { program, plan }: PrintedTarget,
  weights: WeightsFile,
  functions: SizeFunctions,
  buffers: readonly ProgramBuffer[],
): Entries {
  return {
    weights: weights.rangesOf(program.target),
    slots: plan.slots.map(({ size }) => functions.one(size)),
    buffers: buffers.map((buffer) => bufferTable(buffer, program.target, plan, weights, functions)),
  };
}

function bufferTable(
  { name, type, role, size }: ProgramBuffer,
  target: Target,
  plan: MemoryPlan,
  weights: WeightsFile,
  functions: SizeFunctions,
): JsData {
  if (role === 'weight') {
    const at = weights.offsetOf(target, name);
    return { name, type, in: 'weight', at, elements: Number(size) };
  }
  if (role !== 'intermediate') return { name, type, in: role, elements: functions.one(size) };
  const slot = plan.slotOf.get(name);
  if (slot === undefined) throw new Error(`the memory plan has no slot for ${name}`);
  return { name, type, in: 'slot', slot };
}

function stepTables({ program, source }: PrintedTarget): JsData {
  const entries = new Map(source.kernels.map(({ name, entry }) => [name, entry]));
  return program.steps.map((step) => ({
    kernel: entries.get(step.kernel) ?? '',
    buffers: step.arguments,
    node: step.provenance.node,
  }));
}
