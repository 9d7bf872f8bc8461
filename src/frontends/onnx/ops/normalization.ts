/** Normalizations: to mean 0 and variance 1 over some axes, or to a norm of 1. */
import { type Dim, divideExactly, sizeOf } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext, Result } from '../context.ts';

/** The dims from the axis on are normalised together, as one. */
function layerNormalization(node: NodeContext): readonly Result[] {
  const { g } = node;
  const { x, rows, flat, axis } = flattened(node);
  const eps = node.float('epsilon', 1e-5);
  const gamma = vector(node, 1, rows.shape.at(-1) ?? 1);
  const beta = node.has(2) ? vector(node, 2, rows.shape.at(-1) ?? 1) : null;
  const fits = gamma !== null && (beta !== null || !node.has(2));
  const normal = fits ? g.layer_norm(rows, gamma, beta, { eps }) : g.layer_norm(rows, { eps });
  const shaped = flat ? normal : g.reshape(normal, { shape: x.shape });
  const y = fits ? shaped : scaleAndShift(node, shaped);
  if (!node.wants(1) && !node.wants(2)) return [y];
  const axes = x.shape.flatMap((_, other) => (other >= axis ? [other] : []));
  const average = g.reduce_mean(x, { axes, keep: true });
  return [y, average, g.rsqrt(g.add(varianceOf(node, x, average, axes), eps))];
}

function rmsNormalization(node: NodeContext): Value {
  const { g } = node;
  const { x, rows, flat } = flattened(node);
  const eps = node.float('epsilon', 1e-5);
  const gamma = vector(node, 1, rows.shape.at(-1) ?? 1);
  if (gamma === null) {
    return scaleAndShift(node, g.reshape(g.rms_norm(rows, { eps }), { shape: x.shape }));
  }
  const normal = g.rms_norm(rows, gamma, { eps });
  return flat ? normal : g.reshape(normal, { shape: x.shape });
}

/** The operand with the dims from the axis on as one. */
function flattened(node: NodeContext) {
  const x = node.value(0);
  const axis = node.axis('axis', -1, x.shape.length);
  const flat = axis === x.shape.length - 1;
  const shape = [...x.shape.slice(0, axis), sizeOf(x.shape.slice(axis))];
  return { x, rows: flat ? x : node.g.reshape(x, { shape }), flat, axis };
}

/** A scale or shift as a vector of the last dim; null where it broadcasts in another way. */
function vector(node: NodeContext, index: number, size: Dim): Value | null {
  const value = node.value(index);
  if (sizeOf(value.shape) !== size) return null;
  return value.shape.length === 1 ? value : node.g.reshape(value, { shape: [size] });
}

function scaleAndShift(node: NodeContext, x: Value): Value {
  const { g } = node;
  const scaled = g.mul(x, node.value(1));
  return node.has(2) ? g.add(scaled, node.value(2)) : scaled;
}

function varianceOf({ g }: NodeContext, x: Value, mean: Value, axes: readonly number[]): Value {
  const centred = g.sub(x, mean);
  return g.reduce_mean(g.mul(centred, centred), { axes, keep: true });
}

/** [c] as [1, c, 1, ..], to stand beside x. */
function channels({ g }: NodeContext, x: Value, vectorOfChannels: Value): Value {
  const shape = x.shape.map((_, axis) => (axis === 1 ? (vectorOfChannels.shape[0] ?? 1) : 1));
  return g.reshape(vectorOfChannels, { shape });
}

function batchNormalization(node: NodeContext): readonly Value[] {
  const { g } = node;
  const x = node.value(0);
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => node.value(i));
  if (!gamma || !beta || !mean || !variance) return node.unsupported('operands are missing');
  const eps = node.float('epsilon', 1e-5);
  if (node.int('training_mode', 0) === 0)
    return [g.batch_norm(x, gamma, beta, mean, variance, { eps })];
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const average = g.reduce_mean(x, { axes, keep: true });
  const spread = varianceOf(node, x, average, axes);
  const normal = g.mul(g.sub(x, average), g.rsqrt(g.add(spread, eps)));
  const y = g.add(g.mul(normal, channels(node, x, gamma)), channels(node, x, beta));
  const momentum = node.float('momentum', 0.9);
  const running = (old: Value, now: Value) =>
    g.add(g.mul(old, momentum), g.mul(g.reshape(now, { shape: old.shape }), 1 - momentum));
  return [y, running(mean, average), running(variance, spread)];
}

/** Each channel of each item over its places. */
function instanceNormalization(node: NodeContext): Value {
  const eps = node.float('epsilon', 1e-5);
  return node.g.instance_norm(node.value(0), node.value(1), node.value(2), { eps });
}

/** Channels in groups; scale and shift are one a channel since opset 21, one a group before. */
function groupNormalization(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const groups = node.int('num_groups', 1);
  const eps = node.float('epsilon', 1e-5);
  const each = divideExactly(x.shape[1] ?? 1, groups);
  if (each === null) return node.unsupported(`${groups} groups do not divide its channels`);
  const perChannel = (vector: Value) => {
    if (node.opset >= 21) return vector;
    const column = g.reshape(vector, { shape: [groups, 1] });
    return g.reshape(g.broadcast(column, { shape: [groups, each] }), { shape: [x.shape[1] ?? 1] });
  };
  return g.group_norm(x, perChannel(node.value(1)), perChannel(node.value(2)), { groups, eps });
}

function lpNormalization(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const over = { axes: [node.axis('axis', -1, x.shape.length)], keep: true };
  const isAbsolute = node.int('p', 2) === 1;
  const norm = isAbsolute ? g.reduce_sum(g.abs(x), over) : g.sqrt(g.reduce_sum(g.mul(x, x), over));
  // A vector of zeros stays zeros.
  return g.div(x, g.select(g.equal(norm, 0), 1, norm));
}

function meanVarianceNormalization(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const axes = (node.ints('axes') ?? [0, 2, 3]).map((axis) => node.resolve(axis, x.shape.length));
  const average = g.reduce_mean(x, { axes, keep: true });
  const deviation = g.sqrt(varianceOf(node, x, average, axes));
  return g.div(g.sub(x, average), g.add(deviation, 1e-9));
}

export const normalization: HandlerTable = {
  BatchNormalization: batchNormalization,
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  RMSNormalization: rmsNormalization,
};
