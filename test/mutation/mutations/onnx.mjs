/** Faults in what the importer makes of ONNX files, and the exporter of graphs. */
const CASTS = ['test/frontends/onnx/casts.test.ts'];
const SELECTION = ['test/frontends/onnx/selection.test.ts'];
const FLEX = ['test/frontends/onnx/flex-attention.test.ts'];
const OPS = ['test/frontends/onnx/ops.test.ts'];
const ROUND_TRIP = ['test/frontends/onnx/round-trip.test.ts'];

export const onnx = [
  {
    name: 'an imported product of rounded numbers counts as rounded',
    file: 'src/frontends/onnx/index.ts',
    find: "maker.op === 'cast' ? maker.operands[0] : x.id",
    replace: 'maker.operands[0] ?? x.id',
    tests: CASTS,
  },
  {
    name: 'integers of 2 and 4 bits are never below 0',
    file: 'src/frontends/onnx/tensors.ts',
    find: 'isSigned && number >= range / 2 ? number - range : number',
    replace: 'number',
    tests: CASTS,
  },
  {
    name: 'Unique counts parts in the order of their first places',
    file: 'src/frontends/onnx/ops/selection.ts',
    find: "if (node.int('sorted', 1) === 1) groups",
    replace: "if (node.int('sorted', 0) === 1) groups",
    tests: SELECTION,
  },
  {
    name: 'NonMaxSuppression begins with the worst box',
    file: 'src/frontends/onnx/ops/selection.ts',
    find: 'scoreOf(b) - scoreOf(a)',
    replace: 'scoreOf(a) - scoreOf(b)',
    tests: SELECTION,
  },
  {
    name: 'NonMaxSuppression forgets the intersection in the union',
    file: 'src/frontends/onnx/ops/selection.ts',
    find: 'area(a) + area(b) - height * width',
    replace: 'area(a) + area(b)',
    tests: SELECTION,
  },
  {
    name: 'n-grams of one id are counted once for each number of skips',
    file: 'src/frontends/onnx/ops/ngrams.ts',
    find: "n === 1 ? 0 : node.int('max_skip_count', 0)",
    replace: "node.int('max_skip_count', 0)",
    tests: SELECTION,
  },
  {
    name: 'FlexAttention modifies scores where it should modify weights',
    file: 'src/frontends/onnx/ops/flex-attention.ts',
    find: "modified(node, 'prob_mod', g.softmax(scores))",
    replace: "g.softmax(modified(node, 'prob_mod', scores))",
    tests: FLEX,
  },
  {
    name: 'an imported shift by more bits than there are is one by the rest',
    file: 'src/frontends/onnx/ops/elementwise.ts',
    find: 'if (node.opset < 28) return moved;',
    replace: 'if (node.opset < 99) return moved;',
    tests: OPS,
  },
  {
    name: 'GroupNormalization is exported with a scale of 0 where there is none',
    file: 'src/backends/onnx/spatial.ts',
    find: 'call.operands[1]?.ref ?? filled(1)',
    replace: 'call.operands[1]?.ref ?? filled(0)',
    tests: ROUND_TRIP,
  },
];
