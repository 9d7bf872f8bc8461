/** Attention whose pattern is fixed: what a convolution is. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { Shape } from '../ir/types.ts';
import { attend } from './attention.ts';
import { lastDims } from './shape.ts';

/**
 * attendAtOffsets: y[.., h, i] = x[.., i + offsets[h]], and 0 where there is no such row: a head an
 * offset, each of whose queries sees one key (Cordonnier et al. 2020, lemma 1)
 *
 * x [.., n, d] -> y [.., heads, n, d]. A query at the end of the sequence sees no key and gives zeros,
 * which is the padding of a convolution: merged and times W [heads * d, o], y is one along n.
 */
export function attendAtOffsets(
  g: Builder,
  x: Value<'f32'>,
  offsets: readonly number[],
): Value<'f32'> {
  const [n = 1, width = 1] = lastDims(x, 2);
  const heads = offsets.length;
  const shift = g.constant({ value: offsets, dtype: 'i32', shape: [heads, 1, 1] });
  const query = g.iota({ shape: [1, n, 1], axis: 1 });
  const key = g.iota({ shape: [1, 1, n], axis: 2 });
  const visible: Value<'bool'> = g.equal<'i32', Shape, 'i32', Shape>(
    key,
    g.add<'i32', Shape, 'i32', Shape>(query, shift),
  );
  const scores: Value<'f32'> = g.constant({ value: [0], dtype: 'f32', shape: [heads, n, n] });
  const rows: Value<'f32'> = g.reshape(x, { shape: [...x.shape.slice(0, -2), 1, n, width] });
  return attend<'f32', Shape, Shape, Shape>(g, scores, rows, { mask: visible });
}
