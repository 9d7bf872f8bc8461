/**
 * From a graph in kernel form to a program for one target: every top-level node but a plain
 * reshape becomes one step, steps of equal loops share a kernel, weights get the layouts that the
 * kernels ask for.
 */

import { EncompileError } from '../errors.ts';
import { add, type Dim, multiply, sizeOf, symbolsOf } from '../ir/dims.ts';
import {
  dimSymbols,
  type Graph,
  type Node,
  type Parameter,
  presentOperands,
  resultOf,
  type ValueId,
  valueOf,
} from '../ir/graph.ts';
import { indexRanges } from '../ir/index-ranges.ts';
import { sizeBounds } from '../ir/size-bounds.ts';
import { type SymbolCount, symbolCounts } from '../ir/symbol-counts.ts';
import { printType, staticShape, type TensorType } from '../ir/types.ts';

import { copyInto, copyKernel } from './copy.ts';
import { KernelSet } from './kernel-set.ts';
import type { Kernel } from './nodes.ts';
import type { Program, ProgramBuffer, ProgramIo, Step, Target, WeightBuffer } from './program.ts';
import { type Region, type RegionOperand, regionOf } from './region.ts';
import { storageOf } from './row-major.ts';
import { initialValues } from './scan/initial-values.ts';
import { scheduleScan } from './scan/scan-kernel.ts';
import type { ScanBuffer } from './scan/storage.ts';
import type { ScheduledRegion } from './schedule/schedule.ts';
import { ROWS, type WeightLayout } from './weight-layout.ts';

/** @param exact whether all targets shall compute the same bits; only js and wasm can */
export function lower(graph: Graph, target: Target, exact = false): Program {
  return new Lowering(graph, target, exact).run();
}

class Lowering {
  private readonly graph: Graph;
  private readonly target: Target;
  private readonly exact: boolean;
  private readonly symbols: readonly string[];
  private readonly counts: readonly SymbolCount[];
  readonly parameters: ReadonlyMap<ValueId, Parameter>;
  readonly used: ReadonlySet<ValueId>;
  private readonly buffers = new Map<string, ProgramBuffer>();
  private readonly bufferOf = new Map<ValueId, string>();
  private readonly weights = new Map<string, WeightBuffer>();
  private readonly kernels: KernelSet;
  private readonly steps: Step[] = [];

  constructor(graph: Graph, target: Target, exact: boolean) {
    this.graph = graph;
    this.target = target;
    this.exact = exact;
    this.counts = symbolCounts(graph);
    this.symbols = [...dimSymbols(graph, symbolsOf), ...this.counts.map(({ symbol }) => symbol)];
    this.kernels = new KernelSet({ target, symbols: this.symbols, exact });
    this.parameters = new Map(graph.parameters.map((p) => [p.value, p]));
    this.used = new Set([
      ...graph.nodes.flatMap(presentOperands),
      ...graph.outputs.map(({ value }) => value),
    ]);
  }

  run(): Program {
    const { graph } = this;
    const extents = indexRanges(graph);
    const inputs = graph.inputs.map((id): ProgramIo => {
      const { name, dtype, shape } = valueOf(graph, id);
      this.addBuffer(id, name, 'input', valueOf(graph, id));
      const extent = extents.get(id);
      const range = extent === undefined ? null : ([0, extent - 1] as const);
      return { name, dtype, shape, buffer: name, range };
    });
    const outputs = this.placeOutputs();
    const inPlace = initialValues(graph);
    for (const node of graph.nodes) {
      if (!node.results.some((id) => this.used.has(id))) continue;
      if (node.results.every((id) => inPlace.has(id))) continue;
      if (node.op === 'reshape' && this.isAlias(node)) this.alias(node);
      else if (node.op === 'scan') this.addScan(node);
      else this.addStep(node);
    }
    this.copyOutputs(outputs);
    return {
      name: graph.name,
      target: this.target,
      ...(this.exact ? { exact: true } : {}),
      symbols: this.symbols,
      ...(this.counts.length > 0 ? { counts: this.counts } : {}),
      inputs,
      outputs,
      bounds: sizeBounds(graph),
      buffers: [...this.buffers.values()],
      weights: [...this.weights.values()],
      kernels: this.kernels.all,
      steps: this.steps,
    };
  }

