/** The registry: one line an op, or a family of ops that share a file. */
import { EncompileError } from '../../errors.ts';
import type { OpDefinition } from '../op.ts';
import { activationOps } from './activations.ts';
import { add_norm } from './add_norm.ts';
import { argReduceOps } from './argmax.ts';
import { arithmeticOps } from './arithmetic.ts';
import { attention } from './attention.ts';
import { batch_norm } from './batch_norm.ts';
import { broadcast } from './broadcast.ts';
import { cast } from './cast.ts';
import { comparisonOps } from './comparison.ts';
import { concat } from './concat.ts';
import { constant } from './constant.ts';
import { conv } from './conv.ts';
import { cumsum } from './cumsum.ts';
import { embedding } from './embedding.ts';
import { floatClassOps } from './float_class.ts';
import { floatRoundingOps } from './float_rounding.ts';
import { fused } from './fused.ts';
import { gather } from './gather.ts';
import { gather_elements } from './gather_elements.ts';
import { gather_nd } from './gather_nd.ts';
import { group_norm } from './group_norm.ts';
import { gru } from './gru.ts';
import { instance_norm } from './instance_norm.ts';

import { iota } from './iota.ts';
import { layer_norm } from './layer_norm.ts';
import { linear } from './linear.ts';
import { log_softmax } from './log_softmax.ts';
import { logicOps } from './logic.ts';
import { lstm } from './lstm.ts';
import { matmul } from './matmul.ts';
import { mod } from './mod.ts';
import { nonzero } from './nonzero.ts';

import { pad } from './pad.ts';
import { poolOps } from './pools.ts';
import { quantize } from './quantize.ts';
import { quantized_matmul } from './quantized_matmul.ts';
import { reductionOps } from './reductions.ts';
import { reshape } from './reshape.ts';
import { rms_norm } from './rms_norm.ts';
import { rnn } from './rnn.ts';
import { rotary } from './rotary.ts';
import { scan } from './scan.ts';
import { scatterOps } from './scatter.ts';
import { segment_attention } from './segment_attention.ts';
import { select } from './select.ts';
import { slice } from './slice.ts';
import { softmax } from './softmax.ts';
import { top_k } from './top_k.ts';
import { transpose } from './transpose.ts';
import { trigonometricOps } from './trigonometry.ts';
import { unaryOps } from './unary.ts';
import { windows } from './windows.ts';

export const registry = {
  ...unaryOps,
  ...trigonometricOps,
  ...floatClassOps,
  ...floatRoundingOps,
  ...arithmeticOps,
  mod,
  ...comparisonOps,
  ...logicOps,
  select,
  cast,
  ...reductionOps,
  ...argReduceOps,
  cumsum,
  matmul,
  quantize,
  quantized_matmul,
  reshape,
  transpose,
  broadcast,
  slice,
  concat,
  pad,
  windows,
  gather,
  nonzero,
  gather_elements,
  gather_nd,
  ...scatterOps,
  top_k,
  iota,
  constant,
  softmax,
  log_softmax,
  layer_norm,
  rms_norm,
  add_norm,
  ...activationOps,
  conv,
  ...poolOps,
  batch_norm,
  group_norm,
  instance_norm,
  attention,
  segment_attention,
  linear,
  embedding,
  rotary,
  rnn,
  lstm,
  gru,
  scan,
  fused,
} as const;

export type Registry = typeof registry;
export type OpName = keyof Registry;

export function isOpName(name: string): name is OpName {
  return Object.hasOwn(registry, name);
}

export function opDefinition(name: string): OpDefinition {
  if (isOpName(name)) return registry[name];
  throw new EncompileError(`There is no op '${name}'. Ops: ${Object.keys(registry).join(', ')}.`);
}
