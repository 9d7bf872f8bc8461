/**
 * A kernel as an exported function. Its parameters are i32: the byte address of each buffer in the
 * kernel's order, then the sizes of the kernel's symbols.
 */
import type { Kernel } from '../../loops/nodes.ts';
import { localItems } from './helpers.ts';
import { setLocal } from './instructions.ts';
import { Locals, type WasmModule, WasmScope } from './scope.ts';
import { scratchLayout } from './scratch.ts';
import { block, comments, type Item, line, type Sexp } from './sexp.ts';
import { printBlock } from './statements.ts';

export function printKernel(kernel: Kernel, module: WasmModule): readonly Item[] {
  const locals = new Locals();
  const { starts, bytes } = scratchLayout(kernel);
  const scope = new WasmScope(module, locals, starts);
  const buffers = kernel.buffers.map(({ name, type, size, access }): Item => {
    const local = locals.parameter(name);
    scope.declareBuffer(name, { tag: 'memory', local, start: 0 });
    return parameter(local, `${type}[${size}] ${access === 'read' ? 'read' : 'written'}`);
  });
  const symbols = kernel.symbols.map((name) => parameter(scope.declareParameter(name), 'size'));
  const body = printBlock(kernel.body, scope);
  const toScratch = bytes === 0 ? [] : [line(setLocal(locals.scratch, ['global.get', '$scratch']))];
  const entry = module.names.identifierFor(kernel.name);
  return [
    ...kernel.summary.flatMap(comments),
    block(
      ['func', `$${entry}`, ['export', `"${entry}"`]],
      [...buffers, ...symbols, ...localItems(locals), ...toScratch, ...body],
    ),
  ];
}

function parameter(local: string, comment: string): Item {
  const sexp: Sexp = ['param', local, 'i32'];
  return { tag: 'line', sexp, comment };
}
