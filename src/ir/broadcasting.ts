/** NumPy's broadcasting: shapes are aligned at the right; a 1 or a missing dim stretches. */
import type { Dim } from './dims.ts';
import type { Shape } from './types.ts';

/** The shape both broadcast to, or null where two dims differ and neither is 1. */
export function broadcastShapes(a: Shape, b: Shape): Shape | null {
  const rank = Math.max(a.length, b.length);
  const shape: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const x = a[axis - (rank - a.length)] ?? 1;
    const y = b[axis - (rank - b.length)] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return null;
    shape.push(x === 1 ? y : x);
  }
  return shape;
}

/** The index into an operand of shape `from` for an index into the broadcast result. */
export function broadcastIndex(index: readonly Dim[], from: Shape): readonly Dim[] {
  const skip = index.length - from.length;
  return from.map((dim, axis) => (dim === 1 ? 0 : (index[skip + axis] ?? 0)));
}

/** An axis counted from the start; null where it is out of range. */
export function resolveAxis(axis: number, rank: number): number | null {
  const resolved = axis < 0 ? axis + rank : axis;
  return resolved >= 0 && resolved < rank ? resolved : null;
}
