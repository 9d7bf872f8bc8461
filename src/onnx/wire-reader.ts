/**
 * The wire format of Protocol Buffers, read from a source through a window: what is passed over is
 * never read.
 *
 * Invariants: `position` is never behind `end`, which is that of the innermost message and never behind
 * that of the source. So no length of a file reaches further than the file.
 */
import { WireType } from '@bufbuild/protobuf/wire';
import { type ByteSource, StoredRange } from './byte-source.ts';

/** A varint of 64 bits has seven a byte. */
const LONGEST_VARINT = 10;
const MAX_GROUPS = 100;
const WORD = 2 ** 32;
/** Shorter texts are mostly ASCII, of which a decoder would cost more than they do. */
const SHORT_TEXT = 40;

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export class WireReader {
  private readonly source: ByteSource;
  private readonly sourceEnd: number;
  private at: number;
  private messageEnd: number;
  /** The bytes of the source from `windowStart` on. */
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private windowStart = 0;
  /** The varint that was read last. */
  private low = 0;
  private high = 0;

  constructor(source: ByteSource, start = 0, end = source.length) {
    this.source = source;
    this.at = start;
    this.messageEnd = end;
    this.sourceEnd = end;
  }

  get position(): number {
    return this.at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.messageEnd;
  }

  /** The number of a field, and how it is written. */
  tag(): readonly [number: number, wire: WireType] {
    this.varint();
    const [number, wire] = [this.low >>> 3, this.low & 7];
    if (this.high !== 0 || number === 0 || wire > WireType.Bit32) {
      throw new Error(`at byte ${this.at} there is no field`);
    }
    return [number, wire];
  }

  int32(): number {
    this.varint();
    return this.low | 0;
  }

  int64(): bigint {
    this.varint();
    return this.wide(this.high | 0, BigInt.asIntN);
  }

  uint64(): bigint {
    this.varint();
    return this.wide(this.high, BigInt.asUintN);
  }

  float(): number {
    return this.view.getFloat32(this.fixed(4), true);
  }

  double(): number {
    return this.view.getFloat64(this.fixed(8), true);
  }

  /** What is no UTF-8 reads as U+FFFD. */
  text(length: number): string {
    const start = this.pass(length);
    if (length > this.source.window) return utf8.decode(this.source.read(start, start + length));
    this.hold(start, length);
    const from = start - this.windowStart;
    const plain = length <= SHORT_TEXT ? this.ascii(from, length) : null;
    return plain ?? utf8.decode(this.bytes.subarray(from, from + length));
  }

  /** The bytes of a field, which are not read. */
  stored(): StoredRange {
    const length = this.length();
    const start = this.pass(length);
    return new StoredRange(this.source, start, start + length);
  }

  /** What `read` makes of the message that comes. */
  message<M>(read: () => M): M {
    const length = this.length();
    const outer = this.messageEnd;
    this.messageEnd = this.at + length;
    const made = read();
    this.messageEnd = outer;
    return made;
  }

  /** The length of what comes, which is there. */
  length(): number {
    this.varint();
    const length = this.high * WORD + this.low;
    const left = this.messageEnd - this.at;
    if (length > left) throw new Error(`a field has ${length} bytes, where ${left} are left`);
    return length;
  }

  /** Passes over a field that nobody knows. */
  skip(wire: WireType, number: number, depth = 0): void {
    if (depth > MAX_GROUPS) throw new Error(`groups are nested more than ${MAX_GROUPS} deep`);
    if (wire === WireType.Varint) this.varint();
    else if (wire === WireType.Bit32) this.pass(4);
    else if (wire === WireType.Bit64) this.pass(8);
    else if (wire === WireType.LengthDelimited) this.pass(this.length());
    else if (wire === WireType.StartGroup) {
      for (;;) {
        const [inner, innerWire] = this.tag();
        if (innerWire === WireType.EndGroup && inner === number) return;
        this.skip(innerWire, inner, depth + 1);
      }
    } else throw new Error(`a group ends that did not begin, of the field ${number}`);
  }

  private ascii(from: number, length: number): string | null {
    let text = '';
    for (let i = from; i < from + length; i++) {
      const byte = this.bytes[i] ?? 128;
      if (byte > 127) return null;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  private varint(): void {
    this.hold(this.at, Math.min(LONGEST_VARINT, this.messageEnd - this.at));
    const from = this.at - this.windowStart;
    let [low, high] = [0, 0];
    for (let i = 0; i < LONGEST_VARINT; i++) {
      if (this.at + i >= this.messageEnd) throw new Error('it ends inside a number');
      const byte = this.bytes[from + i] ?? 0;
      const bits = byte & 127;
      if (i < 5) low |= bits << (7 * i);
      if (i === 4) high = bits >> 4;
      else if (i > 4) high |= bits << (7 * i - 32);
      if (byte > 127) continue;
      this.at += i + 1;
      this.low = low >>> 0;
      this.high = high >>> 0;
      return;
    }
    throw new Error('a number has more than 64 bits');
  }

  /** The varint, of which `high` is the upper half with the sign that is meant. */
  private wide(high: number, narrow: (bits: number, value: bigint) => bigint): bigint {
    const number = high * WORD + this.low;
    if (Number.isSafeInteger(number)) return BigInt(number);
    return narrow(64, (BigInt(this.high) << 32n) | BigInt(this.low));
  }

  /** Where in the window a number of so many bytes is, which is then behind. */
  private fixed(length: number): number {
    const start = this.pass(length);
    this.hold(start, length);
    return start - this.windowStart;
  }

  /** Where the next `length` bytes begin, which are then behind. */
  private pass(length: number): number {
    const start = this.at;
    if (length > this.messageEnd - start) throw new Error('it ends inside a field');
    this.at = start + length;
    return start;
  }

  /** Lets the window have the `length` bytes from `start`, which are there and no more than a window is. */
  private hold(start: number, length: number): void {
    const inWindow = start - this.windowStart;
    if (inWindow >= 0 && inWindow + length <= this.bytes.length) return;
    const { source } = this;
    const wanted = start + Math.max(source.window, length);
    this.bytes = source.read(start, Math.min(wanted, this.sourceEnd));
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.windowStart = start;
  }
}
