/** Faults in convolutions, pooling, norms over channels, and in what passes make of them. */
const OPS = ['test/ops/spatial.test.ts'];
const FOLD = ['test/passes/fold-batch-norm.test.ts'];

export const spatial = [
  {
    name: 'windows forget the dilation',
    file: 'src/ir/ops/windows.ts',
    find: 'return add(start, multiply(steps[axis] ?? 0, sliding.dilations[axis] ?? 1));',
    replace: 'return add(start, steps[axis] ?? 0);',
    tests: OPS,
  },
  {
    name: 'there is one window too many',
    file: 'src/ir/sliding.ts',
    find: 'return add(steps, 1);',
    replace: 'return add(steps, 2);',
    tests: OPS,
  },
  {
    name: 'padding behind x is put before it',
    file: 'src/ir/ops/conv.ts',
    find: 'before: [...none, ...before], after: [...none, ...after]',
    replace: 'before: [...none, ...after], after: [...none, ...before]',
    tests: OPS,
  },
  {
    name: 'a channel of its own a group is taken for any groups',
    file: 'src/ir/ops/conv.ts',
    find: 'groups > 1 && x.shape[1] === groups && weight.shape[0] === groups',
    replace: 'groups > 1',
    tests: OPS,
  },
  {
    name: 'a mean counts padding although it is not included',
    file: 'src/ir/ops/pools.ts',
    find: 'const counted = attributes.include_padding === true ?',
    replace: 'const counted = attributes.include_padding !== true ?',
    tests: OPS,
  },
  {
    name: 'padding of a maximum is 0',
    file: 'src/ir/ops/pools.ts',
    find: 'const x = withPadding(g, operand(0), padding, lowest(operand(0).dtype));',
    replace: 'const x = withPadding(g, operand(0), padding, 0);',
    tests: OPS,
  },
  {
    name: 'rounded up, windows begin behind x',
    file: 'src/ir/sliding.ts',
    find: 'const begun = floorDivide(subtract(elements, 1), stride);',
    replace: 'const begun = floorDivide(add(elements, stride), stride);',
    tests: OPS,
  },
  {
    name: 'group_norm forgets its eps',
    file: 'src/ir/ops/group_norm.ts',
    find: 'g.layer_norm(g.reshape(x, { shape: [n, groups, row] }), { eps })',
    replace: 'g.layer_norm(g.reshape(x, { shape: [n, groups, row] }), {})',
    tests: OPS,
  },
  {
    name: 'fold-batch-norm leaves the bias as it was',
    file: 'src/passes/fold-batch-norm.ts',
    find: "into.node('mul', [into.get(bias), reshaped(into, scale, [channels])])",
    replace: 'into.get(bias)',
    tests: FOLD,
  },
  {
    name: 'fold-batch-norm takes a sum with a second use',
    file: 'src/passes/fold-batch-norm.ts',
    find: 'if (second !== null) return refuse(y,',
    replace: 'if (second === undefined) return refuse(y,',
    tests: FOLD,
  },
  {
    name: 'fold-batch-norm takes a shift a column for one a channel',
    file: 'src/passes/fold-batch-norm.ts',
    find: 'return axis >= 0 && shape.every((dim, i) => dim === (i === axis ? result[1] : 1));',
    replace: 'return shape.some((dim) => dim === result[1] || dim === result.at(-1));',
    tests: FOLD,
  },
  {
    name: 'open-depthwise opens groups of several channels',
    file: 'src/passes/open-depthwise.ts',
    find: 'groups !== 1 && channels === groups && resultShape',
    replace: 'groups !== 1 && resultShape',
    tests: FOLD,
  },
  {
    name: 'a kernel pads anew for every window',
    file: 'src/passes/regions/growth.ts',
    find: 'if (isInWindows(maker, region, index)) {',
    replace: 'if (isInWindows(maker, region, index) && form.kind === null) {',
    tests: FOLD,
  },
  {
    name: 'loops over the parts of an index take them in the wrong order',
    file: 'src/loops/schedule/divided.ts',
    find: 'add(multiply(outer, part), k)',
    replace: 'add(multiply(k, part), outer)',
    tests: ['test/loops/convolutions.test.ts'],
  },
];
