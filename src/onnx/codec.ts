/**
 * Protocol Buffers as a typed table a message: each field has its number and its kind, and tsc holds
 * the table against the message's interface. `@bufbuild/protobuf` writes the wire format.
 *
 * - Writing skips what is left out. An encoding is the same for the same message: fields stand in the
 *   order of the table.
 * - Reading goes through a window (`wire-reader.ts`), and is bounded (`decode.ts`).
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type ByteSource, inMemory, type StoredBytes } from './byte-source.ts';
import { ITEM, type Place, readFields, readText } from './decode.ts';
import type { Numbers, Room } from './packed-numbers.ts';
import { WireReader } from './wire-reader.ts';

/** How one value of a field is read and written. */
export interface Kind<T> {
  readonly wire: WireType;
  /** Of numbers: what holds `count` of them. */
  readonly room?: (count: number) => Room<T>;
  write(output: Output, value: Draft<T>): void;
  /** Of numbers of one width: those that the bytes are. */
  readonly view?: (bytes: Uint8Array) => ArrayLike<T>;
  /** How much of what may be read a value in a list is (`decode.ts`). */
  readonly parts: number;
  read(reader: WireReader, place: Place): T;
}

/** A field that is there once or not at all. */
export interface One<T> {
  readonly number: number;
  readonly form: 'one';
  readonly kind: Kind<T>;
}

export interface Many<T> {
  readonly number: number;
  readonly form: 'many';
  readonly kind: Kind<T>;
}

/** Numbers, which are written packed. */
export interface Packed<T> {
  readonly number: number;
  readonly form: 'packed';
  readonly kind: Kind<T>;
}

/** The fields of a message, all of them. */
export type Message<M> = {
  readonly [K in keyof M]-?: Exclude<M[K], undefined> extends readonly (infer E)[]
    ? Many<E>
    : Exclude<M[K], undefined> extends Numbers<infer E>
      ? Packed<E>
      : One<Exclude<M[K], undefined>>;
};

/** What is given to be written: every field may be left out. */
export type Draft<T> = T extends string | number | bigint | Uint8Array
  ? T
  : T extends readonly (infer E)[]
    ? readonly Draft<E>[]
    : T extends Numbers<infer E>
      ? readonly E[] | Numbers<E>
      : T extends StoredBytes
        ? Uint8Array | StoredBytes
        : { readonly [K in keyof T]?: Draft<T[K]> };

export const one = <T>(number: number, kind: Kind<T>): One<T> => ({ number, form: 'one', kind });
export const many = <T>(number: number, kind: Kind<T>): Many<T> => ({ number, form: 'many', kind });
export const packed = <T>(number: number, kind: Kind<T>): Packed<T> => ({
  number,
  form: 'packed',
  kind,
});

/** What is no UTF-8 reads as U+FFFD. */
export const string: Kind<string> = {
  wire: WireType.LengthDelimited,
  parts: ITEM,
  write: ({ writer }, value) => writer.string(value),
  read: readText,
};
/** Where they are in the file when read. */
export const bytes: Kind<StoredBytes> = {
  wire: WireType.LengthDelimited,
  parts: ITEM,
  write: (output, value) => {
    const content = value instanceof Uint8Array ? value : value.read();
    output.writer.uint32(content.length);
    output.append(content);
  },
  read: (reader) => reader.stored(),
};
/** Enumerations too. */
export const int32: Kind<number> = {
  wire: WireType.Varint,
  parts: 1,
  room: (count) => new Int32Array(count),
  write: ({ writer }, value) => writer.int32(value),
  read: (reader) => reader.int32(),
};
export const int64: Kind<bigint> = {
  wire: WireType.Varint,
  parts: ITEM,
  room: (count) => new BigInt64Array(count),
  write: ({ writer }, value) => writer.int64(value),
  read: (reader) => reader.int64(),
};
export const uint64: Kind<bigint> = {
  wire: WireType.Varint,
  parts: ITEM,
  room: (count) => new BigUint64Array(count),
  write: ({ writer }, value) => writer.uint64(value),
  read: (reader) => reader.uint64(),
};
export const float: Kind<number> = {
  wire: WireType.Bit32,
  parts: 1,
  room: (count) => new Float32Array(count),
  view: viewOf(Float32Array),
  write: ({ writer }, value) => writer.float(value),
  read: (reader) => reader.float(),
};
export const double: Kind<number> = {
  wire: WireType.Bit64,
  parts: 1,
  room: (count) => new Float64Array(count),
  view: viewOf(Float64Array),
  write: ({ writer }, value) => writer.double(value),
  read: (reader) => reader.double(),
};

