/** Faults in what is printed, and in the tables by which an artifact runs it. */
const MODELS = ['test/backends/whole-models.test.ts'];
const EXPRESSIONS = ['test/backends/expressions.test.ts'];
const STATEMENTS = ['test/backends/statements.test.ts'];
const NAMES = ['test/backends/names.test.ts'];

export const backends = [
  {
    name: 'js prints < for <=',
    file: 'src/backends/js/expressions.ts',
    find: "le: comparison('<=')",
    replace: "le: comparison('<')",
    tests: EXPRESSIONS,
  },
  {
    name: 'js chooses the wrong side of a select',
    file: 'src/backends/js/expressions.ts',
    find: 'textOf(x.then, scope)',
    replace: 'textOf(x.otherwise, scope)',
    tests: EXPRESSIONS,
  },
  {
    name: 'js lets integer products leave 32 bits',
    file: 'src/backends/js/expressions.ts',
    find: "call('Math.imul', a.text, b.text)",
    replace: "arithmetic('*', LEVEL.product)(a, b, type, scope)",
    tests: MODELS,
  },
  {
    name: 'wgsl prints loops that begin at 0',
    file: 'src/backends/wgsl/statements.ts',
    find: 'printDim(x.from, scope)',
    replace: 'printDim(0, scope)',
    tests: STATEMENTS,
  },
  {
    name: 'a comment lets the text of a model end it',
    file: 'src/backends/escape.ts',
    find: "    .replaceAll('*/', '*\\\\/')\n",
    replace: '',
    tests: NAMES,
  },
  {
    name: 'a kernel gets the size of another symbol',
    file: 'src/backends/backend-tables.ts',
    find: 'printed.program.symbols.indexOf(symbol)',
    replace: 'printed.program.symbols.length - 1 - printed.program.symbols.indexOf(symbol)',
    tests: MODELS,
  },
  {
    name: 'weights lie where others were before padding',
    file: 'src/backends/weights-file.ts',
    find: 'content.set(ordered[i]?.content ?? [], offset);',
    replace: 'content.set(ordered[i]?.content ?? [], Math.max(0, offset - 4));',
    tests: MODELS,
  },
  {
    name: 'weights that look alike are stored as one',
    file: 'src/backends/weights-file.ts',
    find: 'alike.find((other) => bufferOf(other.content).equals(content))',
    replace: 'alike[0]',
    tests: ['test/backends/artifact-files.test.ts'],
  },
];
