/**
 * A scan as one kernel. Its body is in kernel form, as every graph is behind the passes:
 *
 *     states = initial states
 *     for t: the kernels of the body, one after another
 *            stacked outputs that no kernel put into their place, next states into the states
 *
 * - A state lives in the buffer of the scan's result for it, or in memory of the kernel's own.
 * - An element of a sequence is the sequence read at t, a stacked output the result written at t: both
 *   are places in a buffer, and no copies.
 * - All next states are made before one is replaced.
 */
import { type Dim, subtract } from '../../ir/dims.ts';
import {
  type Graph,
  mergeOrigins,
  type Node,
  type Origin,
  presentOperands,
  type ValueId,
  valueOf,
} from '../../ir/graph.ts';
import { lengthOf, outputsOf, partsOf } from '../../ir/ops/scan.ts';
import type { Kernel, Statement } from '../nodes.ts';
import { regionOf } from '../region.ts';
import { dimSymbolsIn, symbolsInSizes } from '../schedule/schedule.ts';
import {
  axisIn,
  lastPart,
  missing,
  neededBody,
  type ResultStorage,
  type Scope,
  type StackTarget,
  scopeOf,
  stackTargets,
} from './body.ts';
import { initialValues } from './initial-values.ts';
import { heldOperands } from './operands.ts';
import { type ScanContext, StageWriter } from './stage-writer.ts';
import { elementOf, reshaped, type ScanBuffer, type Storage } from './storage.ts';

/** The kernel, and what its buffers and its costs are. */
export interface ScheduledScan {
  readonly kernel: Kernel;
  /** One a buffer of the kernel. */
  readonly buffers: readonly ScanBuffer[];
  readonly ops: readonly string[];
  readonly origin: Origin;
  readonly flops: Dim;
  /** Bytes that its steps move. */
  readonly bytes: Dim;
}

/** A scan of the top level. */
export function scheduleScan(graph: Graph, node: Node, context: ScanContext): ScheduledScan {
  const writer = new StageWriter(context);
  const scope = { graph, held: heldOperands(graph, node, context, writer), used: context.used };
  const body = new ScanStatements(writer).scan(scope, node, (id, i) => {
    return writer.buffers.value(id, valueOf(graph, id), 'write', i === 0 ? 'out' : `out${i}`);
  });
  const statements = writer.staging.around(body);
  const buffers = writer.buffers.all();
  const used = new Set([...dimSymbolsIn(statements), ...symbolsInSizes(buffers)]);
  const results = node.results.map((id) => `%${valueOf(graph, id).name}`).join(', ');
  const kernel: Kernel = {
    name: 'scan',
    summary: [`${results} = scan, each step:`, ...writer.summary],
    buffers: buffers.map(({ name, type, access, size }) => ({ name, type, access, size })),
    symbols: context.symbols.filter((symbol) => used.has(symbol)),
    body: statements,
  };
  const { flops, bytes } = writer;
  const ops = [...new Set(['scan', ...writer.ops])];
  return {
    kernel,
    buffers,
    ops,
    origin: mergeOrigins([node.origin, ...writer.origins]),
    flops,
    bytes,
  };
}

class ScanStatements {
  private readonly writer: StageWriter;

  constructor(writer: StageWriter) {
    this.writer = writer;
  }

  scan(scope: Scope, node: Node, resultOf: ResultStorage): readonly Statement[] {
    const { writer } = this;
    const { graph, held, used } = scope;
    const body = neededBody(node, used);
    const { sequences, captures } = partsOf(node.attributes, presentOperands(node));
    const first = valueOf(graph, sequences[0] ?? missing(node));
    const length = lengthOf(first, Number(node.attributes.axis)) ?? missing(node);
    const t = writer.fresh('t');
    const place: Dim = node.attributes.reverse === true ? subtract(subtract(length, 1), t) : t;
    const states = outputsOf(node.attributes, body).next.map((_, i): Storage => {
      const id = node.results[i] ?? missing(node);
      return used.has(id) ? resultOf(id, i) : writer.buffers.temporary(valueOf(graph, id));
    });
    const initial = writer.met(this.initialise(scope, node, states));
    const elements = sequences.map((id) => {
      return elementOf(this.stored(scope, id), axisIn(graph, node, id), place);
    });
    const given = captures.map((id) => held.get(id) ?? missing(node));
    const inner = scopeOf(body, [...states, ...elements, ...given]);
    const targets = stackTargets(scope, node, body, place, resultOf);
    const steps = writer.repeat(t, length, () => [
      ...this.kernels(inner, targets),
      ...this.handOn(inner, node, states, targets),
    ]);
    return [...initial, steps];
  }

