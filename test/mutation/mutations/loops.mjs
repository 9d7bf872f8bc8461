/** Faults in lowering, index algebra, memory plans, their checkers, and the emulator. */
const NESTS = ['test/loops/nests.test.ts'];
const LOWER = ['test/loops/lower.test.ts'];
const PLANS = ['test/loops/memory-plan.test.ts'];
const EMULATOR = ['test/emulator/kernels.test.ts', 'test/emulator/races.test.ts'];

export const loops = [
  {
    name: 'two strides are swapped',
    file: 'src/loops/emitter.ts',
    find: 'flatIndex(at, value.shape)',
    replace: 'flatIndex(at, [...value.shape].reverse())',
    tests: NESTS,
  },
  {
    name: 'bools are held as floats',
    file: 'src/loops/row-major.ts',
    find: "return dtype === 'f32' || dtype === 'f16' ? 'f32' : 'i32';\n}\n\n/** The place",
    replace: "return dtype === 'i32' || dtype === 'i64' ? 'i32' : 'f32';\n}\n\n/** The place",
    tests: NESTS,
  },
  {
    name: 'gather does not clamp what lies beyond its table',
    file: 'src/loops/element-loops.ts',
    find: "binary('max', constant(0, 'i32'), binary('min', integer, last))",
    replace: "binary('max', constant(0, 'i32'), binary('max', integer, constant(0, 'i32')))",
    tests: NESTS,
  },
  {
    name: 'positions that are computed are not clamped',
    file: 'src/loops/element-loops.ts',
    find: "value.tag === 'index' && this.isWithin(value.value, extent)",
    replace: "value.tag === 'index'",
    tests: LOWER,
  },
  {
    name: 'an epilogue moves out of the scope of its sum',
    file: 'src/loops/emitter.ts',
    find: 'this.overrides.set(id, { element, depth: this.scopes.length - 1 });',
    replace: 'this.overrides.set(id, { element, depth: -1 });',
    tests: LOWER,
  },
  {
    name: 'an epilogue takes ops that read the product at two places',
    file: 'src/loops/schedule/anchor.ts',
    find: 'if (!behind.every((id) => places.get(id) === place)) return null;',
    replace: '',
    tests: LOWER,
  },
  {
    name: 'indices leave loops whose lets they use',
    file: 'src/loops/schedule/hoist.ts',
    find: 'new Set([s.variable, ...namesBound(s.body)])',
    replace: 'new Set([s.variable])',
    tests: NESTS,
  },
  {
    name: 'the range check of an index is off by one',
    file: 'src/loops/index-algebra.ts',
    find: "isAtLeast(limit, add(bound(x, ranges, 'upper'), 1))",
    replace: "isAtLeast(limit, bound(x, ranges, 'upper'))",
    tests: ['test/loops/index-algebra.test.ts'],
  },
  {
    name: 'a slot is free in the step that reads it last',
    file: 'src/loops/memory-plan.ts',
    find: 'before.last >= lifetime.first',
    replace: 'before.last > lifetime.first',
    tests: PLANS,
  },
  {
    name: 'a value dies at its first use',
    file: 'src/loops/memory-plan.ts',
    find: 'if (lifetime !== undefined) lifetime.last = at;\n      else if',
    replace: 'if (lifetime !== undefined) lifetime.last = lifetime.first + 1;\n      else if',
    tests: PLANS,
  },
  {
    name: 'a slot is as large as its first value',
    file: 'src/loops/memory-plan.ts',
    find: 'size: slot.sizes.reduce(maximum, 0)',
    replace: 'size: slot.sizes[0] ?? 0',
    tests: PLANS,
  },
  {
    name: 'the plan checker overlooks a value that was overwritten',
    file: 'src/loops/check-plan.ts',
    find: 'if (held.get(slot) === value) continue;',
    replace: 'if (held.has(slot)) continue;',
    tests: PLANS,
  },
  {
    name: 'the plan checker overlooks a step that reads and writes one slot',
    file: 'src/loops/check-plan.ts',
    find: "other.access === 'read' && other.place === place",
    replace: "other.access === 'read' && other.place === ''",
    tests: PLANS,
  },
  {
    name: 'erf has a coefficient of the wrong sign',
    file: 'src/loops/math.ts',
    find: '1.128379170348699, 0.18521213315723542',
    replace: '1.128379170348699, -0.18521213315723542',
    tests: ['test/loops/math.test.ts'],
  },
  {
    name: 'cos is a quarter turn behind',
    file: 'src/loops/math.ts',
    find: 'add(k, of(turns))',
    replace: 'sub(k, of(turns))',
    tests: ['test/loops/math.test.ts'],
  },
  {
    name: 'the emulator overlooks two stores that race',
    file: 'src/emulator/memory.ts',
    find: 'if (writer >= ours && writer < strands.iteration',
    replace: 'if (writer < 0 && writer < strands.iteration',
    tests: EMULATOR,
  },
  {
    name: 'the emulator overlooks reads of unwritten memory',
    file: 'src/emulator/memory.ts',
    find: 'if (writer < f[born]!) unit.unwritten(site, f, i + l);\n      else if (isShared',
    replace: 'if (isShared',
    tests: EMULATOR,
  },
  {
    name: 'the emulator overlooks a store behind the end',
    file: 'src/emulator/memory.ts',
    find: 'i + lanes > size) {\n      unit.outOfBounds(site, f, i, lanes);\n      return;',
    replace: 'i + lanes > size + 1) {\n      unit.outOfBounds(site, f, i, lanes);\n      return;',
    tests: EMULATOR,
  },
];
