/**
 * What a schedule is: from a region to the loops of one target. The nests differ by target, the
 * elements inside all come from the same `Emitter`.
 */
import { type Dim, symbolsOf } from '../../ir/dims.ts';
import { type ValueId, valueOf } from '../../ir/graph.ts';
import { DIM_FUNCTIONS } from '../blocks.ts';
import { Emitter, type Source } from '../emitter.ts';
import type { BufferParameter, Expression, Kernel, Statement } from '../nodes.ts';
import { cast, childrenOf, store } from '../nodes.ts';
import type { Region } from '../region.ts';
import { flatIndex, placeOf, storageOf } from '../row-major.ts';
import type { WeightLayout } from '../weight-layout.ts';
import { ROWS } from '../weight-layout.ts';

/** A kernel, and how it wants the region's operands laid out. */
export interface ScheduledRegion {
  readonly kernel: Kernel;
  /** One an operand; `ROWS` for all but weights. */
  readonly layouts: readonly WeightLayout[];
}

/** Builds a nest, or null where the region is not of its form. */
export type Nest = (draft: KernelDraft) => readonly Statement[] | null;

/** A kernel being made: names for its buffers, and the emitter that knows them. */
export class KernelDraft {
  readonly region: Region;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly layouts: WeightLayout[];
  readonly symbols: readonly string[];
  /** Whether every sum takes its terms one by one, in the order of their index. */
  readonly exact: boolean;

  constructor(region: Region, symbols: readonly string[], exact = false) {
    this.region = region;
    this.symbols = symbols;
    this.exact = exact;
    const taken = new Set<string>([...DIM_FUNCTIONS, ...symbols]);
    const unique = (base: string): string => {
      const clean = base.replace(/\W+/g, '_').replace(/^(?=\d)/, '_') || 'x';
      let name = clean;
      for (let n = 1; taken.has(name); n++) name = `${clean}_${n}`;
      taken.add(name);
      return name;
    };
    this.inputs = region.operands.map((operand) => unique(operand.name));
    this.outputs = region.body.outputs.map((_, i) => unique(i === 0 ? 'out' : `out${i}`));
    this.layouts = region.operands.map(() => ROWS);
  }

  /** A fresh emitter: a nest that does not fit can be dropped with all it emitted. */
  emitter(): Emitter {
    const buffers = new Map<ValueId, Source>();
    this.region.body.inputs.forEach((id, i) => {
      const place = this.region.operands[i]?.place ?? null;
      buffers.set(id, { buffer: this.inputs[i] ?? 'x', place });
    });
    const reserved = [...this.outputs, ...this.symbols];
    return new Emitter(this.region.body, buffers, reserved, this.exact);
  }

  /** Stores an element of a result. */
  store(which: number, at: readonly Dim[], element: Expression): Statement {
    const { body, places } = this.region;
    const type = valueOf(body, body.outputs[which]?.value ?? (-1 as ValueId));
    const place = places?.[which];
    const index = place === undefined ? flatIndex(at, type.shape) : placeOf(place, at);
    return store(this.outputs[which] ?? 'out', index, cast(storageOf(type.dtype), element));
  }

  finish(name: string, body: readonly Statement[]): Kernel {
    const { region, inputs, outputs, layouts } = this;
    const reads = region.operands.map(
      (operand, i): BufferParameter => ({
        name: inputs[i] ?? 'x',
        type: storageOf(operand.type.dtype),
        access: 'read',
        size: (layouts[i] ?? ROWS).size(operand.type.shape),
      }),
    );
    const writes = region.body.outputs.map(({ value }, i): BufferParameter => {
      const type = valueOf(region.body, value);
      return {
        name: outputs[i] ?? 'out',
        type: storageOf(type.dtype),
        access: 'write',
        size: ROWS.size(type.shape),
      };
    });
    const buffers = [...reads, ...writes];
    const ofSizes = buffers.flatMap(({ size }) => symbolsOf(size));
    const used = new Set([...dimSymbolsIn(body), ...ofSizes]);
    return {
      name,
      summary: region.summary,
      buffers,
      symbols: this.symbols.filter((symbol) => used.has(symbol)),
      body,
    };
  }
}

/** The symbols in the sizes of buffers. */
export function symbolsInSizes(buffers: readonly { readonly size: Dim }[]): readonly string[] {
  return buffers.flatMap(({ size }) => symbolsOf(size));
}

/** Every symbol that stands in an index, a bound or an integer expression. */
export function dimSymbolsIn(body: readonly Statement[]): ReadonlySet<string> {
  return new Set(dimsIn(body).flatMap(symbolsOf));
}

/** Every index, bound and integer expression. */
export function dimsIn(body: readonly Statement[]): readonly Dim[] {
  const found: Dim[] = [];
  const expression = (x: Expression): void => {
    if (x.tag === 'index') found.push(x.value);
    if (x.tag === 'load') found.push(x.index);
    childrenOf(x).forEach(expression);
  };
  const statement = (s: Statement): void => {
    switch (s.tag) {
      case 'for':
        found.push(s.from, s.to, s.step);
        s.body.forEach(statement);
        break;
      case 'if':
        expression(s.condition);
        [...s.then, ...s.otherwise].forEach(statement);
        break;
      case 'let':
      case 'set':
        expression(s.value);
        break;
      case 'variable':
        expression(s.initial);
        break;
      case 'store':
        found.push(s.index);
        expression(s.value);
        break;
      case 'alloc':
      case 'barrier':
      case 'comment':
        break;
      default:
        s satisfies never;
    }
  };
  body.forEach(statement);
  return found;
}
