/**
 * An ONNX graph in the making. Values are references; names come last, so that inputs and outputs keep
 * the model's own and every other value a unique one near to what was declared.
 *
 * - Nodes stand in the order in which they were added, which is that of their data.
 * - Equal small constants are one initializer.
 * - What no output needs is not written.
 */
import { EncompileError } from '../../errors.ts';
import type { Draft } from '../../onnx/codec.ts';
import {
  ATTRIBUTE_TYPE,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../onnx/schema.ts';

/** A value of the ONNX graph. */
export type Ref = number & { readonly __brand: 'Ref' };

export type Attribute = Draft<AttributeProto>;

export const int = (value: number): Attribute => ({
  i: BigInt(value),
  type: ATTRIBUTE_TYPE.int,
});
export const ints = (values: readonly number[]): Attribute => ({
  ints: values.map(BigInt),
  type: ATTRIBUTE_TYPE.ints,
});
export const text = (value: string): Attribute => ({
  s: new TextEncoder().encode(value),
  type: ATTRIBUTE_TYPE.string,
});
export const real = (value: number): Attribute => ({ f: value, type: ATTRIBUTE_TYPE.float });

/** A value that callers see: a name and a type. */
export interface Boundary {
  readonly ref: Ref;
  readonly name: string;
  readonly type: NonNullable<Draft<ValueInfoProto>['type']>;
}

interface PendingNode {
  readonly opType: string;
  readonly inputs: readonly (Ref | null)[];
  readonly attributes: { readonly [name: string]: Attribute };
  readonly output: Ref;
}

interface Initializer {
  readonly ref: Ref;
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly raw: Uint8Array;
}

/** Constants of at most so many bytes are looked for among those that are there. */
const SHARED_BYTES = 64;

export class GraphWriter {
  private readonly hints: string[] = [];
  private readonly nodes: PendingNode[] = [];
  private readonly initializers: Initializer[] = [];
  private readonly constants = new Map<string, Ref>();
  /** The results of nodes. */
  private readonly made = new Set<Ref>();
  /** What the values being made belong to: the name of a declared value. */
  scope = '';

  input(name: string): Ref {
    return this.newRef(name);
  }

  /** Adds a node of one output. Inputs of null are optional ones left out. */
  node(
    opType: string,
    inputs: readonly (Ref | null)[],
    attributes: { readonly [name: string]: Attribute } = {},
  ): Ref {
    const output = this.newRef(this.scope === '' ? opType : `${this.scope}/${opType}`);
    this.nodes.push({ opType, inputs, attributes, output });
    this.made.add(output);
    return output;
  }

  /** A tensor of `raw` little-endian bytes. */
  constant(dataType: number, dims: readonly number[], raw: Uint8Array, hint = 'constant'): Ref {
    const key = raw.length <= SHARED_BYTES ? `${dataType} [${dims}] ${raw}` : null;
    const known = key === null ? undefined : this.constants.get(key);
    if (known !== undefined) return known;
    const ref = this.newRef(hint);
    this.initializers.push({ ref, dataType, dims, raw });
    if (key !== null) this.constants.set(key, ref);
    return ref;
  }

  /** A tensor with a name of its own, shared with no constant. */
  weight(dataType: number, dims: readonly number[], raw: Uint8Array, name: string): Ref {
    const ref = this.newRef(name);
    this.initializers.push({ ref, dataType, dims, raw });
    return ref;
  }

  /** Names the result of a node as declared; inputs and initializers keep their names. */
  label(ref: Ref, name: string): void {
    if (this.made.has(ref)) this.hints[ref] = name;
  }

  private newRef(hint: string): Ref {
    return (this.hints.push(hint) - 1) as Ref;
  }

  /** @throws EncompileError where an input and an output have the same name */
  finish(
    name: string,
    inputs: readonly Boundary[],
    outputs: readonly Boundary[],
  ): Draft<GraphProto> {
    const results = this.ownResults(outputs);
    const names = this.chooseNames(inputs, results);
    const needed = this.needed(results);
    const nameOf = (ref: Ref | null) => (ref === null ? '' : (names.get(ref) ?? ''));
    return {
      name,
      node: this.nodes
        .filter(({ output }) => needed.has(output))
        .map((node) => writeNode(node, nameOf)),
      initializer: this.initializers
        .filter(({ ref }) => needed.has(ref))
        .map(({ ref, dataType, dims, raw }): Draft<TensorProto> => {
          return { dims: dims.map(BigInt), dataType, name: nameOf(ref), rawData: raw };
        }),
      input: inputs.map(({ name, type }) => ({ name: wellFormed(name), type })),
      output: outputs.map(({ name, type }) => ({ name: wellFormed(name), type })),
    };
  }

  /** Each output as the result of a node that is no other output. */
  private ownResults(outputs: readonly Boundary[]): readonly Boundary[] {
    const free = new Set(this.made);
    return outputs.map((boundary) => {
      const isOwn = free.delete(boundary.ref);
      return isOwn ? boundary : { ...boundary, ref: this.node('Identity', [boundary.ref]) };
    });
  }

  private chooseNames(
    inputs: readonly Boundary[],
    outputs: readonly Boundary[],
  ): ReadonlyMap<Ref, string> {
    const names = new Map<Ref, string>();
    const taken = new Map<string, number>();
    for (const { ref, name } of [...inputs, ...outputs]) {
      const kept = wellFormed(name);
      if (taken.has(kept)) throw sameName(name);
      taken.set(kept, 1);
      names.set(ref, kept);
    }
    this.hints.forEach((hint, index) => {
      const ref = index as Ref;
      if (!names.has(ref)) names.set(ref, unique(wellFormed(hint), taken));
    });
    return names;
  }

  private needed(outputs: readonly Boundary[]): ReadonlySet<Ref> {
    const needed = new Set(outputs.map(({ ref }) => ref));
    for (const { output, inputs } of this.nodes.toReversed()) {
      if (!needed.has(output)) continue;
      for (const ref of inputs) if (ref !== null) needed.add(ref);
    }
    return needed;
  }
}

function writeNode(
  { opType, inputs, attributes, output }: PendingNode,
  nameOf: (ref: Ref | null) => string,
): Draft<NodeProto> {
  return {
    input: inputs.map(nameOf),
    output: [nameOf(output)],
    name: nameOf(output),
    opType,
    attribute: Object.entries(attributes).map(([name, value]) => ({ ...value, name })),
  };
}

/** The name, or with the next free number behind it. */
function unique(name: string, taken: Map<string, number>): string {
  let count = taken.get(name);
  let free = name;
  while (count !== undefined && taken.has(free)) free = `${name}_${count++}`;
  taken.set(name, count ?? 1);
  taken.set(free, taken.get(free) ?? 1);
  return free;
}

/** As UTF-8 can hold it: a lone surrogate becomes U+FFFD. */
function wellFormed(name: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(name));
}

function sameName(name: string): EncompileError {
  return new EncompileError(
    `The model has two inputs or outputs named ${JSON.stringify(name)}, which one ONNX graph cannot ` +
      'have. Give the output another name in what the declaration returns.',
  );
}
