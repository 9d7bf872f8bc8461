/**
 * How calls of ops are read: operands in the order of the op's specs, then an object of attributes.
 * An optional operand may be null, or left out where what follows is no value.
 */
import { EncompileError } from '../errors.ts';
import type { Value } from './graph.ts';
import type { OpDefinition } from './op.ts';

export function isValue(x: unknown): x is Value {
  return typeof x === 'object' && x !== null && 'id' in x && 'dtype' in x && 'shape' in x;
}

/** The operands with null for optional ones left out at the end; fails on a wrong number of them. */
export function completeOperands(
  op: string,
  { operands: specs }: OpDefinition,
  given: readonly (Value | null)[],
): readonly (Value | null)[] {
  const missing = specs.slice(given.length);
  const complete = [...given, ...missing.map(() => null)];
  const surplus = given.length > specs.length && specs.at(-1)?.variadic !== true;
  const absent = specs.find((spec, i) => !spec.optional && !spec.variadic && !complete[i]);
  if (!surplus && absent === undefined) return specs.at(-1)?.variadic ? given : complete;
  const names = specs.map((spec) => spec.name).join(', ') || 'none';
  throw new EncompileError(
    `${op} takes the operands ${names}, but got ${given.length}` +
      `${absent === undefined ? '' : ` and no '${absent.name}'`}.`,
  );
}

/** The operands and attributes of a call, as it spells them. */
export function splitArguments(op: string, definition: OpDefinition, args: readonly unknown[]) {
  const operands: (Value | number | null)[] = [];
  const rest = [...args];
  for (const spec of definition.operands) {
    const next = rest[0];
    if (spec.variadic && Array.isArray(next) && next.every(isValue)) {
      operands.push(...next);
      rest.shift();
    } else if (isValue(next) || (spec.number && typeof next === 'number')) {
      operands.push(next);
      rest.shift();
    } else if (spec.optional) {
      operands.push(null);
      if (next === null || next === undefined) rest.shift();
    } else {
      throw new EncompileError(
        `${op} needs a value for its operand '${spec.name}', but got ${describe(next)}.`,
      );
    }
  }
  const attributes = rest.shift() ?? {};
  if (rest.length > 0 || typeof attributes !== 'object' || isValue(attributes)) {
    const names = definition.operands.map((spec) => spec.name).join(', ');
    throw new EncompileError(
      `${op} takes ${names === '' ? 'no operands' : `the operands ${names}`} and then an object ` +
        `of attributes, but got ${describe(rest.at(-1) ?? attributes)} besides.`,
    );
  }
  return { operands, attributes: attributes as { readonly [name: string]: unknown } };
}

function describe(x: unknown): string {
  if (isValue(x)) return `the value '${x.name}'`;
  if (Array.isArray(x)) return 'a list';
  return x === undefined ? 'nothing' : (JSON.stringify(x) ?? String(x));
}
