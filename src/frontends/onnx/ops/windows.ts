/** Window functions: sums of cosines over a period of N, which is the size, or one less. */
import type { Value } from '../../../ir/graph.ts';
import type { Handler, HandlerTable, NodeContext } from '../context.ts';
import { dtypeOf } from '../tensors.ts';

/** w[n] = sum over k of (-1)^k a[k] cos(2 pi k n / N). */
const cosines =
  (...a: readonly number[]): Handler =>
  (node: NodeContext): Value => {
    const { g } = node;
    const size = node.integer(0, 'size');
    const dtype = dtypeOf(node.int('output_datatype', 1), 'its result');
    const period = node.int('periodic', 1) === 1 ? size : size - 1;
    const n = g.iota({ shape: [size], axis: 0, dtype: 'f32' });
    const [first = 0, ...others] = a;
    const initial: Value = g.constant({ value: [first], dtype: 'f32', shape: [size] });
    const window = others.reduce((sum, factor, k) => {
      const angle = g.mul(n, (2 * Math.PI * (k + 1)) / Math.max(period, 1));
      const wave = g.mul(g.cos(angle), factor);
      return k % 2 === 0 ? g.sub(sum, wave) : g.add(sum, wave);
    }, initial);
    return g.cast(window, { dtype });
  };

export const windows: HandlerTable = {
  BlackmanWindow: cosines(0.42, 0.5, 0.08),
  HammingWindow: cosines(25 / 46, 21 / 46),
  HannWindow: cosines(0.5, 0.5),
};
