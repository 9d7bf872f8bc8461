/**
 * The GPU nest of attention: a block of queries a workgroup, online softmax over blocks of keys
 * (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022), so that nothing of the size
 * queries x keys is ever stored.
 *
 *   a workgroup takes one head and Q queries with 128 invocations, 128 / Q of them a query
 *     load queries[Q][width]
 *     for K keys at a time
 *       load keys, barrier; scores[Q][K] shared out over the invocations, barrier
 *       every invocation of a query finds the same new maximum, barrier
 *       weights = exp(score - max), 0 where hidden, into scores; load values over the keys, barrier
 *       each invocation of a query adds weights . values for its share of the columns, barrier
 *     context = sums / total, 0 where no key was visible
 *
 * Queries of one block may belong to several segments: the keys are then those of all of them, of which
 * each query sees its own.
 *
 * Q and K are the largest of a few choices whose tiles stay within 16 KiB of workgroup memory.
 */
import {
  add,
  ceilDivide,
  type Dim,
  floorDivide,
  minimum,
  multiply,
  sizeOf,
  subtract,
} from '../../ir/dims.ts';
import { FLOOR, LOWEST } from '../../ir/ops/softmax.ts';
import type { Emitter } from '../emitter.ts';
import {
  addOf,
  binary,
  constant,
  type Expression,
  index as indexOf,
  lane as laneOf,
  load,
  multiplyOf,
  read,
  type Statement,
  select,
  splat,
  store,
  unary,
} from '../nodes.ts';
import { unflatten } from '../row-major.ts';
import { type Epilogue, epilogueOf, onlyOf } from './anchor.ts';
import { AttentionOperands } from './attention-operands.ts';
import { leadingNames } from './map.ts';
import type { KernelDraft } from './schedule.ts';
import { loadTile } from './tiles.ts';

const INVOCATIONS = 128;
const MEMORY = 4096;
/** Queries and keys of a block, by preference. */
const BLOCKS = [
  [16, 32],
  [16, 16],
  [8, 16],
  [8, 8],
  [4, 8],
] as const;

interface Block {
  readonly queries: number;
  readonly keys: number;
}

export function attentionGpu(draft: KernelDraft): readonly Statement[] | null {
  const node = onlyOf('attention', draft.region.body);
  const [result] = node?.results ?? [];
  if (node === null || result === undefined) return null;
  const emitter = draft.emitter();
  const epilogue = epilogueOf(draft, emitter, result);
  const operands = new AttentionOperands(emitter, node);
  const block = operands.isStatic ? blockFor(operands) : null;
  if (epilogue === null || block === null) return null;
  const heads = operands.shape.slice(0, -2);
  const blocks = ceilDivide(operands.queries, block.queries);
  emitter.loop('workgroup', 'gy', sizeOf(heads), (gy) =>
    emitter.loop('workgroup', 'gx', blocks, (gx) => {
      const { width, valueWidth } = operands;
      const memory: Memory = {
        queries: emitter.alloc('queries', block.queries * width, 'workgroup'),
        rows: emitter.alloc('rows', block.keys * Math.max(width, valueWidth), 'workgroup'),
        scores: emitter.alloc('scores', block.queries * block.keys, 'workgroup'),
      };
      emitter.loop(
        'invocation',
        'lane',
        INVOCATIONS,
        (lane) => {
          const names = leadingNames(heads.length);
          const leading = unflatten(gy, heads, emitter.ranges).map((at, axis) =>
            emitter.integer(names[axis] ?? 'h', at, heads[axis]),
          );
          const first = multiply(gx, block.queries);
          new QueryBlock(emitter, operands, epilogue, {
            block,
            memory,
            leading,
            first,
            lane,
          }).emit();
        },
        { fence: true },
      );
    }),
  );
  return emitter.statements;
}

function blockFor({ width, valueWidth }: AttentionOperands): Block | null {
  const fits = BLOCKS.find(
    ([q, k]) => q * width + k * Math.max(width, valueWidth) + q * k <= MEMORY,
  );
  return fits === undefined ? null : { queries: fits[0], keys: fits[1] };
}

interface Memory {
  readonly queries: string;
  /** Keys, then values. */
  readonly rows: string;
  readonly scores: string;
}

interface Place {
  readonly block: Block;
  readonly memory: Memory;
  readonly leading: readonly Dim[];
  readonly first: Dim;
  readonly lane: Dim;
}

class QueryBlock {
  private readonly emitter: Emitter;
  private readonly operands: AttentionOperands;
  private readonly epilogue: Epilogue;
  private readonly place: Place;
  /** Invocations that share a query. */
  private readonly team: number;
  /** Columns of the context that an invocation takes at once. */
  private readonly step: 1 | 4;
  private readonly shares: number;

