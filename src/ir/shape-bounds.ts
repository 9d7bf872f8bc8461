/** What no value of a graph may exceed, whoever asks for it: shapes stay exact in doubles, and lists of dims short. */
import { EncompileError } from '../errors.ts';
import type { Shape } from './types.ts';

const MAX_RANK = 64;
const MAX_ELEMENTS = 2 ** 40;
const SHOWN = 8;

/** @throws EncompileError where a value of this shape has no place in a graph; the message is a clause */
export function checkShape(shape: Shape): void {
  if (shape.length > MAX_RANK) {
    throw new EncompileError(
      `a value has ${shape.length} dims, where at most ${MAX_RANK} were expected`,
    );
  }
  let elements = 1;
  for (const dim of shape) {
    if (typeof dim === 'string') continue;
    if (!Number.isInteger(dim) || dim < 0 || dim > MAX_ELEMENTS) throw misshapen(shape);
    if (dim > 0) elements *= dim;
  }
  if (elements > MAX_ELEMENTS && !shape.includes(0)) throw misshapen(shape);
}

function misshapen(shape: Shape): EncompileError {
  const rest = shape.length > SHOWN ? ', ..' : '';
  return new EncompileError(
    `a value has the shape [${shape.slice(0, SHOWN).join(', ')}${rest}], where dims from 0 and at most ` +
      '2^40 elements were expected',
  );
}
