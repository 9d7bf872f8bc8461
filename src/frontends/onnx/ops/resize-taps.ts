/** The kernels of Resize: how much each element near a place counts there. */

/** Where an element of the result comes from: places of the axis, which may lie outside, and weights. */
export type Taps = readonly { readonly place: number; readonly weight: number }[];

/** The taps within `reach` of x, a kernel being as wide as the elements of a smaller result are apart. */
export function spread(
  x: number,
  scale: number,
  reach: number,
  kernel: (t: number) => number,
): Taps {
  const factor = Math.min(scale, 1);
  const first = Math.floor(x - reach / factor) + 1;
  const count = Math.ceil(x + reach / factor) - first;
  const places = Array.from({ length: Math.max(count, 1) }, (_, i) => first + i);
  return normalised(places.map((place) => ({ place, weight: kernel((place - x) * factor) })));
}

export const triangle = (t: number) => Math.max(0, 1 - Math.abs(t));

/** Keys, "Cubic convolution interpolation for digital image processing", 1981, equation 15. */
export const cubic = (a: number) => (t: number) => {
  const d = Math.abs(t);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
};

export function normalised(taps: Taps): Taps {
  const sum = taps.reduce((total, { weight }) => total + weight, 0);
  return taps.map(({ place, weight }) => ({ place, weight: weight / sum }));
}
