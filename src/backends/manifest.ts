/**
 * `manifest.json`: what an artifact holds and where each kernel came from. It carries no date and no
 * path of the machine that compiled, so equal input gives equal bytes.
 *
 * Nothing stands in it twice. What of a backend (`kernels`, `steps`, `memory`) equals an earlier one's is
 * `{ "as": "js" }`. Steps name weights as the model does; in which layout a backend reads one, and where it
 * stands in weights.bin, its entry in `weights` says. Hashes are those of files.
 */
import { createHash } from 'node:crypto';
import { symbolsOf } from '../ir/dims.ts';
import { dimSymbols, type Graph, type ValueId, valueOf } from '../ir/graph.ts';
import type { MemoryPlan } from '../loops/memory-plan.ts';
import type { Program, ProgramIo, Provenance, Target } from '../loops/program.ts';
import { type PrintedTarget, TABLE_PLACES } from './backend-tables.ts';
import type { WeightsFile, WeightUse } from './weights-file.ts';

/** Tells an artifact's folder from others, and its layout from later ones. */
export const MANIFEST_FORMAT = 'encompile artifact 1';

/** What an artifact was made with. */
export interface Making {
  /** Encompile's own. */
  readonly version: string;
  /** The seed of weights that were made up; null where they are the model's. */
  readonly randomWeights: number | null;
  /** What products with weights were quantised to. */
  readonly quantize: string | null;
  /** Whether weights were rounded to float16. */
  readonly rounded: boolean;
}

export function manifestText(
  main: Program,
  targets: readonly PrintedTarget[],
  weights: WeightsFile,
  files: ReadonlyMap<string, string | Uint8Array>,
  { version, randomWeights, quantize, rounded }: Making,
): string {
  const manifest = {
    format: MANIFEST_FORMAT,
    encompile: version,
    model: main.name,
    ...(quantize === null ? {} : { quantize }),
    ...(main.exact ? { exact: true } : {}),
    symbols: main.symbols,
    ...(main.counts === undefined
      ? {}
      : { counted: main.counts.map(({ symbol, input, always }) => ({ symbol, input, always })) }),
    inputs: main.inputs.map(describeIo),
    outputs: main.outputs.map(describeIo),
    backends: describeTargets(targets),
    weights: {
      bytes: weights.content.length,
      ...(weights.float16Bytes === 0
        ? {}
        : { float16: { bytes: weights.float16Bytes, numbers: rounded ? 'rounded' : 'unchanged' } }),
      ...(randomWeights === null ? {} : { random: { seed: randomWeights } }),
      entries: weights.entries.map(({ offset, bytes, type, uses }) => ({
        ...{ offset, bytes, type },
        uses: describeUses(uses),
      })),
    },
    files: describeFiles(files),
  };
  return `${jsonText(manifest)}\n`;
}

/** Of a folder that holds no kernels, but the model in formats of other runtimes. */
export function exportManifestText(
  graph: Graph,
  files: ReadonlyMap<string, Uint8Array>,
  { version, randomWeights }: Pick<Making, 'version' | 'randomWeights'>,
): string {
  const describe = (name: string, id: ValueId) => {
    const { dtype, shape } = valueOf(graph, id);
    return { name, dtype, shape };
  };
  const manifest = {
    format: MANIFEST_FORMAT,
    encompile: version,
    model: graph.name,
    symbols: dimSymbols(graph, symbolsOf),
    inputs: graph.inputs.map((id) => describe(valueOf(graph, id).name, id)),
    outputs: graph.outputs.map(({ name, value }) => describe(name, value)),
    ...(randomWeights === null ? {} : { weights: { random: { seed: randomWeights } } }),
    files: describeFiles(files),
  };
  return `${jsonText(manifest)}\n`;
}

function describeFiles(files: ReadonlyMap<string, string | Uint8Array>): object {
  return Object.fromEntries(
    [...files].map(([path, content]) => [
      path,
      { bytes: Buffer.byteLength(content), sha256: sha256Of(content) },
    ]),
  );
}

/** As `load` calls the backend, and which of its modules where it has several: `wasm/relaxed`. */
function nameOf(target: Target): string {
  const { backend, variant } = TABLE_PLACES[target];
  return variant === null ? backend : `${backend}/${variant}`;
}

function describeIo({ name, dtype, shape, range }: ProgramIo): object {
  return { name, dtype, shape, ...(range == null ? {} : { range }) };
}

