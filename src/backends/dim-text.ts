/** Dims as arithmetic text of a C-like target. */
import { type Dim, type Factor, isAtLeast, termsOf } from '../ir/dims.ts';
import { atLevel, LEVEL, type Text } from './by-tag.ts';

export interface DimStyle {
  symbol(name: string): string;
  /** a / b rounded down; `nonNegative` where a is provably at least 0. */
  floor(a: Text, b: Text, nonNegative: boolean): Text;
  max(a: Text, b: Text): Text;
  min(a: Text, b: Text): Text;
}

export function dimText(dim: Dim, style: DimStyle): Text {
  const terms = termsOf(dim);
  const [first, ...others] = terms;
  if (first === undefined) return { text: '0', level: LEVEL.atom };
  const lead = termText(Math.abs(first.coefficient), first.factors, style);
  if (others.length === 0 && first.coefficient > 0) return lead;
  let text = first.coefficient < 0 ? `-${atLevel(lead, LEVEL.unary)}` : atLevel(lead, LEVEL.sum);
  if (others.length === 0) return { text, level: LEVEL.unary };
  for (const { coefficient, factors } of others) {
    const term = termText(Math.abs(coefficient), factors, style);
    text += ` ${coefficient < 0 ? '-' : '+'} ${atLevel(term, LEVEL.product)}`;
  }
  return { text, level: LEVEL.sum };
}

function termText(coefficient: number, factors: readonly Factor[], style: DimStyle): Text {
  const parts = factors.map((factor) => factorText(factor, style));
  if (coefficient !== 1 || parts.length === 0) {
    parts.unshift({ text: `${coefficient}`, level: LEVEL.atom });
  }
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  return {
    text: parts.map((part) => atLevel(part, LEVEL.unary)).join(' * '),
    level: LEVEL.product,
  };
}

function factorText(factor: Factor, style: DimStyle): Text {
  if (factor.tag === 'symbol') return { text: style.symbol(factor.name), level: LEVEL.atom };
  const a = dimText(factor.a, style);
  const b = dimText(factor.b, style);
  if (factor.tag === 'floor') return style.floor(a, b, isAtLeast(factor.a, 0));
  return style[factor.tag](a, b);
}
