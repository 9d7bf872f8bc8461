/** Mutations of safetensors files: of their bytes, of the header's text, and of what it says. */
import { mutateBytes } from './bytes-mutator.ts';
import type { Random } from './random.ts';

const NUMBERS = ['-1', '-0', '1.5', '1e3', '1e400', 'null', 'true', '"1"', '[]', '{}'];
const KEYS = [
  'dtype',
  'shape',
  'data_offsets',
  '__metadata__',
  '__proto__',
  'constructor',
  'w',
  '',
];
const TYPES = ['F32', 'F16', 'BF16', 'F64', 'I64', 'I32', 'I16', 'I8', 'U8', 'BOOL', 'F8_E4M3', ''];

export function mutateSafetensors(content: Uint8Array, random: Random): Uint8Array {
  if (random.happens(0.25)) return mutateBytes(content, random);
  const length = Number(new DataView(content.buffer, content.byteOffset).getBigUint64(0, true));
  let header = new TextDecoder().decode(content.subarray(8, 8 + length)).trimEnd();
  let data = content.subarray(8 + length);
  for (let edits = 1 + random.below(3); edits > 0; edits--) header = edited(header, random);
  if (random.happens(0.2)) data = mutateBytes(data, random);
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + data.length);
  const announced = random.happens(0.05) ? random.wholeNumber() : BigInt(text.length);
  new DataView(file.buffer).setBigInt64(0, announced, true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

function edited(header: string, random: Random): string {
  const number = random.happens(0.6) ? `${random.wholeNumber()}` : (random.of(NUMBERS) ?? '0');
  switch (random.below(7)) {
    case 0:
    case 1:
      return replacedAt(header, /-?\d+(?![\w"])/g, number, random);
    case 2:
      return replacedAt(header, /"[^"]*"(?=:)/g, JSON.stringify(random.of(KEYS)), random);
    case 3:
      return replacedAt(header, /"[A-Z]+\d*"/g, JSON.stringify(random.of(TYPES)), random);
    case 4:
      return replacedAt(
        header,
        /[[\]{},:]/g,
        random.of(['[', ']', '{', '}', ',', ':', '']) ?? '',
        random,
      );
    case 5: {
      const from = random.below(header.length);
      const part = header.slice(from, from + random.below(80));
      const at = random.below(header.length);
      return header.slice(0, at) + part + header.slice(at);
    }
    default:
      return replacedAt(header, /[\s\S]/g, String.fromCharCode(random.below(256)), random);
  }
}

function replacedAt(text: string, pattern: RegExp, by: string, random: Random): string {
  const chosen = random.of([...text.matchAll(pattern)]);
  if (chosen === undefined) return text;
  return text.slice(0, chosen.index) + by + text.slice(chosen.index + chosen[0].length);
}
