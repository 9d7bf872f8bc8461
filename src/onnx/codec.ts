/**
 * Protocol Buffers as a typed table a message: each field has its number and its kind, and tsc holds
 * the table against the message's interface. `@bufbuild/protobuf` reads and writes the wire format.
 *
 * - Writing skips what is left out. An encoding is the same for the same message: fields stand in the
 *   order of the table.
 * - Reading takes any file of any origin: unknown fields are skipped, a repeated field may be packed or
 *   not, a list that is absent is empty, and a single field that is absent stays undefined.
 * - What a file makes of memory is bounded: messages, numbers and text are counted, and a list of a tensor's
 *   numbers stays as the bytes that it is until it is asked for (`packed-numbers.ts`).
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { NO_NUMBERS, type Numbers, PackedNumbers, type Room } from './packed-numbers.ts';

/** How one value of a field is read and written. */
export interface Kind<T> {
  readonly wire: WireType;
  /** Of numbers: what holds `count` of them. */
  readonly room?: (count: number) => Room<T>;
  write(output: Output, value: Draft<T>): void;
  read(reader: BinaryReader, place: Place): T;
}

/** Where reading stands: how deep, and what was made so far. */
interface Place {
  readonly depth: number;
  readonly made: { parts: number; text: number };
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
  write: ({ writer }, value) => writer.string(value),
  read: (reader, { made }) => {
    made.text += lengthAhead(reader);
    if (made.text > MAX_TEXT) throw new Error(`it has more than ${MAX_TEXT} bytes of text`);
    return reader.string();
  },
};
/** A view of the message's own bytes when read. */
export const bytes: Kind<Uint8Array> = {
  wire: WireType.LengthDelimited,
  write: (output, value) => {
    output.writer.uint32(value.length);
    output.append(value);
  },
  read: bytesOf,
};
/** Enumerations too. */
export const int32: Kind<number> = {
  wire: WireType.Varint,
  room: (count) => new Int32Array(count),
  write: ({ writer }, value) => writer.int32(value),
  read: (reader) => reader.int32(),
};
export const int64: Kind<bigint> = {
  wire: WireType.Varint,
  room: (count) => new BigInt64Array(count),
  write: ({ writer }, value) => writer.int64(value),
  read: (reader) => BigInt(reader.int64()),
};
export const uint64: Kind<bigint> = {
  wire: WireType.Varint,
  room: (count) => new BigUint64Array(count),
  write: ({ writer }, value) => writer.uint64(value),
  read: (reader) => BigInt(reader.uint64()),
};
export const float: Kind<number> = {
  wire: WireType.Bit32,
  room: (count) => new Float32Array(count),
  write: ({ writer }, value) => writer.float(value),
  read: (reader) => reader.float(),
};
export const double: Kind<number> = {
  wire: WireType.Bit64,
  room: (count) => new Float64Array(count),
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
      readFields(fields(), new BinaryReader(bytesOf(reader)), { depth: depth + 1, made }),
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
  return readFields(fields, new BinaryReader(content), { depth: 0, made: { parts: 0, text: 0 } });
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

type AnyField = One<unknown> | Many<unknown> | Packed<unknown>;
/** The mapped type says which field holds what; loops over all of them cannot. */
type AnyMessage = { readonly [name: string]: AnyField };

/**
 * Two bytes can stand for a message, which takes hundreds: so many parts are read at most, of some ten bytes.
 * Forty thousand nodes with the types of their results have about as many.
 */
const MAX_PARTS = 1 << 22;
const MESSAGE = 8;
const ITEM = 4;
/** Names and notes together. */
const MAX_TEXT = 1 << 25;

function count({ made }: Place, parts: number): void {
  made.parts += parts;
  if (made.parts <= MAX_PARTS) return;
  throw new Error(
    'it has millions of messages, names or numbers outside of tensors, far more than any model',
  );
}

/** What a value in a list counts. */
function partsOf({ kind }: AnyField): number {
  const isWide = kind.wire === WireType.LengthDelimited || kind === int64 || kind === uint64;
  return isWide ? ITEM : 1;
}

/** The length of what comes, which is there. */
function lengthAhead(reader: BinaryReader): number {
  const start = reader.pos;
  const length = Number(reader.uint64());
  const left = reader.len - reader.pos;
  if (length > left) throw new Error(`a field has ${length} bytes, where ${left} are left`);
  reader.pos = start;
  return length;
}

function bytesOf(reader: BinaryReader): Uint8Array {
  lengthAhead(reader);
  return reader.bytes();
}

/** A list that is absent. */
const NONE: readonly never[] = Object.freeze([]);

interface Layout {
  readonly byNumber: ReadonlyMap<number, { readonly name: string; readonly field: AnyField }>;
  readonly lists: readonly string[];
  readonly numbers: readonly string[];
}

const layouts = new WeakMap<AnyMessage, Layout>();

function layoutOf(fields: AnyMessage): Layout {
  let layout = layouts.get(fields);
  if (layout === undefined) {
    const named = Object.entries(fields);
    layout = {
      byNumber: new Map(named.map(([name, field]) => [field.number, { name, field }])),
      lists: named.flatMap(([name, { form }]) => (form === 'many' ? [name] : [])),
      numbers: named.flatMap(([name, { form }]) => (form === 'packed' ? [name] : [])),
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

function readFields<M>(fields: Message<M>, reader: BinaryReader, place: Place): M {
  if (place.depth > MAX_DEPTH) throw new Error(`messages are nested more than ${MAX_DEPTH} deep`);
  const { byNumber, lists, numbers } = layoutOf(fields as AnyMessage);
  const found: { [name: string]: unknown } = {};
  for (const name of lists) found[name] = NONE;
  for (const name of numbers) found[name] = NO_NUMBERS;
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
    else if (field.form === 'packed') {
      if (found[name] === NO_NUMBERS) found[name] = new PackedNumbers(field.kind);
      readNumbers(found[name] as PackedNumbers<unknown>, known, wire, reader, place);
    } else {
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

function readNumbers(
  numbers: PackedNumbers<unknown>,
  { name, field }: { readonly name: string; readonly field: AnyField },
  wire: WireType,
  reader: BinaryReader,
  place: Place,
): void {
  if (wire === WireType.LengthDelimited) {
    numbers.addBytes(bytesOf(reader));
    return;
  }
  count(place, partsOf(field));
  numbers.add(readOne(field, name, wire, reader, place));
}

function readInto(
  list: unknown[],
  { name, field }: { readonly name: string; readonly field: AnyField },
  wire: WireType,
  reader: BinaryReader,
  place: Place,
): void {
  const parts = partsOf(field);
  if (wire === field.kind.wire) {
    count(place, parts);
    list.push(field.kind.read(reader, place));
    return;
  }
  if (wire !== WireType.LengthDelimited) readOne(field, name, wire, reader, place);
  const inner = new BinaryReader(bytesOf(reader));
  while (inner.pos < inner.len) {
    count(place, parts);
    list.push(field.kind.read(inner, place));
  }
}
