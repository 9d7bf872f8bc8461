/**
 * How a target runs the kernels of a scan's body inside the scan's one kernel.
 *
 * A stage is what one kernel of the body computes. On a CPU it is what the target's schedule makes of
 * it, run by one thread. On a GPU the scan is one workgroup: its invocations divide the elements of a
 * stage, and meet at a barrier behind it.
 */
import type { Statement } from '../nodes.ts';
import { loop } from '../nodes.ts';
import type { Target } from '../program.ts';
import type { Region } from '../region.ts';
import { LANES, laneNest } from '../schedule/lanes.ts';
import { KernelDraft } from '../schedule/schedule.ts';
import { SCHEDULES } from '../schedule/targets.ts';
import type { WeightLayout } from '../weight-layout.ts';

/** The statements of a region, and the names under which they know its operands and results. */
export interface Stage {
  readonly body: readonly Statement[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** One an operand. */
  readonly layouts: readonly WeightLayout[];
}

export interface Staging {
  /** Whether composites with a nest stay whole, as kernels of them can. */
  readonly keepsNests: boolean;
  /** The most buffers a kernel may have. */
  readonly mostBuffers: number;
  /** Names with a meaning of their own in every stage. */
  readonly reserved: readonly string[];
  /** Null where the target has no loops for the region. */
  stage(region: Region, symbols: readonly string[], exact: boolean): Stage | null;
  /** Stands behind every stage. */
  readonly meeting: readonly Statement[];
  /** The kernel's loops around all stages. */
  around(body: readonly Statement[]): readonly Statement[];
}

const LANE = 'lane';

const gpu: Staging = {
  keepsNests: false,
  // maxStorageBuffersPerShaderStage, as every WebGPU device grants it
  mostBuffers: 8,
  reserved: ['group', LANE],
  stage: (region, symbols, exact) => {
    const draft = new KernelDraft(region, [...symbols, LANE], exact);
    const { inputs, outputs, layouts } = draft;
    return { body: laneNest(draft, LANE), inputs, outputs, layouts };
  },
  meeting: [{ tag: 'barrier' }],
  around: (body) => [loop('workgroup', 'group', 1, [loop('invocation', LANE, LANES, body)])],
};

const cpu = (target: Target): Staging => ({
  keepsNests: true,
  mostBuffers: Number.POSITIVE_INFINITY,
  reserved: [],
  stage: (region, symbols, exact) => {
    const scheduled = SCHEDULES[target](region, symbols, exact);
    if (scheduled === null) return null;
    const { kernel, layouts } = scheduled;
    const names = kernel.buffers.map(({ name }) => name);
    const count = region.operands.length;
    return {
      body: kernel.body.map(undivided),
      ...{ inputs: names.slice(0, count), outputs: names.slice(count), layouts },
    };
  },
  meeting: [],
  around: (body) => body,
});

/** Threads would have to meet behind every stage: one runs them all. */
function undivided(s: Statement): Statement {
  if (s.tag === 'if') {
    return { ...s, then: s.then.map(undivided), otherwise: s.otherwise.map(undivided) };
  }
  if (s.tag !== 'for') return s;
  return { ...s, kind: s.kind === 'split' ? 'parallel' : s.kind, body: s.body.map(undivided) };
}

export const STAGING: { readonly [T in Target]: Staging } = {
  js: cpu('js'),
  wasm: cpu('wasm'),
  'wasm-relaxed': cpu('wasm-relaxed'),
  wgsl: gpu,
};
