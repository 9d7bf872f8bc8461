/**
 * How each op is exported, and from which opset on: the one table that names them all. A composite of
 * which the opset has no standard op, and a region, is exported as what it is made of.
 */
import type { OpName } from '../../ir/ops/index.ts';
import { exportAttention } from './attention.ts';
import {
  exportGelu,
  exportLayerNorm,
  exportLogSoftmax,
  exportRmsNorm,
  exportSoftmax,
} from './composites.ts';
import {
  arithmeticExporters,
  comparisonExporters,
  exportCast,
  exportQuantize,
  exportSelect,
  floatClassExporters,
  floatRoundingExporters,
  logicExporters,
  trigonometricExporters,
  unaryExporters,
} from './elementwise.ts';
import { type CompositeExporter, EXPANDED } from './op-call.ts';
import type { OpEntry } from './opsets.ts';
import { exportGru, exportLstm, exportRnn, exportScan } from './recurrence.ts';
import {
  argReduceExporters,
  exportCumsum,
  exportMatmul,
  reductionExporters,
} from './reductions.ts';
import { exportRotary } from './rotary.ts';
import { scatterExporters } from './scatters.ts';
import { exportConstant, exportIota } from './sources.ts';
import {
  exportAveragePool,
  exportBatchNorm,
  exportConv,
  exportGroupNorm,
  exportInstanceNorm,
  exportMaxPool,
  exportWindows,
} from './spatial.ts';
import {
  exportBroadcast,
  exportConcat,
  exportGather,
  exportGatherElements,
  exportNonzero,
  exportPad,
  exportReshape,
  exportSlice,
  exportTranspose,
} from './views.ts';

const expanded: CompositeExporter = () => EXPANDED;

export const EXPORTERS: { readonly [N in OpName]: OpEntry } = {
  ...unaryExporters,
  ...trigonometricExporters,
  ...floatClassExporters,
  ...floatRoundingExporters,
  ...arithmeticExporters,
  mod: expanded,
  ...comparisonExporters,
  ...logicExporters,
  select: exportSelect,
  cast: exportCast,
  ...reductionExporters,
  ...argReduceExporters,
  cumsum: exportCumsum,
  matmul: exportMatmul,
  quantize: exportQuantize,
  quantized_matmul: expanded,
  reshape: exportReshape,
  transpose: exportTranspose,
  broadcast: exportBroadcast,
  slice: exportSlice,
  concat: exportConcat,
  pad: exportPad,
  windows: exportWindows,
  gather: exportGather,
  nonzero: exportNonzero,
  gather_elements: exportGatherElements,
  gather_nd: expanded,
  ...scatterExporters,
  top_k: expanded,
  iota: exportIota,
  constant: exportConstant,
  softmax: exportSoftmax,
  log_softmax: exportLogSoftmax,
  layer_norm: exportLayerNorm,
  rms_norm: exportRmsNorm,
  add_norm: expanded,
  gelu: exportGelu,
  silu: expanded,
  attention: exportAttention,
  segment_attention: expanded,
  linear: expanded,
  embedding: expanded,
  rotary: exportRotary,
  rnn: exportRnn,
  lstm: exportLstm,
  gru: exportGru,
  scan: exportScan,
  conv: exportConv,
  max_pool: exportMaxPool,
  average_pool: exportAveragePool,
  batch_norm: exportBatchNorm,
  group_norm: exportGroupNorm,
  instance_norm: exportInstanceNorm,
  fused: expanded,
};
