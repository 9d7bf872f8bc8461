/**
 * Runs a model's kernels in WebAssembly. One memory holds, one after another: the table of sizes and
 * addresses by which the module finds its buffers, where threads meet, scratch memory for each of
 * them, the weights, and an arena of slots, inputs and outputs, which grows to the largest run so far.
 */
import type {
  BufferEntry,
  Executor,
  Numbers,
  Sizes,
  TensorEntry,
  WasmTables,
} from './definition.mts';
import { canShareMemory, mayWait, startWorkers, withSharedMemory } from './wasm-threads.mts';
import { heldBytes, hold, type WeightPart } from './weights.mts';

/** What a module exports beside its kernels. */
interface ModelExports {
  readonly run: () => void;
  /** Ends the threads beside the first. */
  readonly stop: () => void;
  /** How many threads take part in the next run. */
  readonly threads: WebAssembly.Global<'i32'>;
}

interface Place {
  /** Byte address. */
  readonly at: number;
  readonly elements: number;
}

const PAGE = 65_536;
/** Addresses have 32 bits. */
const MOST_PAGES = 65_536;
const ALIGNMENT = 64;

export interface WasmModel {
  readonly tables: WasmTables;
  readonly symbols: number;
  readonly inputs: readonly TensorEntry[];
  readonly outputs: readonly TensorEntry[];
}

/**
 * Opens a model; its module is compiled while the weights come and are copied.
 *
 * @param threads wanted; where the host lets no memory be shared, or starts no worker, one runs
 */
export async function openWasm(
  model: WasmModel,
  module: Uint8Array<ArrayBuffer>,
  weights: Promise<readonly WeightPart[]>,
  threads: number,
): Promise<Executor> {
  const wanted = threads > 1 && canShareMemory() ? threads : 1;
  const compiling = WebAssembly.compile(wanted > 1 ? withSharedMemory(module) : module);
  compiling.catch(() => {});
  const parts = await weights;
  const bytes = heldBytes(parts);
  const layout = fixedLayout(model, bytes, wanted);
  const memory = makeMemory(layout.arena, wanted > 1);
  hold(parts, new Uint8Array(memory.buffer, layout.weights, bytes));
  const compiled = await compiling;
  const { exports } = await WebAssembly.instantiate(compiled, { host: { memory } });
  const globalsOf = (thread: number) => ({
    thread,
    threads: wanted,
    waits: thread > 0 || mayWait() ? 1 : 0,
    table: layout.table,
    sync: layout.sync,
    scratch: layout.scratch + thread * aligned(model.tables.scratch),
  });
  for (const [name, value] of Object.entries(globalsOf(0))) {
    (exports[name] as WebAssembly.Global<'i32'>).value = value;
  }
  const others = Array.from({ length: wanted - 1 }, (_, i) => globalsOf(i + 1));
  const team = { threads: wanted, end: () => {} };
  try {
    team.end = await startWorkers(others.map((globals) => ({ module: compiled, memory, globals })));
  } catch {
    team.threads = 1;
  }
  return new WasmExecutor(model, layout, memory, exports as unknown as ModelExports, team);
}

/** The threads that run a model. */
interface Team {
  readonly threads: number;
  /** Ends all but the first. */
  readonly end: () => void;
}

/** Where things begin, in bytes; the arena comes last. */
interface Layout {
  readonly table: number;
  readonly sync: number;
  readonly scratch: number;
  readonly weights: number;
  readonly arena: number;
}

function fixedLayout({ tables, symbols }: WasmModel, weightBytes: number, threads: number): Layout {
  const sync = 0;
  const table = aligned(tables.sync);
  const end = table + 4 * (symbols + tables.buffers.length);
  const scratch = aligned(Math.max(tables.lowest, end));
  const weights = scratch + threads * aligned(tables.scratch);
  return { table, sync, scratch, weights, arena: aligned(weights + weightBytes) };
}

function makeMemory(bytes: number, shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pagesOf(bytes), maximum: MOST_PAGES, shared });
  } catch (error) {
    throw new RangeError(
      `The weights need ${mebibytes(bytes)} of WebAssembly memory, and the host gave none of that ` +
        'size. Use a smaller model, or another backend.',
      { cause: error },
    );
  }
}

class WasmExecutor implements Executor {
  readonly threads: number;
  private readonly team: Team;
  private readonly model: WasmModel;
  private readonly layout: Layout;
  private open: { readonly memory: WebAssembly.Memory; readonly exports: ModelExports } | null;
  /** The sizes that the table holds, with where they put the buffers. */
  private placed: { readonly key: string; readonly places: ReadonlyMap<string, Place> } | null =
    null;

