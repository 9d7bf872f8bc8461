/**
 * Faults to plant in the compiler, one at a time.
 *
 * Each is an exact edit of one source file: `find` stands there exactly once. `tests` are the files
 * of the suite of which one must fail; where such a file must not exist alone, a prefix will do.
 */
import { backends } from './backends.mjs';
import { exact } from './exact.mjs';
import { files } from './files.mjs';
import { float16 } from './float16.mjs';
import { loops } from './loops.mjs';
import { meaning } from './meaning.mjs';
import { onnx } from './onnx.mjs';
import { padding } from './padding.mjs';
import { passes } from './passes.mjs';
import { quantized } from './quantized.mjs';
import { raise } from './raise.mjs';
import { recurrence } from './recurrence.mjs';
import { schedules } from './schedules.mjs';
import { simd } from './simd.mjs';
import { spatial } from './spatial.mjs';
import { wasm } from './wasm.mjs';

export const mutations = [
  ...meaning,
  ...passes,
  ...padding,
  ...raise,
  ...recurrence,
  ...loops,
  ...schedules,
  ...simd,
  ...backends,
  ...onnx,
  ...wasm,
  ...exact,
  ...quantized,
  ...float16,
  ...spatial,
  ...files,
];
