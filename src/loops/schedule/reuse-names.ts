/**
 * Names again: sibling scopes, of which none sees the other, call what hoisting named in them alike. A
 * tile of two rows then reads as the tile of six does, also for a compressor.
 *
 * Requires: the names to give out stand in `let`s alone, each in one. Guarantees: no name has two
 * meanings in sight of one another.
 */
import { type Dim, substitute, symbolsOf } from '../../ir/dims.ts';
import { type Expression, mapExpression, type Statement } from '../nodes.ts';

/**
 * @param own the names to give anew
 * @param taken what they must not be called
 */
export function reuseNames(
  body: readonly Statement[],
  own: ReadonlySet<string>,
  taken: ReadonlySet<string>,
): readonly Statement[] {
  return own.size === 0 ? body : new Renaming(own, taken).block(body, new Map());
}

/** New names by old ones. */
type InSight = ReadonlyMap<string, string>;

class Renaming {
  private readonly own: ReadonlySet<string>;
  private readonly taken: ReadonlySet<string>;

  constructor(own: ReadonlySet<string>, taken: ReadonlySet<string>) {
    this.own = own;
    this.taken = taken;
  }

  block(body: readonly Statement[], around: InSight): readonly Statement[] {
    const inSight = new Map(around);
    return body.map((s) => {
      const renamed = this.statement(s, inSight);
      if (s.tag !== 'let' || !this.own.has(s.name)) return renamed;
      const name = this.free(inSight);
      inSight.set(s.name, name);
      return { ...renamed, name } as Statement;
    });
  }

  private statement(s: Statement, names: InSight): Statement {
    switch (s.tag) {
      case 'for': {
        const [from, to, step] = [s.from, s.to, s.step].map((dim) => dimWith(dim, names));
        const body = this.block(s.body, names);
        return { ...s, from: from ?? 0, to: to ?? 0, step: step ?? 1, body };
      }
      case 'if':
        return {
          ...s,
          condition: expressionWith(s.condition, names),
          then: this.block(s.then, names),
          otherwise: this.block(s.otherwise, names),
        };
      case 'let':
      case 'set':
        return { ...s, value: expressionWith(s.value, names) };
      case 'variable':
        return { ...s, initial: expressionWith(s.initial, names) };
      case 'store':
        return { ...s, index: dimWith(s.index, names), value: expressionWith(s.value, names) };
      case 'alloc':
      case 'barrier':
      case 'comment':
        return s;
      default:
        return s satisfies never;
    }
  }

  private free(inSight: InSight): string {
    const used = new Set(inSight.values());
    let name = 'at';
    for (let n = 1; this.taken.has(name) || used.has(name); n++) name = `at_${n}`;
    return name;
  }
}

function dimWith(dim: Dim, names: InSight): Dim {
  const isNamed = symbolsOf(dim).some((symbol) => (names.get(symbol) ?? symbol) !== symbol);
  return isNamed ? substitute(dim, (symbol) => names.get(symbol)) : dim;
}

function expressionWith(x: Expression, names: InSight): Expression {
  return mapExpression(x, (part) => {
    if (part.tag === 'load') return { ...part, index: dimWith(part.index, names) };
    if (part.tag === 'index') return { ...part, value: dimWith(part.value, names) };
    return part.tag === 'read' ? { ...part, name: names.get(part.name) ?? part.name } : part;
  });
}
