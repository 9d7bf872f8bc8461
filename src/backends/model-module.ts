/**
 * `model.mjs`: the tables of a compiled model, and the `load` that runs them. It holds no logic of its
 * own; `runtime/definition.mts` describes the tables.
 */
import type { ProgramIo } from '../loops/program.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import { backendTables, type PrintedTarget } from './backend-tables.ts';
import { commentText } from './escape.ts';
import { Code, type JsData, jsLiteral, SizeFunctions } from './js-data.ts';
import { type SymbolSource, symbolSources } from './symbol-sources.ts';
import type { WeightsFile } from './weights-file.ts';

export function modelModule(
  main: VerifiedProgram,
  targets: readonly PrintedTarget[],
  weights: WeightsFile,
): string {
  const functions = new SizeFunctions(main.symbols);
  const { constants, backends } = backendTables(targets, weights, functions);
  const definition: JsData = {
    name: main.name,
    symbols: symbolSources(main).map((source) => symbolTable(source, functions)),
    inputs: main.inputs.map((input) => tensorTable(input, functions)),
    outputs: main.outputs.map((output) => tensorTable(output, functions)),
    bounds: (main.bounds ?? []).map((bound) => ({
      smaller: bound[0],
      larger: bound[1],
      sizes: functions.list(bound),
    })),
    weights: {
      bytes: weights.content.length,
      url: new Code("() => new URL('./weights.bin', import.meta.url)"),
    },
    backends,
  };
  return `${[
    `// ${commentText(main.name)}, compiled by encompile.`,
    '//',
    "//     import { load } from './model.mjs';",
    '//     const model = await load();',
    `//     const { ${outputList(main)} } = await model.run({ ${inputList(main)} });`,
    '//',
    '// model.d.ts describes inputs and outputs; kernels/ holds the code that runs.',
    "import { loadModel } from './runtime/load.mjs';",
    '',
    '// Sizes, here and below, are functions of the symbols and count elements.',
    ...constants.flatMap((text) => [text, '']),
    `const definition = ${jsLiteral(definition)};`,
    '',
    'export function load(options) {',
    '  return loadModel(definition, options);',
    '}',
  ].join('\n')}\n`;
}

function outputList({ outputs }: VerifiedProgram): string {
  return outputs.map(({ name }) => commentText(name)).join(', ');
}

function inputList({ inputs }: VerifiedProgram): string {
  return inputs.map(({ name }) => `${commentText(name)}: { data, shape }`).join(', ');
}

function symbolTable(source: SymbolSource, functions: SizeFunctions): JsData {
  const { symbol, input } = source;
  if ('always' in source) return { name: symbol, input, always: functions.list(source.always) };
  const { axis, multiplier, offset } = source;
  const shifted = offset === 0 ? 'dim' : offset > 0 ? `(dim - ${offset})` : `(dim + ${-offset})`;
  const solve = multiplier === 1 ? shifted : `${shifted} / ${multiplier}`;
  return { name: symbol, input, axis, solve: new Code(`(dim) => ${solve}`) };
}

function tensorTable(
  { name, dtype, shape, buffer, range }: ProgramIo,
  functions: SizeFunctions,
): JsData {
  return { name, dtype, shape, dims: functions.list(shape), buffer, range: range ?? null };
}