  /** Values that are outputs are computed right into the output's buffer. */
  private placeOutputs(): readonly ProgramIo[] {
    const { graph } = this;
    const computed = new Set(graph.nodes.flatMap((node) => node.results));
    return graph.outputs.map(({ name, value: id }) => {
      const value = valueOf(graph, id);
      const buffer = this.unique(`out:${name}`);
      const type = storageOf(value.dtype);
      const size = sizeOf(value.shape);
      this.buffers.set(buffer, {
        name: buffer,
        role: 'output',
        type,
        size,
        tensor: value,
        value: id,
      });
      if (computed.has(id) && !this.bufferOf.has(id)) this.bufferOf.set(id, buffer);
      return { name, dtype: value.dtype, shape: value.shape, buffer };
    });
  }

  private isAlias(node: Node): boolean {
    return this.buffers.get(this.bufferOf.get(resultOf(node)) ?? '')?.role !== 'output';
  }

  private alias(node: Node): void {
    const [from] = node.operands;
    if (from == null) throw new Error('reshape without an operand');
    const buffer = this.bufferOf.get(from) ?? this.weightBuffer(this.parameterOf(from), ROWS);
    this.bufferOf.set(resultOf(node), buffer);
  }

  private parameterOf(id: ValueId): Parameter {
    const parameter = this.parameters.get(id);
    if (parameter === undefined) throw new Error(`${valueOf(this.graph, id).name} has no buffer`);
    return parameter;
  }

  private addStep(node: Node): void {
    const { graph } = this;
    const { region, kernel, layouts } = this.schedule(node);
    const operands = region.operands.map((operand, i) =>
      this.operandBuffer(region, operand, layouts[i] ?? ROWS),
    );
    const results = region.results.map((id) => {
      const value = valueOf(graph, id);
      return this.bufferOf.get(id) ?? this.addBuffer(id, value.name, 'intermediate', value);
    });
    const moved = kernel.buffers.map(({ size }) => multiply(4, size)).reduce<Dim>(add, 0);
    this.steps.push({
      kernel: kernel.name,
      arguments: [...operands, ...results],
      provenance: {
        node: region.name,
        ops: region.ops,
        names: region.origin.names,
        location: region.origin.location(),
        flops: region.flops,
        bytes: moved,
      },
    });
  }

  /** A scan with all its steps is one kernel. */
  private addScan(node: Node): void {
    const { graph, target, exact, symbols, parameters, used } = this;
    const scheduled = scheduleScan(graph, node, { target, exact, symbols, parameters, used });
    const { kernel, buffers, ops, origin, flops, bytes } = scheduled;
    const [first] = node.results;
    const name = first === undefined ? node.op : valueOf(graph, first).name;
    const shared = this.kernels.share(kernel);
    this.steps.push({
      kernel: shared.name,
      arguments: buffers.map((buffer) => this.scanArgument(buffer, name)),
      provenance: {
        ...{ node: name, ops, names: origin.names, location: origin.location(), flops, bytes },
      },
    });
  }

  private scanArgument({ type, size, source }: ScanBuffer, scan: string): string {
    switch (source.tag) {
      case 'value': {
        const value = valueOf(this.graph, source.id);
        const known = this.bufferOf.get(source.id);
        return known ?? this.addBuffer(source.id, value.name, 'intermediate', value);
      }
      case 'weight':
        return this.weightBuffer(source.parameter, source.layout);
      case 'table':
        return this.addTable(`${scan}.table`, source.type, source.numbers);
      case 'gathered': {
        const name = this.addMemory(`${scan}.given`, { type, size, parts: source.parts });
        for (const { id, offset } of source.parts) this.addCopy(id, name, { offset, size });
        return name;
      }
      case 'temporary':
        return this.addMemory(`${scan}.held`, { type, size });
      default:
        return source satisfies never;
    }
  }

  /** A buffer that holds no value of the graph as a whole. */
  private addMemory(
    wanted: string,
    memory: Pick<ProgramBuffer, 'type' | 'size' | 'parts'>,
  ): string {
    const name = this.unique(wanted);
    const tensor = { dtype: memory.type, shape: [memory.size] } as const;
    this.buffers.set(name, { name, role: 'intermediate', ...memory, tensor, value: null });
    return name;
  }

  /** Where no nest takes an attention as a whole, its expansion goes to the map nest: slow, but right. */
  private schedule(node: Node): ScheduledRegion & { readonly region: Region } {
    for (const keepNests of [true, false]) {
      const region = regionOf(this.graph, node, this, keepNests);
      const scheduled = this.kernels.of(region);
      if (scheduled !== null) return { region, ...scheduled };
    }
    throw new Error(`no nest takes %${valueOf(this.graph, resultOf(node)).name}`);
  }

