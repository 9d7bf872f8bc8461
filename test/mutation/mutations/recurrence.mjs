/** Faults in scans: their meaning, what leaves their bodies, and their kernels. */
const MEANING = ['test/ops/scan.test.ts', 'test/ops/recurrent.test.ts'];
const HOIST = ['test/passes/hoist-from-scan.test.ts'];
const KERNELS = ['test/loops/scan.test.ts'];

export const recurrence = [
  {
    name: 'a scan in reverse stacks its outputs in the order of its steps',
    file: 'src/ir/ops/scan.ts',
    find: 'outputs[t] = made.slice(stateCount);',
    replace: 'outputs[step] = made.slice(stateCount);',
    tests: MEANING,
  },
  {
    name: 'a body sees values of the graph around as its own',
    file: 'src/ir/builder.ts',
    find: 'shape: [...type.shape] };',
    replace: 'shape: type.shape };',
    tests: MEANING,
  },
  {
    name: 'rows of an LSTM go on behind their lengths',
    file: 'src/ir/ops/recurrent.ts',
    find: 'return g.less(t, g.reshape(lengths, { shape: row }));',
    replace: 'return g.less_equal(t, g.reshape(lengths, { shape: row }));',
    tests: MEANING,
  },
  {
    name: 'the output gate of an LSTM sees the cell before the step',
    file: 'src/ir/ops/lstm.ts',
    find: 'gate(3, next, peepholes[2])',
    replace: 'gate(3, c, peepholes[2])',
    tests: MEANING,
  },
  {
    name: 'hoist-from-scan takes products of elements by elements',
    file: 'src/passes/scan/body-study.ts',
    find: "if (known.get(b) !== 'fixed')",
    replace: "if (known.get(b) === 'bound')",
    tests: HOIST,
  },
  {
    name: 'hoist-from-scan multiplies where time stands for columns',
    file: 'src/passes/scan/body-study.ts',
    find: 'axis === null || axis >= left.shape.length',
    replace: 'axis === null',
    tests: HOIST,
  },
  {
    name: 'a captured operand meets time in place of the batch',
    file: 'src/passes/scan/write-hoisted.ts',
    find: 'if (shape.length <= behind) return value;',
    replace: 'if (shape.length > 0) return value;',
    tests: HOIST,
  },
  {
    name: 'the kernel of a scan takes elements in order, also in reverse',
    file: 'src/loops/scan/scan-kernel.ts',
    find: 'node.attributes.reverse === true ? subtract(subtract(length, 1), t) : t',
    replace: 'node.attributes.reverse === true ? t : t',
    tests: KERNELS,
  },
  {
    name: 'states change places one after another',
    file: 'src/loops/scan/scan-kernel.ts',
    find: 'if (!states.some((state) => isOverlapping(from, state))) {',
    replace: 'if (states.length > 0) {',
    tests: KERNELS,
  },
  {
    name: 'invocations do not meet between the kernels of a step',
    file: 'src/loops/scan/stage-writer.ts',
    find: 'statements.length === 0 ? [] : [...statements, ...this.staging.meeting]',
    replace: 'statements',
    tests: KERNELS,
  },
  {
    name: 'a sum that others read often is cut out of no region',
    file: 'src/loops/scan/cut-region.ts',
    find: 'results.filter((id) => often.has(id))',
    replace: 'results.filter((id) => !often.has(id))',
    tests: KERNELS,
  },
  {
    name: 'temporaries of a step lie on one another',
    file: 'src/loops/scan/storage.ts',
    find: 'const offset = known?.size ?? 0;\n    const size = add(offset, sizeOf(shape));',
    replace: 'const offset = 0;\n    const size = add(known?.size ?? 0, sizeOf(shape));',
    tests: KERNELS,
  },
  {
    name: 'gates of an LSTM are exported in our own order',
    file: 'src/backends/onnx/recurrence.ts',
    find: 'order: [0, 3, 1, 2]',
    replace: 'order: [0, 1, 2, 3]',
    tests: ['test/backends/onnx-recurrence.test.ts'],
  },
];
