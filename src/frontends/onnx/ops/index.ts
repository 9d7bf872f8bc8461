/** The ops that are taken, by their name in ONNX, behind that of another domain: one line a family. */
import type { HandlerTable } from '../context.ts';
import { activations } from './activations.ts';
import { attentionOps } from './attention.ts';
import { casts } from './casts.ts';
import { constants } from './constants.ts';
import { control } from './control.ts';
import { convolution } from './convolution.ts';
import { einsums } from './einsum.ts';
import { elementwise } from './elementwise.ts';
import { flexAttentionOps } from './flex-attention.ts';
import { grids } from './grids.ts';
import { indexing } from './indexing.ts';
import { linear } from './linear.ts';
import { losses } from './losses.ts';
import { matrices } from './matrices.ts';
import { movement } from './movement.ts';
import { ngrams } from './ngrams.ts';
import { normalization } from './normalization.ts';
import { parts } from './parts.ts';
import { pooling } from './pooling.ts';
import { quantization } from './quantization.ts';
import { quantizedConvolution } from './quantized-convolution.ts';
import { recurrentOps } from './recurrent.ts';
import { reductions } from './reductions.ts';
import { resizing } from './resize.ts';
import { selection } from './selection.ts';
import { sequences } from './sequences.ts';
import { spectral } from './spectral.ts';
import { states } from './states.ts';
import { windows } from './windows.ts';

export const handlers: HandlerTable = {
  ...constants,
  ...control,
  ...sequences,
  ...elementwise,
  ...casts,
  ...activations,
  ...reductions,
  ...movement,
  ...parts,
  ...indexing,
  ...selection,
  ...ngrams,
  ...matrices,
  ...windows,
  ...resizing,
  ...linear,
  ...einsums,
  ...convolution,
  ...pooling,
  ...grids,
  ...normalization,
  ...attentionOps,
  ...flexAttentionOps,
  ...quantization,
  ...quantizedConvolution,
  ...recurrentOps,
  ...states,
  ...spectral,
  ...losses,
};

/** Ops that decide themselves what is known: they inline graphs, or carry their numbers. */
export const KEEPS_STRUCTURE: ReadonlySet<string> = new Set(Object.keys(control));
