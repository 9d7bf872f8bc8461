/**
 * Runs a model's kernels in JS. Slots and outputs lie one after another in one arena, which grows to
 * the largest run so far; the typed arrays over it are made once for each set of sizes.
 */

import type {
  BufferEntry,
  Executor,
  JsKernel,
  JsTables,
  Numbers,
  Sizes,
  TensorEntry,
} from './definition.mts';

interface Call {
  readonly kernel: JsKernel;
  readonly args: (Numbers | number)[];
}

/** A run's calls for one set of sizes. */
interface Prepared {
  readonly calls: readonly Call[];
  /** Where calls take the inputs, which are new arrays in every run. */
  readonly inputs: readonly {
    readonly call: Call;
    readonly argument: number;
    readonly input: number;
  }[];
  readonly outputs: readonly Numbers[];
}

/** Sets of sizes whose typed arrays are kept. */
const KEPT_SIZES = 32;

const ALIGNMENT = 64;

export async function openJs(
  tables: JsTables,
  inputs: readonly TensorEntry[],
  outputs: readonly TensorEntry[],
  /** From a multiple of 4 bytes. */
  weights: Uint8Array,
): Promise<Executor> {
  const module = await tables.module();
  const kernels = new Map<
    string,
    { readonly run: JsKernel; readonly symbols: readonly number[] }
  >();
  for (const { name, symbols } of tables.kernels) {
    const run = module[name];
    if (typeof run !== 'function') throw new Error(`the kernels have no function ${name}`);
    kernels.set(name, { run: run as JsKernel, symbols });
  }
  return new JsExecutor(tables, kernels, inputs, outputs, weights);
}

class JsExecutor implements Executor {
  private readonly tables: JsTables;
  private readonly kernels: ReadonlyMap<string, { run: JsKernel; symbols: readonly number[] }>;
  private readonly inputs: readonly TensorEntry[];
  private readonly outputs: readonly TensorEntry[];
  private readonly fixed = new Map<string, Numbers>();
  private readonly prepared = new Map<string, Prepared>();
  private arena = new ArrayBuffer(0);

  constructor(
    tables: JsTables,
    kernels: ReadonlyMap<string, { run: JsKernel; symbols: readonly number[] }>,
    inputs: readonly TensorEntry[],
    outputs: readonly TensorEntry[],
    weights: Uint8Array,
  ) {
    this.tables = tables;
    this.kernels = kernels;
    this.inputs = inputs;
    this.outputs = outputs;
    for (const entry of tables.buffers) {
      if (entry.in !== 'weight') continue;
      const at = weights.byteOffset + entry.at;
      this.fixed.set(entry.name, view(entry, weights.buffer, at, entry.elements));
    }
  }

  async run(inputs: readonly Numbers[], sizes: Sizes): Promise<readonly Numbers[]> {
    const prepared = this.prepare(sizes);
    const padded = this.inputs.map((entry, i) => this.pad(entry, inputs[i], sizes));
    for (const { call, argument, input } of prepared.inputs) {
      call.args[argument] = padded[input] ?? 0;
    }
    for (const { kernel, args } of prepared.calls) kernel(...args);
    return prepared.outputs;
  }

  dispose(): void {
    this.prepared.clear();
    this.fixed.clear();
    this.arena = new ArrayBuffer(0);
  }

  /** The input in an array of its buffer's length, which may be more than the tensor's. */
  private pad(entry: TensorEntry, data: Numbers = new Float32Array(0), sizes: Sizes): Numbers {
    const buffer = this.tables.buffers.find(({ name }) => name === entry.buffer);
    if (buffer?.in !== 'input') throw new Error(`no buffer holds the input ${entry.name}`);
    const elements = buffer.elements(...sizes);
    if (data.length === elements) return data;
    const padded =
      data instanceof Float32Array ? new Float32Array(elements) : new Int32Array(elements);
    padded.set(data);
    return padded;
  }

  private prepare(sizes: Sizes): Prepared {
    const key = sizes.join();
    let prepared = this.prepared.get(key);
    if (prepared === undefined) {
      prepared = this.build(sizes);
      if (this.prepared.size === KEPT_SIZES) {
        for (const oldest of this.prepared.keys()) {
          this.prepared.delete(oldest);
          break;
        }
      }
      this.prepared.set(key, prepared);
    }
    return prepared;
  }

  private build(sizes: Sizes): Prepared {
    const places = this.placeBuffers(sizes);
    const inputs: { call: Call; argument: number; input: number }[] = [];
    const inputOf = new Map(this.inputs.map((entry, i) => [entry.buffer, i]));
    const calls = this.tables.steps.map((step): Call => {
      const kernel = this.kernels.get(step.kernel);
      if (kernel === undefined) throw new Error(`there is no kernel ${step.kernel}`);
      const symbols = kernel.symbols.map((symbol) => sizes[symbol] ?? 0);
      const buffers = step.buffers.map((name) => places.get(name) ?? 0);
      const call = { kernel: kernel.run, args: [...buffers, ...symbols] };
      step.buffers.forEach((name, argument) => {
        const input = inputOf.get(name);
        if (input !== undefined) inputs.push({ call, argument, input });
      });
      return call;
    });
    const outputs = this.outputs.map(({ buffer, name }) => {
      const place = places.get(buffer);
      if (place === undefined) throw new Error(`the output ${name} has no buffer`);
      return place;
    });
    return { calls, inputs, outputs };
  }

  /** The arrays of weights, slots and outputs for these sizes, after growing the arena for them. */
  private placeBuffers(sizes: Sizes): ReadonlyMap<string, Numbers> {
    let end = 0;
    const reserve = (elements: number) => {
      const start = end;
      end = Math.ceil((start + 4 * elements) / ALIGNMENT) * ALIGNMENT;
      return { start, elements };
    };
    const slots = this.tables.slots.map((size) => reserve(size(...sizes)));
    const placed = this.tables.buffers.flatMap((entry) => {
      if (entry.in === 'output') return [{ entry, ...reserve(entry.elements(...sizes)) }];
      const slot = entry.in === 'slot' ? slots[entry.slot] : undefined;
      return slot === undefined ? [] : [{ entry, ...slot }];
    });
    if (end > this.arena.byteLength) this.grow(end);
    const places = new Map(this.fixed);
    for (const { entry, start, elements } of placed) {
      places.set(entry.name, view(entry, this.arena, start, elements));
    }
    return places;
  }

  private grow(bytes: number): void {
    // Arrays over the old arena must not be used again.
    this.prepared.clear();
    this.arena = new ArrayBuffer(0);
    try {
      this.arena = new ArrayBuffer(bytes);
    } catch (error) {
      const needed = `${Math.ceil(bytes / 2 ** 20)} MiB`;
      throw new RangeError(
        `A run of these sizes needs ${needed} for intermediates and outputs, and the host gave no ` +
          'array of that length. Run smaller batches or shorter inputs.',
        { cause: error },
      );
    }
  }
}

function view(entry: BufferEntry, memory: ArrayBufferLike, at: number, elements: number): Numbers {
  return entry.type === 'f32'
    ? new Float32Array(memory, at, elements)
    : new Int32Array(memory, at, elements);
}
