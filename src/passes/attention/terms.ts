/**
 * What is added to scores and what hides them, brought to one shape, for fuse-attention.
 */
import type { Value, ValueId } from '../../ir/graph.ts';
import { FLOOR } from '../../ir/ops/softmax.ts';
import { type Dim, type DType, type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { resultShape } from '../node-reading.ts';
import { type Refusal, refuse } from '../rewrite.ts';
import { bandOf } from './bands.ts';
import { fittedShape, isMatrix, isWhole } from './fitted-shape.ts';
import { writeMask } from './mask.ts';
import type { Placed, PlacedBias, PlacedMask, Scores } from './scores.ts';

export interface Terms {
  /** The leading dims that all operands of the attention get; at least one. */
  readonly leading: Shape;
  readonly masks: readonly PlacedMask[];
  readonly biases: readonly PlacedBias[];
  /** Masks that may hide all keys of a query and left it a softmax of low numbers: written as biases. */
  readonly lows: readonly PlacedMask[];
  readonly isCausal: boolean;
  /** Of local attention; null where there is none. */
  readonly window: number | null;
  /** Whether a query without a visible key had another result than zeros before. */
  readonly isFinite: boolean;
}

/**
 * Chooses the leading dims: the most that the scores have where masks and biases with leading dims of
 * their own meet them, else the most that they have anywhere. A term that has all the dims of its place
 * can be reshaped to those of another.
 */
export function readTerms(
  { products, masks, biases }: Scores,
  others: readonly Shape[],
  index: GraphIndex,
): Terms | Refusal {
  const [queries = 1, keys = 1] = resultShape(products, index).slice(-2);
  const tied = [...masks, ...biases].filter((term) => !isMatrix(shapeOf(term, index)));
  const bound = tied.filter((term) => !isWhole(shapeOf(term, index), term.frame));
  const finest = bound.reduce(
    (a: Placed | undefined, b) => (b.frame.length > (a?.frame.length ?? 0) ? b : a),
    undefined,
  );
  const first = finest ?? tied[0];
  const longest = others.reduce((a, b) => (b.length > a.length ? b : a), []);
  const leading = first === undefined ? longest : first.frame.slice(0, -2);
  const other = tied.find((term) => {
    return fittedShape(shapeOf(term, index), term.frame, leading) === null;
  });
  if (first !== undefined && other !== undefined) {
    const [a, b] = [index.nameOf(first.value), index.nameOf(other.value)];
    return refuse(other.value, `${a} and ${b} meet the scores at different shapes`);
  }
  const places = readPlaces(masks, queries, keys, index);
  const isLow = (mask: PlacedMask) => isLowForQueries(mask, queries, keys, index);
  return {
    leading: leading.length === 0 ? [1] : leading,
    biases,
    ...places,
    masks: places.masks.filter((mask) => !isLow(mask)),
    lows: places.masks.filter(isLow),
    isFinite: masks.some((mask) => mask.term.low > -Infinity && !isLow(mask)),
  };
}

/**
 * Whether a mask of finite numbers differs from query to query, other than by places: DeBERTa hides all
 * keys from padding. A mask of keys alone leaves none to a sequence only where there is no token at all.
 */
function isLowForQueries(
  { value, term }: PlacedMask,
  queries: Dim,
  keys: Dim,
  index: GraphIndex,
): boolean {
  const isOfKeys = queries === 1 || (index.shapeOf(value).at(-2) ?? 1) === 1;
  return !isOfKeys && term.low >= FLOOR && bandOf(term, queries, keys, index) === null;
}

/**
 * The masks that say no more than `causal` and `window` say are dropped for them. Bands that these two
 * cannot say, because they look further to one side than to the other, stay masks.
 */
function readPlaces(
  masks: readonly PlacedMask[],
  queries: Dim,
  keys: Dim,
  index: GraphIndex,
): Pick<Terms, 'masks' | 'isCausal' | 'window'> {
  const bands = masks.map(({ term }) => bandOf(term, queries, keys, index));
  const least = Math.max(...bands.map((band) => band?.least ?? -Infinity));
  const most = Math.min(...bands.map((band) => band?.most ?? Infinity));
  const isCausal = most === 0;
  const isWindow = Number.isFinite(least) && least <= 0 && (isCausal || most === -least);
  const window = isWindow ? Math.abs(least) : null;
  const low = isWindow ? least : -Infinity;
  const high = isCausal ? 0 : (window ?? Infinity);
  const isImplied = (mask: PlacedMask) => {
    const band = bands[masks.indexOf(mask)] ?? null;
    return band !== null && band.least <= low && band.most >= high;
  };
  return { masks: masks.filter((mask) => !isImplied(mask)), isCausal, window };
}

/** The shape of a term as it meets the scores where their last two dims are queries and keys. */
function shapeOf({ value, frame, split }: Placed, index: GraphIndex): Shape {
  return split === undefined ? index.shapeOf(value) : frame;
}

export function writeTerms(
  { leading, masks, biases, lows }: Terms,
  dtype: DType,
  into: GraphWriter,
): { readonly mask: Value | null; readonly bias: Value | null } {
  const fitted = (value: Value, { frame }: Placed) => {
    return reshaped(value, fittedShape(value.shape, frame, leading) ?? value.shape, into);
  };
  const visible = masks.map((mask) => fitted(writeMask(mask.term, into), mask));
  const terms = [
    ...biases
      .filter(({ split }) => split === undefined)
      .map((bias) => fitted(scaled(bias.value, bias.factor, into), bias)),
    ...writeSplitBiases(biases, leading, into),
    ...lows.map((mask) => fitted(lowScores(mask, dtype, into), mask)),
  ];
  const all = (op: string, values: readonly Value[]) =>
    values.reduce<Value | null>((a, b) => (a === null ? b : into.node(op, [a, b])), null);
  return { mask: all('and', visible), bias: all('add', terms) };
}

/** Biases that were added to split scores, of each split the sum: what is broadcast there is added there. */
function writeSplitBiases(
  biases: readonly PlacedBias[],
  leading: Shape,
  into: GraphWriter,
): readonly Value[] {
  const splits = new Map<string, PlacedBias[]>();
  for (const bias of biases) {
    if (bias.split === undefined) continue;
    const key = `${bias.split}`;
    splits.set(key, [...(splits.get(key) ?? []), bias]);
  }
  return [...splits.values()].map((alike) => {
    const [{ frame = [], split = [] } = {}] = alike;
    const sum = alike
      .map(({ value, factor }) => scaled(value, factor, into))
      .reduce((a, b) => into.node('add', [a, b]));
    const isWhole = sameShape(sum.shape, split);
    const whole = isWhole ? sum : into.node('broadcast', [sum], { shape: split });
    return reshaped(whole, [...leading, ...frame.slice(-2)], into);
  });
}

function reshaped(value: Value, shape: Shape, into: GraphWriter): Value {
  const name = `${value.name}.reshape`;
  return sameShape(shape, value.shape) ? value : into.node('reshape', [value], { shape }, { name });
}

/** What makes the scores of hidden keys so low that they are alike, and still finite. */
function lowScores({ value, factor, term }: PlacedMask, dtype: DType, into: GraphWriter): Value {
  if (factor === null) {
    const [zero, low] = [into.scalar(0, dtype), into.scalar(FLOOR, dtype)];
    return into.node('select', [writeMask(term, into), zero, low]);
  }
  return scaled(value, factor, into);
}

function scaled(id: ValueId, factor: number, into: GraphWriter): Value {
  const value = into.get(id);
  return factor === 1 ? value : into.node('mul', [value, into.scalar(factor, value.dtype)]);
}

export function detailOfTerms(terms: Terms, index: GraphIndex): readonly string[] {
  const parts: string[] = [];
  for (const { value } of terms.lows) parts.push(`bias of the mask ${index.nameOf(value)}`);
  for (const { value, notBool } of terms.biases) {
    parts.push(`bias ${index.nameOf(value)}`);
    if (notBool === null) continue;
    const { dtype } = index.value(notBool);
    parts.push(`which is no mask because ${index.nameOf(notBool)} is ${dtype}, not bool`);
  }
  if (terms.isCausal) parts.push('causal');
  if (terms.window !== null) parts.push(`window ${terms.window}`);
  for (const { value } of terms.masks) parts.push(`mask ${index.nameOf(value)}`);
  if (terms.isFinite) {
    parts.push('where a query that sees no key now gives zeros instead of the mean of the values');
  }
  return parts;
}