type Description = { readonly [key: string]: unknown };

function describeTargets(targets: readonly PrintedTarget[]): Description {
  const described = targets.map((printed) => ({
    name: nameOf(printed.program.target),
    full: describeTarget(printed),
  }));
  const texts = described.map(({ full }) =>
    Object.fromEntries(Object.entries(full).map(([key, value]) => [key, JSON.stringify(value)])),
  );
  const inShort = described.map(({ name, full }, i) => {
    const entries = Object.entries(full).map(([key, value]) => {
      const earlier = texts.findIndex((other, j) => j < i && other[key] === texts[i]?.[key]);
      return [key, earlier < 0 ? value : { as: described[earlier]?.name }];
    });
    return [name, Object.fromEntries(entries)];
  });
  return Object.fromEntries(inShort);
}

/** A use a weight and layout, with all backends that read it so. */
function describeUses(uses: readonly WeightUse[]): readonly Description[] {
  const found = new Map<string, { weight: string; layout: string; backends: string[] }>();
  for (const { target, buffer, layout } of uses) {
    const weight = withoutLayout(buffer, layout);
    const key = JSON.stringify([weight, layout]);
    const use = found.get(key) ?? { weight, layout, backends: [] };
    if (!use.backends.includes(nameOf(target))) use.backends.push(nameOf(target));
    found.set(key, use);
  }
  return [...found.values()];
}

/** The name of a weight that is called by its layout, too. */
function withoutLayout(buffer: string, layout: string | undefined): string {
  const end = ` (${layout})`;
  return buffer.endsWith(end) ? buffer.slice(0, -end.length) : buffer;
}

function describeTarget({ program, plan, source }: PrintedTarget): Description {
  const layouts = new Map(program.weights.map(({ buffer, layout }) => [buffer, layout]));
  const entries = new Map(source.kernels.map(({ name, entry }) => [name, entry]));
  return {
    source: source.path,
    kernels: program.kernels.map(({ name, summary }, i) => ({
      entry: entries.get(name),
      computes: summary,
      ...describeDispatch(source.kernels[i]?.dispatch ?? null),
    })),
    steps: program.steps.map(({ kernel, arguments: buffers, provenance }) => ({
      kernel: entries.get(kernel),
      buffers: buffers.map((buffer) => withoutLayout(buffer, layouts.get(buffer))),
      ...describeProvenance(provenance),
    })),
    memory: describePlan(program, plan),
  };
}

function describeDispatch(
  dispatch: PrintedTarget['source']['kernels'][number]['dispatch'],
): object {
  return dispatch === null
    ? {}
    : { invocations: dispatch.invocations, workgroups: dispatch.workgroups };
}

function describeProvenance({ node, ops, names, location, flops, bytes }: Provenance): object {
  return { node, ops, names, location: withoutFolder(location), flops, bytes };
}

/** `model.ts:12:3`: the same on every machine. */
function withoutFolder(location: string | null): string | null {
  return location === null ? null : location.replace(/^.*[\\/]/s, '');
}

function describePlan(program: Program, plan: MemoryPlan): object {
  const sizes = new Map(program.buffers.map(({ name, size }) => [name, size]));
  return {
    unit: 'elements of 4 bytes',
    slots: plan.slots.map(({ size, values }) => ({
      size,
      values: values.map((name) => ({ name, size: sizes.get(name) })),
    })),
  };
}

const COLUMNS = 100;

/** JSON with a line for what fits on one. */
function jsonText(value: unknown, depth = 0, used = 0): string {
  const flat = flatJson(value);
  if (typeof value !== 'object' || value === null || 2 * depth + used + flat.length <= COLUMNS) {
    return flat;
  }
  const margin = `\n${'  '.repeat(depth + 1)}`;
  const end = `\n${'  '.repeat(depth)}`;
  if (Array.isArray(value)) {
    const items = value.map((item) => margin + jsonText(item, depth + 1));
    return `[${items.join()}${end}]`;
  }
  const entries = Object.entries(value).map(([key, entry]) => {
    const head = `${JSON.stringify(key)}: `;
    return margin + head + jsonText(entry, depth + 1, head.length);
  });
  return `{${entries.join()}${end}}`;
}

function flatJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(flatJson).join(', ')}]`;
  const entries = Object.entries(value).map(
    ([key, entry]) => `${JSON.stringify(key)}: ${flatJson(entry)}`,
  );
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

function sha256Of(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
