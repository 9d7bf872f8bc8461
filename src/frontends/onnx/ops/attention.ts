/** Attention of opset 23 and RotaryEmbedding. */
import type { HandlerTable } from '../context.ts';

export const attentionOps: HandlerTable = {};
