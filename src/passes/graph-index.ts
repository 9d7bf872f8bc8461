/**
 * Who makes and who uses each value of a graph, found once and looked up by patterns. It describes
 * one graph and never changes; a rewritten graph gets an index of its own.
 */
import {
  type Graph,
  type Node,
  type Parameter,
  presentOperands,
  type Value,
  type ValueId,
  valueOf,
} from '../ir/graph.ts';
import type { Shape } from '../ir/types.ts';

export class GraphIndex {
  readonly graph: Graph;
  private readonly producers = new Map<ValueId, Node>();
  private readonly users = new Map<ValueId, Node[]>();
  private readonly outputNames = new Map<ValueId, string>();
  private readonly places = new Map<ValueId, number>();
  private readonly parameters = new Map<ValueId, Parameter>();

  constructor(graph: Graph) {
    this.graph = graph;
    for (const parameter of graph.parameters) this.parameters.set(parameter.value, parameter);
    for (const { name, value } of graph.outputs) this.outputNames.set(value, name);
    graph.nodes.forEach((node, place) => {
      for (const id of node.results) {
        this.producers.set(id, node);
        this.places.set(id, place);
      }
      for (const id of new Set(presentOperands(node))) {
        const users = this.users.get(id);
        if (users === undefined) this.users.set(id, [node]);
        else users.push(node);
      }
    });
  }

  value(id: ValueId): Value {
    return valueOf(this.graph, id);
  }

  shapeOf(id: ValueId): Shape {
    return this.value(id).shape;
  }

  /** `%name`, for the ledger. */
  nameOf(id: ValueId): string {
    return `%${this.value(id).name}`;
  }

  /** The node that makes a value; null for an input or a parameter. */
  producerOf(id: ValueId): Node | null {
    return this.producers.get(id) ?? null;
  }

  /** The node that makes a value where it is of that op, else null. */
  madeBy(id: ValueId | null | undefined, op: string): Node | null {
    const node = id == null ? null : this.producerOf(id);
    return node?.op === op ? node : null;
  }

  parameterOf(id: ValueId): Parameter | null {
    return this.parameters.get(id) ?? null;
  }

  /** The nodes that use a value, each once, in order. */
  usersOf(id: ValueId): readonly Node[] {
    return this.users.get(id) ?? [];
  }

  isOutput(id: ValueId): boolean {
    return this.outputNames.has(id);
  }

  /** The node that uses a value where no other does and it is no output; else null. */
  soleUserOf(id: ValueId): Node | null {
    const [user, other] = this.usersOf(id);
    return user === undefined || other !== undefined || this.isOutput(id) ? null : user;
  }

  /** A use of a value beside those by `known`, in words; null where there is none. */
  otherUseOf(id: ValueId, known: readonly Node[]): string | null {
    const output = this.outputNames.get(id);
    if (output !== undefined) return `the output '${output}'`;
    const other = this.usersOf(id).find((user) => !known.includes(user));
    const result = other?.results[0];
    return result === undefined ? null : this.nameOf(result);
  }

  /** The place of a value's node in the order of nodes; -1 for inputs and parameters. */
  placeOf(id: ValueId): number {
    return this.places.get(id) ?? -1;
  }

  /** The number that all elements of a value are, as far as constants show it; else null. */
  scalarOf(id: ValueId | null | undefined): number | null {
    const node = id == null ? null : this.producerOf(id);
    if (node === null) return null;
    if (node.op === 'broadcast' || node.op === 'reshape') return this.scalarOf(node.operands[0]);
    const numbers = node.op === 'constant' ? node.attributes.value : null;
    if (!Array.isArray(numbers)) return null;
    const [first]: readonly unknown[] = numbers;
    const isUniform = numbers.every((number) => Object.is(number, first));
    return isUniform && typeof first === 'number' ? first : null;
  }
}