  constructor(
    model: WasmModel,
    layout: Layout,
    memory: WebAssembly.Memory,
    exports: ModelExports,
    team: Team,
  ) {
    this.threads = team.threads;
    this.team = team;
    this.model = model;
    this.layout = layout;
    this.open = { memory, exports };
  }

  async run(inputs: readonly Numbers[], sizes: Sizes): Promise<readonly Numbers[]> {
    if (this.open === null) throw new Error('the model was disposed of');
    const { memory, exports } = this.open;
    const places = this.place(memory, sizes);
    this.model.inputs.forEach((entry, i) => {
      const data = inputs[i] ?? new Float32Array(0);
      const whole = viewOf(data, memory, placeOf(places, entry));
      whole.set(data);
      // A buffer may be longer than its tensor.
      whole.fill(0, data.length);
    });
    exports.threads.value = isWorthMeeting(this.model.tables, sizes) ? this.threads : 1;
    exports.run();
    return this.model.outputs.map((entry) => {
      const buffer = this.model.tables.buffers.find(({ name }) => name === entry.buffer);
      const kind = buffer?.type === 'f32' ? NO_FLOATS : NO_INTEGERS;
      return viewOf(kind, memory, placeOf(places, entry));
    });
  }

  dispose(): void {
    this.open?.exports.stop();
    this.team.end();
    this.open = null;
    this.placed = null;
  }

  /** Lays out the arena for these sizes, and tells the module where its buffers are. */
  private place(memory: WebAssembly.Memory, sizes: Sizes): ReadonlyMap<string, Place> {
    const key = sizes.join();
    if (this.placed?.key === key) return this.placed.places;
    const { buffers, slots } = this.model.tables;
    let end = this.layout.arena;
    const reserve = (elements: number): Place => {
      const at = end;
      end = aligned(at + 4 * elements);
      return { at, elements };
    };
    const slotPlaces = slots.map((size) => reserve(size(...sizes)));
    const places = buffers.map((entry) => this.placeBuffer(entry, slotPlaces, sizes, reserve));
    grow(memory, end);
    const table = [...sizes, ...places.map(({ at }) => at)];
    new Uint32Array(memory.buffer, this.layout.table, table.length).set(table);
    const byName = new Map(buffers.map(({ name }, i) => [name, places[i] ?? NOWHERE]));
    this.placed = { key, places: byName };
    return byName;
  }

  private placeBuffer(
    entry: BufferEntry,
    slots: readonly Place[],
    sizes: Sizes,
    reserve: (elements: number) => Place,
  ): Place {
    if (entry.in === 'weight') {
      return { at: this.layout.weights + entry.at, elements: entry.elements };
    }
    return entry.in === 'slot' ? (slots[entry.slot] ?? NOWHERE) : reserve(entry.elements(...sizes));
  }
}

/** Operations that a thread does while threads meet: a microsecond or two. */
const MEETING = 60_000;

/** Whether half of a run takes longer than the threads take to meet after each kernel, and to wake. */
function isWorthMeeting({ work, steps }: WasmTables, sizes: Sizes): boolean {
  return work(...sizes) / 2 > MEETING * (steps + 10);
}

const NOWHERE: Place = { at: 0, elements: 0 };
const NO_FLOATS = new Float32Array(0);
const NO_INTEGERS = new Int32Array(0);

function placeOf(places: ReadonlyMap<string, Place>, { buffer, name }: TensorEntry): Place {
  const place = places.get(buffer);
  if (place === undefined) throw new Error(`no buffer holds ${name}`);
  return place;
}

/** The numbers at a place, in an array of the same kind as another. */
function viewOf(kind: Numbers, { buffer }: WebAssembly.Memory, { at, elements }: Place): Numbers {
  return kind instanceof Float32Array
    ? new Float32Array(buffer, at, elements)
    : new Int32Array(buffer, at, elements);
}

function grow(memory: WebAssembly.Memory, bytes: number): void {
  const more = pagesOf(bytes) - memory.buffer.byteLength / PAGE;
  if (more <= 0) return;
  const refused = (why: string, cause?: unknown): RangeError =>
    new RangeError(
      `A run of these sizes needs ${mebibytes(bytes)} of WebAssembly memory, ${why}. Run smaller ` +
        'batches or shorter inputs.',
      { cause },
    );
  if (bytes > MOST_PAGES * PAGE) throw refused('which has at most 4096 MiB');
  try {
    memory.grow(more);
  } catch (error) {
    throw refused('and the host gave no more', error);
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function pagesOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PAGE));
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
