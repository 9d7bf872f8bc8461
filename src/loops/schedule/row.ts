/**
 * The nest for regions whose reductions all run along the last axis: norms, softmax, add and norm,
 * embedding and norm, unit vectors.
 *
 * A row at a time: what several passes over the row need and is dear to compute again is kept in
 * scratch, each reduction is one pass, the last pass stores.
 * CPU: rows are parallel, passes are serial loops. GPU: a workgroup a row; invocations take
 * elements lane, lane + width, ..., and reductions meet in workgroup memory.
 */

import { resolveAxis } from '../../ir/broadcasting.ts';
import { add, ceilDivide, type Dim, minimum, multiply, sizeOf } from '../../ir/dims.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { Collective } from '../element-loops.ts';
import type { Emitter } from '../emitter.ts';
import {
  binary,
  constant,
  type Expression,
  index as indexOf,
  load,
  type Statement,
  store,
} from '../nodes.ts';
import { storageOf, unflatten } from '../row-major.ts';
import { hasDivision, overGroups } from './map.ts';
import type { KernelDraft } from './schedule.ts';

/** The most elements of scratch a row may take: with the exchange, within 16 KiB of workgroup memory. */
const MAX_SCRATCH = 3072;
/** Rows of so many elements or fewer are not worth passes, or a workgroup, of their own. */
const SHORT_ROW = 16;
const GRID = 65_535;

export function rowCpu(draft: KernelDraft): readonly Statement[] | null {
  const domain = rowDomain(draft.region.body);
  if (domain === null || isOneShortSum(draft.region.body, domain)) return null;
  const kept = valuesToKeep(draft.region.body, domain);
  const leading = domain.slice(0, -1);
  const nest = (groups: readonly Shape[]): readonly Statement[] => {
    const emitter = draft.emitter();
    overGroups(emitter, groups, ['n', 'm'], (row) => {
      keepInScratch(emitter, domain, kept, row, 'scratch', WHOLE);
      storeRow(draft, emitter, domain, row, WHOLE);
    });
    return emitter.statements;
  };
  const joined = nest([leading]);
  return hasDivision(joined) ? nest(leading.map((dim) => [dim])) : joined;
}

export function rowGpu(draft: KernelDraft): readonly Statement[] | null {
  const { body } = draft.region;
  const domain = rowDomain(body);
  if (domain === null || isOneShortSum(body, domain)) return null;
  const length = domain.at(-1) ?? 1;
  const width = typeof length === 'number' && length <= 128 ? 32 : 128;
  const kept = valuesToKeep(body, domain);
  const emitter = draft.emitter();
  const leading = domain.slice(0, -1);
  const rows = sizeOf(leading);
  emitter.loop('workgroup', 'gy', ceilDivide(rows, GRID), (gy) =>
    emitter.loop('workgroup', 'gx', minimum(rows, GRID), (gx) => {
      const exchange = exchangeFor(body, emitter, width);
      const scratch = kept.map(() => emitter.alloc('row', Number(length), 'workgroup'));
      const takeRow = (lane: Dim) => {
        emitter.shareReductions({ lane: String(lane), width, exchange });
        const row = unflatten(add(multiply(gy, GRID), gx), leading, emitter.ranges);
        const pass: Pass = { from: lane, step: width, kind: 'serial', first: true };
        keepInScratch(emitter, domain, kept, row, scratch, pass);
        storeRow(draft, emitter, domain, row, pass);
      };
      const inside = binary('lt', indexOf(add(multiply(gy, GRID), gx)), indexOf(rows));
      const isWhole = typeof rows === 'number' && rows <= GRID;
      emitter.loop(
        'invocation',
        'lane',
        width,
        (lane) => (isWhole ? takeRow(lane) : emitter.when(inside, () => takeRow(lane))),
        { fence: true },
      );
    }),
  );
  return emitter.statements;
}

/** Memory in which invocations reduce together, for each type that they reduce. */
function exchangeFor(body: Graph, emitter: Emitter, width: number): Collective['exchange'] {
  const reduced = body.nodes.filter((node) => kindOf(node) === 'reduction');
  const types = reduced.flatMap(presentOperands).map((id) => storageOf(valueOf(body, id).dtype));
  const exchange: { [T in 'f32' | 'i32']?: string } = {};
  for (const type of types) exchange[type] ??= emitter.alloc('exchange', width, 'workgroup', type);
  return exchange;
}

