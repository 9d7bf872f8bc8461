/**
 * What an op is. Everything about one op stands in its file under `ops/`; nothing elsewhere asks
 * for an op by name to decide what it means.
 *
 * An op is either a primitive, with `evaluate` (its meaning, index by index in float64) and
 * `lower` (the loop-IR expression of one element of its result), or a composite, whose meaning is
 * its `expand` into other ops, or a region, whose `evaluate` says what it makes of the graph that it
 * carries. A composite that stays one kernel carries no code for that here: schedules build the
 * kernel from its expansion.
 */
import { EncompileError } from '../errors.ts';
import type { Expression } from '../loops/nodes.ts';
import type { AttributeSpecs, AttributesOf, AttributeValue } from './attributes.ts';
import type { UntypedBuilder } from './builder.ts';
import type { Dim } from './dims.ts';
import type { Graph, Value } from './graph.ts';
import type { NdArray } from './nd-array.ts';
import type {
  Bound,
  BoundsArguments,
  Counts,
  CountsArguments,
  DeclareRegion,
  EvaluateArguments,
  ExpandArguments,
  InferArguments,
  LowerArguments,
  OperandSpec,
  PushArguments,
  RegionArguments,
  Tolerance,
} from './op-arguments.ts';
import { printType, type TensorType } from './types.ts';

interface Common<S extends AttributeSpecs> {
  /** One line: formula and shapes. */
  readonly summary: string;
  readonly operands: readonly OperandSpec[];
  readonly attributes: S;
  readonly tolerance?: Tolerance;
  infer(args: InferArguments<AttributesOf<S>>): readonly TensorType[];
}

export interface Primitive<S extends AttributeSpecs> extends Common<S> {
  readonly kind: PrimitiveKind;
  /** Whether an element takes many times an addition: worth keeping, not worth doing twice. */
  readonly isCostly?: boolean;
  evaluate(args: EvaluateArguments<AttributesOf<S>>): readonly NdArray[];
  lower(args: LowerArguments<AttributesOf<S>>): Expression;
  /** Pairs of dims of which the first must be at most the second, where no shape says so. */
  bounds?(args: BoundsArguments<AttributesOf<S>>): readonly Bound[];
  /** Of an op whose result has as many elements as count in operand 0: how they are counted. */
  counts?(args: CountsArguments<AttributesOf<S>>): Counts;
  /** For a bijective view: the result's index at which the operand's element `index` stands. */
  push?(args: PushArguments<AttributesOf<S>>): readonly Dim[];
  /** Whether an element of the operand may stand at several places of the result. */
  isRereading?(attributes: AttributesOf<S>): boolean;
}

export interface Composite<S extends AttributeSpecs> extends Common<S> {
  readonly kind: 'composite';
  /**
   * Whether passes keep the op whole because a kernel or an epilogue is made of it; others are
   * expanded before the first rewrite.
   */
  readonly keep: boolean;
  /** The hand-designed loop nest that schedules have for it; others are lowered as expanded. */
  readonly nest?: Nest;
  expand(args: ExpandArguments<AttributesOf<S>>): readonly Value[];
  /** Arithmetic operations of the nest where it leaves out some of the expansion's; else null. */
  flops?(args: BoundsArguments<AttributesOf<S>>): Dim | null;
}

/** An op that carries a graph; one value of the graph around it is one input of the body. */
export interface Region<S extends AttributeSpecs> extends Common<S> {
  readonly kind: 'region';
  /** Whether the body is what one kernel computes, and no pass changes it any more. */
  readonly isKernel: boolean;
  evaluate(args: RegionArguments<AttributesOf<S>>): readonly NdArray[];
  /** How a call of the builder's method is read; null where declarations cannot make the op. */
  readonly declare: DeclareRegion | null;
}

/** Ops whose kernels are more than their expansion, loop by loop. */
export type Nest = 'attention' | 'quantized-matmul';

/**
 * How an op moves and combines elements, which is all that fusion needs to know.
 * - elementwise: result[i] from operand[i], after broadcasting
 * - view: each result element is one operand element, or (pad) a constant
 * - source: no operands (constants, iota)
 * - gather: as a view, but the place is data
 * - reduction: along axes; contraction: a sum of products
 * - ordered: an element is found on the way from the first to the last, as by sums so far and updates;
 *   a kernel of its own
 */
export type PrimitiveKind =
  | 'elementwise'
  | 'view'
  | 'source'
  | 'gather'
  | 'reduction'
  | 'contraction'
  | 'ordered';

type ErasedAttributes = { readonly [name: string]: AttributeValue };

/** An op as the registry holds it; `Call` is the typed signature of the builder's method. */
export interface OpDefinition<Call = unknown> {
  readonly summary: string;
  readonly operands: readonly OperandSpec[];
  readonly attributes: AttributeSpecs;
  readonly tolerance: Tolerance;
  readonly meaning: PrimitiveMeaning | CompositeMeaning | RegionMeaning;
  infer(args: InferArguments<ErasedAttributes>): readonly TensorType[];
  /** Never there: it carries the type of the call. */
  readonly call?: Call;
}

