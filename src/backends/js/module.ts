/**
 * The JS backend: one ES module of plain loops over typed arrays, a function a kernel. A function
 * takes the kernel's buffers in order, then its symbols:
 *
 *     export function matmul_add_gelu(x, weight, bias, out, batch, seq) { ... }
 */
import type { Kernel } from '../../loops/nodes.ts';
import type { VerifiedProgram } from '../../loops/verify-program.ts';
import type { Backend, KernelSource } from '../backend.ts';
import { indent } from '../by-tag.ts';
import { commentText } from '../escape.ts';
import { JS_RESERVED, Names } from '../identifiers.ts';
import { helperLines, helperNames } from './helpers.ts';
import { JsModule, JsScope } from './scope.ts';
import { printBlock } from './statements.ts';

export const jsBackend: Backend = { target: 'js', print: printProgram };

function printProgram(program: VerifiedProgram): KernelSource {
  const exact = program.exact === true;
  const module = new JsModule(helperNames(exact), exact);
  const kernels = program.kernels.map(({ name }) => ({
    name,
    entry: module.names.identifierFor(name),
    dispatch: null,
  }));
  const functions = program.kernels.map((kernel) => printKernel(kernel, module));
  const helpers = helperLines(module);
  const head = [
    `// The kernels of ${commentText(program.name)}, over typed arrays.`,
    '// Buffers come first, then the sizes of the symbols; the last buffers are written.',
    ...(exact ? ['// Exact: every step is rounded to float32, every sum has one order.'] : []),
    '',
  ];
  const text = [...head, ...helpers, ...functions.flatMap((lines) => [...lines, ''])];
  return {
    target: 'js',
    path: 'kernels/kernels.mjs',
    text: `${text.join('\n').trimEnd()}\n`,
    kernels,
  };
}

function printKernel(kernel: Kernel, module: JsModule): readonly string[] {
  const names = new Names(JS_RESERVED, module.names);
  const scope = new JsScope(kernel, module, names);
  for (const { name } of kernel.buffers) {
    scope.declare(name, { tag: 'array', identifier: scope.identifier(name) });
  }
  const parameters = [...kernel.buffers.map(({ name }) => name), ...kernel.symbols];
  const head = `${module.names.identifierFor(kernel.name)}(${parameters.map((name) => scope.identifier(name)).join(', ')})`;
  const body = printBlock(kernel.body, scope);
  const scratch = module.scratch.splice(0);
  return [
    ...scratch,
    ...(scratch.length > 0 ? [''] : []),
    ...kernel.summary.flatMap((line) => line.split('\n')).map((line) => `// ${commentText(line)}`),
    `export function ${head} {`,
    ...indent(body),
    '}',
  ];
}
