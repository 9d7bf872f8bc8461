/**
 * Attention (opset 23), as the op `attention` where it is scaled, masked and biased products, and
 * written out where it caps its scores or gives them as an output. A query that sees no key gives zeros,
 * in both.
 */
import { type Dim, divideExactly, subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext, Result } from '../context.ts';
import { rotaryEmbedding } from './rotary.ts';

/** Query [batch, h, n, d], key [batch, hk, m, d], value [batch, hk, m, dv]. */
interface Heads {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  /** Rows of the cache before the keys that are given. */
  readonly past: Dim;
}

function attention(node: NodeContext): readonly Result[] {
  const { g } = node;
  const heads = headsOf(node);
  const { query, key, value } = heads;
  const [width = 1] = query.shape.slice(-1);
  const scale = node.attributes.float('scale') ?? scaleFor(node, width);
  const { mask, bias } = masksOf(node, heads);
  const softcap = node.float('softcap', 0);
  const offset = subtract(key.shape[2] ?? 1, query.shape[2] ?? 1);
  const isCausal = node.int('is_causal', 0) === 1;
  // The op counts the rows before the first query from the end of the keys.
  const causal = isCausal && !node.has(6) && offset === heads.past;
  const visible = isCausal && !causal ? both(node, mask, causalMask(node, heads)) : mask;
  const isWhole = softcap === 0 && !node.wants(3);
  if (isWhole) {
    const y = g.attention(query, key, value, visible, bias, { scale, causal });
    return [joined(node, y), key, value];
  }
  const seen = causal ? both(node, visible, causalMask(node, heads)) : visible;
  const [y, scores] = written(node, heads, { mask: seen, bias, scale, softcap });
  return [joined(node, y), key, value, scores];
}

export function scaleFor(node: NodeContext, width: Dim): number {
  if (typeof width === 'number') return 1 / Math.sqrt(width);
  return node.unsupported('its scale depends on a symbolic width', 'Give the attribute scale.');
}

/** The operands with heads as their second dim, behind the cached rows. */
function headsOf(node: NodeContext): Heads {
  const { g } = node;
  const apart = (index: number, heads: string) => splitHeads(node, node.value(index), heads);
  const query = apart(0, 'q_num_heads');
  const [ownKey, ownValue] = [apart(1, 'kv_num_heads'), apart(2, 'kv_num_heads')];
  const [pastKey, pastValue] = [node.optional(4), node.optional(5)];
  if (pastKey === null || pastValue === null) {
    return { query, key: ownKey, value: ownValue, past: 0 };
  }
  const key = g.concat([pastKey, ownKey], { axis: 2 });
  const value = g.concat([pastValue, ownValue], { axis: 2 });
  return { query, key, value, past: pastKey.shape[2] ?? 0 };
}

/** [batch, n, h * d] -> [batch, h, n, d]; an operand of 4 dims is so already. */
function splitHeads(node: NodeContext, x: Value, attribute: string): Value {
  const { g } = node;
  if (x.shape.length === 4) return x;
  const [batch = 1, rows = 1, wide = 1] = x.shape;
  const heads = node.int(attribute, 0);
  const width = heads > 0 ? divideExactly(wide, heads) : null;
  if (width === null) return node.unsupported(`${attribute} = ${heads} does not divide ${wide}`);
  const split = g.reshape(x, { shape: [batch, rows, heads, width] });
  return g.transpose(split, { permutation: [0, 2, 1, 3] });
}

/** Back to [batch, n, h * d] where the operands were so. */
function joined(node: NodeContext, y: Value): Value {
  const { g } = node;
  if (node.type(0).shape.length === 4) return y;
  const [batch = 1, heads = 1, rows = 1, width = 1] = y.shape;
  const turned = g.transpose(y, { permutation: [0, 2, 1, 3] });
  return g.reshape(turned, { shape: [batch, rows, node.size([heads, width])] });
}

interface Masks {
  readonly mask: Value | null;
  readonly bias: Value | null;
}

/** The operand attn_mask, of all keys, and the rows that `nonpad_kv_seqlen` and windows leave visible. */
function masksOf(node: NodeContext, heads: Heads): Masks {
  const { g } = node;
  const given = node.optional(3);
  const total = heads.key.shape[2] ?? 1;
  let mask = windowMask(node, heads);
  if (node.has(6)) {
    const lengths = g.reshape(node.value(6), { shape: [heads.query.shape[0] ?? 1, 1, 1, 1] });
    const place = g.iota({ shape: [total], axis: 0, dtype: lengths.dtype });
    mask = both(node, mask, g.less(place, lengths));
  }
  if (given === null) return { mask, bias: null };
  const whole = padTo(node, given, total);
  if (whole.dtype === 'bool') return { mask: both(node, mask, whole), bias: null };
  return { mask, bias: whole };
}

