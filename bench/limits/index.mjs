// The limits take part in the rounds as contenders do, in processes of their own. A limit opens with
// all of its register tiles and goes on with the fastest.

import { interleavedMedians } from '../rounds.mjs';
import { bareKernels } from './js-limit.mjs';
import { bareWasmKernels } from './wasm-limit.mjs';

/** `limit` says for whom it is one; of several the highest that the Node at hand can run counts. */
export const LIMITS = [
  limit('limit-js', 'js', 'bare matmul, JS', bareKernels),
  limit('limit-simd128', 'wasm', 'bare matmul, simd128', () => bareWasmKernels('simd128')),
  limit('limit-relaxed', 'wasm', 'bare matmul, relaxed SIMD', () => bareWasmKernels('relaxed')),
];

function limit(id, target, name, makeKernels) {
  return {
    id,
    name,
    limit: target,
    threads: 1,
    async open() {
      const kernels = await makeKernels();
      if (kernels.length === 0) return null;
      const long = kernels.map(({ run, flops }) => ({ run, calls: Math.ceil(5e7 / flops) }));
      const medians = interleavedMedians(long, { rounds: 15, warmUp: 8 });
      const rates = medians.map((ms, i) => kernels[i].flops / ms);
      const best = kernels[rates.indexOf(Math.max(...rates))];
      return { run: best.run, flops: best.flops, note: best.name };
    },
  };
}