  private operandBuffer(region: Region, operand: RegionOperand, layout: WeightLayout): string {
    const { outer, parameter, constant, type } = operand;
    if (parameter !== null) return this.weightBuffer(parameter, layout);
    if (constant !== null) {
      return this.addTable(`${region.name}.${operand.name}`, type, constant);
    }
    const buffer = outer === null ? undefined : this.bufferOf.get(outer);
    if (buffer === undefined) throw new Error(`%${region.name} reads a value without a buffer`);
    return buffer;
  }

  private addTable(name: string, type: TensorType, numbers: readonly number[]): string {
    const data = () =>
      storageOf(type.dtype) === 'f32' ? Float32Array.from(numbers) : Int32Array.from(numbers);
    return this.addWeight(name, type, ROWS, data);
  }

  private weightBuffer(parameter: Parameter, layout: WeightLayout): string {
    const value = valueOf(this.graph, parameter.value);
    const name = layout === ROWS ? value.name : `${value.name} (${layout.name})`;
    return this.weights.has(name)
      ? name
      : this.addWeight(name, value, layout, () => numbersOf(parameter, value), name);
  }

  private addWeight(
    wanted: string,
    type: TensorType,
    layout: WeightLayout,
    data: () => Float32Array | Int32Array | null,
    exact?: string,
  ): string {
    const shape = staticShape(type.shape);
    if (shape === null) {
      throw new EncompileError(
        `The weight '${wanted}' has the type ${printType(type)}, but a weight's dims must be numbers.`,
      );
    }
    const name = exact ?? this.unique(wanted);
    const storage = storageOf(type.dtype);
    const size = Number(layout.size(shape));
    this.buffers.set(name, { name, role: 'weight', type: storage, size, tensor: type });
    this.weights.set(name, {
      buffer: name,
      layout: layout.name,
      type: storage,
      size,
      data: () => {
        const numbers = data();
        return numbers === null ? null : layout.pack(numbers, shape);
      },
    });
    return name;
  }

  /** Outputs that no step computes, such as an input given back, are copied. */
  private copyOutputs(outputs: readonly ProgramIo[]): void {
    this.graph.outputs.forEach(({ value }, i) => {
      const output = outputs[i];
      if (output === undefined || this.bufferOf.get(value) === output.buffer) return;
      const kernel = copyKernel(valueOf(this.graph, value), this.target, this.symbols);
      this.pushCopy(value, output.buffer, kernel, output.name);
    });
  }

  private addCopy(id: ValueId, to: string, place: { offset: Dim; size: Dim }): void {
    const value = valueOf(this.graph, id);
    this.pushCopy(id, to, copyInto(value, place, this.target, this.symbols), value.name);
  }

  private pushCopy(id: ValueId, to: string, copy: Kernel, name: string): void {
    const from = this.bufferOf.get(id) ?? this.weightBuffer(this.parameterOf(id), ROWS);
    const kernel = this.kernels.share(copy);
    this.steps.push({
      kernel: kernel.name,
      arguments: [from, to],
      provenance: {
        node: name,
        ops: ['copy'],
        names: [name],
        location: null,
        flops: 0,
        bytes: multiply(8, sizeOf(valueOf(this.graph, id).shape)),
      },
    });
  }

  private addBuffer(
    id: ValueId,
    wanted: string,
    role: ProgramBuffer['role'],
    tensor: TensorType,
  ): string {
    const name = role === 'input' ? wanted : this.unique(wanted);
    const type = storageOf(tensor.dtype);
    this.buffers.set(name, { name, role, type, size: sizeOf(tensor.shape), tensor, value: id });
    this.bufferOf.set(id, name);
    return name;
  }

  private unique(wanted: string): string {
    let name = wanted;
    for (let n = 1; this.buffers.has(name); n++) name = `${wanted}_${n}`;
    return name;
  }
}

/** A parameter's numbers as kernels hold them. */
function numbersOf(parameter: Parameter, type: TensorType): Float32Array | Int32Array | null {
  const data = parameter.data?.data;
  if (data === undefined) return null;
  // Weights are large, and nobody writes into them.
  if (storageOf(type.dtype) === 'f32') {
    return data instanceof Float32Array ? data : Float32Array.from(data as Uint8Array);
  }
  return data instanceof Int32Array ? data : Int32Array.from(data as Int8Array, Number);
}
