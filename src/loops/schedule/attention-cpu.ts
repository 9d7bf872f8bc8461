/**
 * The CPU nest of attention: online softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et
 * al. 2022), so that memory does not grow with queries x keys.
 *
 *   for every head, for 3 queries at a time
 *     for 64 keys at a time
 *       scores[3][64] = query . key * scale (+ bias)
 *       top = the largest visible score so far; what was summed before is rescaled by exp(max - top)
 *       scores = exp(scores - top), 0 where hidden
 *       sums[3][value width] = sums * rescale + scores . values
 *     context = sums / total, 0 where no key was visible
 *
 * Why 3 queries, 2 keys, 2 steps of d: as in matmul-cpu, the most that V8 keeps in registers. Keys
 * and values are read in place, through whatever reshapes and transposes lead to them.
 *
 * An exact nest takes one step of d, and one key's value, at a time, and the keys of the nest with
 * vectors: a block that hides all keys may still turn the sign of a zero.
 */
import { add, type Dim, floorDivide, minimum, multiply, subtract } from '../../ir/dims.ts';
import { FLOOR } from '../../ir/ops/softmax.ts';
import { structuralKey } from '../../structural-key.ts';
import type { Emitter } from '../emitter.ts';
import {
  addOf,
  binary,
  constant,
  type Expression,
  load,
  multiplyOf,
  read,
  type Statement,
  select,
  store,
  unary,
} from '../nodes.ts';
import { type Epilogue, epilogueOf, onlyOf } from './anchor.ts';
import {
  AttentionOperands,
  KEYS_IN_BLOCK,
  QUERIES_IN_BLOCK,
  type Rows,
} from './attention-operands.ts';
import type { KernelDraft } from './schedule.ts';

const QUERIES_IN_TILE = 3;
const STEPS = 2;

export function attentionCpu(draft: KernelDraft): readonly Statement[] | null {
  const node = onlyOf('attention', draft.region.body);
  const [result] = node?.results ?? [];
  if (node === null || result === undefined) return null;
  const emitter = draft.emitter();
  const epilogue = epilogueOf(draft, emitter, result);
  const operands = new AttentionOperands(emitter, node);
  if (epilogue === null || !operands.isStatic) return null;
  operands.overSequences((leading, queries, keys) => {
    const { from, to } = queries;
    const whole = floorDivide(subtract(to, from), QUERIES_IN_TILE);
    const tiled = add(from, multiply(whole, QUERIES_IN_TILE));
    const tile = (first: Dim, count: number) =>
      new QueryTile(emitter, operands, epilogue, { leading, queries, keys, first }, count).emit();
    emitter.loop('parallel', 'i', operands.queries, (i) => tile(i, QUERIES_IN_TILE), {
      from,
      to: subtract(to, QUERIES_IN_TILE - 1),
      step: QUERIES_IN_TILE,
    });
    if (tiled === to) return;
    emitter.loop('parallel', 'i', operands.queries, (i) => tile(i, 1), { from: tiled, to });
  });
  return emitter.statements;
}

interface Place {
  readonly leading: readonly Dim[];
  /** Of the sequence. */
  readonly queries: Rows;
  readonly keys: Rows;
  /** The tile's first query. */
  readonly first: Dim;
}

/** A few queries of one head against all keys. */
class QueryTile {
  private readonly emitter: Emitter;
  private readonly operands: AttentionOperands;
  private readonly epilogue: Epilogue;
  private readonly leading: readonly Dim[];
  private readonly first: Dim;
  private readonly queries: Rows;
  private readonly keys: Rows;
  private readonly rows: readonly number[];
  private readonly scores: string;
  private readonly sums: string;
  private readonly largest: readonly string[];
  private readonly totals: readonly string[];
  /** Of one sum. */
  private readonly termsAtOnce: number;

  constructor(
    emitter: Emitter,
    operands: AttentionOperands,
    epilogue: Epilogue,
    place: Place,
    count: number,
  ) {
    this.emitter = emitter;
    this.operands = operands;
    this.epilogue = epilogue;
    this.leading = place.leading;
    this.first = place.first;
    this.queries = place.queries;
    this.keys = place.keys;
    this.rows = range(count);
    this.termsAtOnce = emitter.exact ? 1 : STEPS;
    this.scores = emitter.alloc('scores', count * KEYS_IN_BLOCK, 'scratch');
    this.sums = emitter.alloc('sums', count * operands.valueWidth, 'scratch');
    this.largest = this.rows.map((r) => emitter.variable(`max${r}`, constant(FLOOR)));
    this.totals = this.rows.map((r) => emitter.variable(`total${r}`, constant(0)));
  }