/** Which elements of a row one thread of execution takes. */
interface Pass {
  readonly from: Dim;
  readonly step: number;
  /** Of loops over the row's elements. */
  readonly kind: 'serial' | 'parallel';
  /** Whether only the first lane may store what a row has once. */
  readonly first: boolean;
}
/** All of them: neighbours are independent, and a target with vectors may take several at once. */
const WHOLE: Pass = { from: 0, step: 1, kind: 'parallel', first: false };

/** The common shape of all operands of reductions, where the region is row-wise; else null. */
function rowDomain(body: Graph): Shape | null {
  const reductions = body.nodes.filter((node) => kindOf(node) === 'reduction');
  const [first] = reductions;
  if (first === undefined) return null;
  const domain = operandShape(body, first);
  const last = domain.length - 1;
  const rowWise = reductions.every((node) => {
    const axes = axesOf(node, domain.length);
    return sameShape(operandShape(body, node), domain) && axes.length === 1 && axes[0] === last;
  });
  const results = body.outputs.every(({ value }) => {
    const { shape } = valueOf(body, value);
    return sameShape(shape, domain) || isOnceARow(shape, domain);
  });
  return rowWise && results ? domain : null;
}

/**
 * Whether the region is one reduction of short rows, such as windows: elements of the result are
 * neighbours there, and a thread of execution takes one as a whole.
 */
function isOneShortSum(body: Graph, domain: Shape): boolean {
  const [length = 1] = domain.slice(-1);
  const reductions = body.nodes.filter((node) => kindOf(node) === 'reduction');
  const areOnce = body.outputs.every(({ value }) => isOnceARow(valueOf(body, value).shape, domain));
  const isShort = typeof length === 'number' && length > 1 && length <= SHORT_ROW;
  return isShort && reductions.length === 1 && areOnce;
}

function isOnceARow(shape: Shape, domain: Shape): boolean {
  const rows = domain.slice(0, -1);
  return sameShape(shape, rows) || sameShape(shape, [...rows, 1]);
}

function axesOf(node: Node, rank: number): readonly number[] {
  const axes = node.attributes.axes;
  const list = Array.isArray(axes) ? (axes as readonly number[]) : [Number(node.attributes.axis)];
  return list.map((axis) => resolveAxis(axis, rank) ?? -1);
}

function operandShape(body: Graph, node: Node): Shape {
  const [operand] = presentOperands(node);
  return operand === undefined ? [] : valueOf(body, operand).shape;
}

function isCostly(node: Node): boolean {
  const { meaning } = opDefinition(node.op);
  return 'isCostly' in meaning && meaning.isCostly;
}

function kindOf(node: Node): string {
  return opDefinition(node.op).meaning.kind;
}

/**
 * Values of the whole row that more than one pass reads and that cost more than a load: what a
 * pass is, is a reduction, or the last one that stores.
 */
function valuesToKeep(body: Graph, domain: Shape): readonly ValueId[] {
  const length = domain.at(-1);
  // the only element of a row is no invocation's own: all read it at the index 0
  if (typeof length !== 'number' || length === 1) return [];
  const passes = passesReading(body);
  const inPlace = readInPlace(body, domain);
  const kept = new Set<ValueId>();
  const work = new Map<ValueId, number>();
  const workOf = (id: ValueId) => {
    const isRowWide = valueOf(body, id).shape.at(-1) === length;
    return isRowWide ? (work.get(id) ?? 1) : 0;
  };
  for (const node of body.nodes) {
    const [id] = node.results;
    if (id === undefined || kindOf(node) === 'reduction') continue;
    const own = isCostly(node) ? 4 : kindOf(node) === 'gather' ? 1 : 0;
    const total = presentOperands(node).reduce((sum, operand) => sum + workOf(operand), own);
    const value = valueOf(body, id);
    const fits =
      sameShape(value.shape, domain) &&
      storageOf(value.dtype) === 'f32' &&
      (kept.size + 1) * length <= MAX_SCRATCH;
    const again = (passes.get(id)?.size ?? 0) >= 2;
    if (fits && again && inPlace.has(id) && total >= 2) kept.add(id);
    work.set(id, kept.has(id) ? 1 : total);
  }
  return [...kept];
}

