/**
 * Control flow, all of it decided while importing: an If whose condition is known becomes one of its
 * branches, a Loop or Scan of known length its steps, one after another.
 */
import type { Value } from '../../../ir/graph.ts';
import type { GraphProto } from '../../../onnx/schema.ts';
import type { HandlerTable, NodeContext, Result } from '../context.ts';
import { known, type Operand } from '../operand.ts';

/** A loop that becomes more steps than this is refused. */
const MAX_STEPS = 4096;

function conditional(node: NodeContext): readonly Operand[] {
  const isThen = node.number(0, 'condition') !== 0;
  return node.site.inline(graphOf(node, isThen ? 'then_branch' : 'else_branch'), []);
}

function graphOf(node: NodeContext, name: string): GraphProto {
  return node.attributes.graph(name) ?? node.unsupported(`it has no ${name}`);
}

/** Steps while i < trips and the condition holds; both may be left out. */
function loop(node: NodeContext): readonly Result[] {
  const body = graphOf(node, 'body');
  const trips = node.has(0) ? node.number(0, 'trip count') : Number.POSITIVE_INFINITY;
  let isOn = node.has(1) ? node.number(1, 'condition') !== 0 : true;
  let state = node.operands.slice(2).map((_, i) => node.operand(i + 2));
  const rows: Operand[][] = [];
  const collected = body.output.length - 1 - state.length;
  for (let i = 0; i < trips && isOn; i++) {
    if (i >= MAX_STEPS) return node.unsupported(`it takes more than ${MAX_STEPS} steps`);
    const inputs = [known('i64', [], [i]), known('bool', [], [1]), ...state];
    const [condition, ...results] = node.site.inline(body, inputs);
    state = results.slice(0, state.length);
    rows.push(results.slice(state.length));
    isOn = condition === undefined || node.flag(condition, 'condition');
  }
  return [...state, ...stacked(node, rows, collected)];
}

/** Each of the collected outputs with the steps as its first dim. */
function stacked(
  node: NodeContext,
  rows: readonly (readonly Operand[])[],
  count: number,
): readonly Value[] {
  return Array.from({ length: count }, (_, column) => {
    const values = rows.map((row) => node.site.materialise(row[column] as Operand));
    return stack(node, values, 0);
  });
}

function stack(node: NodeContext, values: readonly Value[], axis: number): Value {
  const { g } = node;
  if (values.length === 0) return node.unsupported('it collects the results of no step');
  const apart = values.map((value) => {
    return g.reshape(value, {
      shape: [...value.shape.slice(0, axis), 1, ...value.shape.slice(axis)],
    });
  });
  return g.concat(apart, { axis });
}

export const control: HandlerTable = {
  If: conditional,
  Loop: loop,
};
