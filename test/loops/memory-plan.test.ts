import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dim } from '../../src/ir/dims.ts';
import { evaluateDim } from '../../src/ir/dims.ts';
import { checkPlan, planFaults, printPlan } from '../../src/loops/check-plan.ts';
import { type MemoryPlan, planMemory } from '../../src/loops/memory-plan.ts';
import type { Kernel } from '../../src/loops/nodes.ts';
import type { Program } from '../../src/loops/program.ts';
import { buffer, emptyProgram, io, step } from '../backends/programs.ts';

/** A step by what it reads and writes: `['x', 'w'] -> ['y']`. */
type Edge = readonly [reads: readonly string[], writes: readonly string[]];

function programOf(
  sizes: Readonly<Record<string, Dim>>,
  edges: readonly Edge[],
  output: string,
  roles: Readonly<Record<string, 'input' | 'output' | 'weight'>> = {},
): Program {
  const kernels = edges.map(([reads, writes], i): Kernel => {
    const parameter = (access: 'read' | 'write') => (name: string, k: number) => ({
      name: `${access}${k}`,
      type: 'f32' as const,
      access,
      size: sizes[name] ?? 0,
    });
    const buffers = [...reads.map(parameter('read')), ...writes.map(parameter('write'))];
    return { name: `k${i}`, summary: [], symbols: [], buffers, body: [] };
  });
  return {
    ...emptyProgram(kernels),
    symbols: ['n', 'm'],
    outputs: [io('result', 'f32', ['n'], output)],
    buffers: Object.entries(sizes).map(([name, size]) =>
      buffer(name, roles[name] ?? 'intermediate', 'f32', [size]),
    ),
    steps: edges.map(([reads, writes], i) => step(`k${i}`, ...reads, ...writes)),
  };
}

const CHAIN = programOf(
  { x: 'n', a: '4*n', b: '2*n', c: 'm*n', d: 'n', y: 'n' },
  [
    [['x'], ['a']],
    [['a'], ['b']],
    [['b'], ['c']],
    [['c'], ['d']],
    [['d', 'b'], ['y']],
  ],
  'y',
  { x: 'input', y: 'output' },
);

function planOf(slots: readonly (readonly [Dim, ...string[]])[]): MemoryPlan {
  return {
    slots: slots.map(([size, ...values]) => ({ size, values })),
    slotOf: new Map(
      slots.flatMap(([, ...values], i) => values.map((value) => [value, i] as const)),
    ),
  };
}

