/** Bytes as a file gives them: in copies, and through a window so small that everything meets its edges. */
import type { ByteSource } from '../../src/onnx/byte-source.ts';

export function windowed(bytes: Uint8Array, window: number): ByteSource {
  return {
    length: bytes.length,
    window,
    read: (start, end) => {
      const isWithin = start >= 0 && start <= end && end <= bytes.length;
      if (!isWithin) throw new RangeError(`bytes ${start} to ${end} of ${bytes.length} are read`);
      return Uint8Array.from(bytes.subarray(start, end));
    },
  };
}
