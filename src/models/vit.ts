/** Vision Transformers: an image is a set of vectors, one for each patch of it. */
import type { Builder } from '../ir/builder.ts';
import { add, sizeOf } from '../ir/dims.ts';
import type { Value } from '../ir/graph.ts';
import { type Dim, f32, type Shape } from '../ir/types.ts';
import { convolution } from './convolution.ts';
import { encoderBlock } from './encoder-block.ts';
import { layerNorm } from './normalization.ts';
import { learnedPositions } from './positions.ts';
import { lastDims, withShape } from './shape.ts';

export interface PatchOptions<W extends number> {
  /** Height and width of a patch. */
  readonly patch: number;
  /** Width of its vector. */
  readonly width: W;
}

/**
 * patchEmbedding: y[n, p] = the patch p of x, flattened, times E (Dosovitskiy et al. 2021, eq. 1): a
 * convolution whose windows lie beside each other
 *
 * x [n, c, h, w] -> y [n, floor(h / patch) * floor(w / patch), width], the patches row by row. What is
 * left at the right and at the bottom is no patch. Weights: `weight` [width, c, patch, patch], `bias`.
 */
export function patchEmbedding<N extends Dim, W extends number>(
  g: Builder,
  image: Value<'f32', [N, Dim, Dim, Dim]>,
  { patch, width }: PatchOptions<W>,
): Value<'f32', [N, Dim, W]> {
  const [n] = image.shape;
  const grid: Value<'f32'> = convolution<Shape, W>(g, image, {
    channels: width,
    size: patch,
    stride: patch,
  });
  const patches = sizeOf(lastDims(grid, 2));
  const columns = g.reshape(grid, { shape: [n, width, patches] as Shape });
  const rows = g.transpose<'f32', Shape, [0, 2, 1]>(columns, { permutation: [0, 2, 1] });
  return withShape(g.named('patches', rows), [n, patches, width]);
}

export interface VitOptions<W extends number> extends PatchOptions<W> {
  readonly layers: number;
  readonly heads: number;
  /** Width inside the feed-forward networks. */
  readonly hidden: number;
  /** Rows of the table of positions: the most patches, and the class. */
  readonly maxPositions: number;
  /** Of the layer norms (1e-6). */
  readonly eps?: number;
}

/**
 * vit: the states of a Vision Transformer's encoder behind the last norm (Dosovitskiy et al. 2021,
 * section 3.1); row 0 is that of the class
 *
 * image [n, c, h, w] -> y [n, 1 + patches, width]. Blocks are pre-norm, with gelu. An image of fewer
 * patches than the table has positions takes the first of them.
 *
 * Weights: those of `patchEmbedding` below `patches`, `class` [1, width], `position`
 * [maxPositions, width], those of `encoderBlock` below `layer.0` .., and `norm`.
 */
export function vit<N extends Dim, W extends number>(
  g: Builder,
  image: Value<'f32', [N, Dim, Dim, Dim]>,
  options: VitOptions<W>,
): Value<'f32', [N, Dim, W]> {
  const { layers, heads, hidden, maxPositions, width, eps = 1e-6 } = options;
  const patches = patchEmbedding<N, W>(g.scope('patches'), image, options);
  const [n, count] = patches.shape;
  const token: Value<'f32'> = g.broadcast<'f32', Shape, Shape>(g.weight('class', f32(1, width)), {
    shape: [n, 1, width],
  });
  const seq = add(count, 1);
  const tokens = g.concat<readonly Value<'f32'>[], 1>([token, patches], { axis: 1 });
  const positions = learnedPositions(g, { seq, width, rows: maxPositions });
  let x: Value<'f32'> = g.add<'f32', Shape, 'f32', Shape>(tokens, positions);
  for (let i = 0; i < layers; i++) {
    const layer = g.scope(`layer.${i}`);
    x = encoderBlock<'f32', Shape, number>(layer, x, { heads, hidden, norm: 'pre', eps });
  }
  return withShape(layerNorm<'f32', Shape>(g.scope('norm'), x, { eps }), [n, seq, width]);
}
