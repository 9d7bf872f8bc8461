/** Where nodes of a file stand: in the graph, in a subgraph, in the body of a function that is called. */
import type { UntypedBuilder } from '../../ir/builder.ts';
import type { AttributeProto, FunctionProto, NodeProto } from '../../onnx/schema.ts';
import type { NodeAttributes } from './attributes.ts';
import { Exhausted } from './effort.ts';
import { Scope } from './scope.ts';

/** The names of nodes, the opsets they are written in, and a function's attributes. */
export interface Frame {
  readonly scope: Scope;
  readonly opsets: ReadonlyMap<string, number>;
  readonly given: ReadonlyMap<string, AttributeProto> | null;
  readonly depth: number;
  /** Builds the graph, or the body of the loop around. */
  readonly g: UntypedBuilder;
}

/** Deeper nesting of subgraphs and functions is refused: functions may call one another in a ring. */
const MAX_NESTING = 30;

/** A frame one level further in. @param origin the file, for the error */
export function deeper(frame: Frame, origin: string): Frame {
  if (frame.depth < MAX_NESTING) return { ...frame, depth: frame.depth + 1 };
  throw new Exhausted(
    `${origin} nests subgraphs or functions more than ${MAX_NESTING} deep, or functions call one another in ` +
      'a ring. Export the model again.',
  );
}

/** The frame of a function's body: names and opsets of its own, and the attributes of the call before its defaults. */
export function frameOfCall(
  { attributeProto, opsetImport }: FunctionProto,
  attributes: NodeAttributes,
  { depth, g }: Frame,
): Frame {
  const given = new Map(attributeProto.map((a) => [a.name ?? '', a]));
  for (const [name, attribute] of attributes.all) given.set(name, attribute);
  const opsets = new Map(opsetImport.map((o) => [o.domain ?? '', Number(o.version ?? 0n)]));
  return { scope: new Scope(null), opsets, given, depth, g };
}

/** A node of a function's body, without the operands that the call leaves out. */
export function withoutOperands(node: NodeProto, absent: ReadonlySet<string>): NodeProto {
  return { ...node, input: node.input.map((name) => (absent.has(name) ? '' : name)) };
}
