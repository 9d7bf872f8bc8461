/** Ops that make tensors of attributes and sizes. */

import { ceilDivide, type Dim, isAtLeast, maximum, subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import { isFloat } from '../../../ir/types.ts';
import type { Handler, HandlerTable, NodeContext, Result } from '../context.ts';
import { known, knownSizes, knownTensor, MAX_KNOWN, numbersOf } from '../operand.ts';

/** The value stands in one of several attributes, by its kind. */
function constant(node: NodeContext): Result {
  const { attributes, site } = node;
  const tensor = attributes.tensor('value');
  const [name = 'constant'] = node.outputs;
  if (tensor !== undefined) {
    const data = site.readTensor(tensor);
    if (data.data.length <= MAX_KNOWN) return knownTensor(data, name);
    return site.parameter(name, data);
  }
  const [float, floats] = [attributes.float('value_float'), attributes.floats('value_floats')];
  if (float !== undefined) return known('f32', [], [float], name);
  if (floats !== undefined && attributes.has('value_floats')) {
    return known('f32', [floats.length], floats, name);
  }
  const [int, ints] = [attributes.int('value_int'), attributes.ints('value_ints')];
  if (int !== undefined) return known('i64', [], [int], name);
  if (ints !== undefined) return known('i64', [ints.length], ints, name);
  return node.unsupported(
    'its value is a string or sparse',
    'Give it as a dense tensor of numbers.',
  );
}

/** Without `start` and `end` all dims. */
function shape(node: NodeContext): Result {
  const dims = node.type(0).shape;
  const place = (at: number) => Math.min(Math.max(at < 0 ? at + dims.length : at, 0), dims.length);
  const [start, end] = [place(node.int('start', 0)), place(node.int('end', dims.length))];
  return knownSizes(dims.slice(start, Math.max(start, end)));
}

const size: Handler = (node) => known('i64', [], [node.size(node.type(0).shape)]);

function constantOfShape(node: NodeContext): Value {
  const dims = node.dims(0, 'shape');
  const tensor = node.attributes.tensor('value');
  const data = tensor === undefined ? null : knownTensor(node.site.readTensor(tensor), null);
  const value = (data === null ? null : numbersOf(data)) ?? [0];
  return node.g.constant({ value: [value[0] ?? 0], dtype: data?.dtype ?? 'f32', shape: dims });
}

/** ceil((limit - start) / delta) numbers from `start` on. */
function range(node: NodeContext): Value {
  const { g } = node;
  const { dtype } = node.type(0);
  const [start = 0] = node.dims(0, 'start');
  const [limit = 0] = node.dims(1, 'limit');
  const delta = node.number(2, 'delta');
  if (delta === 0) return node.unsupported('its delta is 0');
  const count = countOf(node, start, limit, delta);
  if (count === null)
    return node.unsupported(`its length depends on the sign of ${limit} - ${start}`);
  if (delta === 1 && !isFloat(dtype)) return g.iota({ shape: [count], axis: 0, start, dtype });
  const steps = g.iota({ shape: [count], axis: 0, dtype });
  const scaled = delta === 1 ? steps : g.mul(steps, delta);
  return start === 0 ? scaled : g.add(scaled, node.site.materialise(known(dtype, [], [start])));
}

function countOf({ site }: NodeContext, start: Dim, limit: Dim, delta: number): Dim | null {
  if (typeof start === 'number' && typeof limit === 'number') {
    return Math.max(0, Math.ceil((limit - start) / delta));
  }
  if (!Number.isInteger(delta)) return null;
  const length = delta > 0 ? subtract(limit, start) : subtract(start, limit);
  const isCount = isAtLeast(length, 0) || site.hasAxis(length);
  return ceilDivide(isCount ? length : maximum(length, 0), Math.abs(delta));
}

export const constants: HandlerTable = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Identity: (node) => node.operand(0),
  Range: range,
  Shape: shape,
  Size: size,
};
