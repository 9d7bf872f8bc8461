/**
 * The WebAssembly backend: one module for all kernels, an exported function a kernel, and `run`, which
 * calls them in the order of the program's steps.
 *
 * The host sets two globals before a call. `table` is the address of i32 values: the sizes of the
 * program's symbols, then the byte address of each of its buffers, both in the program's order.
 * `scratch` is the address of as many bytes as `scratchBytes` says. Buffers and scratch memory lie
 * at multiples of 64 bytes, none below LOWEST_ADDRESS. `threads.ts` says what threads need beside.
 *
 * There are two targets, for schedules differ with the registers that a fused multiply-add saves.
 */
import type { Step } from '../../loops/program.ts';
import { hasSplitLoop } from '../../loops/verify.ts';
import type { VerifiedProgram } from '../../loops/verify-program.ts';
import type { Backend, KernelSource } from '../backend.ts';
import { indent } from '../by-tag.ts';
import { LOWEST_ADDRESS } from './dims.ts';
import { HELPERS, helperFunctions } from './helpers.ts';
import { printKernel } from './kernel.ts';
import { WasmModule } from './scope.ts';
import { block, comments, type Item, line, linesOf, type Sexp } from './sexp.ts';
import { THREAD_FUNCTIONS, THREAD_GLOBALS, THREAD_NAMES } from './threads.ts';

export { assembleWat } from './assemble.ts';
export { LOWEST_ADDRESS } from './dims.ts';
export { scratchBytes } from './scratch.ts';
export { SYNC_BYTES } from './threads.ts';

/** WebAssembly with 128-bit SIMD. */
export const wasmBackend: Backend = {
  target: 'wasm',
  print: (program) => printProgram(program, 'wasm', 'kernels/kernels.wat'),
};

/** WebAssembly with relaxed SIMD, where a multiply-add may be one instruction. */
export const wasmRelaxedBackend: Backend = {
  target: 'wasm-relaxed',
  print: (program) => printProgram(program, 'wasm-relaxed', 'kernels/kernels.relaxed.wat'),
};

/** Names at the module's top level beside its kernels. */
const STEPS = 'steps';
const TABLE = 'table';
const SCRATCH = 'scratch';

function printProgram(
  program: VerifiedProgram,
  target: 'wasm' | 'wasm-relaxed',
  path: string,
): KernelSource {
  const module = new WasmModule(target === 'wasm-relaxed', [
    TABLE,
    SCRATCH,
    ...THREAD_NAMES,
    ...HELPERS,
  ]);
  const kernels = program.kernels.map(({ name }) => ({
    name,
    entry: module.names.identifierFor(name),
    dispatch: null,
  }));
  // kernels of one kind stand together, for readers and for compressors
  const byName = program.kernels.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const functions = byName.map((kernel) => printKernel(kernel, module));
  const printed = (items: readonly Item[]) => indent(linesOf(items, 1)).join('\n');
  const sections = [
    `${printed(headItems())}\n${indented(THREAD_GLOBALS)}`,
    ...[...helperFunctions(module), ...functions, stepItems(program, module)].map(printed),
    indented(THREAD_FUNCTIONS),
  ];
  const text = [
    ...linesOf(comments(`The kernels of ${program.name}.`)),
    ...HEAD.map((text) => `;; ${text}`),
    '(module',
    sections.join(SECTION),
    ')',
  ];
  return { target, path, text: `${text.join('\n')}\n`, kernels };
}

/**
 * A text without the functions that another has, word for word. Each leaves a line in its place, so that
 * the whole can be put together again.
 */
export function withoutFunctionsOf(other: KernelSource, { text }: KernelSource): string {
  const file = other.path.replace(/^.*\//, '');
  const known = new Set(other.text.split(SECTION));
  const sections = text.split(SECTION).map((section) => {
    const [, name] = FUNCTION.exec(section) ?? [];
    return name !== undefined && known.has(section) ? `  ;; ${name}: as in ${file}` : section;
  });
  const note = `;; A line such as ";; $steps: as in ${file}" stands for that function of ${file}.`;
  return sections.join(SECTION).replace('\n(module', () => `\n${note}\n(module`);
}

const SECTION = '\n\n';
const FUNCTION = /^ {2}\(func (\$\w+)/m;

const HEAD = [
  'Buffers come first, then the sizes of the symbols; all are i32, buffers as byte addresses.',
  `No buffer and no scratch memory lies below ${LOWEST_ADDRESS}: an offset never wraps around.`,
];

function headItems(): readonly Item[] {
  const global = (name: string): Sexp => [
    'global',
    `$${name}`,
    ['export', `"${name}"`],
    ['mut', 'i32'],
    ['i32.const', '0'],
  ];
  return [
    line(['import', '"host"', '"memory"', ['memory', '1', '65536']]),
    ...comments('Where the sizes of the symbols and the addresses of the buffers stand.'),
    line(global(TABLE)),
    ...comments("Where the kernels' scratch memory is."),
    line(global(SCRATCH)),
  ];
}

function stepItems(program: VerifiedProgram, module: WasmModule): readonly Item[] {
  const kernels = new Map(program.kernels.map((kernel) => [kernel.name, kernel]));
  const entries = [...program.symbols, ...program.buffers.map(({ name }) => name)];
  const bufferAt = new Map(
    program.buffers.map(({ name }, i) => [name, program.symbols.length + i]),
  );
  const symbolAt = new Map(program.symbols.map((name, i) => [name, i]));
  const read = (at: number): Item => {
    const offset = at === 0 ? [] : [`offset=${4 * at}`];
    const sexp: Sexp = ['i32.load', ...offset, ['global.get', `$${TABLE}`]];
    return { tag: 'line', sexp, comment: entries[at] ?? '' };
  };
  const call = ({ kernel, arguments: buffers, provenance }: Step): readonly Item[] => {
    const symbols = kernels.get(kernel)?.symbols ?? [];
    const found = [
      ...buffers.map((name) => bufferAt.get(name)),
      ...symbols.map((name) => symbolAt.get(name)),
    ].flatMap((at) => (at === undefined ? [] : [read(at)]));
    const function_ = `$${module.names.identifierFor(kernel)}`;
    const called = block(['call', function_], found);
    const isDivided = hasSplitLoop(kernels.get(kernel)?.body ?? []);
    return [
      ...comments(provenance.node),
      isDivided
        ? called
        : block(['if', ['i32.eqz', ['global.get', '$thread']]], [block(['then'], [called])]),
      line(['call', '$meet']),
    ];
  };
  return [
    ...comments("All kernels in order, or one thread's part of them."),
    block(['func', `$${STEPS}`], program.steps.flatMap(call)),
  ];
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
