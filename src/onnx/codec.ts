/**
 * Protocol Buffers as a typed table a message: each field has its number and its kind, and tsc holds
 * the table against the message's interface. `@bufbuild/protobuf` reads and writes the wire format.
 *
 * - Writing skips what is left out. An encoding is the same for the same message: fields stand in the
 *   order of the table.
 * - Reading takes any file of any origin: unknown fields are skipped, a repeated field may be packed or
 *   not, a list that is absent is empty, and a single field that is absent stays undefined.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** How one value of a field is read and written. */
export interface Kind<T> {
  readonly wire: WireType;
  write(output: Output, value: Draft<T>): void;
  read(reader: BinaryReader, place: Place): T;
}

/** Where reading stands: how deep, and what was made so far. */
interface Place {
  readonly depth: number;
  readonly made: { parts: number };
}

/** A field that is there once or not at all. */
export interface One<T> {
  readonly number: number;
  readonly form: 'one';
  readonly kind: Kind<T>;
}

export interface Many<T> {
  readonly number: number;
  readonly form: 'many' | 'packed';
  readonly kind: Kind<T>;
}

/** The fields of a message, all of them. */
export type Message<M> = {
  readonly [K in keyof M]-?: Exclude<M[K], undefined> extends readonly (infer E)[]
    ? Many<E>
    : One<Exclude<M[K], undefined>>;
};

/** What is given to be written: every field may be left out. */
export type Draft<T> = T extends string | number | bigint | Uint8Array
  ? T
  : T extends readonly (infer E)[]
    ? readonly Draft<E>[]
    : { readonly [K in keyof T]?: Draft<T[K]> };

export const one = <T>(number: number, kind: Kind<T>): One<T> => ({ number, form: 'one', kind });
export const many = <T>(number: number, kind: Kind<T>): Many<T> => ({ number, form: 'many', kind });
export const packed = <T>(number: number, kind: Kind<T>): Many<T> => ({
  number,
  form: 'packed',
  kind,
});

/** What is no UTF-8 reads as U+FFFD. */
export const string: Kind<string> = {
  wire: WireType.LengthDelimited,
  write: ({ writer }, value) => writer.string(value),
  read: (reader) => reader.string(),
};
/** A view of the message's own bytes when read. */
export const bytes: Kind<Uint8Array> = {
  wire: WireType.LengthDelimited,
  write: (output, value) => {
    output.writer.uint32(value.length);
    output.append(value);
  },
  read: (reader) => reader.bytes(),
};
/** Enumerations too. */
export const int32: Kind<number> = {
  wire: WireType.Varint,
  write: ({ writer }, value) => writer.int32(value),
  read: (reader) => reader.int32(),
};
export const int64: Kind<bigint> = {
  wire: WireType.Varint,
  write: ({ writer }, value) => writer.int64(value),
  read: (reader) => BigInt(reader.int64()),
};
export const uint64: Kind<bigint> = {
  wire: WireType.Varint,
  write: ({ writer }, value) => writer.uint64(value),
  read: (reader) => BigInt(reader.uint64()),
};
export const float: Kind<number> = {
  wire: WireType.Bit32,
  write: ({ writer }, value) => writer.float(value),
  read: (reader) => reader.float(),
};
export const double: Kind<number> = {
  wire: WireType.Bit64,
  write: ({ writer }, value) => writer.double(value),
  read: (reader) => reader.double(),
};

