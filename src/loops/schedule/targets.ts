/** The nests of each target, most special first; the map nest takes what no other does. */
import type { Statement } from '../nodes.ts';
import type { Target } from '../program.ts';
import type { Region } from '../region.ts';
import { attentionCpu } from './attention-cpu.ts';
import { attentionGpu } from './attention-gpu.ts';
import { hoistIndices } from './hoist.ts';
import { mapCpu, mapGpu } from './map.ts';
import { matmulCpu } from './matmul-cpu.ts';
import { matmulGpu } from './matmul-gpu.ts';
import { nonzeroCpu, nonzeroGpu } from './nonzero.ts';
import { prefixSumsCpu, prefixSumsGpu } from './prefix-sums.ts';
import { rowCpu, rowGpu } from './row.ts';
import { KernelDraft, type Nest, type ScheduledRegion } from './schedule.ts';
import { attentionSimd } from './simd/attention-simd.ts';
import { divide } from './simd/divide.ts';
import { matmulSimd } from './simd/matmul-simd.ts';
import { quantizedMatmul } from './simd/quantized-matmul.ts';
import { vectorise } from './simd/vectorise.ts';
import { sliding } from './sliding.ts';

/**
 * Null where no nest takes the region: one with an attention whose block does not fit. An exact one
 * takes the terms of every sum one by one, in the order of their index.
 */
export type Schedule = (
  region: Region,
  symbols: readonly string[],
  exact?: boolean,
) => ScheduledRegion | null;

/** Rewrites a nest's statements; `reserved` names have a meaning of their own. */
type Finish = (
  body: readonly Statement[],
  reserved: readonly string[],
  exact: boolean,
) => readonly Statement[];

function schedule(nests: readonly Nest[], finish: Finish = (body) => body): Schedule {
  return (region, symbols, exact = false) => {
    const draft = new KernelDraft(region, symbols, exact);
    for (const nest of nests) {
      const body: readonly Statement[] | null = nest(draft);
      if (body === null) continue;
      const reserved = [...draft.inputs, ...draft.outputs, ...symbols];
      const kernel = draft.finish(
        kernelName(region),
        hoistIndices(finish(body, reserved, exact), reserved),
      );
      return { kernel, layouts: draft.layouts };
    }
    return null;
  };
}

/** @param height rows of a register tile */
const simd = (height: number) =>
  schedule(
    [
      attentionSimd(height),
      quantizedMatmul(height),
      matmulSimd(height),
      prefixSumsCpu,
      nonzeroCpu,
      sliding(4),
      rowCpu,
      mapCpu,
    ],
    (body, reserved, exact) => vectorise(divide(body), reserved, exact),
  );

export const SCHEDULES: { readonly [T in Target]: Schedule } = {
  js: schedule([attentionCpu, matmulCpu, prefixSumsCpu, nonzeroCpu, sliding(1), rowCpu, mapCpu]),
  wasm: simd(4),
  'wasm-relaxed': simd(6),
  wgsl: schedule([attentionGpu, matmulGpu, prefixSumsGpu, nonzeroGpu, rowGpu, mapGpu]),
};

/** The ops inside that say what the kernel is for, as `matmul_add_gelu`. */
function kernelName(region: Region): string {
  const named = region.ops.filter((op) => !MOVES.has(op));
  const distinct = named.filter((op, i) => named.indexOf(op) === i);
  return (distinct.length > 0 ? distinct : region.ops).slice(0, 4).join('_');
}

const MOVES: ReadonlySet<string> = new Set([
  'reshape',
  'transpose',
  'slice',
  'broadcast',
  'constant',
  'cast',
]);
