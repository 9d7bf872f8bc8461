// Who takes part. A contender is a file here with
//
//   id, name         for --only and for the report
//   threads          how many it runs on
//   limit            whose bare kernels are its limit: 'js' or 'wasm'; null for native code
//   read(folder)     what it needs of a stored model, in memory; not timed
//   open(read, model)   loads its runtime and the model -> { run(inputs) -> Float32Array, note? }
//   files(folder)    paths of what is shipped beside the weights, or { shipped, fetched } where a page
//                    does not fetch all of it
//   oldestNode       the major version of the oldest Node it runs on, where that matters
//   agreement        how its outputs must agree with the oracle's (FLOAT32 where it is left out)
//
// Each runs in a process of its own, so `open` imports the runtime itself: that is part of loading.

import {
  encompileInt8,
  encompileInt82,
  encompileJs,
  encompileWasm,
  encompileWasm2,
} from './encompile.mjs';
import { jax } from './jax.mjs';
import { ortNode, ortNode2 } from './onnxruntime-node.mjs';
import { ortWeb, ortWeb2 } from './onnxruntime-web.mjs';
import { tfjsCpu, tfjsWasm } from './tfjs.mjs';

/** In the order of the report. */
export const CONTENDERS = [
  encompileWasm,
  encompileWasm2,
  encompileInt8,
  encompileInt82,
  encompileJs,
  ortWeb,
  ortWeb2,
  tfjsWasm,
  jax,
  tfjsCpu,
  ortNode,
  ortNode2,
];

/** Whom ratios are to. */
export const BASELINE = ortWeb.id;
/** Whose outputs all others must agree with: a runtime that shares no code with encompile. */
export const ORACLE = ortNode.id;

/** Why it cannot run on a Node; null where it can. */
export function missingFor({ oldestNode = 0 }, version) {
  return Number.parseInt(version, 10) < oldestNode ? `needs Node ${oldestNode}` : null;
}

export function contenderOf(id) {
  const found = CONTENDERS.find((contender) => contender.id === id);
  if (found === undefined) throw new Error(`there is no contender ${id}`);
  return found;
}
