/**
 * The buffers of a model on a device. Each is made once and made again only when a run needs it
 * larger; a bind group lives as long as its buffers.
 */

import type { BufferEntry, Numbers, Sizes, TensorEntry, WebGpuTables } from './definition.mts';
import type { Session } from './webgpu-device.mts';

const MAP_READ = 1;
const COPY_SRC = 4;
const COPY_DST = 8;
const UNIFORM = 64;
const STORAGE = 128;

/** Four elements: the largest element of a kernel's buffer. */
const GRANULE = 16;

const STAGING = 'staging';

export class WebGpuMemory {
  private readonly session: Session;
  private readonly tables: WebGpuTables;
  private readonly entries: ReadonlyMap<string, BufferEntry>;
  private readonly buffers = new Map<string, GPUBuffer>();
  private readonly groups = new Map<string, GPUBindGroup>();

  constructor(session: Session, tables: WebGpuTables) {
    this.session = session;
    this.tables = tables;
    this.entries = new Map(tables.buffers.map((entry) => [entry.name, entry]));
  }

  /** Copies the weights to the device; `bytes` are the backend's ranges of the file. */
  loadWeights(bytes: Uint8Array): void {
    for (const entry of this.tables.buffers) {
      if (entry.in !== 'weight') continue;
      const size = 4 * entry.elements;
      const buffer = this.reserve(keyOf(entry), size, `the weight ${JSON.stringify(entry.name)}`);
      this.session.device.queue.writeBuffer(buffer, 0, sourceOf(bytes), entry.at, size);
    }
  }

  /** Makes every buffer large enough for a run of these sizes. */
  fit(sizes: Sizes): void {
    this.tables.slots.forEach((size, slot) => {
      this.reserve(`slot ${slot}`, 4 * size(...sizes), this.nameSlot(slot));
    });
    for (const entry of this.tables.buffers) {
      if (entry.in !== 'input' && entry.in !== 'output') continue;
      const what = `the ${entry.in} ${JSON.stringify(entry.name)}`;
      this.reserve(keyOf(entry), 4 * entry.elements(...sizes), what);
    }
  }

  writeSymbols(sizes: Sizes): void {
    if (sizes.length === 0) return;
    const data = Int32Array.from(sizes);
    const buffer = this.make('symbols', data.byteLength, UNIFORM | COPY_DST, 'the symbols');
    this.session.device.queue.writeBuffer(buffer, 0, data);
  }

  writeInput(input: TensorEntry, data: Numbers): void {
    this.session.device.queue.writeBuffer(this.bufferOf(input.buffer), 0, sourceOf(data));
  }

  /** The buffer that outputs are copied to for reading. */
  staging(bytes: number): GPUBuffer {
    return this.make(STAGING, bytes, MAP_READ | COPY_DST, 'the outputs together');
  }

  bufferOf(name: string): GPUBuffer {
    const entry = this.entries.get(name);
    const buffer = entry === undefined ? undefined : this.buffers.get(keyOf(entry));
    if (buffer === undefined) throw new Error(`there is no buffer ${name}`);
    return buffer;
  }

  /** The bindings of a kernel's buffers; steps of equal arguments share them. */
  bindGroup(kernel: string, pipeline: GPUComputePipeline, names: readonly string[]): GPUBindGroup {
    const key = JSON.stringify([kernel, names]);
    let group = this.groups.get(key);
    if (group === undefined) {
      const symbols = this.buffers.get('symbols');
      const entries: GPUBindGroupEntry[] = names.map((name, i) => ({
        binding: i + 1,
        resource: { buffer: this.bufferOf(name) },
      }));
      if (symbols !== undefined) entries.unshift({ binding: 0, resource: { buffer: symbols } });
      const layout = pipeline.getBindGroupLayout(0);
      group = this.session.device.createBindGroup({ layout, entries });
      this.groups.set(key, group);
    }
    return group;
  }

  dispose(): void {
    for (const buffer of this.buffers.values()) buffer.destroy();
    this.buffers.clear();
    this.groups.clear();
  }

  private reserve(key: string, bytes: number, what: string): GPUBuffer {
    const { maxStorageBufferBindingSize } = this.session.device.limits;
    this.checkSize(bytes, maxStorageBufferBindingSize, 'maxStorageBufferBindingSize', what);
    return this.make(key, bytes, STORAGE | COPY_SRC | COPY_DST, what);
  }

  /** The buffer under a key, made anew where it is too small. */
  private make(key: string, bytes: number, usage: number, what: string): GPUBuffer {
    const size = Math.max(GRANULE, Math.ceil(bytes / GRANULE) * GRANULE);
    const known = this.buffers.get(key);
    if (known !== undefined && known.size >= size) return known;
    const { device } = this.session;
    this.checkSize(size, device.limits.maxBufferSize, 'maxBufferSize', what);
    known?.destroy();
    // No kernel is bound to the staging buffer.
    if (known !== undefined && key !== STAGING) this.groups.clear();
    const buffer = device.createBuffer({ size, usage, label: key });
    this.buffers.set(key, buffer);
    return buffer;
  }

  private checkSize(bytes: number, limit: number, name: string, what: string): void {
    if (bytes <= limit) return;
    const mebibytes = (n: number) => `${Math.ceil(n / 2 ** 20)} MiB`;
    throw new RangeError(
      `This WebGPU device cannot hold ${what}: it needs ${mebibytes(bytes)}, and the device's ` +
        `${name} is ${mebibytes(limit)}. Run smaller sizes, pass a device with a larger limit, or ` +
        'use the js backend.',
    );
  }

  private nameSlot(slot: number): string {
    const values = this.tables.buffers
      .filter((entry) => entry.in === 'slot' && entry.slot === slot)
      .map(({ name }) => JSON.stringify(name));
    const shown = values.slice(0, 3).join(', ');
    return `the intermediate ${shown}${values.length > 3 ? ` or ${values.length - 3} others` : ''}`;
  }
}

/** Values in one slot share a buffer. */
function keyOf(entry: BufferEntry): string {
  return entry.in === 'slot' ? `slot ${entry.slot}` : `${entry.in} ${entry.name}`;
}

/** WebGPU does not take memory that threads share, and the runtime never makes any. */
function sourceOf(data: Uint8Array | Numbers): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, data.byteOffset, data.byteLength)
    : bytes.slice();
}