  emit(): void {
    const { emitter, operands } = this;
    const { valueWidth } = operands;
    emitter.loop('serial', 'v', valueWidth, (v) => {
      for (const r of this.rows) emitter.emit(store(this.sums, this.sumAt(r, v), constant(0)));
    });
    const { from, to } = this.visibleKeys();
    emitter.loop('serial', 'start', operands.keys, (start) => this.block(start, to), {
      from,
      to,
      step: KEYS_IN_BLOCK,
    });
    const shares = this.rows.map((r) => {
      const total = read(this.totals[r] ?? '');
      const isSeen = binary('lt', constant(0), total);
      const inverse = binary('div', constant(1), binary('max', total, constant(1e-30)));
      return emitter.bind(`inverse${r}`, select(isSeen, inverse, constant(0)));
    });
    emitter.loop('parallel', 'v', valueWidth, (v) => {
      for (const r of this.rows) {
        const context = multiplyOf(load(this.sums, this.sumAt(r, v)), shares[r] ?? constant(0));
        this.epilogue.store([...this.leading, add(this.first, r), v], context);
      }
    });
  }

  /** The keys that any of these queries, or of their block where exact, may see. */
  private visibleKeys(): Rows {
    const { operands, queries, keys } = this;
    const { causal, window } = operands;
    const { emitter, first, rows } = this;
    const before = floorDivide(subtract(first, queries.from), QUERIES_IN_BLOCK);
    const block = add(queries.from, multiply(before, QUERIES_IN_BLOCK));
    const { from, to } = emitter.exact
      ? operands.keysOf(block, minimum(queries.to, add(block, QUERIES_IN_BLOCK)), keys)
      : operands.keysOf(first, add(first, rows.length), keys);
    return {
      from: window === null ? from : emitter.integer('near', from),
      to: causal || window !== null ? emitter.integer('keys', to) : to,
    };
  }

  private block(start: Dim, keys: Dim): void {
    const end = this.emitter.integer('end', minimum(keys, add(start, KEYS_IN_BLOCK)));
    const paired = add(start, multiply(floorDivide(subtract(end, start), STEPS), STEPS));
    const { emitter, operands } = this;
    emitter.loop('serial', 'j', operands.keys, (j) => this.score(start, j, STEPS), {
      from: start,
      to: subtract(end, STEPS - 1),
      step: STEPS,
    });
    emitter.loop('serial', 'j', operands.keys, (j) => this.score(start, j, 1), {
      from: paired,
      to: end,
    });
    const rescale = this.exponentials(start, end);
    this.addValues(start, end, paired, rescale);
  }

  /** scores = query . key * scale + bias for some keys from j on. */
  private score(start: Dim, j: Dim, count: number): void {
    const { emitter, operands, rows } = this;
    const { width } = operands;
    const columns = range(count);
    const slot = this.slotOf(start, j);
    const dots = rows.map((r) => columns.map((c) => emitter.variable(`c${r}${c}`, constant(0))));
    const steps = (d: Dim, taken: number) => {
      const q = rows.map((r) =>
        range(taken).map((s) =>
          emitter.bind(`q${r}${s}`, operands.query(this.leading, add(this.first, r), add(d, s))),
        ),
      );
      for (const c of columns) {
        const k = range(taken).map((s) =>
          emitter.bind(`k${c}${s}`, operands.key(this.leading, add(j, c), add(d, s))),
        );
        for (const r of rows) {
          const sum = k.map((ks, s) => multiplyOf(q[r]?.[s] ?? ks, ks)).reduce(addOf);
          const name = dots[r]?.[c] ?? '';
          emitter.emit({ tag: 'set', name, value: addOf(read(name), sum) });
        }
      }
    };
    const { termsAtOnce } = this;
    const even = width - (width % termsAtOnce);
    emitter.loop('serial', 'd', width, (d) => steps(d, termsAtOnce), {
      to: even,
      step: termsAtOnce,
    });
    if (even < width) steps(even, width - even);
    for (const r of rows) {
      for (const c of columns) {
        const scaled = multiplyOf(read(dots[r]?.[c] ?? ''), constant(operands.scale));
        const i = add(this.first, r);
        const score = operands.hasBias
          ? addOf(scaled, operands.bias(this.leading, i, add(j, c)))
          : scaled;
        emitter.emit(store(this.scores, this.scoreAt(r, add(slot, c)), score));
      }
    }
  }

