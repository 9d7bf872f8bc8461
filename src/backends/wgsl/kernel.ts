/**
 * A kernel as a WGSL entry point with its bindings and workgroup memory.
 *
 * Binding 0 is the uniform struct of symbols; the kernel's buffers follow from binding 1 in order.
 * The innermost workgroup loop runs over x, the one around it over y, the outermost of three over z.
 */
import { EncompileError } from '../../errors.ts';
import type { Dim } from '../../ir/dims.ts';
import type { For, Kernel, Statement } from '../../loops/nodes.ts';
import type { Dispatch } from '../backend.ts';
import { indent } from '../by-tag.ts';
import { commentText } from '../escape.ts';
import { Names, WGSL_RESERVED } from '../identifiers.ts';
import { typeText, type WgslModule, WgslScope } from './scope.ts';
import { arrayType, isWideArray, printBlock } from './statements.ts';

/** WebGPU's default limits, which every device has. */
const LIMITS = { storageBuffers: 8, workgroupBytes: 16 * 1024, invocations: 256 } as const;

export interface PrintedEntry {
  readonly lines: readonly string[];
  readonly dispatch: Dispatch;
}

type Alloc = Extract<Statement, { tag: 'alloc' }>;

/** The kernel's loops around its invocations' body. */
interface Nest {
  readonly workgroups: readonly For[];
  readonly allocs: readonly Alloc[];
  readonly invocation: For | null;
  readonly body: readonly Statement[];
}

/** @throws EncompileError where the kernel exceeds WebGPU's default limits. */
export function printEntry(kernel: Kernel, entry: string, module: WgslModule): PrintedEntry {
  const nest = nestOf(kernel);
  checkLimits(kernel, nest);
  const scope = new WgslScope(kernel, module, new Names(WGSL_RESERVED, module.names));
  const invocations = Number(nest.invocation?.to ?? 1);
  const bindings = bindingLines(kernel, entry, scope);
  const shared = sharedLines(nest.allocs, entry, scope);
  const builtins = builtinLines(nest, scope);
  const body = printBlock(nest.body, scope);
  return {
    lines: [
      ...kernel.summary
        .flatMap((line) => line.split('\n'))
        .map((line) => `// ${commentText(line)}`),
      ...bindings,
      ...shared,
      `@compute @workgroup_size(${invocations})`,
      ...entryHead(entry, builtins.parameters),
      ...indent([...builtins.lines, ...symbolLines(kernel, scope), ...body]),
      '}',
    ],
    dispatch: { invocations, workgroups: extents(nest.workgroups) },
  };
}

function entryHead(entry: string, parameters: readonly string[]): readonly string[] {
  if (parameters.length === 0) return [`fn ${entry}() {`];
  return [`fn ${entry}(`, ...indent(parameters.map((parameter) => `${parameter},`)), ') {'];
}

function nestOf(kernel: Kernel): Nest {
  const workgroups: For[] = [];
  let body = kernel.body;
  for (;;) {
    const [only, ...others] = body.filter(({ tag }) => tag !== 'comment');
    if (only?.tag !== 'for' || only.kind !== 'workgroup' || others.length > 0) break;
    workgroups.push(only);
    body = only.body;
  }
  if (workgroups.length === 0) return { workgroups, allocs: [], invocation: null, body };
  const allocs = body.filter((s) => s.tag === 'alloc' && s.space === 'workgroup');
  const invocation = body.find((s) => s.tag === 'for' && s.kind === 'invocation');
  if (invocation?.tag !== 'for') throw new Error(`${kernel.name} has no invocation loop`);
  return {
    workgroups,
    allocs: allocs.filter((s) => s.tag === 'alloc'),
    invocation,
    body: invocation.body,
  };
}

