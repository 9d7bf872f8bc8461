/** A model with enough to do that threads share it, unless it is run on a row or two. */
import { buildGraph } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { encoderBlock } from '../../src/models/index.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';

const { batch, seq } = dims('batch', 'seq');

export const DENSE_WIDTH = 64;

export function denseModel(): Graph {
  return fillRandomWeights(
    buildGraph('dense', (g) => {
      let x = g.input('x', f32(batch, seq, DENSE_WIDTH));
      for (const i of [0, 1]) x = encoderBlock(g.scope(`layer.${i}`), x, { heads: 4, hidden: 200 });
      return { states: x, largest: g.reduce_max(x, { axes: [0, 1, 2] }) };
    }),
    3,
  );
}

/** Numbers around 0, the same for the same sizes. */
export function denseInput(batchSize: number, length: number) {
  const shape = [batchSize, length, DENSE_WIDTH];
  const count = batchSize * length * DENSE_WIDTH;
  return {
    shape,
    data: Float32Array.from({ length: count }, (_, i) => Math.sin(0.7 * i + length)),
  };
}
