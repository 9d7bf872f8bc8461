/** Normalizations: to mean 0 and variance 1 over some axes, or to a norm of 1. */
import { type Dim, sizeOf } from '../../../ir/dims.ts';
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
    const ones = g.constant({ value: [1], dtype: x.dtype, shape: rows.shape.slice(-1) });
    const normal = g.reshape(g.rms_norm(rows, ones, { eps }), { shape: x.shape });
    return scaleAndShift(node, normal);
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
  const [gamma, beta] = [channels(node, x, node.value(1)), channels(node, x, node.value(2))];
  const [mean, variance] = [node.value(3), node.value(4)];
  const eps = node.float('epsilon', 1e-5);
  if (node.int('training_mode', 0) === 0) {
    const factor = g.mul(gamma, g.rsqrt(g.add(channels(node, x, variance), eps)));
    return [g.add(g.mul(g.sub(x, channels(node, x, mean)), factor), beta)];
  }
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const average = g.reduce_mean(x, { axes, keep: true });
  const spread = varianceOf(node, x, average, axes);
  const y = g.add(g.mul(g.mul(g.sub(x, average), g.rsqrt(g.add(spread, eps))), gamma), beta);
  const momentum = node.float('momentum', 0.9);
  const running = (old: Value, now: Value) =>
    g.add(g.mul(old, momentum), g.mul(g.reshape(now, { shape: old.shape }), 1 - momentum));
  return [y, running(mean, average), running(variance, spread)];
}

/** Each channel of each item over its places. */
function instanceNormalization(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const normal = normalised(
    node,
    x,
    x.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis])),
  );
  return g.add(g.mul(normal, channels(node, x, node.value(1))), channels(node, x, node.value(2)));
}

/** Channels in groups; scale and shift are one a channel since opset 21, one a group before. */
function groupNormalization(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const groups = node.int('num_groups', 1);
  const [n = 1, c = 1, ...places] = x.shape;
  const size = typeof c === 'number' ? c / groups : node.unsupported('its channels are symbolic');
  const grouped = g.reshape(x, { shape: [n, groups, size, ...places] });
  const axes = grouped.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
  const normal = normalised(node, grouped, axes);
  if (node.opset < 21) {
    const of = (index: number) => channels(node, grouped, node.value(index));
    return g.reshape(g.add(g.mul(normal, of(1)), of(2)), { shape: x.shape });
  }
  const whole = g.reshape(normal, { shape: x.shape });
  return g.add(g.mul(whole, channels(node, x, node.value(1))), channels(node, x, node.value(2)));
}

function normalised(node: NodeContext, x: Value, axes: readonly number[]): Value {
  const { g } = node;
  const average = g.reduce_mean(x, { axes, keep: true });
  const variance = varianceOf(node, x, average, axes);
  return g.mul(g.sub(x, average), g.rsqrt(g.add(variance, node.float('epsilon', 1e-5))));
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