  constructor(emitter: Emitter, operands: AttentionOperands, epilogue: Epilogue, place: Place) {
    this.emitter = emitter;
    this.operands = operands;
    this.epilogue = epilogue;
    this.place = place;
    this.team = INVOCATIONS / place.block.queries;
    this.step = operands.valueWidth % 4 === 0 ? 4 : 1;
    this.shares = Math.ceil(operands.valueWidth / this.step / this.team);
  }

  emit(): void {
    const { emitter, operands, place } = this;
    const { block, lane, first } = place;
    this.loadQueries();
    const own = emitter.integer('own', floorDivide(lane, this.team), block.queries);
    const member = emitter.integer('member', subtract(lane, multiply(own, this.team)), this.team);
    const zero = this.step === 4 ? splat(constant(0)) : constant(0);
    const sums = range(this.shares).map((s) => emitter.variable(`sum${s}`, zero));
    const max = emitter.variable('largest', constant(FLOOR));
    const total = emitter.variable('total', constant(0));
    const { keys, queries } = operands;
    const last = subtract(minimum(queries, add(first, block.queries)), 1);
    const near = operands.keysBetween(first, last);
    const { from, to } = operands.keysOf(first, add(first, block.queries), near);
    emitter.loop(
      'serial',
      'start',
      keys,
      (start) => this.keyBlock(start, own, member, { sums, max, total }),
      { from, to, step: block.keys },
    );
    const inverse = binary('div', constant(1), binary('max', read(total), constant(1e-30)));
    const isSeen = binary('lt', constant(0), read(total));
    const share = emitter.bind('inverse', select(isSeen, inverse, constant(0)));
    const query = emitter.integer('query', add(first, own), queries);
    emitter.when(binary('lt', indexOf(query), indexOf(queries)), () =>
      this.overShares(member, (s, column) => {
        for (const c of range(this.step)) {
          const sum = read(sums[s] ?? '', 'f32', this.step);
          const element = multiplyOf(this.step === 4 ? laneOf(sum, c) : sum, share);
          this.epilogue.store([...place.leading, query, add(column, c)], element);
        }
      }),
    );
  }

  private loadQueries(): void {
    const { emitter, operands, place } = this;
    const { block, memory, leading, first, lane } = place;
    const { width } = operands;
    const tile = { buffer: memory.queries, rows: block.queries, columns: width, extent: width };
    loadTile(
      emitter,
      tile,
      lane,
      INVOCATIONS,
      (r, d) => operands.query(leading, add(first, r), d),
      (r) => binary('lt', indexOf(add(first, r)), indexOf(operands.queries)),
    );
  }

  private loadRows(
    start: Dim,
    columns: number,
    element: (row: Dim, column: Dim) => Expression,
  ): void {
    const { emitter, operands, place } = this;
    const { rows: buffer } = place.memory;
    const tile = { buffer, rows: place.block.keys, columns, extent: columns };
    loadTile(
      emitter,
      tile,
      place.lane,
      INVOCATIONS,
      (r, d) => element(add(start, r), d),
      (r) => binary('lt', indexOf(add(start, r)), indexOf(operands.keys)),
    );
  }

  private keyBlock(
    start: Dim,
    own: Dim,
    member: Dim,
    state: { readonly sums: readonly string[]; readonly max: string; readonly total: string },
  ): void {
    const { emitter, operands, place } = this;
    const { block, memory, leading } = place;
    const barrier = () => emitter.emit({ tag: 'barrier' });
    this.loadRows(start, operands.width, (j, d) => operands.key(leading, j, d));
    barrier();
    this.scores(start);
    barrier();
    const ownScore = (j: Dim) => load(memory.scores, add(multiply(own, block.keys), j));
    const top = emitter.variable('top', read(state.max));
    emitter.loop('serial', 'j', block.keys, (j) =>
      emitter.emit({ tag: 'set', name: top, value: binary('max', read(top), ownScore(j)) }),
    );
    const rescale = emitter.bind(
      'rescale',
      unary('exp', binary('sub', read(state.max), read(top))),
    );
    emitter.emit({ tag: 'set', name: state.max, value: read(top) });
    barrier();
    emitter.loop(
      'serial',
      'j',
      block.keys,
      (j) => {
        const weight = unary('exp', binary('sub', ownScore(j), read(top)));
        const target = add(multiply(own, block.keys), j);
        emitter.emit(store(memory.scores, target, weight));
      },
      { from: member, step: this.team },
    );
    this.loadRows(start, operands.valueWidth, (j, v) => operands.value(leading, j, v));
    barrier();
    this.addValues(ownScore, member, rescale, state);
    barrier();
  }