/** A mask of fewer keys hides the others. */
function padTo({ g }: NodeContext, mask: Value, total: Dim): Value {
  const missing = subtract(total, mask.shape.at(-1) ?? 1);
  if (missing === 0 || mask.shape.at(-1) === 1) return mask;
  const before = mask.shape.map(() => 0);
  const after = mask.shape.map((_, axis) => (axis === mask.shape.length - 1 ? missing : 0));
  return g.pad(mask, { before, after, value: mask.dtype === 'bool' ? 0 : -Infinity });
}

function both({ g }: NodeContext, a: Value | null, b: Value): Value {
  return a === null ? b : g.and(a, b);
}

/** j - i <= past, where the past of a padded cache is that of its own batch row. */
function causalMask(node: NodeContext, heads: Heads): Value {
  const { g } = node;
  const { keys, queries } = places(node, heads);
  return g.less_equal(keys, queries);
}

/** The places of keys, and of queries among the keys. */
function places(node: NodeContext, { query, key, past }: Heads) {
  const { g } = node;
  const [n = 1, m = 1] = [query.shape[2], key.shape[2]];
  const dtype = node.has(6) ? node.type(6).dtype : 'i32';
  const keys = g.iota({ shape: [1, m], axis: 1, dtype });
  if (!node.has(6))
    return { keys, queries: g.iota({ shape: [n, 1], axis: 0, start: past, dtype }) };
  const lengths = g.reshape(node.value(6), { shape: [query.shape[0] ?? 1, 1, 1, 1] });
  const own = g.iota({ shape: [n, 1], axis: 0, start: subtract(0, n), dtype });
  return { keys, queries: g.add(lengths, own) };
}

/** Opset 25: a query sees `left` keys before its own place and `right` behind it; -1 is all of them. */
function windowMask(node: NodeContext, heads: Heads): Value | null {
  const { g } = node;
  const [left, right] = [node.int('left_window_size', -1), node.int('right_window_size', -1)];
  if (left < 0 && right < 0) return null;
  const { keys, queries } = places(node, heads);
  const near = left < 0 ? null : g.less_equal(g.sub(queries, left), keys);
  if (right < 0) return near;
  return both(node, near, g.less_equal(keys, g.add(queries, right)));
}

interface Scoring extends Masks {
  readonly scale: number;
  readonly softcap: number;
}

/** The formula written out, and the scores at the point that `qk_matmul_output_mode` names. */
function written(
  node: NodeContext,
  { query, key, value }: Heads,
  { mask, bias, scale, softcap }: Scoring,
): readonly [y: Value, scores: Value] {
  const { g } = node;
  const turned = g.transpose(key, { permutation: [0, 1, 3, 2] });
  const raw = grouped(node, g.mul(query, scale), turned);
  const capped = softcap === 0 ? raw : g.mul(g.tanh(g.div(raw, softcap)), softcap);
  const biased = bias === null ? capped : g.add(capped, bias);
  const weights = mask === null ? g.softmax(biased) : g.softmax(biased, mask);
  const stages = [
    () => raw,
    () => capped,
    () => (mask === null ? biased : g.select(mask, biased, -Infinity)),
    () => weights,
  ];
  const shown = stages[node.int('qk_matmul_output_mode', 0)] ?? (() => raw);
  return [grouped(node, weights, value), shown()];
}

/** [batch, h, n, k] times [batch, hk, k, m], of which every head serves h / hk in a row. */
export function grouped(node: NodeContext, a: Value, b: Value): Value {
  const { g } = node;
  const [batch = 1, heads = 1, ...rows] = a.shape;
  const [, shared = 1, ...inner] = b.shape;
  if (heads === shared) return g.matmul(a, b);
  const times = divideExactly(heads, shared);
  if (times === null) return node.unsupported(`${shared} key heads do not divide ${heads}`);
  const left = g.reshape(a, { shape: [batch, shared, times, ...rows] });
  const right = g.reshape(b, { shape: [batch, shared, 1, ...inner] });
  const y = g.matmul(left, right);
  return g.reshape(y, { shape: [batch, heads, ...y.shape.slice(3)] });
}

export const attentionOps: HandlerTable = {
  Attention: attention,
  RotaryEmbedding: rotaryEmbedding,
};
