/**
 * What a name means at a place of a kernel, and the error that a broken invariant raises. Scopes
 * are immutable: entering a block copies the map, so a name ends with its block.
 */

import { EncompileError } from '../errors.ts';
import { type Dim, symbolsOf } from '../ir/dims.ts';
import type { Lanes, Scalar, Space, Statement } from './nodes.ts';
import { printHead } from './print.ts';

/** The invariants of `verify.ts`, by label. */
export const INVARIANTS = {
  loops_v1: 'names are identifiers, defined before use, once in a scope',
  loops_v2: 'operand types and lanes agree',
  loops_v3: 'index symbols are bound',
  loops_v4: 'loads and stores agree with their buffer',
  loops_v5: 'parameters are accessed as they declare',
  loops_v6: 'registers and variables belong to one iteration',
  loops_v7: 'workgroup loops are outermost, at most three',
  loops_v8: 'one invocation loop stands directly inside the workgroup loops',
  loops_v9: 'all invocations reach a barrier together',
  loops_v10: 'workgroup memory stands before the invocation loop and fits',
  loops_v11: 'loops advance and allocs have a size',
  loops_v12: 'threads divide what they store among them',
} as const;
export type InvariantLabel = keyof typeof INVARIANTS;

export type Binding =
  /** A model symbol or a loop variable. */
  | { readonly tag: 'index'; readonly uniform: boolean }
  | {
      readonly tag: 'let';
      readonly type: Scalar;
      readonly lanes: Lanes;
      readonly uniform: boolean;
    }
  | {
      readonly tag: 'variable';
      readonly type: Scalar;
      readonly lanes: Lanes;
      readonly concurrency: number;
    }
  | {
      readonly tag: 'buffer';
      readonly type: 'f32' | 'i32';
      readonly size: Dim;
      readonly space: 'read' | 'write' | Space;
      readonly concurrency: number;
    };

export type Scope = ReadonlyMap<string, Binding>;

/** Where the verifier stands, for its errors. */
export interface Place {
  readonly kernel: string;
  readonly statement: Statement | null;
}

export function fail(place: Place, label: InvariantLabel, found: string): never {
  const statement = place.statement === null ? '' : ` at \`${printHead(place.statement)}\``;
  throw new EncompileError(
    `Kernel '${place.kernel}'${statement}: ${found} (${label}: ${INVARIANTS[label]}).`,
  );
}

const IDENTIFIER = /^[A-Za-z_]\w*$/;
/** Words with a meaning of their own inside a dim. */
const DIM_WORDS: ReadonlySet<string> = new Set(['floor', 'max', 'min']);

export function checkName(place: Place, name: string): void {
  if (!IDENTIFIER.test(name) || DIM_WORDS.has(name)) {
    fail(place, 'loops_v1', `${JSON.stringify(name)} cannot be a name`);
  }
}

export function declare(place: Place, scope: Scope, name: string, binding: Binding): Scope {
  checkName(place, name);
  if (scope.has(name)) fail(place, 'loops_v1', `'${name}' already has a meaning here`);
  return new Map(scope).set(name, binding);
}

/** Checks that every symbol of a dim is a model symbol, a loop variable or a one-lane i32 let. */
export function checkDim(place: Place, scope: Scope, dim: Dim): void {
  if (typeof dim === 'number' && !Number.isSafeInteger(dim)) {
    fail(place, 'loops_v3', `the index ${dim} is not an integer`);
  }
  for (const symbol of symbolsOf(dim)) {
    const binding = scope.get(symbol);
    if (binding === undefined) fail(place, 'loops_v3', `'${symbol}' in '${dim}' is not defined`);
    const isInteger = binding.tag === 'let' && binding.type === 'i32' && binding.lanes === 1;
    if (binding.tag !== 'index' && !isInteger) {
      fail(place, 'loops_v3', `'${symbol}' in '${dim}' is no loop variable and no integer let`);
    }
  }
}

/** Whether a dim has one value for all invocations of a workgroup. */
export function isUniformDim(scope: Scope, dim: Dim): boolean {
  return symbolsOf(dim).every((symbol) => {
    const binding = scope.get(symbol);
    return (binding?.tag === 'index' || binding?.tag === 'let') && binding.uniform;
  });
}
