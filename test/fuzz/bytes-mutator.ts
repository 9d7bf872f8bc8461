/** Mutations that know nothing of the format: bytes changed, cut, doubled, put in. */
import type { Random } from './random.ts';

export function mutateBytes(content: Uint8Array, random: Random): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(content);
  for (let edits = 1 + random.below(4); edits > 0; edits--) bytes = edited(bytes, random);
  return bytes;
}

function edited(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(random.happens(0.8) ? 4 : 64);
  const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (random.below(7)) {
    case 0:
      bytes[at] = random.below(256);
      return bytes;
    case 1:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 2:
      return joined(before, bytes.subarray(at + length));
    case 3:
      return joined(before, bytes.subarray(at, at + length), behind);
    case 4:
      return joined(
        before,
        Uint8Array.from({ length }, () => random.below(256)),
        behind,
      );
    case 5:
      return random.happens(0.3)
        ? before
        : joined(before, new Uint8Array(length).fill(255), behind);
    default: {
      const from = random.below(bytes.length + 1);
      return joined(before, bytes.subarray(from, from + 8 * length), behind);
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
