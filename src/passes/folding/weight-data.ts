/**
 * New weights from old ones, element for element in their own typed arrays: weights are large, and
 * the interpreter's float64 would hold them twice over.
 */
import { elementCount } from '../../ir/nd-array.ts';
import type { TensorData } from '../../ir/types.ts';

/** Float tensors side by side along the last axis; all other dims agree. */
export function besideEachOther(parts: readonly TensorData[]): TensorData | null {
  const [first] = parts;
  if (first === undefined) return null;
  const widths = parts.map(({ shape }) => shape.at(-1) ?? 1);
  const width = widths.reduce((sum, w) => sum + w, 0);
  const leading = first.shape.slice(0, -1);
  const rows = elementCount(leading);
  const data = new Float32Array(rows * width);
  let start = 0;
  for (const [i, part] of parts.entries()) {
    if (!(part.data instanceof Float32Array)) return null;
    const own = widths[i] ?? 1;
    for (let row = 0; row < rows; row++) {
      data.set(part.data.subarray(row * own, (row + 1) * own), row * width + start);
    }
    start += own;
  }
  return { dtype: first.dtype, shape: [...leading, width], data };
}

/** Element i of the copy, an index of `shape`, is element offset + sum of i[axis] * strides[axis]. */
export function stridedCopy(
  from: Float32Array,
  shape: readonly number[],
  offset: number,
  strides: readonly number[],
): Float32Array {
  const data = new Float32Array(elementCount(shape));
  let next = 0;
  const copy = (axis: number, at: number) => {
    const [extent = 1, stride = 0] = [shape[axis], strides[axis]];
    if (axis >= shape.length) data[next++] = from[at] ?? 0;
    else if (axis < shape.length - 1) {
      for (let i = 0; i < extent; i++) copy(axis + 1, at + i * stride);
    } else {
      for (let i = 0; i < extent; i++) data[next++] = from[at + i * stride] ?? 0;
    }
  };
  copy(0, offset);
  return data;
}

export function zeros(dtype: TensorData['dtype'], shape: readonly number[]): TensorData {
  return { dtype, shape, data: new Float32Array(elementCount(shape)) };
}
