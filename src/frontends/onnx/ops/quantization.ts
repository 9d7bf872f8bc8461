/** Quantised tensors: what QuantizeLinear and DequantizeLinear mean. */
import type { HandlerTable } from '../context.ts';

export const quantization: HandlerTable = {};