export interface PrimitiveMeaning {
  readonly kind: PrimitiveKind;
  readonly isCostly: boolean;
  evaluate(args: EvaluateArguments<ErasedAttributes>): readonly NdArray[];
  lower(args: LowerArguments<ErasedAttributes>): Expression;
  readonly push: ((args: PushArguments<ErasedAttributes>) => readonly Dim[]) | null;
  readonly bounds: ((args: BoundsArguments<ErasedAttributes>) => readonly Bound[]) | null;
  isRereading(attributes: ErasedAttributes): boolean;
  readonly counts: ((args: CountsArguments<ErasedAttributes>) => Counts) | null;
}

export interface CompositeMeaning {
  readonly kind: 'composite';
  readonly keep: boolean;
  readonly nest: Nest | null;
  expand(
    g: UntypedBuilder,
    operands: readonly (Value | undefined)[],
    attributes: ErasedAttributes,
  ): readonly Value[];
  readonly flops: ((args: BoundsArguments<ErasedAttributes>) => Dim | null) | null;
}

export interface RegionMeaning {
  readonly kind: 'region';
  readonly isKernel: boolean;
  readonly declare: DeclareRegion | null;
  evaluate(args: RegionArguments<ErasedAttributes>): readonly NdArray[];
}

/** A few roundings of float32. Ops that add up many terms or cancel leading digits state their own. */
export const DEFAULT_TOLERANCE: Tolerance = { absolute: 1e-6, relative: 1e-5 };

/**
 * Makes an op. The attribute types are known inside the definition and erased outside: the
 * registry checks attributes with the specs before any of these functions sees them.
 */
export function defineOp<S extends AttributeSpecs, Call>(
  definition: Primitive<S> | Composite<S> | Region<S>,
): OpDefinition<Call> {
  const { summary, operands, attributes, tolerance = DEFAULT_TOLERANCE } = definition;
  return {
    summary,
    operands,
    attributes,
    tolerance,
    meaning: meaningOf(definition),
    infer: (args) => {
      return definition.infer({ ...args, attributes: args.attributes as AttributesOf<S> });
    },
  };
}

function meaningOf<S extends AttributeSpecs>(
  definition: Primitive<S> | Composite<S> | Region<S>,
): OpDefinition['meaning'] {
  const typed = (erased: ErasedAttributes) => erased as AttributesOf<S>;
  if (definition.kind === 'composite') {
    return {
      kind: 'composite',
      keep: definition.keep,
      nest: definition.nest ?? null,
      expand: (g, values, given) =>
        definition.expand({
          g,
          operands: values,
          operand: (index) => present(values, index),
          attributes: typed(given),
        }),
      flops: bind(definition.flops),
    };
  }
  if (definition.kind === 'region') {
    const { isKernel, declare } = definition;
    return {
      kind: 'region',
      isKernel,
      declare,
      evaluate: (args) => definition.evaluate({ ...args, attributes: typed(args.attributes) }),
    };
  }
  return {
    kind: definition.kind,
    evaluate: (args) => definition.evaluate({ ...args, attributes: typed(args.attributes) }),
    lower: (args) => definition.lower({ ...args, attributes: typed(args.attributes) }),
    isCostly: definition.isCostly ?? false,
    push: bind(definition.push),
    bounds: bind(definition.bounds),
    isRereading: (given) => definition.isRereading?.(typed(given)) ?? false,
    counts: bind(definition.counts),
  };
}

/** A function of a definition as the registry holds it; null where the definition has none. */
function bind<A, R, E extends { readonly attributes: ErasedAttributes }>(
  own: ((args: Omit<E, 'attributes'> & { readonly attributes: A }) => R) | undefined,
): ((args: E) => R) | null {
  return own === undefined ? null : (args) => own({ ...args, attributes: args.attributes as A });
}

/** An operand that must be there: the number of operands was checked before. */
export function present<T>(operands: readonly (T | undefined)[], index: number): T {
  const operand = operands[index];
  if (operand === undefined) throw new Error(`operand ${index} is missing`);
  return operand;
}

/** The result types of a call; errors carry the op's constraint label. */
export function inferTypes(
  name: string,
  definition: OpDefinition,
  operands: readonly (TensorType | undefined)[],
  attributes: ErasedAttributes,
  body: Graph | null,
): readonly TensorType[] {
  return definition.infer({
    operands,
    attributes,
    body,
    operand: (index) => present(operands, index),
    require: (label, holds, message) => {
      if (holds) return;
      const types = operands.map((type) => (type === undefined ? '_' : printType(type)));
      throw new EncompileError(
        `${name}_${label}: ${message()} (operands: ${types.join(', ') || 'none'}).`,
      );
    },
  });
}