/** A message within a message; a function, as messages may hold one another. */
export function message<M>(fields: () => Message<M>): Kind<M> {
  return {
    wire: WireType.LengthDelimited,
    parts: ITEM,
    write: (output, value) => {
      const inner = new Output();
      writeFields(fields(), value, inner);
      const chunks = inner.finish();
      output.writer.uint32(lengthOf(chunks));
      for (const chunk of chunks) output.append(chunk);
    },
    read: (reader, { depth, made }) =>
      reader.message(() => readFields(fields(), reader, { depth: depth + 1, made })),
  };
}

export function encode<M>(fields: Message<M>, value: Draft<M>): Uint8Array {
  const output = new Output();
  writeFields(fields, value, output);
  const chunks = output.finish();
  const content = new Uint8Array(lengthOf(chunks));
  let at = 0;
  for (const chunk of chunks) {
    content.set(chunk, at);
    at += chunk.length;
  }
  return content;
}

/** @throws Error where the bytes are no such message */
export function decode<M>(fields: Message<M>, content: Uint8Array | ByteSource): M {
  const source = content instanceof Uint8Array ? inMemory(content) : content;
  return readFields(fields, new WireReader(source), { depth: 0, made: { parts: 0, text: 0 } });
}

function viewOf<T>(array: {
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}): (bytes: Uint8Array) => T {
  const width = array.BYTES_PER_ELEMENT;
  return (bytes) => {
    const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
    return new array(aligned.buffer, aligned.byteOffset, aligned.length / width);
  };
}

/** From this size on bytes are not copied before the whole message is put together. */
const OWN_CHUNK = 1 << 16;

/** What has been written of a message: chunks, of which the last is still with the writer. */
class Output {
  readonly writer = new BinaryWriter();
  private readonly chunks: Uint8Array[] = [];

  append(content: Uint8Array): void {
    if (content.length < OWN_CHUNK) {
      this.writer.raw(content);
      return;
    }
    this.flush();
    this.chunks.push(content);
  }

  finish(): readonly Uint8Array[] {
    this.flush();
    return this.chunks;
  }

  private flush(): void {
    const written = this.writer.finish();
    if (written.length > 0) this.chunks.push(written);
  }
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

type AnyField = One<unknown> | Many<unknown> | Packed<unknown>;
/** The mapped type says which field holds what; loops over all of them cannot. */
export type AnyMessage = { readonly [name: string]: AnyField };

function writeFields<M>(fields: Message<M>, value: Draft<M>, output: Output): void {
  const given = value as { readonly [name: string]: unknown };
  for (const [name, field] of Object.entries(fields as AnyMessage)) {
    const content = given[name];
    if (content === undefined) continue;
    if (field.form === 'packed') writePacked(field, content, output);
    else {
      const values = field.form === 'one' ? [content] : (content as readonly unknown[]);
      for (const item of values) {
        output.writer.tag(field.number, field.kind.wire);
        field.kind.write(output, item as object);
      }
    }
  }
}

function writePacked(field: AnyField, content: unknown, output: Output): void {
  const values = Array.isArray(content) ? content : (content as Numbers<unknown>).values();
  if (values.length === 0) return;
  output.writer.tag(field.number, WireType.LengthDelimited).fork();
  for (let i = 0; i < values.length; i++) field.kind.write(output, values[i] as object);
  output.writer.join();
}
