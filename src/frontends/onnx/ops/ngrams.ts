/**
 * TfIdfVectorizer of ids: how often each n-gram of a pool stands in a row, its ids one behind another or
 * with the same number of others skipped between them.
 */
import { isAtLeast } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';
import { known } from '../operand.ts';

/** The n-grams of one length. */
interface Grams {
  readonly n: number;
  /** Of the first of them, among those of all lengths. */
  readonly first: number;
  readonly count: number;
  /** Those of the first n-gram, those of the second, and so on. */
  readonly ids: readonly number[];
}

const MOST_SKIPS = 64;

function tfIdfVectorizer(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const axis = x.shape.length - 1;
  const [shortest, longest] = [node.int('min_gram_length', 1), node.int('max_gram_length', 1)];
  const taken = gramsOf(node).filter(({ n, count }) => n >= shortest && n <= longest && count > 0);
  if (taken.length === 0) return node.unsupported('its pool has no n-gram of the lengths it names');
  const counts = g.concat(
    taken.map((grams) => countsOf(node, x, grams)),
    { axis },
  );
  // behind the counts a column of zeros, for results that no n-gram gives
  const none = x.shape.map(() => 0);
  const columns = g.pad(counts, { before: none, after: none.with(axis, 1) });
  const ordinals = taken.flatMap(({ first, count }) =>
    Array.from({ length: count }, (_, i) => first + i),
  );
  const columnOf = new Map(ordinals.map((ordinal, column) => [ordinal, column]));
  const wanted = wantedOrdinals(node);
  const places = wanted.map((ordinal) => columnOf.get(ordinal ?? -1) ?? ordinals.length);
  const indices = node.site.materialise(known('i64', [places.length], places));
  return weighed(node, g.gather(columns, indices, { axis }), wanted);
}

/** The pool has the n-grams of each length one behind another, beginning where `ngram_counts` says. */
function gramsOf(node: NodeContext): readonly Grams[] {
  const pool = node.ints('pool_int64s') ?? [];
  if (pool.length === 0)
    return node.unsupported('its n-grams are strings', 'Make ids of them before the model runs.');
  const starts = node.ints('ngram_counts') ?? [];
  let first = 0;
  return starts.map((start, i) => {
    const [n, ids] = [i + 1, pool.slice(start, starts[i + 1])];
    const count = Math.floor(ids.length / n);
    first += count;
    return { n, count, first: first - count, ids: ids.slice(0, count * n) };
  });
}

/** [.., places] -> [.., n-grams]: the places at which each begins, for one number of skips after another. */
function countsOf(node: NodeContext, x: Value, { n, count, ids }: Grams): Value {
  const { g } = node;
  const axis = x.shape.length - 1;
  const skips = n === 1 ? 0 : node.int('max_skip_count', 0);
  if (skips > MOST_SKIPS) return node.unsupported(`it skips up to ${skips} ids`);
  const wanted = node.site.materialise(known(x.dtype, [count, n], ids));
  let total = g.constant({ value: [0], dtype: 'f32', shape: [...x.shape.slice(0, axis), count] });
  for (let skip = 0; skip <= skips; skip++) {
    const span = (n - 1) * (skip + 1) + 1;
    if (isAtLeast(span - 1, x.shape[axis] ?? 0)) break;
    const windows = g.windows(x, { sizes: [n], dilations: [skip + 1] });
    const apart = g.reshape(windows, { shape: [...windows.shape.slice(0, -1), 1, n] });
    const isEach = g.cast(g.equal(apart, wanted), { dtype: 'f32' });
    const isWhole = g.equal(g.reduce_sum(isEach, { axes: [-1] }), n);
    total = g.add(total, g.reduce_sum(g.cast(isWhole, { dtype: 'f32' }), { axes: [axis] }));
  }
  return total;
}

/** The n-gram that each result counts, by its place among those of all lengths. */
function wantedOrdinals(node: NodeContext): readonly (number | null)[] {
  const indexes = node.ints('ngram_indexes') ?? [];
  const width = Math.max(-1, ...indexes) + 1;
  const isPlain = new Set(indexes).size === indexes.length && indexes.every((at) => at >= 0);
  if (!isPlain) return node.unsupported('two of its n-grams are counted as one');
  if (!node.site.affords(width)) return node.unsupported(`it has ${width} results a row`);
  const wanted = new Array<number | null>(width).fill(null);
  for (const [ordinal, at] of indexes.entries()) wanted[at] = ordinal;
  return wanted;
}

function weighed(node: NodeContext, counts: Value, wanted: readonly (number | null)[]): Value {
  const { g } = node;
  const mode = node.text('mode', 'TF');
  if (mode === 'TF') return counts;
  const weights = node.attributes.floats('weights') ?? [];
  const value = wanted.map((ordinal) => weights[ordinal ?? -1] ?? 1);
  const each = g.constant({ value, dtype: 'f32', shape: [value.length] });
  return g.mul(mode === 'IDF' ? g.minimum(counts, 1) : counts, each);
}

export const ngrams: HandlerTable = {
  TfIdfVectorizer: tfIdfVectorizer,
};
