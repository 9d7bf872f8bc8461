/** Faults in what ops mean: in the interpreter's formula, in an expansion, in graphs and their text. */
const COMPOSITES = ['test/ops/composites.test.ts'];
const VIEWS = ['test/ops/views.test.ts'];

const ELEMENTS = ['test/ops/elementwise.test.ts'];
const INDEXING = ['test/ops/indexing.test.ts'];

export const meaning = [
  {
    name: 'of equal elements top_k takes the last first',
    file: 'src/ir/ops/top_k.ts',
    find: 'g.less(places(size, 1), places(size, 0))',
    replace: 'g.less(places(size, 0), places(size, 1))',
    tests: INDEXING,
  },
  {
    name: 'kernels of scatter_elements look for updates beyond the indices',
    file: 'src/ir/ops/scatter.ts',
    find: 'return a === axis || dim === x.shape[a] ? []',
    replace: 'return a !== axis || dim === x.shape[a] ? []',
    tests: INDEXING,
  },
  {
    name: 'gather_nd forgets the batch',
    file: 'src/ir/ops/gather_nd.ts',
    find: 'return g.broadcast(places, { shape });',
    replace: 'return g.broadcast(g.sub(places, places), { shape });',
    tests: INDEXING,
  },
  {
    name: 'mod has the sign of the dividend',
    file: 'src/ir/ops/mod.ts',
    find: 'g.select(g.and(g.not_equal(rest, 0), differs), g.add(rest, b), rest)',
    replace: 'g.select(g.and(g.equal(rest, 0), differs), g.add(rest, b), rest)',
    tests: ELEMENTS,
  },
  {
    name: 'a power of integers to a negative one is that of its bits',
    file: 'src/ir/ops/arithmetic.ts',
    find: 'return select(isTotal, product ?? one, zero);',
    replace: 'return product ?? select(isTotal, one, zero);',
    tests: ELEMENTS,
  },
  {
    name: 'gelu takes tanh for erf',
    file: 'src/ir/ops/activations.ts',
    find: "approximation === 'none'\n",
    replace: "approximation === 'tanh'\n",
    tests: COMPOSITES,
  },
  {
    name: 'layer_norm divides the squares by n - 1',
    file: 'src/ir/ops/layer_norm.ts',
    find: 'g.reduce_mean(g.mul(centred, centred), over)',
    replace: 'g.mul(g.reduce_mean(g.mul(centred, centred), over), 12 / 11)',
    tests: COMPOSITES,
  },
  {
    name: 'layer_norm forgets eps',
    file: 'src/ir/ops/layer_norm.ts',
    find: 'g.rsqrt(g.add(variance, eps))',
    replace: 'g.rsqrt(variance)',
    tests: COMPOSITES,
  },
  {
    name: 'linear adds its bias twice',
    file: 'src/ir/ops/linear.ts',
    find: 'g.add(result, bias)',
    replace: 'g.add(g.add(result, bias), bias)',
    tests: COMPOSITES,
  },
  {
    name: 'attention expands without its scale',
    file: 'src/ir/ops/attention.ts',
    find: 'const scaled = g.mul(products, scale);',
    replace: 'const scaled = g.mul(products, scale > 0 ? 1 : -1);',
    tests: COMPOSITES,
  },
  {
    name: 'a causal query does not see its own position',
    file: 'src/ir/ops/attention.ts',
    find: 'past: () => g.less_equal(key(), query())',
    replace: 'past: () => g.less(key(), query())',
    tests: COMPOSITES,
  },
  {
    name: 'a window is one place narrower',
    file: 'src/ir/ops/attention.ts',
    find: 'near: () => g.less_equal(',
    replace: 'near: () => g.less(',
    tests: COMPOSITES,
  },
  {
    name: 'softmax gives uniform weights to a row that minus infinity hides',
    file: 'src/ir/ops/softmax.ts',
    find: 'g.reduce_max(visible, over), FLOOR)',
    replace: 'g.reduce_max(visible, over), LOWEST)',
    tests: COMPOSITES,
  },
  {
    name: 'softmax takes no maximum off',
    file: 'src/ir/ops/softmax.ts',
    find: 'g.exp(g.sub(visible, largest))',
    replace: 'g.exp(g.sub(visible, g.mul(largest, 0)))',
    tests: COMPOSITES,
  },
  {
    name: 'kernels of transpose take the permutation for its inverse',
    file: 'src/ir/ops/transpose.ts',
    find: '  lower: ({ index, attributes: { permutation }, operand }) =>\n    operand(0, unpermute(index, permutation)),',
    replace:
      '  lower: ({ index, attributes: { permutation }, operand }) =>\n    operand(0, permutation.map((axis) => index[axis] ?? 0)),',
    tests: VIEWS,
  },
  {
    name: 'kernels of slice ignore the step',
    file: 'src/ir/ops/slice.ts',
    find: 'add(starts[axis] ?? 0, multiply(steps[axis] ?? 1, i))',
    replace: 'add(starts[axis] ?? 0, i)',
    tests: VIEWS,
  },
  {
    name: 'kernels of concat begin the second operand one too early',
    file: 'src/ir/ops/concat.ts',
    find: "binary('le', indexOf(from), indexOf(place))",
    replace: "binary('le', indexOf(subtract(from, 1)), indexOf(place))",
    tests: VIEWS,
  },
  {
    name: 'the verifier does not look at result types',
    file: 'src/ir/verify.ts',
    find: 'result !== undefined && sameType(type, result)',
    replace: 'result !== undefined',
    tests: ['test/ir/verify.test.ts'],
  },
  {
    name: 'dumps print numbers to six digits',
    file: 'src/ir/attributes.ts',
    find: "Object.is(value, -0) ? '-0' : String(value)",
    replace: "Object.is(value, -0) ? '-0' : String(Number(value.toPrecision(6)))",
    tests: ['test/ir/print-parse.test.ts'],
  },
];
