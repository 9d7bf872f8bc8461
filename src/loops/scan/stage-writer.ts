/**
 * Writes stages into one kernel: names that do not meet, buffers that they share, and what all of them
 * cost.
 */
import { add, type Dim, multiply, sizeOf } from '../../ir/dims.ts';
import type { ValueId } from '../../ir/graph.ts';
import { type Origin, type Parameter, valueOf } from '../../ir/graph.ts';
import type { TensorType } from '../../ir/types.ts';
import { DIM_FUNCTIONS } from '../blocks.ts';
import { copyRegion } from '../copy.ts';
import { loop, type Statement } from '../nodes.ts';
import type { Target } from '../program.ts';
import type { Region, RegionOperand } from '../region.ts';
import { ROWS, type WeightLayout } from '../weight-layout.ts';
import { cutRegion } from './cut-region.ts';
import { renamed } from './rename.ts';
import { STAGING, type Staging } from './staging.ts';
import { ScanBuffers, type Storage } from './storage.ts';

/** The program in which the scan stands. */
export interface ScanContext {
  readonly target: Target;
  readonly exact: boolean;
  readonly symbols: readonly string[];
  readonly parameters: ReadonlyMap<ValueId, Parameter>;
  /** Values of the graph around that something reads. */
  readonly used: ReadonlySet<ValueId>;
}

export class StageWriter {
  readonly staging: Staging;
  readonly buffers: ScanBuffers;
  /** Of all regions, in order. */
  readonly summary: string[] = [];
  readonly ops: string[] = [];
  readonly origins: Origin[] = [];
  flops: Dim = 0;
  /** That steps move. */
  bytes: Dim = 0;
  private readonly context: ScanContext;
  private readonly names: Set<string>;
  /** Variables of the loops over time around what is written. */
  private readonly times: string[] = [];
  /** How often what is written runs. */
  private runs: Dim = 1;

  constructor(context: ScanContext) {
    this.context = context;
    this.staging = STAGING[context.target];
    this.names = new Set([...DIM_FUNCTIONS, ...context.symbols, ...this.staging.reserved]);
    this.buffers = new ScanBuffers((base) => this.fresh(base));
  }

  /** A name that nothing in the kernel has. */
  fresh(base: string): string {
    const clean = base.replace(/\W+/g, '_').replace(/^(?=\d)/, '_') || 'v';
    let name = clean;
    for (let n = 1; this.names.has(name); n++) name = `${clean}_${n}`;
    this.names.add(name);
    return name;
  }

  /** A serial loop over time. */
  repeat(t: string, length: Dim, body: () => readonly Statement[]): Statement {
    const before = this.runs;
    this.runs = multiply(before, length);
    this.times.push(t);
    const statements = body();
    this.times.pop();
    this.runs = before;
    return loop('serial', t, length, statements);
  }

  /** Counts what a region of the body costs, and keeps its words. */
  describe(region: Region): void {
    this.summary.push(...region.summary);
    this.ops.push(...region.ops);
    this.origins.push(region.origin);
    this.flops = add(this.flops, multiply(this.runs, region.flops));
    const outputs = region.body.outputs.map(({ value }) => valueOf(region.body, value));
    const moved = [...region.operands.map(({ type }) => type), ...outputs]
      .map(({ shape }) => sizeOf(shape))
      .reduce<Dim>(add, 0);
    this.bytes = add(this.bytes, multiply(this.runs, multiply(4, moved)));
  }

  copy(from: Storage, to: Storage, type: TensorType): readonly Statement[] {
    return this.stage(copyRegion(type), [from], [to]) ?? [];
  }

  /** What stands behind stages that others build upon; nothing behind none. */
  met(statements: readonly Statement[]): readonly Statement[] {
    return statements.length === 0 ? [] : [...statements, ...this.staging.meeting];
  }

  /** A region in one stage or several; null where the target has no loops for it. */
  stages(
    region: Region,
    operands: readonly (Storage | null)[],
    results: readonly Storage[],
  ): readonly Statement[] | null {
    if (this.staging.keepsNests) return this.stage(region, operands, results);
    const pieces = cutRegion(region, operands, results, (type) => this.buffers.temporary(type));
    const stages = pieces.map((piece) => this.stage(piece.region, piece.operands, piece.results));
    return stages.flatMap((stage, i) => {
      const isLast = i === stages.length - 1;
      return isLast ? (stage ?? []) : this.met(stage ?? []);
    });
  }

  /** @param operands null for what the region says itself: weights and constants */
  stage(
    region: Region,
    operands: readonly (Storage | null)[],
    results: readonly Storage[],
  ): readonly Statement[] | null {
    const { context, staging, times } = this;
    const placed: Region = {
      ...region,
      operands: region.operands.map((operand, i) => {
        const place = operands[i]?.place;
        return place === undefined ? operand : { ...operand, place };
      }),
      places: results.map(({ place }) => place),
    };
    const symbols = [...context.symbols, ...times];
    const stage = staging.stage(placed, symbols, context.exact);
    if (stage === null) return null;
    const kept = [...symbols, ...staging.reserved, ...DIM_FUNCTIONS];
    const names = new Map(kept.map((name) => [name, name]));
    placed.operands.forEach((operand, i) => {
      const own = () => this.ownBuffer(operand, stage.layouts[i] ?? ROWS);
      names.set(stage.inputs[i] ?? '', operands[i]?.buffer ?? own());
    });
    results.forEach(({ buffer }, i) => {
      names.set(stage.outputs[i] ?? '', buffer);
    });
    return renamed(stage.body, (name) => {
      const known = names.get(name) ?? this.fresh(name);
      names.set(name, known);
      return known;
    });
  }

  private ownBuffer(operand: RegionOperand, layout: WeightLayout): string {
    const { name, type, parameter, constant } = operand;
    if (parameter !== null) return this.buffers.weight(parameter, type, layout, name);
    if (constant !== null) return this.buffers.table(type, constant);
    throw new Error(`the operand '${name}' of a scan's body is held nowhere`);
  }
}
