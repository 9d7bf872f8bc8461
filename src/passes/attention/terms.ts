/**
 * What is added to scores and what hides them, brought to one shape, for fuse-attention.
 */
import type { Value } from '../../ir/graph.ts';
import { type Dim, type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { resultShape } from '../node-reading.ts';
import { type Refusal, refuse } from '../rewrite.ts';
import { bandOf } from './bands.ts';
import { writeMask } from './mask.ts';
import type { PlacedBias, PlacedMask, Scores } from './scores.ts';

export interface Terms {
  /** The leading dims that all operands of the attention get; at least one. */
  readonly leading: Shape;
  readonly masks: readonly PlacedMask[];
  readonly biases: readonly PlacedBias[];
  readonly isCausal: boolean;
  /** Of local attention; null where there is none. */
  readonly window: number | null;
  /** Whether a query without a visible key had another result than zeros before. */
  readonly isFinite: boolean;
}

/**
 * Chooses the leading dims: those at which masks and biases with leading dims of their own meet the
 * scores, else the most that the scores have anywhere.
 */
export function readTerms(
  { products, masks, biases }: Scores,
  others: readonly Shape[],
  index: GraphIndex,
): Terms | Refusal {
  const [queries = 1, keys = 1] = resultShape(products, index).slice(-2);
  const tied = [...masks, ...biases].filter(({ value }) => !isMatrix(index.shapeOf(value)));
  const [first] = tied;
  const other = tied.find(({ frame }) => first !== undefined && !sameShape(frame, first.frame));
  if (first !== undefined && other !== undefined) {
    const [a, b] = [index.nameOf(first.value), index.nameOf(other.value)];
    return refuse(other.value, `${a} and ${b} meet the scores at different shapes`);
  }
  const longest = others.reduce((a, b) => (b.length > a.length ? b : a), []);
  const leading = first === undefined ? longest : first.frame.slice(0, -2);
  const places = readPlaces(masks, queries, keys, index);
  return {
    leading: leading.length === 0 ? [1] : leading,
    biases,
    ...places,
    isFinite: masks.some((mask) => mask.isFinite),
  };
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

/** Whether a term has no leading dims, or only such of 1. */
function isMatrix(shape: Shape): boolean {
  return shape.slice(0, -2).every((dim) => dim === 1);
}

export function writeTerms(
  { leading, masks, biases }: Terms,
  into: GraphWriter,
): { readonly mask: Value | null; readonly bias: Value | null } {
  const fitted = (value: Value) => withoutOnes(value, leading, into);
  const visible = masks.map(({ term }) => fitted(writeMask(term, into)));
  const terms = biases.map(({ value, factor }) => {
    const bias = into.get(value);
    const scaled = factor === 1 ? bias : into.node('mul', [bias, into.scalar(factor, bias.dtype)]);
    return fitted(scaled);
  });
  const all = (op: string, values: readonly Value[]) =>
    values.reduce<Value | null>((a, b) => (a === null ? b : into.node(op, [a, b])), null);
  return { mask: all('and', visible), bias: all('add', terms) };
}

/** Drops leading dims of 1 where the scores have fewer or others. */
function withoutOnes(value: Value, leading: Shape, into: GraphWriter): Value {
  const { shape, name } = value;
  if (!isMatrix(shape) || shape.length <= leading.length + 2) return value;
  return into.node('reshape', [value], { shape: shape.slice(-2) }, { name: `${name}.reshape` });
}

export function detailOfTerms(terms: Terms, index: GraphIndex): readonly string[] {
  const parts: string[] = [];
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