  private initialise(scope: Scope, node: Node, states: readonly Storage[]): readonly Statement[] {
    const { graph } = scope;
    const inPlace = initialValues(graph);
    return partsOf(node.attributes, presentOperands(node)).states.flatMap((id, i) => {
      const to = states[i] ?? missing(node);
      if (!inPlace.has(id)) return this.writer.copy(this.stored(scope, id), to, valueOf(graph, id));
      const maker = graph.nodes.find(({ results }) => results.includes(id)) ?? missing(node);
      const region = regionOf(graph, maker, { parameters: new Map(), used: new Set([id]) });
      return (
        this.writer.stage(
          region,
          region.operands.map(() => null),
          [to],
        ) ?? missing(node)
      );
    });
  }

  /** The kernels of a body; what is stacked is put right into its place. */
  private kernels(scope: Scope, targets: readonly StackTarget[]): readonly Statement[] {
    const { graph, held, used } = scope;
    const inPlace = initialValues(graph);
    return graph.nodes.flatMap((node) => {
      const results = node.results.filter((id) => used.has(id) && !inPlace.has(id));
      const [first] = results;
      if (first === undefined) return [];
      const alias = node.op === 'reshape' ? this.alias(scope, node, targets) : null;
      if (alias !== null) {
        held.set(first, alias);
        return [];
      }
      const places = new Map(
        results.map((id): readonly [ValueId, Storage] => {
          const target = targets.find(([value]) => value === id)?.[1];
          return [id, target ?? this.writer.buffers.temporary(valueOf(graph, id))];
        }),
      );
      const placeOf = (id: ValueId) => places.get(id) ?? missing(node);
      for (const [id, place] of places) held.set(id, place);
      if (node.op === 'scan') return this.scan(scope, node, placeOf);
      return this.writer.met(this.kernel(scope, node, results.map(placeOf)));
    });
  }

  private kernel(scope: Scope, node: Node, results: readonly Storage[]): readonly Statement[] {
    const { graph, held, used } = scope;
    const parameters = new Map(
      [...held].flatMap(([id, x]) => ('parameter' in x ? [[id, x.parameter] as const] : [])),
    );
    for (const keepNests of this.writer.staging.keepsNests ? [true, false] : [false]) {
      const region = regionOf(graph, node, { parameters, used }, keepNests);
      const operands = region.operands.map(({ outer, parameter, constant }) => {
        const isOwn = parameter !== null || constant !== null || outer === null;
        return isOwn ? null : this.stored(scope, outer);
      });
      const statements = this.writer.stages(region, operands, results);
      if (statements === null) continue;
      this.writer.describe(region);
      return statements;
    }
    throw new Error(`no nest takes ${node.op} in the body of a scan`);
  }

  /** A reshape of elements that lie one after another, unless it is to be stacked. */
  private alias(
    scope: Scope,
    { operands, results }: Node,
    targets: readonly StackTarget[],
  ): Storage | null {
    const [from, to] = [operands[0], results[0]];
    if (from == null || to === undefined || targets.some(([value]) => value === to)) return null;
    const [before, after] = [valueOf(scope.graph, from), valueOf(scope.graph, to)];
    return reshaped(this.stored(scope, from), before.shape, after.shape);
  }

  /**
   * Outputs that are held elsewhere than where they are stacked, and next states into the states;
   * those that are states themselves are set aside first.
   */
  private handOn(
    scope: Scope,
    node: Node,
    states: readonly Storage[],
    targets: readonly StackTarget[],
  ): readonly Statement[] {
    const { graph } = scope;
    const { writer } = this;
    const before = targets.flatMap(([value, to]) => {
      const from = this.stored(scope, value);
      return isSame(from, to) ? [] : writer.copy(from, to, valueOf(graph, value));
    });
    const moves = outputsOf(node.attributes, graph).next.flatMap(({ value }, i) => {
      const to = states[i] ?? missing(node);
      const type = valueOf(graph, value);
      const from = this.stored(scope, value);
      if (isSame(from, to)) return [];
      if (!states.some((state) => isOverlapping(from, state))) {
        return writer.copy(from, to, type);
      }
      const aside = writer.buffers.temporary(type);
      before.push(...writer.copy(from, aside, type));
      return writer.copy(aside, to, type);
    });
    return [...writer.met(before), ...writer.met(moves)];
  }

  /** A value in a buffer: a weight in rows. */
  private stored({ graph, held }: Scope, id: ValueId): Storage {
    const found = held.get(id);
    const { name, ...type } = valueOf(graph, id);
    if (found === undefined) throw new Error(`%${name} is held nowhere`);
    if (!('parameter' in found)) return found;
    return this.writer.buffers.rows(found.parameter, type, lastPart(name));
  }
}

function isSame(a: Storage, b: Storage): boolean {
  return (
    a.buffer === b.buffer &&
    a.place.offset === b.place.offset &&
    a.place.strides.join() === b.place.strides.join()
  );
}

/** Whether memory of a state is read: other states are replaced before or after it. */
function isOverlapping(from: Storage, state: Storage): boolean {
  return from.buffer === state.buffer && from.place.offset === state.place.offset;
}
