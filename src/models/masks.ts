/**
 * Masks say what is visible: true where a query sees a key. A padding mask bool[batch, seq] is true
 * for tokens and false for padding.
 */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import { subtract } from '../ir/dims.ts';
import type { Value } from '../ir/graph.ts';
import type { Rows, SameShapeOk } from '../ir/shape-types.ts';
import { type Dim, printType, type Shape } from '../ir/types.ts';
import { lastDims, withShape } from './shape.ts';

export interface VisibleKeys<Mask = Value<'bool'>> {
  /** True where a query sees a key. It broadcasts to the scores [.., n, m]; see `maskOfScores`. */
  readonly mask?: Mask | undefined;
  /** Whether query i sees key j only where j <= i + (m - n). */
  readonly causal?: boolean | undefined;
  /** The w of local attention: query i sees key j only where abs(i + (m - n) - j) <= w. */
  readonly window?: number | undefined;
}

/**
 * A mask beside keys of shape K [..p, m, d]: [..p, m] hides keys, [..p, n, m] hides keys from single
 * queries, [..p, h, n, m] in single heads. Checked in the editor is the first form; all are checked
 * when the graph is built.
 */
export type KeyMaskOk<K extends Shape, M extends Shape> = SameShapeOk<
  'key_mask',
  M['length'] extends Rows<K>['length'] ? Rows<K> : Shape,
  M
>;

/**
 * The mask over scores [..p, h, n, m], from one of the forms above; dims of 1 stand for the heads
 * and queries that it does not tell apart.
 *
 * @throws EncompileError where the mask has the rank of none of the forms
 */
export function maskOfScores(g: Builder, mask: Value<'bool'>, keys: Value): Value<'bool'> {
  const { shape } = mask;
  const missing = keys.shape.length + 1 - shape.length;
  if (missing === 0) return mask;
  const leading = shape.slice(0, keys.shape.length - 2);
  if (missing === 1) return g.reshape(mask, { shape: [...leading, 1, ...shape.slice(-2)] });
  if (missing === 2) return g.reshape(mask, { shape: [...leading, 1, 1, ...shape.slice(-1)] });
  const wanted = keys.shape.slice(0, -1).join(', ');
  throw new EncompileError(
    `key_mask: the mask '${mask.name}' is ${printType(mask)}, where bool[${wanted}] was expected, ` +
      'true for each key that may be seen.',
  );
}

/**
 * causalMask: y[i, j] = j <= i + (keys - queries)
 *
 * The last query sees every key, each query before it one key less -> bool[queries, keys].
 */
export function causalMask<N extends Dim, M extends Dim>(
  g: Builder,
  { queries, keys }: { readonly queries: N; readonly keys: M },
): Value<'bool', [N, M]> {
  const lastKey = g.iota({ shape: [queries, 1], axis: 0, start: subtract(keys, queries) });
  const key = g.iota({ shape: [1, keys], axis: 1 });
  return withShape(g.less_equal(key, lastKey), [queries, keys]);
}

/**
 * windowMask: y[i, j] = abs(i + (keys - queries) - j) <= window
 *
 * As in `causalMask` the last query stands at the last key -> bool[queries, keys].
 * @throws EncompileError where the window is no whole number of at least 0
 */
export function windowMask<N extends Dim, M extends Dim>(
  g: Builder,
  { queries, keys, window }: { readonly queries: N; readonly keys: M; readonly window: number },
): Value<'bool', [N, M]> {
  if (!Number.isInteger(window) || window < 0) {
    throw new EncompileError(
      `attention_window: the window is ${window}, where a whole number of at least 0 was expected: ` +
        'how many keys on either side of its own a query sees.',
    );
  }
  const place = g.iota({ shape: [queries, 1], axis: 0, start: subtract(keys, queries) });
  const key = g.iota({ shape: [1, keys], axis: 1 });
  return withShape(g.less_equal(g.abs(g.sub(place, key)), window), [queries, keys]);
}

/**
 * visibleKeys: where the mask is true, and the key not behind the query if causal, and within the
 * window if there is one -> bool that broadcasts to [.., queries, keys]; null where every key is seen
 */
export function visibleKeys(
  g: Builder,
  { queries, keys }: { readonly queries: Dim; readonly keys: Dim },
  { mask, causal = false, window }: VisibleKeys,
): Value<'bool'> | null {
  const conditions: readonly (Value<'bool'> | undefined)[] = [
    mask,
    causal ? causalMask(g, { queries, keys }) : undefined,
    window === undefined ? undefined : windowMask(g, { queries, keys, window }),
  ];
  return conditions.reduce<Value<'bool'> | null>((all, condition) => {
    if (condition === undefined) return all;
    return all === null ? condition : g.and(all, condition);
  }, null);
}

/** maskOfKeys: bool[.., m], true for the keys that may be seen -> bool[.., 1, m], over scores without heads. */
export function maskOfKeys(g: Builder, mask: Value<'bool'>): Value<'bool'> {
  return g.reshape(mask, { shape: [...mask.shape.slice(0, -1), 1, ...lastDims(mask, 1)] });
}
