/** Vectors of tokens, from a table. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { IntegerType, Shape } from '../ir/types.ts';
import { withShape } from './shape.ts';

export interface TokenEmbeddingOptions<N extends number> {
  /** Rows of the table: the number of tokens. */
  readonly vocab: number;
  readonly width: N;
  /** Name of the table (word). */
  readonly name?: string;
  /** The table f32[vocab, width], where something else uses it, too (a weight of its own). */
  readonly table?: Value<'f32'> | undefined;
}

/**
 * tokenEmbedding: y[.., i] = table[ids[..], i]
 *
 * ids integer[..r] -> y f32[..r, width]. Weight: the table, f32[vocab, width], where none is given.
 */
export function tokenEmbedding<E extends IntegerType, R extends Shape, N extends number>(
  g: Builder,
  ids: Value<E, R>,
  { vocab, width, name = 'word', table }: TokenEmbeddingOptions<N>,
): Value<'f32', [...R, N]> {
  const rows: Value<'f32'> = table ?? g.weight(name, { dtype: 'f32', shape: [vocab, width] });
  return withShape(g.embedding<'f32', Shape, E, R>(rows, ids), [...ids.shape, width] as [...R, N]);
}