  /** Turns the scores of a block into weights; gives the factors for what was summed before. */
  private exponentials(start: Dim, end: Dim): readonly Expression[] {
    const { emitter, operands, rows } = this;
    const tops = rows.map((r) => emitter.variable(`top${r}`, read(this.largest[r] ?? '')));
    const scoreOf = (r: number, slot: Dim) => load(this.scores, this.scoreAt(r, slot));
    const over = (body: (slot: Dim, seen: readonly (Expression | null)[]) => void) =>
      emitter.loop(
        'serial',
        'j',
        operands.keys,
        (j) => body(this.slotOf(start, j), this.visible(j)),
        { from: start, to: end },
      );
    over((slot, seen) => {
      for (const r of rows) {
        const name = tops[r] ?? '';
        const larger = binary('max', read(name), scoreOf(r, slot));
        const isSeen = seen[r] ?? null;
        const value = isSeen === null ? larger : select(isSeen, larger, read(name));
        emitter.emit({ tag: 'set', name, value });
      }
    });
    const rescale = rows.map((r) => {
      const [max = '', total = ''] = [this.largest[r], this.totals[r]];
      const top = read(tops[r] ?? '');
      const factor = emitter.bind(`rescale${r}`, unary('exp', binary('sub', read(max), top)));
      emitter.emit({ tag: 'set', name: max, value: top });
      emitter.emit({ tag: 'set', name: total, value: multiplyOf(read(total), factor) });
      return factor;
    });
    over((slot, seen) => {
      for (const r of rows) {
        const total = this.totals[r] ?? '';
        const weight = unary('exp', binary('sub', scoreOf(r, slot), read(tops[r] ?? '')));
        const isSeen = seen[r] ?? null;
        const value = isSeen === null ? weight : select(isSeen, weight, constant(0));
        const bound = emitter.bind(`p${r}`, value);
        emitter.emit(store(this.scores, this.scoreAt(r, slot), bound));
        emitter.emit({ tag: 'set', name: total, value: addOf(read(total), bound) });
      }
    });
    return rescale;
  }

  /** sums = sums * rescale + weights . values over the block. */
  private addValues(start: Dim, end: Dim, paired: Dim, rescale: readonly Expression[]): void {
    const { emitter, operands } = this;
    const { valueWidth } = operands;
    const columnsFrom = (v: Dim, count: number) => {
      const columns = range(count);
      const sums = this.rows.map((r) =>
        columns.map((c) => {
          const before = load(this.sums, this.sumAt(r, add(v, c)));
          return emitter.variable(`s${r}${c}`, multiplyOf(before, rescale[r] ?? constant(1)));
        }),
      );
      const { keys } = operands;
      const { termsAtOnce } = this;
      emitter.loop('serial', 'j', keys, (j) => this.weigh(sums, start, j, termsAtOnce, v), {
        from: start,
        to: subtract(end, termsAtOnce - 1),
        step: termsAtOnce,
      });
      if (termsAtOnce > 1) {
        emitter.loop('serial', 'j', keys, (j) => this.weigh(sums, start, j, 1, v), {
          from: paired,
          to: end,
        });
      }
      for (const r of this.rows) {
        for (const c of columns) {
          const sum = read(sums[r]?.[c] ?? '');
          emitter.emit(store(this.sums, this.sumAt(r, add(v, c)), sum));
        }
      }
    };
    const even = valueWidth - (valueWidth % STEPS);
    emitter.loop('serial', 'v', valueWidth, (v) => columnsFrom(v, STEPS), {
      to: even,
      step: STEPS,
    });
    if (even < valueWidth) columnsFrom(even, valueWidth - even);
  }

  private weigh(
    sums: readonly (readonly string[])[],
    start: Dim,
    j: Dim,
    count: number,
    v: Dim,
  ): void {
    const { emitter, operands, rows } = this;
    const slot = this.slotOf(start, j);
    const weights = rows.map((r) =>
      range(count).map((s) =>
        emitter.bind(`p${r}${s}`, load(this.scores, this.scoreAt(r, add(slot, s)))),
      ),
    );
    range(sums[0]?.length ?? 0).forEach((c) => {
      const values = range(count).map((s) =>
        emitter.bind(`v${c}${s}`, operands.value(this.leading, add(j, s), add(v, c))),
      );
      for (const r of rows) {
        const sum = values.map((x, s) => multiplyOf(weights[r]?.[s] ?? x, x)).reduce(addOf);
        const name = sums[r]?.[c] ?? '';
        emitter.emit({ tag: 'set', name, value: addOf(read(name), sum) });
      }
    });
  }

  /** Whether each query may see key j, under one name where it is the same for all. */
  private visible(j: Dim): readonly (Expression | null)[] {
    const names = new Map<string, Expression>();
    return this.rows.map((r) => {
      const seen = this.operands.visible(this.leading, add(this.first, r), j);
      if (seen === null) return null;
      const text = structuralKey(seen);
      const bound = names.get(text) ?? this.emitter.bind(`seen${r}`, seen);
      names.set(text, bound);
      return bound;
    });
  }

  /** The place of key j in its block, as a name: V8 adds constants to a name for nothing. */
  private slotOf(start: Dim, j: Dim): Dim {
    return this.emitter.integer('slot', subtract(j, start), KEYS_IN_BLOCK);
  }

  private scoreAt(row: number, slot: Dim): Dim {
    return add(row * KEYS_IN_BLOCK, slot);
  }

  private sumAt(row: number, v: Dim): Dim {
    return add(row * this.operands.valueWidth, v);
  }
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}
