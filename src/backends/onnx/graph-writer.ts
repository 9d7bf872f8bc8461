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
export const texts = (values: readonly string[]): Attribute => ({
  strings: values.map((value) => new TextEncoder().encode(value)),
  type: ATTRIBUTE_TYPE.strings,
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
  readonly outputs: readonly Ref[];
  /** The graph in its attribute `body`. */
  readonly body: Body | null;
}

/** A graph inside a node; it may use every value that stands before the node. */
export interface Body {
  readonly inputs: readonly BodyInput[];
  readonly nodes: readonly PendingNode[];
  /** Each the result of another of its nodes. */
  readonly outputs: readonly Ref[];
}

export interface BodyInput {
  readonly ref: Ref;
  /** Of `DATA_TYPE`. */
  readonly dataType: number;
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
  /** Where nodes are added: the graph's own, or those of the body that is being made. */
  private open: PendingNode[] = this.nodes;
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
    const [output] = this.nodeOfSeveral(opType, inputs, attributes, 1);
    if (output === undefined) throw new Error(`${opType} has no output`);
    return output;
  }

  nodeOfSeveral(
    opType: string,
    inputs: readonly (Ref | null)[],
    attributes: { readonly [name: string]: Attribute },
    count: number,
    body: Body | null = null,
  ): readonly Ref[] {
    const name = this.scope === '' ? opType : `${this.scope}/${opType}`;
    const outputs = Array.from({ length: count }, () => this.newRef(name));
    this.open.push({ opType, inputs, attributes, outputs, body });
    for (const output of outputs) this.made.add(output);
    return outputs;
  }

  /** A body: the nodes that `build` adds, given its inputs. */
  body(types: readonly number[], build: (inputs: readonly Ref[]) => readonly Ref[]): Body {
    const inputs = types.map((dataType) => ({ ref: this.newRef(`${this.scope}/in`), dataType }));
    const around = this.open;
    const nodes: PendingNode[] = [];
    this.open = nodes;
    const results = build(inputs.map(({ ref }) => ref));
    const free = new Set(nodes.flatMap(({ outputs }) => outputs));
    const outputs = results.map((ref) => (free.delete(ref) ? ref : this.node('Identity', [ref])));
    this.open = around;
    return { inputs, nodes, outputs };
  }

  /** Adds nodes to the graph itself, so that they stand before the node whose body is being made. */
  outsideOfBodies<T>(add: () => T): T {
    const { open } = this;
    this.open = this.nodes;
    const made = add();
    this.open = open;
    return made;
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
      node: writeNodes(this.nodes, needed, nameOf),
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
    const visit = (nodes: readonly PendingNode[]): void => {
      for (const { outputs: made, inputs, body } of nodes.toReversed()) {
        if (!made.some((ref) => needed.has(ref))) continue;
        for (const ref of inputs) if (ref !== null) needed.add(ref);
        if (body === null) continue;
        for (const ref of body.outputs) needed.add(ref);
        visit(body.nodes);
      }
    };
    visit(this.nodes);
    return needed;
  }
}

type NameOf = (ref: Ref | null) => string;

function writeNodes(
  nodes: readonly PendingNode[],
  needed: ReadonlySet<Ref>,
  nameOf: NameOf,
): readonly Draft<NodeProto>[] {
  return nodes
    .filter(({ outputs }) => outputs.some((ref) => needed.has(ref)))
    .map(({ opType, inputs, attributes, outputs, body }) => {
      const given =
        body === null ? attributes : { ...attributes, body: graphOf(body, needed, nameOf) };
      return {
        input: inputs.map(nameOf),
        output: outputs.map(nameOf),
        name: nameOf(outputs[0] ?? null),
        opType,
        attribute: Object.entries(given).map(([name, value]) => ({ ...value, name })),
      };
    });
}

function graphOf(body: Body, needed: ReadonlySet<Ref>, nameOf: NameOf): Attribute {
  const g: Draft<GraphProto> = {
    name: 'body',
    node: writeNodes(body.nodes, needed, nameOf),
    input: body.inputs.map(({ ref, dataType }) => {
      return { name: nameOf(ref), type: { tensorType: { elemType: dataType } } };
    }),
    output: body.outputs.map((ref) => ({ name: nameOf(ref) })),
  };
  return { g, type: ATTRIBUTE_TYPE.graph };
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
