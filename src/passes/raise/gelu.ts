/**
 * x / 2 * (1 + erf(x / sqrt(2)))  ->  gelu(x)
 * x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))  ->  gelu(x) {approximation = tanh}
 *
 * The factors x, 1/2 and the sum may stand in any order, 1/2 may be inside the sum, and the argument
 * is read as a polynomial of x.
 * Requires: constants within 4e-6 of those of the formula, relative to them.
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import { sameType } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, firstResult, operandOf } from '../node-reading.ts';
import { type Outcome, refuse } from '../rewrite.ts';
import { isNear } from './constants.ts';
import { type RaisePattern, raised } from './pattern.ts';
import { polynomialIn } from './polynomial.ts';
import { factors } from './reading.ts';

const SLOPE = Math.sqrt(2 / Math.PI);

/** The argument's polynomial, and the attribute, of each function. */
const FORMS: {
  readonly [op: string]:
    | { readonly argument: readonly number[]; readonly approximation: string }
    | undefined;
} = {
  erf: { argument: [0, Math.SQRT1_2], approximation: 'none' },
  tanh: { argument: [0, SLOPE, 0, SLOPE * 0.044715], approximation: 'tanh' },
};

export const gelu: RaisePattern = {
  name: 'gelu',
  ops: Object.keys(FORMS),
  match: (node, index) => {
    const sum = onePlus(node, index);
    return sum === null ? stopped(node, node, null, 1, index) : product(node, sum, index);
  },
};

/** h * (1 + f), the nodes in between. */
interface Sum {
  readonly node: Node;
  readonly half: number;
  readonly inside: readonly Node[];
}

function onePlus(f: Node, index: GraphIndex): Sum | null {
  const user = index.soleUserOf(firstResult(f));
  const factor =
    user === null ? undefined : factors(user, index).find(([x]) => x === firstResult(f));
  const [scaled, half] = factor === undefined || user === null ? [f, 1] : [user, factor[1]];
  const add = index.soleUserOf(firstResult(scaled));
  if (add?.op !== 'add') return null;
  for (const [x, c] of bothOrders(add)) {
    const constant = index.scalarOf(c);
    if (x !== firstResult(scaled) || constant === null || !isNear(constant, half)) continue;
    return { node: add, half, inside: scaled === f ? [f] : [f, scaled] };
  }
  return null;
}

/** Follows the products behind the sum until they hold x and 1/2. */
function product(f: Node, sum: Sum, index: GraphIndex): Outcome | null {
  const inside = [...sum.inside, sum.node];
  let factor = sum.half;
  let x: ValueId | null = null;
  for (let last = sum.node; ; ) {
    const id = firstResult(last);
    const user = index.soleUserOf(id);
    const step: Step | null = user === null ? null : multiplied(user, id, f, x !== null, index);
    if (user === null || step === null) return stopped(last, f, x, factor, index);
    factor *= step.by;
    x = step.x ?? x;
    if (x !== null && isNear(factor, 0.5)) return whole(user, f, x, inside, index);
    inside.push(user);
    last = user;
  }
}

interface Step {
  readonly by: number;
  readonly x: ValueId | null;
}

/** What a product multiplies a value with: a constant, x, or x times a constant. */
function multiplied(
  user: Node,
  value: ValueId,
  f: Node,
  hasX: boolean,
  index: GraphIndex,
): Step | null {
  const constant = factors(user, index).find(([id]) => id === value);
  if (constant !== undefined) return { by: constant[1], x: null };
  if (user.op !== 'mul' || hasX) return null;
  const other = bothOrders(user).find(([id]) => id === value)?.[1];
  if (other === undefined) return null;
  if (isArgumentOf(other, f, index)) return { by: 1, x: other };
  const scaled = index.producerOf(other);
  for (const [id, by] of scaled === null ? [] : factors(scaled, index)) {
    if (isArgumentOf(id, f, index)) return { by, x: id };
  }
  return null;
}

/** Whether the argument of f is the polynomial in x that gelu has. */
function isArgumentOf(x: ValueId, f: Node, index: GraphIndex): boolean {
  const found = polynomialIn(x, operandOf(f, 0), index);
  const wanted = FORMS[f.op]?.argument ?? [];
  return found?.length === wanted.length && found.every((c, i) => isNear(c, wanted[i] ?? 0));
}

function whole(
  root: Node,
  f: Node,
  x: ValueId,
  inside: readonly Node[],
  index: GraphIndex,
): Outcome {
  const approximation = FORMS[f.op]?.approximation ?? 'none';
  const at = firstResult(root);
  if (!sameType(index.value(x), index.value(at))) {
    return refuse(x, `${index.nameOf(x)} has another shape than ${index.nameOf(at)}`);
  }
  const write = (into: GraphWriter) => [into.node('gelu', [into.get(x)], { approximation })];
  // x / 2 and what the argument shares with others is cheap: a use of its own does not matter
  return raised(root, inside, index, `gelu of ${index.nameOf(x)}, by ${f.op}`, write);
}

/** Only erf is rare enough for all its misses to be worth a line of the ledger. */
function stopped(
  last: Node,
  f: Node,
  x: ValueId | null,
  factor: number,
  index: GraphIndex,
): Outcome | null {
  const at = firstResult(last);
  if (f.op !== 'erf' && x === null) return null;
  if (x !== null) return refuse(at, `${index.nameOf(at)} is gelu times ${2 * factor}`);
  const user = index.soleUserOf(at);
  const uses = index.usersOf(at).slice(0, 1);
  const other = user === null ? index.otherUseOf(at, uses) : null;
  if (other !== null) return refuse(at, `${index.nameOf(at)} has a second use: ${other}`);
  const [name, argument] = [index.nameOf(at), index.nameOf(operandOf(f, 0))];
  if (last === f) return refuse(at, `1 is not added to ${name} before anything else`);
  return refuse(at, `${name} is multiplied with nothing that ${argument} is 1 / sqrt(2) of`);
}
