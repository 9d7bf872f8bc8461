/**
 * The race check against brute force: random nests of serial, parallel, workgroup and invocation
 * loops with barriers, in which every access is recorded with its place; two accesses are concurrent
 * where their places part at a concurrent loop.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runKernel } from '../../src/emulator/run.ts';
import { constant, type Kernel, load, loop, type Statement, store } from '../../src/loops/nodes.ts';

const CELLS = ['a', 'b', 'c'];

type Nest =
  | { readonly tag: 'store' | 'load'; readonly cell: number; readonly at: 0 | 1 }
  | { readonly tag: 'barrier' }
  | {
      readonly tag: 'serial' | 'parallel' | 'workgroup' | 'invocation';
      readonly extent: number;
      readonly body: readonly Nest[];
    };

/** Where an access was made: the iterations around it, a lane's with the phase it is in. */
type Place = readonly {
  readonly loop: Nest;
  readonly iteration: number;
  readonly concurrentIn: string | null;
}[];

interface Recorded {
  readonly cell: string;
  readonly isStore: boolean;
  readonly place: Place;
}

/** Accesses have the index 0, or the value of the innermost loop variable. */
function record(body: readonly Nest[], place: Place, phase: { barriers: number }): Recorded[] {
  return body.flatMap((nest): Recorded[] => {
    if (nest.tag === 'barrier') {
      phase.barriers++;
      return [];
    }
    if ('cell' in nest) {
      const i = nest.at === 0 ? 0 : (place.at(-1)?.iteration ?? 0);
      const present = place.map((step) =>
        step.loop.tag === 'invocation' ? { ...step, concurrentIn: `${phase.barriers}` } : step,
      );
      const cell = `${CELLS[nest.cell]}[${i}]`;
      return [{ cell, isStore: nest.tag === 'store', place: present }];
    }
    const { tag, extent } = nest;
    return Array.from({ length: extent }, (_, iteration) => {
      const isConcurrent = tag === 'parallel' || tag === 'workgroup';
      const step = { loop: nest, iteration, concurrentIn: isConcurrent ? 'all' : null };
      const inside = tag === 'invocation' ? { barriers: 0 } : phase;
      return record(nest.body, [...place, step], inside);
    }).flat();
  });
}

function areConcurrent(a: Place, b: Place): boolean {
  for (const [depth, mine] of a.entries()) {
    const other = b[depth];
    if (other === undefined || other.loop !== mine.loop) return false;
    if (other.iteration !== mine.iteration) {
      return mine.concurrentIn !== null && mine.concurrentIn === other.concurrentIn;
    }
  }
  return false;
}

function racyBuffers(accesses: readonly Recorded[]): readonly string[] {
  const racy = new Set<string>();
  accesses.forEach((a, i) => {
    for (const b of accesses.slice(i + 1)) {
      const conflict = a.cell === b.cell && (a.isStore || b.isStore);
      if (conflict && areConcurrent(a.place, b.place)) racy.add(a.cell.slice(0, 1));
    }
  });
  return [...racy].sort();
}

function statements(body: readonly Nest[], depth: number): readonly Statement[] {
  const variable = `i${depth}`;
  return body.map((nest): Statement => {
    if (nest.tag === 'barrier') return { tag: 'barrier' };
    if ('cell' in nest) {
      const cell = CELLS[nest.cell] ?? '';
      const at = nest.at === 0 || depth === 0 ? 0 : `i${depth - 1}`;
      if (nest.tag === 'store') return store(cell, at, constant(1));
      // The name may repeat: nothing reads it, and the emulator needs no verified kernel.
      return { tag: 'let', name: 'seen', value: load(cell, at) };
    }
    return loop(nest.tag, variable, nest.extent, statements(nest.body, depth + 1));
  });
}

const access = fc.record({
  tag: fc.constantFrom('store' as const, 'load' as const),
  cell: fc.nat(CELLS.length - 1),
  at: fc.constantFrom(0 as const, 1 as const),
});

const { nest } = fc.letrec<{ nest: Nest }>((tie) => ({
  nest: fc.oneof(
    { maxDepth: 3, depthSize: 'large' },
    access,
    fc.record({
      tag: fc.constantFrom('serial' as const, 'parallel' as const),
      extent: fc.integer({ min: 1, max: 3 }),
      body: fc.array(tie('nest'), { minLength: 1, maxLength: 3 }),
    }),
  ),
}));

const laneCode = fc.array(fc.oneof(nest, access, fc.constant<Nest>({ tag: 'barrier' })), {
  minLength: 1,
  maxLength: 6,
});
const workgroups = fc
  .tuple(laneCode, fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 }), fc.boolean())
  .map(([body, groups, lanes, repeats]): readonly Nest[] => {
    const repeated: Nest = { tag: 'serial', extent: 2, body };
    const invocations: Nest = {
      tag: 'invocation',
      extent: lanes,
      body: repeats ? [repeated] : body,
    };
    return [{ tag: 'workgroup', extent: groups, body: [invocations] }];
  });

function check(nests: readonly Nest[]): void {
  const kernel: Kernel = {
    name: 'nest',
    summary: [],
    symbols: [],
    buffers: CELLS.map((name) => ({ name, type: 'f32', access: 'write', size: 3 })),
    body: statements(nests, 0),
  };
  const buffers = Object.fromEntries(CELLS.map((name) => [name, new Float32Array(3)]));
  const written = Object.fromEntries(CELLS.map((name) => [name, Uint8Array.of(1, 1, 1)]));
  const faults = runKernel(kernel, { symbols: {}, buffers, written });
  expect(faults.filter(({ kind }) => kind !== 'race')).toEqual([]);
  const found = new Set(faults.map(({ buffer }) => buffer));
  expect([...found].sort()).toEqual(racyBuffers(record(nests, [], { barriers: 0 })));
}

it('finds a race exactly where brute force does: serial and parallel loops', () => {
  const nests = fc.array(nest, { minLength: 1, maxLength: 3 });
  fc.assert(fc.property(nests, check), { seed: 1, numRuns: 2000 });
});

it('finds a race exactly where brute force does: workgroups with barriers', () => {
  fc.assert(fc.property(workgroups, check), { seed: 2, numRuns: 2000 });
});

it('draws both racing and clean nests', () => {
  const drawn = fc.sample(workgroups, { seed: 2, numRuns: 500 });
  const racing = drawn.filter(
    (nests) => racyBuffers(record(nests, [], { barriers: 0 })).length > 0,
  );
  expect(racing.length).toBeGreaterThan(100);
  expect(racing.length).toBeLessThan(450);
});
