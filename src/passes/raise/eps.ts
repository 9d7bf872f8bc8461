/**
 * layer_norm(x) {eps = 9.999999960041972e-13}  ->  layer_norm(x) {eps = 1e-12}
 *
 * A file holds eps as float32; the decimal that it stands for is what was meant, and what a declared
 * model says. The difference is half a unit in the last place of float32 at most.
 */
import { firstResult } from '../node-reading.ts';
import { asWritten } from './constants.ts';
import type { RaisePattern } from './pattern.ts';

export const eps: RaisePattern = {
  name: 'eps',
  ops: ['layer_norm', 'rms_norm'],
  match: (node) => {
    const found = Number(node.attributes.eps);
    const short = asWritten(found);
    if (short === found) return null;
    const attributes = { ...node.attributes, eps: short };
    const at = firstResult(node);
    return {
      detail: `eps ${found} is the float32 of ${short}`,
      rewrite: {
        replaces: [at],
        write: (into) => {
          const operands = node.operands.map((id) => (id === null ? null : into.get(id)));
          return [into.node(node.op, operands, attributes)];
        },
      },
    };
  },
};
