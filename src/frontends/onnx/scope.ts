/**
 * The names of an ONNX graph and what they stand for. A subgraph sees the names of the graphs around it.
 */
import type { TensorProto } from '../../onnx/schema.ts';
import type { Operand } from './operand.ts';
import type { ElementType } from './tensors.ts';

/** A tensor of the file that nothing has asked for yet. */
export interface Pending {
  readonly kind: 'pending';
  readonly tensor: TensorProto;
}
/** The result of a node that could not be taken. */
export interface Missing {
  readonly kind: 'missing';
}
export type Entry = Operand | Pending | Missing;

export class Scope {
  readonly entries = new Map<string, Entry>();
  /** What the file says of the elements of a name: narrower at times than the dtype that holds them. */
  readonly types = new Map<string, ElementType>();
  readonly parent: Scope | null;

  constructor(parent: Scope | null) {
    this.parent = parent;
  }

  find(name: string): { readonly scope: Scope; readonly entry: Entry } | null {
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      const entry = scope.entries.get(name);
      if (entry !== undefined) return { scope, entry };
    }
    return null;
  }

  typeOf(name: string): ElementType | null {
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent) {
      const type = scope.types.get(name);
      if (type !== undefined || scope.entries.has(name)) return type ?? null;
    }
    return null;
  }

  declare(name: string | undefined, type: ElementType | null): void {
    if (name !== undefined && type !== null) this.types.set(name, type);
  }
}

/** Stands for what could not be taken. */
export const MISSING: Missing = { kind: 'missing' };
