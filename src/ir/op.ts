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
import type { NdArray, NdType } from './nd-array.ts';
import { printType, type TensorType } from './types.ts';

export interface OperandSpec {
  readonly name: string;
  readonly optional?: boolean;
  /** Takes a list of one or more values; only as the last operand. */
  readonly variadic?: boolean;
  /** In a call a number may stand for it: a constant of the other such operand's dtype. */
  readonly number?: boolean;
}

/** How a check compares results of this op: |got - want| <= absolute + relative * |want|. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

export interface InferArguments<A> {
  /** Types of the operands; undefined for an optional one left out. */
  readonly operands: readonly (TensorType | undefined)[];
  /** Type of an operand that must be there. */
  readonly operand: (index: number) => TensorType;
  readonly attributes: A;
  /** The graph that a region op carries. */
  readonly body: Graph | null;
  /** Throws with the label `<op>_<label>` unless `holds`. */
  readonly require: (label: string, holds: boolean, message: () => string) => void;
}

export interface EvaluateArguments<A> {
  readonly operands: readonly (NdArray | undefined)[];
  readonly operand: (index: number) => NdArray;
  readonly attributes: A;
  /** Concrete types of the results. */
  readonly results: readonly NdType[];
  readonly result: NdType;
  /** The value of a symbolic attribute dim. */
  readonly size: (dim: Dim) => number;
}

/** One element of the result, in terms of elements of the operands. */
export interface LowerArguments<A> {
  /** The element's index, one entry a dim of the result. */
  readonly index: readonly Dim[];
  readonly types: readonly (TensorType | undefined)[];
  readonly type: TensorType;
  readonly attributes: A;
  /** The element of an operand at an index. */
  readonly operand: (operand: number, index: readonly Dim[]) => Expression;
  readonly emit: ElementEmitter;
}

/** What a `lower` may do beside composing expressions. */
export interface ElementEmitter {
  /** Sums, maximises ... `term(k)` over k in 0 .. extent-1 in a serial loop. */
  reduce(
    combine: 'add' | 'max' | 'min' | 'mul',
    extent: Dim,
    term: (k: Dim) => Expression,
  ): Expression;
  /** A loop that carries several values; returns their final values. */
  fold(
    extent: Dim,
    initial: readonly Expression[],
    step: (k: Dim, state: readonly Expression[]) => readonly Expression[],
  ): readonly Expression[];
  /** `value` where `condition` holds, else `otherwise`; `value` is evaluated only there. */
  guard(condition: Expression, value: () => Expression, otherwise: Expression): Expression;
  /** An integer expression as an index, clamped into 0 .. extent-1. */
  asIndex(value: Expression, extent: Dim): Dim;
  /** x div extent and x mod extent, knowing the ranges of the loop variables. */
  divide(x: Dim, by: Dim): Dim;
  modulo(x: Dim, by: Dim): Dim;
}

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

/** [a, b]: a <= b. */
export type Bound = readonly [Dim, Dim];

export interface BoundsArguments<A> {
  readonly types: readonly (TensorType | undefined)[];
  readonly attributes: A;
}

/** A symbol, and the indices of operand 0's last axis at which elements count though they are 0. */
export interface Counts {
  readonly symbol: string;
  readonly always: readonly Dim[];
}

export interface CountsArguments<A> {
  readonly attributes: A;
}

export interface PushArguments<A> {
  readonly index: readonly Dim[];
  readonly from: TensorType;
  readonly type: TensorType;
  readonly attributes: A;
  readonly emit: Pick<ElementEmitter, 'divide' | 'modulo'>;
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

export interface ExpandArguments<A> {
  readonly g: UntypedBuilder;
  readonly operands: readonly (Value | undefined)[];
  readonly operand: (index: number) => Value;
  readonly attributes: A;
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

export interface RegionArguments<A> extends Omit<EvaluateArguments<A>, 'result'> {
  /** Runs the body: one array an input of it, one an output. */
  readonly body: (inputs: readonly NdArray[]) => readonly NdArray[];
}

/** Makes the node of a call, given what was passed to the builder's method. */
export type DeclareRegion = (into: RegionDeclaration, args: readonly unknown[]) => unknown;

/** The graph in which a region op is declared. */
export interface RegionDeclaration {
  /**
   * A body with inputs of these types. Values of the graph around that `build` uses become further
   * inputs, and are the captures.
   */
  body(
    inputs: readonly (TensorType & { readonly name: string })[],
    build: (g: UntypedBuilder, inputs: readonly Value[]) => readonly Value[],
  ): { readonly body: Graph; readonly captures: readonly Value[] };
  /** Adds the node; gives its results. */
  add(
    operands: readonly Value[],
    attributes: { readonly [name: string]: unknown },
    body: Graph,
  ): readonly Value[];
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
    const { flops } = definition;
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
      flops: flops ? (args) => flops({ ...args, attributes: typed(args.attributes) }) : null,
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
    push: bindPush(definition),
    bounds: bindBounds(definition),
    isRereading: (given) => definition.isRereading?.(typed(given)) ?? false,
    counts: bindCounts(definition),
  };
}

function bindPush<S extends AttributeSpecs>(definition: Primitive<S>): PrimitiveMeaning['push'] {
  const push = definition.push;
  if (push === undefined) return null;
  return (args) => push({ ...args, attributes: args.attributes as AttributesOf<S> });
}

function bindBounds<S extends AttributeSpecs>(
  definition: Primitive<S>,
): PrimitiveMeaning['bounds'] {
  const { bounds } = definition;
  if (bounds === undefined) return null;
  return (args) => bounds({ ...args, attributes: args.attributes as AttributesOf<S> });
}

function bindCounts<S extends AttributeSpecs>(
  definition: Primitive<S>,
): PrimitiveMeaning['counts'] {
  const { counts } = definition;
  if (counts === undefined) return null;
  return (args) => counts({ attributes: args.attributes as AttributesOf<S> });
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