/** The values that a row needs at its own elements alone: no view behind them leads elsewhere. */
function readInPlace(body: Graph, domain: Shape): ReadonlySet<ValueId> {
  const elsewhere = new Set<ValueId>();
  for (const node of [...body.nodes].reverse()) {
    const isAligned =
      kindOf(node) === 'reduction' ||
      (kindOf(node) === 'elementwise' &&
        node.results.every((id) => {
          return !elsewhere.has(id) && sameShape(valueOf(body, id).shape, domain);
        }));
    if (!isAligned) for (const id of presentOperands(node)) elsewhere.add(id);
  }
  const all = body.nodes.flatMap((node) => node.results);
  return new Set(all.filter((id) => !elsewhere.has(id)));
}

/** For every value, the passes that read it without a reduction in between. */
function passesReading(body: Graph): ReadonlyMap<ValueId, ReadonlySet<string>> {
  const reading = new Map<ValueId, Set<string>>();
  const mark = (id: ValueId, passes: Iterable<string>) => {
    const known = reading.get(id) ?? new Set<string>();
    for (const pass of passes) known.add(pass);
    reading.set(id, known);
  };
  for (const { value } of body.outputs) mark(value, ['store']);
  for (const node of [...body.nodes].reverse()) {
    const passes =
      kindOf(node) === 'reduction'
        ? [`reduction ${node.id}`]
        : node.results.flatMap((id) => [...(reading.get(id) ?? [])]);
    for (const id of presentOperands(node)) mark(id, passes);
  }
  return reading;
}

/** Fills scratch with the kept values of a row, in order, and lets the emitter read from there. */
function keepInScratch(
  emitter: Emitter,
  domain: Shape,
  kept: readonly ValueId[],
  row: readonly Dim[],
  space: 'scratch' | readonly string[],
  pass: Pass,
): void {
  const length = domain.at(-1) ?? 1;
  kept.forEach((id, i) => {
    const buffer =
      space === 'scratch' ? emitter.alloc('row', Number(length), 'scratch') : (space[i] ?? '');
    emitter.loop(
      pass.kind,
      'j',
      length,
      (j) => emitter.emit(store(buffer, j, emitter.value(id, [...row, j]))),
      { from: pass.from, step: pass.step },
    );
    emitter.override(id, (at) => load(buffer, at.at(-1) ?? 0));
  });
}

function storeRow(
  draft: KernelDraft,
  emitter: Emitter,
  domain: Shape,
  row: readonly Dim[],
  pass: Pass,
): void {
  const { body } = draft.region;
  const elementOf = (which: number, at: readonly Dim[]) =>
    emitter.value(body.outputs[which]?.value ?? (-1 as ValueId), at);
  const storeAt = (which: number, at: readonly Dim[], element: Expression) =>
    emitter.emit(draft.store(which, at, element));
  const indices = body.outputs.map((_, i) => i);
  const shapeOf = (i: number) => valueOf(body, body.outputs[i]?.value ?? (-1 as ValueId)).shape;
  const once = indices.filter((i) => !sameShape(shapeOf(i), domain));
  const wide = indices.filter((i) => sameShape(shapeOf(i), domain));
  for (const i of once) {
    const at = shapeOf(i).length === domain.length ? [...row, 0] : row;
    // every lane takes part in the reductions, one stores
    const element = emitter.bind('result', elementOf(i, at));
    if (!pass.first) storeAt(i, at, element);
    else {
      const isFirst = binary('eq', indexOf(pass.from), constant(0, 'i32'));
      emitter.when(isFirst, () => storeAt(i, at, element));
    }
  }
  if (wide.length === 0) return;
  // reductions are emitted at the row's scope when the loop's body first asks for them
  emitter.loop(
    pass.kind,
    'j',
    domain.at(-1) ?? 1,
    (j) => {
      for (const i of wide) storeAt(i, [...row, j], elementOf(i, [...row, j]));
    },
    { from: pass.from, step: pass.step },
  );
}