/** A message within a message; a function, as messages may hold one another. */
export function message<M>(fields: () => Message<M>): Kind<M> {
  return {
    wire: WireType.LengthDelimited,
    write: (output, value) => {
      const inner = new Output();
      writeFields(fields(), value, inner);
      const chunks = inner.finish();
      output.writer.uint32(lengthOf(chunks));
      for (const chunk of chunks) output.append(chunk);
    },
    read: (reader, { depth, made }) =>
      readFields(fields(), new BinaryReader(reader.bytes()), { depth: depth + 1, made }),
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
export function decode<M>(fields: Message<M>, content: Uint8Array): M {
  return readFields(fields, new BinaryReader(content), { depth: 0, made: { parts: 0 } });
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

/** Deeper messages are not read: only a file made to exhaust the stack has them. */
const MAX_DEPTH = 100;

type AnyField = One<unknown> | Many<unknown>;
/** The mapped type says which field holds what; loops over all of them cannot. */
type AnyMessage = { readonly [name: string]: AnyField };

/** Two bytes can stand for a message, which takes hundreds: so many parts are read at most. */
const MAX_PARTS = 1 << 23;
const MESSAGE = 8;
const ITEM = 4;

function count({ made }: Place, parts: number): void {
  made.parts += parts;
  if (made.parts <= MAX_PARTS) return;
  throw new Error('it has millions of messages, far more than any model');
}

function isNumeric({ kind }: AnyField): boolean {
  return kind.wire !== WireType.LengthDelimited;
}

/** A list that is absent. */
const NONE: readonly never[] = Object.freeze([]);

interface Layout {
  readonly byNumber: ReadonlyMap<number, { readonly name: string; readonly field: AnyField }>;
  readonly lists: readonly string[];
}

const layouts = new WeakMap<AnyMessage, Layout>();

function layoutOf(fields: AnyMessage): Layout {
  let layout = layouts.get(fields);
  if (layout === undefined) {
    const named = Object.entries(fields);
    layout = {
      byNumber: new Map(named.map(([name, field]) => [field.number, { name, field }])),
      lists: named.flatMap(([name, { form }]) => (form === 'one' ? [] : [name])),
    };
    layouts.set(fields, layout);
  }
  return layout;
}

function writeFields<M>(fields: Message<M>, value: Draft<M>, output: Output): void {
  const given = value as { readonly [name: string]: unknown };
  for (const [name, field] of Object.entries(fields as AnyMessage)) {
    const content = given[name];
    if (content === undefined) continue;
    if (field.form === 'packed') writePacked(field, content as readonly object[], output);
    else {
      const values = field.form === 'one' ? [content] : (content as readonly unknown[]);
      for (const item of values) {
        output.writer.tag(field.number, field.kind.wire);
        field.kind.write(output, item as object);
      }
    }
  }
}

function writePacked(field: AnyField, values: readonly object[], output: Output): void {
  if (values.length === 0) return;
  output.writer.tag(field.number, WireType.LengthDelimited).fork();
  for (const value of values) field.kind.write(output, value);
  output.writer.join();
}

function readFields<M>(fields: Message<M>, reader: BinaryReader, place: Place): M {
  if (place.depth > MAX_DEPTH) throw new Error(`messages are nested more than ${MAX_DEPTH} deep`);
  const { byNumber, lists } = layoutOf(fields as AnyMessage);
  const found: { [name: string]: unknown } = {};
  for (const name of lists) found[name] = NONE;
  count(place, MESSAGE);
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const known = byNumber.get(number);
    if (known === undefined) {
      reader.skip(wire, number);
      continue;
    }
    const { name, field } = known;
    if (field.form === 'one') found[name] = readOne(field, name, wire, reader, place);
    else {
      if (found[name] === NONE) found[name] = [];
      readInto(found[name] as unknown[], known, wire, reader, place);
    }
  }
  return found as M;
}

function readOne(
  { kind }: AnyField,
  name: string,
  wire: WireType,
  reader: BinaryReader,
  place: Place,
): unknown {
  if (wire !== kind.wire) throw new Error(`the field '${name}' has the wire type ${wire}`);
  return kind.read(reader, place);
}

function readInto(
  list: unknown[],
  { name, field }: { readonly name: string; readonly field: AnyField },
  wire: WireType,
  reader: BinaryReader,
  place: Place,
): void {
  if (wire === field.kind.wire) {
    count(place, isNumeric(field) ? 1 : ITEM);
    list.push(field.kind.read(reader, place));
    return;
  }
  if (wire !== WireType.LengthDelimited) readOne(field, name, wire, reader, place);
  const inner = new BinaryReader(reader.bytes());
  const parts = field.kind === int64 || field.kind === uint64 ? 2 : 0;
  while (inner.pos < inner.len) {
    count(place, parts);
    list.push(field.kind.read(inner, place));
  }
}
