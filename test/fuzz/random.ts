/** Choices of the fuzzer: the same for the same seed and input number, so that any input can be made again. */

/** Numbers at which readers go wrong: signs, powers of two, and what lies beside them. */
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 31, 63, 64, 127, 128, 255, 256, 1024, 65535, 65536, 2 ** 31];
const WIDE = [2n ** 31n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n];

export class Random {
  private state: number;

  constructor(seed: number, index: number) {
    this.state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b) ^ 0x5bd1e995) >>> 0;
    for (let i = 0; i < 4; i++) this.next();
  }

  /** From 0 up to 1 (exclusive). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From 0 to count - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  happens(share: number): boolean {
    return this.next() < share;
  }

  of<T>(items: readonly [T, ...T[]]): T;
  of<T>(items: readonly T[]): T | undefined;
  of<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  /** A whole number that a reader may stumble over. */
  wholeNumber(): bigint {
    const size = this.happens(0.25)
      ? (this.of(WIDE) ?? 0n)
      : BigInt((this.of(EDGES) ?? 0) + (this.happens(0.2) ? 1 : 0));
    return this.happens(0.2) ? -size : size;
  }
}
