/**
 * Keys of structures: equal texts for equal values and for no others. JSON alone writes infinities and
 * NaN alike, as null, and both zeros as 0; two kernels that differ in an infinity are not one.
 */

/** Of numbers, strings, bools, null, and arrays and plain objects of these. */
export function structuralKey(value: unknown): string {
  return JSON.stringify(value, spell);
}

function spell(_key: string, value: unknown): unknown {
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  // A string would be equal to an attribute of that text.
  return { number: Object.is(value, -0) ? '-0' : String(value) };
}
