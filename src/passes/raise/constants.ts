/**
 * Constants as exporters write them: rounded to float32, or to the digits that a programmer typed.
 */

/**
 * How far a constant may be from the one that a formula has, relative to it: some thirty roundings of
 * float32, or six digits. In gelu, the most sensitive of the formulas, it moves the result by
 * 1.2e-6 at most, which is a tenth of the op's tolerance at that place.
 */
const RELATIVE = 4e-6;

export function isNear(found: number, formula: number): boolean {
  return Math.abs(found - formula) <= RELATIVE * Math.abs(formula);
}

/**
 * The shortest decimal that is the same float32, else the number itself: 1e-12 for
 * 9.999999960041972e-13. It is the number that the writer of the model had in mind, and what a
 * declared model says.
 */
export function asWritten(value: number): number {
  if (!Number.isFinite(value) || Math.fround(value) !== value) return value;
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
