/** Statements under other names, so that those of several kernels can stand in one. */
import { type Dim, substitute } from '../../ir/dims.ts';
import { type Expression, mapExpression, type Statement } from '../nodes.ts';

/** @param rename gives every variable, let, buffer and symbol its name; a name it does not know, itself */
export function renamed(
  statements: readonly Statement[],
  rename: (name: string) => string,
): readonly Statement[] {
  const dim = (d: Dim): Dim => substitute(d, rename);
  const expression = (x: Expression): Expression =>
    mapExpression(x, (part) => {
      if (part.tag === 'index') return { ...part, value: dim(part.value) };
      if (part.tag === 'read') return { ...part, name: rename(part.name) };
      if (part.tag !== 'load') return part;
      return { ...part, buffer: rename(part.buffer), index: dim(part.index) };
    });
  const statement = (s: Statement): Statement => {
    switch (s.tag) {
      case 'for':
        return {
          ...s,
          variable: rename(s.variable),
          ...{ from: dim(s.from), to: dim(s.to), step: dim(s.step) },
          body: s.body.map(statement),
        };
      case 'if':
        return {
          ...s,
          condition: expression(s.condition),
          then: s.then.map(statement),
          otherwise: s.otherwise.map(statement),
        };
      case 'let':
      case 'set':
        return { ...s, name: rename(s.name), value: expression(s.value) };
      case 'variable':
        return { ...s, name: rename(s.name), initial: expression(s.initial) };
      case 'alloc':
        return { ...s, buffer: rename(s.buffer) };
      case 'store':
        return {
          ...s,
          buffer: rename(s.buffer),
          index: dim(s.index),
          value: expression(s.value),
        };
      case 'barrier':
      case 'comment':
        return s;
      default:
        return s satisfies never;
    }
  };
  return statements.map(statement);
}