function checkLimits(kernel: Kernel, { allocs, invocation }: Nest): void {
  const needs = {
    storageBuffers: kernel.buffers.length,
    workgroupBytes: allocs.reduce((bytes, { size }) => bytes + 4 * size, 0),
    invocations: Number(invocation?.to ?? 1),
  };
  const over = (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).find(
    (limit) => needs[limit] > LIMITS[limit],
  );
  if (over === undefined) return;
  throw new EncompileError(
    `The kernel '${kernel.name}' cannot run on WebGPU: it needs ${needs[over]} ${LIMIT_NAMES[over]}, ` +
      `and every device is only sure to have ${LIMITS[over]}. ${REMEDIES[over]} It computes: ` +
      `${kernel.summary.join('; ')}.`,
  );
}

const LIMIT_NAMES: { readonly [L in keyof typeof LIMITS]: string } = {
  storageBuffers: 'storage buffers',
  workgroupBytes: 'bytes of workgroup memory',
  invocations: 'invocations in a workgroup',
};
const REMEDIES: { readonly [L in keyof typeof LIMITS]: string } = {
  storageBuffers: 'Fuse fewer ops with operands of their own into it, or compile for js alone.',
  workgroupBytes: 'Its schedule must use smaller tiles.',
  invocations: 'Its schedule must use smaller workgroups.',
};

function bindingLines(kernel: Kernel, entry: string, scope: WgslScope): readonly string[] {
  return kernel.buffers.map(({ name, type, access }, i) => {
    const { hasWide, hasNarrow, aligned } = scope.widths(name);
    const wide = hasWide && !hasNarrow && aligned;
    const identifier = moduleName(`${entry}_${name}`, scope);
    scope.declare(name, { tag: 'array', identifier, wide });
    const mode = access === 'read' ? 'read' : 'read_write';
    const elements = `array<${typeText(type, wide ? 4 : 1)}>`;
    return `@group(0) @binding(${i + 1}) var<storage, ${mode}> ${identifier}: ${elements};`;
  });
}

function sharedLines(allocs: readonly Alloc[], entry: string, scope: WgslScope): readonly string[] {
  return allocs.map((alloc) => {
    const wide = isWideArray(alloc, scope);
    const identifier = moduleName(`${entry}_${alloc.buffer}`, scope);
    scope.declare(alloc.buffer, { tag: 'array', identifier, wide });
    return `var<workgroup> ${identifier}: ${arrayType(alloc, wide)};`;
  });
}

/** A name at the module's top level that no local of the kernel hides. */
function moduleName(name: string, scope: WgslScope): string {
  const identifier = scope.fresh(name);
  scope.module.names.claim(identifier);
  return identifier;
}

function builtinLines(
  { workgroups, invocation }: Nest,
  scope: WgslScope,
): { readonly parameters: readonly string[]; readonly lines: readonly string[] } {
  const parameters: string[] = [];
  const lines: string[] = [];
  if (workgroups.length > 0) {
    parameters.push('@builtin(workgroup_id) workgroup_id: vec3<u32>');
    workgroups.forEach(({ variable }, i) => {
      const axis = 'xyz'[workgroups.length - 1 - i];
      lines.push(`let ${scope.identifier(variable)}: i32 = i32(workgroup_id.${axis});`);
    });
  }
  if (invocation !== null) {
    parameters.push('@builtin(local_invocation_index) local_invocation_index: u32');
    const name = scope.identifier(invocation.variable);
    lines.push(`let ${name}: i32 = i32(local_invocation_index);`);
  }
  return { parameters, lines };
}

function symbolLines(kernel: Kernel, scope: WgslScope): readonly string[] {
  return kernel.symbols.map((symbol) => {
    const member = scope.module.members.get(symbol);
    if (member === undefined) throw new Error(`${kernel.name} uses ${symbol}, which is no symbol`);
    return `let ${scope.identifier(symbol)}: i32 = symbols.${member};`;
  });
}

function extents(workgroups: readonly For[]): readonly [Dim, Dim, Dim] {
  const [x = 1, y = 1, z = 1] = workgroups.map(({ to }) => to).reverse();
  return [x, y, z];
}
