/**
 * Ops that carry a state from step to step: running products, caches that are written in place,
 * recurrences of linear attention, convolutions that remember their last elements.
 */
import { type Dim, divideExactly, subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';

/** y[i] = product of x[k] over k <= i along the axis, or k < i; from the other end in reverse. */
function cumProd(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const axis = node.resolve(node.integer(1, 'axis'), x.shape.length);
  const isExclusive = node.int('exclusive', 0) === 1;
  const reverse = node.int('reverse', 0) === 1;
  const one = g.constant({ value: [1], dtype: x.dtype, shape: x.shape.toSpliced(axis, 1) });
  const over = { states: [one], sequences: [x], axis, reverse };
  const made = g.scan(over, (inner, [before], [element]) => {
    const product = inner.mul(before as Value, element as Value);
    return { states: [product], outputs: [isExclusive ? (before as Value) : product] };
  });
  return made.outputs[0] as Value;
}

/** The cache with the update from the place `write_indices[batch]` on; `circular` goes on at its start. */
function tensorScatter(node: NodeContext): Value {
  const { g } = node;
  const [cache, update] = [node.value(0), node.value(1)];
  const axis = node.axis('axis', -2, cache.shape.length);
  const mode = node.text('mode', 'linear');
  if (axis === 0 || !['linear', 'circular'].includes(mode)) {
    return node.unsupported(axis === 0 ? 'its axis is the batch' : `its mode is '${mode}'`);
  }
  const along = (wanted: number) => cache.shape.map((dim, other) => (other === wanted ? dim : 1));
  const size = (dim: Dim) => g.reshape(g.iota({ shape: [1], axis: 0, start: dim }), { shape: [] });
  const places = g.iota({ shape: along(axis), axis });
  const starts = node.optional(2);
  const first = starts === null ? null : g.cast(starts, { dtype: 'i32' });
  const distance = first === null ? places : g.sub(places, g.reshape(first, { shape: along(0) }));
  const from = mode === 'linear' ? distance : g.mod(distance, size(cache.shape[axis] ?? 1));
  const isWritten = g.and(g.less_equal(0, from), g.less(from, size(update.shape[axis] ?? 1)));
  // a gather clamps its indices: what it finds there is not taken
  const indices = g.broadcast(from, { shape: cache.shape });
  return g.select(isWritten, g.gather_elements(update, indices, { axis }), cache);
}

/** A depthwise convolution over the last elements of the call before and those of this one. */
function causalConv(node: NodeContext): readonly Value[] {
  const { g } = node;
  const [x, weight] = [node.value(0), node.value(1)];
  const [batch = 1, channels = 1] = x.shape;
  const size = weight.shape[2];
  if (typeof channels !== 'number' || typeof size !== 'number') {
    return node.unsupported('its channels or the size of its weight are symbolic');
  }
  const remembered = [batch, channels, size - 1];
  const past = node.optional(3) ?? g.constant({ value: [0], dtype: x.dtype, shape: remembered });
  const whole = size === 1 ? x : g.concat([past, x], { axis: 2 });
  const y = g.conv(whole, weight, node.optional(2), { groups: channels });
  const length = whole.shape[2] ?? 1;
  const present = g.slice(whole, {
    starts: [0, 0, subtract(length, size - 1)],
    ends: [batch, channels, length],
  });
  const activation = node.text('activation', 'none');
  if (activation === 'none') return [y, present];
  if (activation === 'silu' || activation === 'swish') return [g.silu(y), present];
  return node.unsupported(`its activation is '${activation}'`, 'Taken: none, silu, swish.');
}

const RULES: { readonly [rule: string]: { isGated: boolean; isDelta: boolean } } = {
  linear: { isGated: false, isDelta: false },
  gated: { isGated: true, isDelta: false },
  delta: { isGated: false, isDelta: true },
  gated_delta: { isGated: true, isDelta: true },
};

/**
 * S = exp(decay) S + key (x) v with v = beta (value - S^T key), or the value itself; y = scale query S.
 *
 * query [batch, n, heads * k], key [batch, n, shared * k], value [batch, n, shared * v],
 * S [batch, shared, k, v]; every head of key and value serves heads / shared queries in a row.
 */
function linearAttention(node: NodeContext): readonly Value[] {
  const { g } = node;
  const rule = node.text('update_rule', 'gated_delta');
  const { isGated, isDelta } = RULES[rule] ?? node.unsupported(`its update_rule is '${rule}'`);
  const [heads, shared] = [node.int('q_num_heads', 0), node.int('kv_num_heads', 0)];
  const times = shared > 0 ? divideExactly(heads, shared) : null;
  if (times === null) return node.unsupported(`${shared} key heads do not divide ${heads}`);
  const query = headsOf(node, 0, heads);
  const [key, value] = [headsOf(node, 1, shared), headsOf(node, 2, shared)];
  const [batch = 1, length = 1, , width = 1] = query.shape;
  const depth = value.shape[3] ?? 1;
  const scale = node.float('scale', 0) || 1 / Math.sqrt(Number(width));
  if (!Number.isFinite(scale)) return node.unsupported('the width of its heads is symbolic');
  const past =
    node.optional(3) ??
    g.constant({ value: [0], dtype: query.dtype, shape: [batch, shared, width, depth] });
  const factors = [
    ...(isGated ? [g.exp(headsOf(node, 4, shared))] : []),
    ...(isDelta ? [headsOf(node, 5, shared)] : []),
  ];
  const over = { states: [past], sequences: [query, key, value, ...factors], axis: 1 };
  const made = g.scan(over, (inner, [state], elements) => {
    const [q, k, v, ...more] = elements as [Value, Value, Value, ...Value[]];
    const column = (x: Value) => inner.reshape(x, { shape: [...x.shape, 1] });
    const row = (x: Value) => inner.reshape(x, { shape: x.shape.toSpliced(-1, 0, 1) });
    const [decay, beta] = isGated ? more : [undefined, ...more];
    const kept = decay === undefined ? (state as Value) : inner.mul(state as Value, column(decay));
    // [batch, shared, 1, k] times [batch, shared, k, v]
    const found = isDelta ? inner.matmul(row(k), kept) : null;
    const change = found === null ? row(v) : inner.sub(row(v), found);
    const written = beta === undefined ? change : inner.mul(change, column(beta));
    const next = inner.add(kept, inner.mul(column(k), written));
    const grouped = inner.reshape(q, { shape: [batch, shared, times, width] });
    const y = inner.matmul(inner.mul(grouped, scale), next);
    return { states: [next], outputs: [y] };
  });
  const [y, state] = [made.outputs[0] as Value, made.states[0] as Value];
  return [g.reshape(y, { shape: [batch, length, node.size([heads, depth])] }), state];
}

/** [batch, n, heads * d] -> [batch, n, heads, d]; of a last dim of 1, one number for all heads. */
function headsOf(node: NodeContext, index: number, heads: number): Value {
  const x = node.value(index);
  const [batch = 1, length = 1, wide = 1] = x.shape;
  if (wide === 1) return node.g.reshape(x, { shape: [batch, length, 1, 1] });
  const width = divideExactly(wide, heads);
  if (width === null) return node.unsupported(`${heads} heads do not divide ${wide}`);
  return node.g.reshape(x, { shape: [batch, length, heads, width] });
}

export const states: HandlerTable = {
  CausalConvWithState: causalConv,
  CumProd: cumProd,
  LinearAttention: linearAttention,
  TensorScatter: tensorScatter,
};
