/**
 * Reading messages by their tables (`codec.ts`), of any file of any origin: unknown fields are skipped, a
 * repeated field may be packed or not, a list that is absent is empty, and a single field that is absent
 * stays undefined.
 *
 * What a file makes of memory and time is bounded: fields, messages, numbers and text are counted; bytes, and
 * the lists of a tensor's numbers, stay in the file until they are asked for.
 */
import { WireType } from '@bufbuild/protobuf/wire';
import type { AnyMessage, Message } from './codec.ts';
import { NO_NUMBERS, PackedNumbers } from './packed-numbers.ts';
import type { WireReader } from './wire-reader.ts';

/** Where reading stands: how deep, and what was made so far. */
export interface Place {
  readonly depth: number;
  readonly made: { parts: number; text: number };
}

/** Deeper messages are not read: only a file made to exhaust the stack has them. */
const MAX_DEPTH = 100;

interface Known {
  readonly name: string;
  readonly field: AnyMessage[string];
}

/**
 * Two bytes can stand for a message, which takes hundreds: so many parts are read at most, of some ten bytes.
 * Forty thousand nodes with the types of their results have about as many.
 */
const MAX_PARTS = 1 << 22;
const MESSAGE = 8;
/** What is no number in a list. */
export const ITEM = 4;
/** Names and notes together. */
const MAX_TEXT = 1 << 25;

function count({ made }: Place, parts: number): void {
  made.parts += parts;
  if (made.parts <= MAX_PARTS) return;
  throw new Error(
    'it has millions of messages, names or numbers outside of tensors, far more than any model',
  );
}

export function readText(reader: WireReader, { made }: Place): string {
  const length = reader.length();
  made.text += length;
  if (made.text > MAX_TEXT) throw new Error(`it has more than ${MAX_TEXT} bytes of text`);
  return reader.text(length);
}

/** A list that is absent. */
const NONE: readonly never[] = Object.freeze([]);

interface Layout {
  readonly byNumber: ReadonlyMap<number, Known>;
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

/** The message up to the reader's end. @throws Error where the bytes are no such message */
export function readFields<M>(fields: Message<M>, reader: WireReader, place: Place): M {
  if (place.depth > MAX_DEPTH) throw new Error(`messages are nested more than ${MAX_DEPTH} deep`);
  const { byNumber, lists, numbers } = layoutOf(fields as AnyMessage);
  const found: { [name: string]: unknown } = {};
  for (const name of lists) found[name] = NONE;
  for (const name of numbers) found[name] = NO_NUMBERS;
  count(place, MESSAGE);
  while (!reader.isAtEnd) {
    const [number, wire] = reader.tag();
    const known = byNumber.get(number);
    if (known === undefined) {
      count(place, 1);
      reader.skip(wire, number);
    } else readField(found, known, wire, reader, place);
  }
  return found as M;
}

function readField(
  found: { [name: string]: unknown },
  known: Known,
  wire: WireType,
  reader: WireReader,
  place: Place,
): void {
  const { name, field } = known;
  if (field.form === 'one') {
    count(place, 1);
    found[name] = readOne(known, wire, reader, place);
  } else if (field.form === 'packed') {
    if (found[name] === NO_NUMBERS) found[name] = new PackedNumbers(field.kind);
    readNumbers(found[name] as PackedNumbers<unknown>, known, wire, reader, place);
  } else {
    if (found[name] === NONE) found[name] = [];
    readInto(found[name] as unknown[], known, wire, reader, place);
  }
}

function readOne(
  { name, field: { kind } }: Known,
  wire: WireType,
  reader: WireReader,
  place: Place,
): unknown {
  if (wire !== kind.wire) throw new Error(`the field '${name}' has the wire type ${wire}`);
  return kind.read(reader, place);
}

function readNumbers(
  numbers: PackedNumbers<unknown>,
  known: Known,
  wire: WireType,
  reader: WireReader,
  place: Place,
): void {
  if (wire === WireType.LengthDelimited) {
    count(place, ITEM);
    numbers.addPacked(reader.stored());
    return;
  }
  count(place, known.field.kind.parts);
  numbers.add(readOne(known, wire, reader, place));
}

function readInto(
  list: unknown[],
  known: Known,
  wire: WireType,
  reader: WireReader,
  place: Place,
): void {
  const { kind } = known.field;
  count(place, kind.parts);
  if (wire === kind.wire || wire !== WireType.LengthDelimited) {
    list.push(readOne(known, wire, reader, place));
    return;
  }
  reader.message(() => {
    while (!reader.isAtEnd) {
      count(place, kind.parts);
      list.push(kind.read(reader, place));
    }
  });
}
