/** Numbers as WGSL literals. */

/** The largest finite float32. WGSL has no infinities: shaders may assume that none occurs. */
const LARGEST = 3.4028234663852886e38;

/** The shortest decimal that reads back as the float32 nearest to `value`; infinities become the largest. */
export function floatLiteral(value: number): string {
  if (Number.isNaN(value)) throw new Error('WGSL has no NaN, and a kernel for it holds one');
  const nearest = Math.max(-LARGEST, Math.min(LARGEST, Math.fround(value)));
  if (nearest === 0) return Object.is(nearest, -0) ? '-0.0f' : '0.0f';
  for (let digits = 1; digits <= 17; digits++) {
    const text = Number(nearest.toPrecision(digits));
    // WGSL refuses a literal beyond the largest float32, even one that would round to it.
    if (Math.fround(text) !== nearest || Math.abs(text) > LARGEST) continue;
    return Number.isInteger(text) && Math.abs(text) < 1e21 ? `${text}.0f` : `${text}f`;
  }
  throw new Error(`${value} has no decimal`);
}
