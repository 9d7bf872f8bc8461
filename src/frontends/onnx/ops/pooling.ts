/** Ops over windows beside convolutions: norms, neighbours among channels, and the ways back from windows. */
import { add, divideExactly, multiply, subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import { ceilPadding, type Sliding, spanOf, windowCounts } from '../../../ir/sliding.ts';
import { type Shape, staticShape } from '../../../ir/types.ts';
import type { Handler, HandlerTable, NodeContext } from '../context.ts';
import { roundsUp, transposedConv, windowsOf } from './convolution.ts';

/** |x|^p, and the root that belongs to it. */
function powers({ g }: NodeContext, p: number) {
  const raised = (x: Value) => {
    if (p === 1) return g.abs(x);
    return p === 2 ? g.mul(x, x) : g.pow(g.abs(x), p);
  };
  const root = (sum: Value) => {
    if (p === 1) return sum;
    return p === 2 ? g.sqrt(sum) : g.pow(sum, 1 / p);
  };
  return { raised, root };
}

/** (sum of |x|^p over each window)^(1/p), where what is padded is 0. */
function lpPool(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const dims = x.shape.slice(2);
  const { sliding, padding } = windowsOf(node, dims, node.ints('kernel_shape') ?? []);
  const around = roundsUp(node) ? ceilPadding(dims, sliding, padding) : padding;
  const { raised, root } = powers(node, node.int('p', 2));
  const edges = { before: [0, 0, ...around.before], after: [0, 0, ...around.after] };
  const windows = g.windows(g.pad(raised(x), edges), { ...sliding });
  return root(g.reduce_sum(windows, { axes: dims.map((_, axis) => axis - dims.length) }));
}

const globalLpPool: Handler = (node) => {
  const x = node.value(0);
  const { raised, root } = powers(node, node.int('p', 2));
  const axes = x.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
  return root(node.g.reduce_sum(raised(x), { axes, keep: true }));
};

/** x / (bias + alpha / size * sum of squares of `size` channels around each)^beta. */
function lrn(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const size = node.int('size', 1);
  const [batch = 1, channels = 1, ...dims] = x.shape;
  const rows = g.reshape(g.mul(x, x), { shape: [batch, 1, channels, node.size(dims)] });
  const before = Math.floor((size - 1) / 2);
  const mean = g.average_pool(rows, {
    sizes: [size, 1],
    before: [before, 0],
    after: [size - 1 - before, 0],
    include_padding: true,
  });
  const scaled = g.mul(g.reshape(mean, { shape: x.shape }), node.float('alpha', 1e-4));
  const divisor = g.pow(g.add(scaled, node.float('bias', 1)), node.float('beta', 0.75));
  return g.div(x, divisor);
}

/** Each element of x where its index says, in a plane of zeros. */
function maxUnpool(node: NodeContext): Value {
  const { g } = node;
  const [x, given] = [node.value(0), node.value(1)];
  const [batch = 1, channels = 1, ...dims] = x.shape;
  const sizes = node.ints('kernel_shape') ?? [];
  const ones = dims.map(() => 1);
  const strides = node.ints('strides') ?? ones;
  const pads = node.ints('pads') ?? [...ones, ...ones].map(() => 0);
  const inner = dims.map((n, axis) => {
    const cut = (pads[axis] ?? 0) + (pads[axis + dims.length] ?? 0);
    const whole = add(multiply(subtract(n, 1), strides[axis] ?? 1), sizes[axis] ?? 1);
    return subtract(whole, cut);
  });
  const [planes, plane, count] = [multiply(batch, channels), node.size(inner), node.size(dims)];
  const zeros = g.constant({ value: [0], dtype: x.dtype, shape: [planes, plane] });
  const flat = (value: Value) => g.reshape(value, { shape: [planes, count] });
  // indices count through all planes, and each lies in its own
  const size = g.reshape(g.iota({ shape: [1], axis: 0, start: plane, dtype: given.dtype }), {
    shape: [],
  });
  const places = g.mod(flat(given), size);
  const filled = g.scatter_elements(zeros, places, flat(x), { axis: 1 });
  const y = g.reshape(filled, { shape: [batch, channels, ...inner] });
  if (!node.has(2)) return y;
  const after = node.dims(2, 'output_shape').map((dim, axis) => subtract(dim, y.shape[axis] ?? 1));
  return g.pad(y, { before: after.map(() => 0), after });
}

/** Adds up blocks [n, c * block, windows] where they lie in the image [n, c, ..image]. */
function col2Im(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const image = node.dims(1, 'image_shape');
  const sizes = node.integers(2, 'block_shape');
  const ones = sizes.map(() => 1);
  const strides = node.ints('strides') ?? ones;
  const dilations = node.ints('dilations') ?? ones;
  const pads = node.ints('pads') ?? [...ones, ...ones].map(() => 0);
  const padding = { before: pads.slice(0, sizes.length), after: pads.slice(sizes.length) };
  const sliding: Sliding = { sizes, strides, dilations };
  const padded = image.map((dim, axis) => {
    return add(dim, (padding.before[axis] ?? 0) + (padding.after[axis] ?? 0));
  });
  const counts = windowCounts(padded, sliding);
  const [batch = 1, wide = 1] = x.shape;
  const block = sizes.reduce((product, size) => product * size, 1);
  const channels = divideExactly(wide, block);
  if (typeof channels !== 'number' || image.length !== sizes.length || sizes.length === 0) {
    return node.unsupported(`blocks of [${sizes.join(', ')}] do not fit its shape`);
  }
  node.site.equate(x.shape[2] ?? 1, node.size(counts));
  const windows = g.reshape(x, { shape: [batch, wide, ...counts] });
  const extra = padded.map((dim, axis) => {
    const last = multiply(subtract(counts[axis] ?? 1, 1), strides[axis] ?? 1);
    return subtract(dim, add(last, spanOf(sliding, axis)));
  });
  const weight = onePlaceEach(node, channels, block, sizes);
  const groups = channels;
  return transposedConv(node, [windows, weight, null], sliding, { padding, extra, groups });
}

const MAX_WEIGHT = 2 ** 22;

/** [channels * block, 1, ..sizes]: row k of each channel is 1 at place k of the block. */
function onePlaceEach(node: NodeContext, channels: number, block: number, sizes: Shape): Value {
  const shape = staticShape([channels * block, 1, ...sizes]) ?? [];
  if (channels * block * block > MAX_WEIGHT) {
    return node.unsupported(`it adds up ${channels} channels of blocks of ${block}`);
  }
  const data = new Float32Array(channels * block * block);
  for (let row = 0; row < channels * block; row++) data[row * block + (row % block)] = 1;
  const weight = node.site.parameter('places', { dtype: 'f32', shape, data });
  const { dtype } = node.type(0);
  return dtype === 'f32' ? weight : node.g.cast(weight, { dtype });
}

export const pooling: HandlerTable = {
  Col2Im: col2Im,
  GlobalLpPool: globalLpPool,
  LRN: lrn,
  LpPool: lpPool,
  MaxUnpool: maxUnpool,
};