  /** scores[i][j] = query i . key j * scale + bias; LOWEST where hidden or past the end. */
  private scores(start: Dim): void {
    const { emitter, operands, place } = this;
    const { block, memory, leading, first, lane } = place;
    const { width } = operands;
    const count = block.queries * block.keys;
    const lanes = width % 4 === 0 ? 4 : 1;
    emitter.loop(
      'serial',
      'e',
      count,
      (e) => {
        const i = emitter.integer('i', floorDivide(e, block.keys), block.queries);
        const j = emitter.integer('j', subtract(e, multiply(i, block.keys)), block.keys);
        const zero = lanes === 4 ? splat(constant(0)) : constant(0);
        const dot = emitter.variable('dot', zero);
        emitter.loop('serial', 'd', width / lanes, (step) => {
          const d = multiply(step, lanes);
          const q = load(memory.queries, add(multiply(i, width), d), 'f32', lanes);
          const k = load(memory.rows, add(multiply(j, width), d), 'f32', lanes);
          const value = addOf(read(dot, 'f32', lanes), multiplyOf(q, k));
          emitter.emit({ tag: 'set', name: dot, value });
        });
        const parts = range(lanes).map((c) =>
          lanes === 4 ? laneOf(read(dot, 'f32', 4), c) : read(dot),
        );
        const scaled = multiplyOf(parts.reduce(addOf), constant(operands.scale));
        const score = emitter.variable('score', constant(LOWEST));
        const key = add(start, j);
        const query = add(first, i);
        const inside = binary(
          'and',
          binary('lt', indexOf(query), indexOf(operands.queries)),
          binary('lt', indexOf(key), indexOf(operands.keys)),
        );
        emitter.when(inside, () => {
          const biased = operands.hasBias
            ? addOf(scaled, operands.bias(leading, query, key))
            : scaled;
          const isVisible = this.visible(query, key);
          const value = isVisible === null ? biased : select(isVisible, biased, constant(LOWEST));
          emitter.emit({ tag: 'set', name: score, value });
        });
        emitter.emit(store(memory.scores, e, read(score)));
      },
      { from: lane, step: INVOCATIONS },
    );
  }

  /** Segments are narrower than the keys of a block: a query may meet its neighbours'. */
  private visible(query: Dim, key: Dim): Expression | null {
    const { operands, place } = this;
    const isVisible = operands.visible(place.leading, query, key);
    const isOwn = operands.sameSegment(query, key);
    if (isVisible === null || isOwn === null) return isVisible ?? isOwn;
    return binary('and', isOwn, isVisible);
  }

  /** sums = sums * rescale + weights . values; total likewise. */
  private addValues(
    weight: (j: Dim) => Expression,
    member: Dim,
    rescale: Expression,
    state: { readonly sums: readonly string[]; readonly total: string },
  ): void {
    const { emitter, operands, place } = this;
    const { block, memory } = place;
    const lanes = this.step;
    for (const name of state.sums) {
      const value = multiplyOf(read(name, 'f32', lanes), rescale);
      emitter.emit({ tag: 'set', name, value });
    }
    const scaled = multiplyOf(read(state.total), rescale);
    emitter.emit({ tag: 'set', name: state.total, value: scaled });
    emitter.loop('serial', 'j', block.keys, (j) => {
      const p = emitter.bind('p', weight(j));
      emitter.emit({ tag: 'set', name: state.total, value: addOf(read(state.total), p) });
      this.overShares(member, (s, column) => {
        const name = state.sums[s] ?? '';
        const at = add(multiply(j, operands.valueWidth), column);
        const values = load(memory.rows, at, 'f32', lanes);
        const value = addOf(read(name, 'f32', lanes), multiplyOf(p, values));
        emitter.emit({ tag: 'set', name, value });
      });
    });
  }

  /** The columns that an invocation of a team takes, `step` at a time. */
  private overShares(member: Dim, body: (share: number, column: Dim) => void): void {
    const { emitter, operands } = this;
    for (const s of range(this.shares)) {
      const column = multiply(add(member, s * this.team), this.step);
      const isFull = (s + 1) * this.team * this.step <= operands.valueWidth;
      if (isFull) body(s, column);
      else {
        const inside = binary('lt', indexOf(column), constant(operands.valueWidth, 'i32'));
        emitter.when(inside, () => body(s, column));
      }
    }
  }
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}
