/**
 * fold-constants: y = op(c, ..) of constants and weights  ->  y = its numbers
 *
 * Requires: static shapes, and weights with data; where data is not bound yet, nothing is folded.
 * What would take more memory than it saves stays: broadcasts, weights that are also used as they
 * are, and cheap functions of positions, which kernels compute in place.
 * Guarantees: results are weights under the name of the value; small ones that no weight is in, and
 * those of one number, are constants.
 */
import type { Node, Value, ValueId } from '../ir/graph.ts';
import { elementCount, fromNdArray, type NdArray } from '../ir/nd-array.ts';
import { staticShape } from '../ir/types.ts';
import { FoldedValues, workOf } from './folding/folded-values.ts';
import type { GraphIndex } from './graph-index.ts';
import type { GraphWriter } from './graph-writer.ts';
import { firstResult } from './node-reading.ts';
import { traitsOf } from './regions/traits.ts';
import { type Finding, rewritingPass } from './rewrite.ts';

/** Elements up to which a result may be a constant, which dumps print. */
const SMALL = 16;
/** Elements from which a weight is not held twice. */
const LARGE = 1 << 16;
/** Multiplications and the like, up to which the interpreter is asked: a second or so. */
const MOST_WORK = 1 << 22;

export const foldConstants = rewritingPass(
  {
    name: 'fold-constants',
    summary: 'computes at compile time what depends on constants and weights alone',
    reason: 'before simplify, whose rules look for constants',
  },
  search,
);

/** What is known of a value that depends on constants and weights alone. */
interface Known {
  readonly count: number;
  /** The weights it depends on. */
  readonly weights: ReadonlySet<ValueId>;
  readonly isCostly: boolean;
  /** Whether a kernel is better off with the folded value than with its operands. */
  readonly isWorthIt: boolean;
}

function search(index: GraphIndex): readonly Finding[] {
  const { graph } = index;
  const known = new Map<ValueId, Known>();
  const findings: Finding[] = [];
  for (const { value, data } of graph.parameters) {
    if (data === null) continue;
    const count = elementCount(data.shape);
    known.set(value, { count, weights: new Set([value]), isCostly: false, isWorthIt: false });
  }
  for (const node of graph.nodes) {
    const found = knowledgeOf(node, known, index);
    if (found === null) continue;
    const work = workOf(index, node);
    if (work <= MOST_WORK || traitsOf(graph, node).kind === 'view') {
      known.set(firstResult(node), found);
    } else if (found.isWorthIt) {
      const at = firstResult(node);
      const refused = `${index.nameOf(at)} would take ${work} operations at compile time`;
      findings.push({ pattern: 'constant', at, outcome: { refused, stopper: at } });
    }
  }
  const values = new FoldedValues(index);
  const isFolded = (node: Node) => known.get(firstResult(node))?.isWorthIt === true;
  for (const node of graph.nodes.filter(isFolded)) {
    const at = firstResult(node);
    if (!index.isOutput(at) && index.usersOf(at).every(isFolded)) continue;
    const dependsOnWeights = (known.get(at)?.weights.size ?? 0) > 0;
    const write = (into: GraphWriter) => [writeFolded(at, dependsOnWeights, values, into)];
    const detail = `computed from ${node.op} at compile time`;
    const rewrite = { replaces: [at], write };
    findings.push({ pattern: 'constant', at, outcome: { rewrite, detail } });
  }
  return findings;
}

/** Null where the value depends on more than constants and weights with data, or has no size. */
function knowledgeOf(
  node: Node,
  known: ReadonlyMap<ValueId, Known>,
  index: GraphIndex,
): Known | null {
  const traits = traitsOf(index.graph, node);
  const shape = staticShape(index.shapeOf(firstResult(node)));
  const operands = node.operands.flatMap((id) => (id === null ? [] : [known.get(id)]));
  if (shape === null || node.body !== null || node.results.length > 1) return null;
  if (operands.some((operand) => operand === undefined)) return null;
  if (traits.kind === 'source' && !hasStaticAttributes(node)) return null;
  const present = operands.filter((operand) => operand !== undefined);
  const count = elementCount(shape);
  const weights = new Set(present.flatMap((operand) => [...operand.weights]));
  const isCostly = traits.isCostly || present.some((operand) => operand.isCostly);
  const isGrowing = count > present.reduce((sum, operand) => sum + operand.count, 0);
  const isHeldTwice = [...weights].some((id) => isLargeWithOtherUses(id, known, index));
  const saves = isCostly || (weights.size > 0 && !isGrowing);
  const isWorthIt =
    traits.kind !== 'source' &&
    (count <= SMALL || (saves && !isHeldTwice)) &&
    !isUniform(node, index);
  return { count, weights, isCostly, isWorthIt };
}

/** Constants of one number are free wherever they are used, whatever their shape. */
function isUniform(node: Node, index: GraphIndex): boolean {
  return node.op !== 'constant' && index.scalarOf(firstResult(node)) !== null;
}

function isLargeWithOtherUses(
  weight: ValueId,
  known: ReadonlyMap<ValueId, Known>,
  index: GraphIndex,
): boolean {
  if ((known.get(weight)?.count ?? 0) < LARGE) return false;
  const users = index.usersOf(weight);
  if (index.isOutput(weight)) return true;
  if (users.length === 1) return false;
  // parts of one weight, such as the gates of a recurrent layer, are together no larger than it
  const parts = users.map((user) => staticShape(index.shapeOf(firstResult(user))));
  const size = parts.reduce((sum, shape) => sum + elementCount(shape ?? [Infinity]), 0);
  const areViews = users.every((user) => traitsOf(index.graph, user).kind === 'view');
  return !areViews || size > (known.get(weight)?.count ?? 0);
}

function hasStaticAttributes(node: Node): boolean {
  return typeof node.attributes.start !== 'string';
}

function writeFolded(
  id: ValueId,
  dependsOnWeights: boolean,
  values: FoldedValues,
  into: GraphWriter,
): Value {
  const { name, dtype, shape } = into.index.value(id);
  const tensor = values.largeView(id);
  if (tensor !== null) return into.parameter(name, { dtype, shape }, tensor);
  const array: NdArray = values.array(id);
  const [first = 0] = array.data;
  if (array.data.length > 0 && array.data.every((x) => Object.is(x, first))) {
    return into.scalar(first, dtype, shape);
  }
  if (array.data.length <= SMALL && !dependsOnWeights) {
    return into.node('constant', [], { value: [...array.data], dtype, shape });
  }
  return into.parameter(name, { dtype, shape }, fromNdArray(array));
}