describe('planMemory', () => {
  it('shares slots between values whose lifetimes do not meet, and sizes them for the largest', () => {
    const plan = planMemory(CHAIN);
    expect(planFaults(CHAIN, plan)).toEqual([]);
    expect(plan.slots.map(({ values }) => values)).toEqual([['a', 'c'], ['b'], ['d']]);
    expect(plan.slots.map(({ size }) => size)).toEqual(['max(4*n,m*n)', '2*n', 'n']);
  });

  it('gives inputs, outputs and weights no slot', () => {
    const { slotOf } = planMemory(CHAIN);
    expect([...slotOf.keys()].sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keeps an intermediate that is an output to the end', () => {
    const program = programOf(
      { x: 'n', a: 'n', b: 'n', c: 'n' },
      [
        [['x'], ['a']],
        [['a'], ['b']],
        [['b'], ['c']],
      ],
      'a',
      { x: 'input' },
    );
    const plan = planMemory(program);
    expect(plan.slotOf.get('a')).not.toBe(plan.slotOf.get('c'));
    expect(planFaults(program, plan)).toEqual([]);
  });

  it('refuses a program that reads a value before it is written', () => {
    const program = programOf({ a: 'n', y: 'n' }, [[['a'], ['y']]], 'y', { y: 'output' });
    expect(() => planMemory(program)).toThrow('step 0 reads a before any step writes it');
  });

  it('is accepted by the checker for random programs, at less than the sum of their sizes', () => {
    fc.assert(
      fc.property(randomProgram(), (program) => {
        const plan = planMemory(program);
        checkPlan(program, plan);
        const sizes = { n: 3, m: 7 };
        const held = plan.slots.map(({ size }) => evaluateDim(size, sizes));
        const all = program.buffers.filter(({ role }) => role === 'intermediate');
        const sum = all.map(({ size }) => evaluateDim(size, sizes)).reduce((a, b) => a + b, 0);
        expect(held.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(sum);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('needs a fixed number of slots however many layers there are', () => {
    const layers = Array.from({ length: 2000 }, (_, i) => i);
    const sizes = Object.fromEntries(layers.map((i) => [`v${i}`, 'n']));
    const edges = layers.map((i): Edge => [[i === 0 ? 'x' : `v${i - 1}`], [`v${i}`]]);
    const program = programOf({ x: 'n', ...sizes }, edges, 'x', { x: 'input' });
    const plan = planMemory(program);
    expect(plan.slots).toHaveLength(2);
    expect(planFaults(program, plan)).toEqual([]);
  });
});

function randomProgram(): fc.Arbitrary<Program> {
  const size = fc.constantFrom<Dim>('n', '2*n', 'm', 'm*n', 12, 'm+n', '3*m*n');
  const edge = fc.record({
    reads: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
    size,
    results: fc.integer({ min: 1, max: 2 }),
  });
  return fc.array(edge, { minLength: 1, maxLength: 25 }).map((list) => {
    const sizes: Record<string, Dim> = { x: 'n' };
    const known = ['x'];
    const edges = list.map(({ reads, size: elements, results }, i): Edge => {
      const from = [...new Set(reads.map((r) => known[r % known.length] ?? 'x'))];
      const to = Array.from({ length: results }, (_, k) => `v${i}_${k}`);
      for (const name of to) sizes[name] = elements;
      known.push(...to);
      return [from, to];
    });
    return programOf(sizes, edges, known.at(-1) ?? 'x', { x: 'input' });
  });
}

describe('checkPlan', () => {
  const right: readonly (readonly [Dim, ...string[]])[] = [
    ['max(4*n,m*n)', 'a', 'c'],
    ['2*n', 'b'],
    ['n', 'd'],
  ];

  it('accepts a right plan', () => {
    expect(planFaults(CHAIN, planOf(right))).toEqual([]);
  });

  it('refuses two live values in one slot', () => {
    const faults = planFaults(
      CHAIN,
      planOf([
        ['max(4*n,m*n)', 'a', 'c'],
        ['2*n', 'b', 'd'],
      ]),
    );
    expect(faults).toEqual([
      'plan_c3: step 4 (k4) reads b from slot 1, overwritten by d in step 3 (k3)',
    ]);
  });

  it('refuses a step that reads and writes one slot', () => {
    const faults = planFaults(
      CHAIN,
      planOf([
        ['4*n', 'a', 'b'],
        ['m*n', 'c'],
        ['n', 'd'],
      ]),
    );
    expect(faults).toContain('plan_c4: step 1 (k1) reads and writes slot 0');
  });

  it('refuses a step that reads and writes one buffer, and one that writes a slot twice', () => {
    const sizes = { x: 'n', a: 'n', b: 'n', y: 'n' } as const;
    const roles = { x: 'input', y: 'output' } as const;
    const inPlace = programOf(
      sizes,
      [
        [['x'], ['y']],
        [['y'], ['y']],
      ],
      'y',
      roles,
    );
    expect(planFaults(inPlace, planOf([]))).toEqual(['plan_c4: step 1 (k1) reads and writes y']);
    const twice = programOf(
      sizes,
      [
        [['x'], ['a', 'b']],
        [['b'], ['y']],
      ],
      'y',
      roles,
    );
    const faults = planFaults(twice, planOf([['n', 'a', 'b']]));
    expect(faults).toEqual(['plan_c4: step 0 (k0) writes slot 0 twice']);
  });

  it.each([
    ['3*n', '4*n'],
    ['max(m*n,3*n)', '4*n'],
    ['4*n-1', '4*n'],
    ['min(4*n,m*n)', '4*n'],
    [1_000_000, '4*n'],
  ])('refuses a slot of %s for a value of %s', (size, value) => {
    const faults = planFaults(
      CHAIN,
      planOf([
        [size, 'a'],
        ['m*n', 'c'],
        ['2*n', 'b'],
        ['n', 'd'],
      ]),
    );
    expect(faults).toEqual([
      `plan_c2: slot 0 of ${size} elements may be too small for a of ${value}`,
    ]);
  });

  it('refuses values without a slot, slots that are not there, and slots for inputs', () => {
    const without = planOf([
      ['max(4*n,m*n)', 'a', 'c'],
      ['2*n', 'b'],
    ]);
    expect(planFaults(CHAIN, without)).toEqual(['plan_c1: d has no slot']);
    const absent = { slots: [], slotOf: new Map([['a', 3]]) };
    expect(planFaults(CHAIN, absent)).toContain(
      'plan_c1: a is in slot 3, which the plan does not have',
    );
    const input = planOf([...right, ['n', 'x']]);
    expect(planFaults(CHAIN, input)).toEqual(['plan_c1: x has slot 3 and is no intermediate']);
  });

  it('refuses to overwrite an output that is an intermediate', () => {
    const program = programOf(
      { x: 'n', a: 'n', b: 'n', c: 'n' },
      [
        [['x'], ['a']],
        [['a'], ['b']],
        [['b'], ['c']],
      ],
      'a',
      { x: 'input' },
    );
    expect(
      planFaults(
        program,
        planOf([
          ['n', 'a', 'c'],
          ['n', 'b'],
        ]),
      ),
    ).toEqual(['plan_c5: output result is not in slot 0 at the end']);
    expect(() =>
      checkPlan(
        program,
        planOf([
          ['n', 'a', 'c'],
          ['n', 'b'],
        ]),
      ),
    ).toThrow('plan_c5');
  });

  it('refuses to go on writing a value that was overwritten', () => {
    const program = programOf(
      { x: 'n', a: 'n', b: 'n', y: 'n' },
      [
        [['x'], ['a']],
        [['x'], ['b']],
        [['x'], ['a']],
        [['a', 'b'], ['y']],
      ],
      'y',
      { x: 'input', y: 'output' },
    );
    const faults = planFaults(program, planOf([['n', 'a', 'b']]));
    expect(faults[0]).toBe('plan_c3: step 2 (k2) writes a again, overwritten by b in step 1 (k1)');
  });
});

describe('printPlan', () => {
  it('lists slots, lifetimes, other buffers and steps', () => {
    expect(printPlan(CHAIN, planMemory(CHAIN))).toBe(`plan @kernels js {
  slot 0: max(4*n,m*n) elements
    a: steps 0 to 1
    c: steps 2 to 3
  slot 1: 2*n elements
    b: steps 1 to 4
  slot 2: n elements
    d: steps 3 to 4
  input x: n elements
  output y: n elements
  step 0 k0: read x, write a in slot 0
  step 1 k1: read a in slot 0, write b in slot 1
  step 2 k2: read b in slot 1, write c in slot 0
  step 3 k3: read c in slot 0, write d in slot 2
  step 4 k4: read d in slot 2, read b in slot 1, write y
}
`);
  });
});
