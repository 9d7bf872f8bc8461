/** Grey pictures from PNG files of 8 bits a pixel without interlacing: filters undone row by row. */
import { inflateSync } from 'node:zlib';

export interface GreyImage {
  readonly width: number;
  readonly height: number;
  /** Row by row, 0 black to 255 white. */
  readonly pixels: Uint8Array;
}

/** https://www.w3.org/TR/png-3/; @throws Error where the file is not of this kind */
export function readGreyPng(file: Uint8Array): GreyImage {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const parts: Uint8Array[] = [];
  let [width, height] = [0, 0];
  for (let at = 8; at + 12 <= file.length; ) {
    const length = view.getUint32(at);
    const kind = new TextDecoder('latin1').decode(file.subarray(at + 4, at + 8));
    if (kind === 'IHDR') {
      [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
      const [depth, colour, , , interlace] = file.subarray(at + 16, at + 21);
      if (depth !== 8 || colour !== 0 || interlace !== 0) {
        throw new Error('This is no grey PNG of 8 bits a pixel without interlacing.');
      }
    }
    if (kind === 'IDAT') parts.push(file.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const lines = inflateSync(Buffer.concat(parts), { maxOutputLength: height * (width + 1) });
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (width + 1)] ?? 0;
    for (let x = 0; x < width; x++) {
      const left = x === 0 ? 0 : (pixels[y * width + x - 1] ?? 0);
      const above = y === 0 ? 0 : (pixels[(y - 1) * width + x] ?? 0);
      const corner = x === 0 || y === 0 ? 0 : (pixels[(y - 1) * width + x - 1] ?? 0);
      const by = predictors[filter]?.(left, above, corner) ?? 0;
      pixels[y * width + x] = (lines[y * (width + 1) + 1 + x] ?? 0) + by;
    }
  }
  return { width, height, pixels };
}

const predictors: readonly ((left: number, above: number, corner: number) => number)[] = [
  () => 0,
  (left) => left,
  (_left, above) => above,
  (left, above) => (left + above) >> 1,
  paeth,
];

/** Of its neighbours the one that is nearest to the plane through them. */
function paeth(left: number, above: number, corner: number): number {
  const plane = left + above - corner;
  const [a, b, c] = [left, above, corner].map((value) => Math.abs(plane - value));
  if ((a ?? 0) <= (b ?? 0) && (a ?? 0) <= (c ?? 0)) return left;
  return (b ?? 0) <= (c ?? 0) ? above : corner;
}
