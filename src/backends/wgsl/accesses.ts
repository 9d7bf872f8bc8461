/**
 * How wide a kernel accesses each of its buffers, which decides the type of the buffer's elements:
 * a buffer whose every access takes 4 elements at a multiple of 4 is an array of vec4. A register
 * tile may be accessed one element at a time as well, as a component of a vec4 variable.
 */
import { type Dim, divideExactly } from '../../ir/dims.ts';
import {
  childrenOf,
  type Expression,
  type Kernel,
  type Lanes,
  type Statement,
} from '../../loops/nodes.ts';

export interface AccessWidths {
  /** Whether some access takes 4 elements. */
  readonly hasWide: boolean;
  /** Whether every access of 4 elements starts at a multiple of 4. */
  readonly aligned: boolean;
  readonly hasNarrow: boolean;
  readonly isLoaded: boolean;
}

const UNUSED: AccessWidths = { hasWide: false, aligned: true, hasNarrow: false, isLoaded: false };

/** By buffer name; sibling allocs of one name count as one buffer. */
export function accessWidths(kernel: Kernel): (buffer: string) => AccessWidths {
  const found = new Map<string, AccessWidths>();
  const note = (buffer: string, at: Dim, lanes: Lanes, isLoad: boolean) => {
    const before = found.get(buffer) ?? UNUSED;
    const wide = lanes === 4;
    found.set(buffer, {
      hasWide: before.hasWide || wide,
      aligned: before.aligned && (!wide || divideExactly(at, 4) !== null),
      hasNarrow: before.hasNarrow || !wide,
      isLoaded: before.isLoaded || isLoad,
    });
  };
  const visitExpression = (x: Expression): void => {
    if (x.tag === 'load') note(x.buffer, x.index, x.lanes, true);
    for (const child of childrenOf(x)) visitExpression(child);
  };
  const visit = (statement: Statement): void => {
    for (const x of expressionsOf(statement)) visitExpression(x);
    if (statement.tag === 'store')
      note(statement.buffer, statement.index, statement.value.lanes, false);
    for (const inner of blocksOf(statement).flat()) visit(inner);
  };
  for (const statement of kernel.body) visit(statement);
  return (buffer) => found.get(buffer) ?? UNUSED;
}

function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.tag) {
    case 'if':
      return [statement.condition];
    case 'variable':
      return [statement.initial];
    case 'let':
    case 'set':
    case 'store':
      return [statement.value];
    case 'for':
    case 'alloc':
    case 'barrier':
    case 'comment':
      return [];
    default:
      return statement satisfies never;
  }
}

function blocksOf(statement: Statement): readonly (readonly Statement[])[] {
  if (statement.tag === 'for') return [statement.body];
  return statement.tag === 'if' ? [statement.then, statement.otherwise] : [];
}
