/**
 * `model.mjs`: the tables of a compiled model, and the `load` that runs them. It holds no logic of its
 * own; `runtime/definition.mts` describes the tables.
 */
import type { MemoryPlan } from '../loops/memory-plan.ts';
import type { ProgramBuffer, ProgramIo, Target } from '../loops/program.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import type { KernelSource } from './backend.ts';
import { commentText } from './escape.ts';
import { Code, type JsData, jsLiteral, SizeFunctions } from './js-data.ts';
import { type SymbolSource, symbolSources } from './symbol-sources.ts';
import type { WeightsFile } from './weights-file.ts';

/** A program with its plan and its printed kernels. */
export interface PrintedTarget {
  readonly program: VerifiedProgram;
  readonly plan: MemoryPlan;
  readonly source: KernelSource;
}

/** What `load({ backend })` calls the target. */
export const BACKEND_NAME: { readonly [T in Target]: 'js' | 'wasm' | 'webgpu' } = {
  js: 'js',
  wasm: 'wasm',
  'wasm-relaxed': 'wasm',
  wgsl: 'webgpu',
};

export function modelModule(
  main: VerifiedProgram,
  targets: readonly PrintedTarget[],
  weights: WeightsFile,
): string {
  const functions = new SizeFunctions(main.symbols);
  const definition: JsData = {
    name: main.name,
    symbols: symbolSources(main).map(symbolTable),
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
    backends: Object.fromEntries(
      targets.map((printed) => [
        BACKEND_NAME[printed.program.target],
        new Code(TABLES[printed.program.target]),
      ]),
    ),
  };
  const tables = targets.flatMap((printed) => [
    `const ${TABLES[printed.program.target]} = ${jsLiteral(backendTable(printed, weights, functions))};`,
    '',
  ]);
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
    ...tables,
    `const definition = ${jsLiteral(definition)};`,
    '',
    'export function load(options) {',
    '  return loadModel(definition, options);',
    '}',
  ].join('\n')}\n`;
}

const TABLES: { readonly [T in Target]: string } = {
  js: 'js',
  wasm: 'wasm',
  'wasm-relaxed': 'wasmRelaxed',
  wgsl: 'webgpu',
};

function outputList({ outputs }: VerifiedProgram): string {
  return outputs.map(({ name }) => commentText(name)).join(', ');
}

function inputList({ inputs }: VerifiedProgram): string {
  return inputs.map(({ name }) => `${commentText(name)}: { data, shape }`).join(', ');
}

function symbolTable({ symbol, input, axis, multiplier, offset }: SymbolSource): JsData {
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

function backendTable(
  printed: PrintedTarget,
  weights: WeightsFile,
  functions: SizeFunctions,
): JsData {
  const { program, plan, source } = printed;
  const used = new Set(program.steps.flatMap((step) => step.arguments));
  const io = new Set([...program.inputs, ...program.outputs].map(({ buffer }) => buffer));
  const entries = new Map(source.kernels.map(({ name, entry }) => [name, entry]));
  return {
    weights: weights.rangeOf(program.target),
    slots: plan.slots.map(({ size }) => functions.one(size)),
    buffers: program.buffers
      .filter(({ name }) => used.has(name) || io.has(name))
      .map((buffer) => bufferTable(buffer, program.target, plan, weights, functions)),
    kernels: source.kernels.map((_, i) => KERNEL_TABLES[program.target](printed, i, functions)),
    steps: program.steps.map((step) => ({
      kernel: entries.get(step.kernel) ?? '',
      buffers: step.arguments,
      node: step.provenance.node,
    })),
    ...SOURCE_TABLES[program.target](source.path),
  };
}

function bufferTable(
  { name, type, role, size }: ProgramBuffer,
  target: Target,
  plan: MemoryPlan,
  weights: WeightsFile,
  functions: SizeFunctions,
): JsData {
  if (role === 'weight') {
    const at = weights.offsetOf(target, name);
    return { name, type, in: 'weight', at, elements: Number(size) };
  }
  if (role !== 'intermediate') return { name, type, in: role, elements: functions.one(size) };
  const slot = plan.slotOf.get(name);
  if (slot === undefined) throw new Error(`the memory plan has no slot for ${name}`);
  return { name, type, in: 'slot', slot };
}

const KERNEL_TABLES: {
  readonly [T in Target]: (
    printed: PrintedTarget,
    kernel: number,
    functions: SizeFunctions,
  ) => JsData;
} = {
  js: ({ program, source }, i) => ({
    name: source.kernels[i]?.entry ?? '',
    symbols: (program.kernels[i]?.symbols ?? []).map((symbol) => program.symbols.indexOf(symbol)),
  }),
  // The module's `run` calls its kernels itself.
  wasm: () => null,
  'wasm-relaxed': () => null,
  wgsl: ({ program, source }, i, functions) => ({
    name: source.kernels[i]?.entry ?? '',
    access: (program.kernels[i]?.buffers ?? []).map(({ access }) => access),
    workgroups: functions.list(source.kernels[i]?.dispatch?.workgroups ?? [1, 1, 1]),
  }),
};

const SOURCE_TABLES: { readonly [T in Target]: (path: string) => { [key: string]: JsData } } = {
  js: (path) => ({ module: new Code(`() => import('./${path}')`) }),
  wasm: (path) => ({ module: new Code(`() => new URL('./${path}', import.meta.url)`) }),
  'wasm-relaxed': (path) => ({ module: new Code(`() => new URL('./${path}', import.meta.url)`) }),
  wgsl: (path) => ({ source: new Code(`() => new URL('./${path}', import.meta.url)`) }),
};
