/**
 * The opsets in which models are written. An op is spelled in one or several ways, each of them
 * understood from some opset on.
 */
import type { CompositeExporter } from './op-call.ts';

/** The version of the format that came with each opset. */
export const IR_VERSION = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11 } as const;

export type OnnxOpset = keyof typeof IR_VERSION;

export const OLDEST_OPSET = 17;
export const NEWEST_OPSET = 23;

export function isOnnxOpset(opset: number): opset is OnnxOpset {
  return Object.hasOwn(IR_VERSION, opset);
}

/** A way to write an op, in standard ops that are all there from an opset on. */
export interface Spelling {
  readonly since: OnnxOpset;
  readonly write: CompositeExporter;
}

/** One spelling for all opsets, or several, the newest first. */
export type OpEntry = CompositeExporter | readonly Spelling[];

export const since = (opset: OnnxOpset, write: CompositeExporter): Spelling => {
  return { since: opset, write };
};

/** The spellings that an opset has, the newest first. What one leaves to the expansion the next may take. */
export function spellingsOf(entry: OpEntry, opset: OnnxOpset): readonly CompositeExporter[] {
  if (typeof entry === 'function') return [entry];
  return entry.filter((spelling) => spelling.since <= opset).map(({ write }) => write);
}
