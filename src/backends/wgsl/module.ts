/**
 * The WGSL backend: one module for all kernels, an entry point a kernel. Bindings of different
 * entry points share numbers, as a pipeline sees only those that its entry point uses.
 */
import { type MathOp, mathDefinition } from '../../loops/math.ts';
import type { Kernel } from '../../loops/nodes.ts';
import type { VerifiedProgram } from '../../loops/verify-program.ts';
import type { Backend, KernelSource } from '../backend.ts';
import { indent } from '../by-tag.ts';
import { commentText } from '../escape.ts';
import { Names, WGSL_RESERVED } from '../identifiers.ts';
import { printExpression } from './expressions.ts';
import { printEntry } from './kernel.ts';
import { HELPERS, type Helper, typeText, WgslModule, WgslScope } from './scope.ts';

export const wgslBackend: Backend = { target: 'wgsl', print: printProgram };

function printProgram(program: VerifiedProgram): KernelSource {
  const module = new WgslModule(program.symbols);
  const entries = program.kernels.map(({ name }) => module.names.identifierFor(name));
  const printed = program.kernels.map((kernel, i) => printEntry(kernel, entries[i] ?? '', module));
  const used = HELPERS.filter((helper) => module.helpers.has(helper));
  const sections = [
    [`// The kernels of ${commentText(program.name)}: one entry point a kernel.`],
    ...(module.members.size > 0 ? [symbolStruct(module)] : []),
    ...used.map((helper) => helperLines(helper, module)),
    ...printed.map(({ lines }) => lines),
  ];
  return {
    target: 'wgsl',
    path: 'kernels/kernels.wgsl',
    text: `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`,
    kernels: program.kernels.map(({ name }, i) => ({
      name,
      entry: entries[i] ?? '',
      dispatch: printed[i]?.dispatch ?? null,
    })),
  };
}

function symbolStruct(module: WgslModule): readonly string[] {
  return [
    'struct Symbols {',
    ...[...module.members.values()].map((member) => `  ${member}: i32,`),
    '}',
    '@group(0) @binding(0) var<uniform> symbols: Symbols;',
  ];
}

function helperLines(helper: Helper, module: WgslModule): readonly string[] {
  if (helper === 'floor_divide') {
    return [
      '// a / b rounded down; b is positive.',
      'fn floor_divide(a: i32, b: i32) -> i32 {',
      '  return select(a / b, (a + 1) / b - 1, a < 0);',
      '}',
    ];
  }
  const [op, form] = helper.split('_') as [MathOp, 'f32' | 'vec4'];
  const { parameters, lets, result, error, lanes } = mathDefinition(op, form === 'f32' ? 1 : 4);
  const kernel: Kernel = { name: helper, summary: [], buffers: [], symbols: [], body: [] };
  const scope = new WgslScope(kernel, module, new Names(WGSL_RESERVED));
  const type = typeText('f32', lanes);
  const list = parameters.map((name) => `${scope.identifier(name)}: ${type}`).join(', ');
  return [
    `// ${op}: ${error}.`,
    `fn ${helper}(${list}) -> ${type} {`,
    ...indent([
      ...lets.map(({ name, value }) => {
        const letType = typeText(value.type, value.lanes);
        return `let ${scope.identifier(name)}: ${letType} = ${printExpression(value, scope)};`;
      }),
      `return ${printExpression(result, scope)};`,
    ]),
    '}',
  ];
}
