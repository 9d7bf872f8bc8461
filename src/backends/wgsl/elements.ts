/**
 * Elements of buffers as WGSL text. An access of 4 lanes to a buffer whose elements are single takes
 * them one by one.
 */
import { add, type Dim, divideExactly } from '../../ir/dims.ts';
import type { Lanes } from '../../loops/nodes.ts';
import { atLevel, LEVEL, type Text } from '../by-tag.ts';
import { type DimStyle, dimText } from '../dim-text.ts';
import { type Place, typeText, type WgslScope } from './scope.ts';

export const COMPONENTS = ['x', 'y', 'z', 'w'] as const;

/** The value of elements at .. at + lanes - 1. */
export function loadText(
  buffer: string,
  at: Dim,
  type: 'f32' | 'i32',
  lanes: Lanes,
  scope: WgslScope,
): string {
  const whole = referenceText(buffer, at, lanes, scope);
  if (whole !== null) return whole;
  const parts = COMPONENTS.map((_, i) => referenceText(buffer, add(at, i), 1, scope));
  return `${typeText(type, 4)}(${parts.join(', ')})`;
}

/** The lines that store a value to elements at .. at + lanes - 1. */
export function storeLines(
  buffer: string,
  at: Dim,
  value: string,
  lanes: Lanes,
  scope: WgslScope,
): readonly string[] {
  const whole = referenceText(buffer, at, lanes, scope);
  if (whole !== null) return [`${whole} = ${value};`];
  const four = scope.fresh('four');
  return [
    `let ${four} = ${value};`,
    ...COMPONENTS.map(
      (component, i) => `${referenceText(buffer, add(at, i), 1, scope)} = ${four}.${component};`,
    ),
  ];
}

export function printDim(dim: Dim, scope: WgslScope): string {
  return dimText(dim, dimStyle(scope)).text;
}

export function dimStyle(scope: WgslScope): DimStyle {
  return {
    symbol: (name) => scope.identifier(name),
    floor: (a, b, nonNegative) =>
      nonNegative
        ? {
            text: `${atLevel(a, LEVEL.product)} / ${atLevel(b, LEVEL.unary)}`,
            level: LEVEL.product,
          }
        : call(scope.helper('floor_divide'), a.text, b.text),
    max: (a, b) => call('max', a.text, b.text),
    min: (a, b) => call('min', a.text, b.text),
  };
}

export function call(name: string, ...args: readonly string[]): Text {
  return { text: `${name}(${args.join(', ')})`, level: LEVEL.atom };
}

/** The elements as one place that can be read and assigned; null where they are not one. */
function referenceText(buffer: string, at: Dim, lanes: Lanes, scope: WgslScope): string | null {
  const place = scope.place(buffer);
  if (lanes === 4 && !place.wide) return null;
  return place.tag === 'array'
    ? arrayReference(place, at, lanes, scope)
    : localReference(place, Number(at), lanes);
}

function arrayReference(
  place: Extract<Place, { tag: 'array' }>,
  at: Dim,
  lanes: Lanes,
  scope: WgslScope,
): string {
  if (!place.wide) return `${place.identifier}[${printDim(at, scope)}]`;
  const group = divideExactly(at, 4);
  if (lanes !== 4 || group === null) {
    throw new Error(`${scope.kernel.name} accesses ${at} of ${place.identifier} out of step`);
  }
  return `${place.identifier}[${printDim(group, scope)}]`;
}

function localReference(
  place: Extract<Place, { tag: 'locals' }>,
  at: number,
  lanes: Lanes,
): string {
  const local = place.identifiers[place.wide ? Math.floor(at / 4) : at];
  if (local === undefined) throw new Error(`there is no register ${at}`);
  return place.wide && lanes === 1 ? `${local}.${COMPONENTS[at % 4]}` : local;
}
