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
import { withShape } from './shape.ts';

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
