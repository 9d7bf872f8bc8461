/**
 * Reads fields of a `config.json`. What is wrong is noted, and a harmless value given in its place, so
 * that one error can list all faults of a file.
 */
import { EncompileError } from '../../errors.ts';
import type { Activation } from '../../models/activations.ts';
import { isJsonObject, type JsonObject, type JsonValue, member, quote } from '../json.ts';

/** The names of Hugging Face; three of them are the same tanh approximation. */
const ACTIVATIONS: ReadonlyMap<string, Activation> = new Map([
  ['gelu', 'gelu'],
  ['gelu_new', 'gelu_tanh'],
  ['gelu_pytorch_tanh', 'gelu_tanh'],
  ['gelu_fast', 'gelu_tanh'],
  ['relu', 'relu'],
  ['silu', 'silu'],
  ['swish', 'silu'],
]);

const DEFAULT_CLASSES = 2;
const MAX_CLASSES = 1_000_000;
const MAX_SIZE = 2 ** 31 - 1;

export interface CountRange {
  readonly least?: number;
  readonly most?: number;
  /** Stands for a field that is not there. */
  readonly absent?: number;
}

export class ConfigReader {
  readonly config: JsonObject;
  readonly faults: string[];

  constructor(config: JsonObject, faults: string[] = []) {
    this.config = config;
    this.faults = faults;
  }

  value(key: string): JsonValue | undefined {
    return member(this.config, key);
  }

  /** A whole number; 1 where it is none. */
  count(key: string, { least = 1, most = MAX_SIZE, absent }: CountRange = {}): number {
    const value = this.value(key) ?? absent;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) {
      return value;
    }
    this.faults.push(`${key} is ${shown(value)}: expected a whole number from ${least} to ${most}`);
    return 1;
  }

  fraction(key: string, absent: number): number {
    const value = this.value(key) ?? absent;
    if (typeof value === 'number' && value > 0 && value < 1) return value;
    this.faults.push(`${key} is ${shown(value)}: expected a number between 0 and 1`);
    return absent;
  }

  positive(key: string, absent: number): number {
    const value = this.value(key) ?? absent;
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
    this.faults.push(`${key} is ${shown(value)}: expected a number above 0`);
    return absent;
  }

  flag(key: string, absent: boolean): boolean {
    const value = this.value(key) ?? absent;
    if (typeof value === 'boolean') return value;
    this.faults.push(`${key} is ${shown(value)}: expected true or false`);
    return absent;
  }

  choice<const C extends string>(key: string, choices: readonly C[], absent: C): C {
    const value = this.value(key) ?? absent;
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    this.faults.push(`${key} is ${shown(value)}: supported are ${choices.join(', ')}`);
    return absent;
  }

  /** @param absent stands for a field that is not there */
  activation(key: string, absent?: string): Activation {
    const value = this.value(key) ?? absent;
    const activation = ACTIVATIONS.get(typeof value === 'string' ? value : '');
    if (activation) return activation;
    this.faults.push(
      `${key} is ${shown(value)}: supported are ${[...ACTIVATIONS.keys()].join(', ')}`,
    );
    return 'gelu';
  }

  architectures(): readonly string[] {
    const value = this.value('architectures') ?? [];
    if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
    this.faults.push(`architectures is ${shown(value)}: expected a list of class names`);
    return [];
  }

  /** What the first architecture stands for; where none is named, what the first of the map does. */
  architecture<T>(known: ReadonlyMap<string, T>): T {
    const [first] = this.architectures();
    const [usual] = known.values();
    const found = first === undefined ? usual : known.get(first);
    if (found !== undefined) return found;
    const names = [...known.keys()].join(', ');
    this.faults.push(`architectures begins with ${shown(first)}: supported are ${names}`);
    return usual as T;
  }

  /** Class names by index; `LABEL_<i>` where the file has none. */
  labels(): readonly string[] {
    const names = this.value('id2label');
    if (isJsonObject(names)) {
      const entries = Object.entries(names);
      const labels = entries.map((_, i) => member(names, String(i)));
      if (labels.length > 0 && labels.every((label) => typeof label === 'string')) return labels;
      this.faults.push(
        `id2label is ${shown(names)}: expected a text for each of "0", "1", ... without a gap`,
      );
      return [];
    }
    const classes = this.count('num_labels', { most: MAX_CLASSES, absent: DEFAULT_CLASSES });
    return Array.from({ length: classes }, (_, i) => `LABEL_${i}`);
  }

  /** @throws EncompileError that lists the faults, if there are any */
  throwFaults(origin: string): void {
    if (this.faults.length === 0) return;
    throw new EncompileError(
      `${origin} describes a model that cannot be compiled:\n${this.faults.map((f) => `  ${f}`).join('\n')}\n` +
        'Correct these fields if they are wrong; otherwise declare the model in TypeScript.',
    );
  }
}

export function shown(value: JsonValue | undefined): string {
  return value === undefined ? 'missing' : quote(value);
}
