/** RotaryEmbedding (opset 23): pairs of a head's elements turned by an angle that depends on the row. */
import { divideExactly, multiply, subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { NodeContext } from '../context.ts';

/** x [batch, h, n, d], or [batch, n, h * d]. */
export function rotaryEmbedding(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const isApart = x.shape.length === 4;
  const rows = isApart ? x : splitHeads(node, x);
  const width = rows.shape.at(-1) ?? 1;
  const turned = node.int('rotary_embedding_dim', 0) || width;
  const half = divideExactly(turned, 2);
  if (half === null) return node.unsupported(`its ${turned} elements are no pairs`);
  // [.., n, half] of 3 dims stands beside [batch, n, h, half], else beside [batch, h, n, half].
  const headAxis = isApart ? 1 : 2;
  const angles = (index: number) => {
    const table = node.value(index);
    const own = node.has(3) ? g.gather(table, node.value(3), { axis: 0 }) : table;
    return g.reshape(own, { shape: own.shape.toSpliced(headAxis, 0, 1) });
  };
  const [cos, sin] = [angles(1), angles(2)];
  const isInterleaved = node.int('interleaved', 0) === 1;
  const part = (from: typeof turned, to: typeof turned, step = 1) =>
    g.slice(rows, {
      starts: [0, 0, 0, from],
      ends: [...rows.shape.slice(0, 3), to],
      steps: [1, 1, 1, step],
    });
  const [a, b] = isInterleaved
    ? [part(0, turned, 2), part(1, turned, 2)]
    : [part(0, half), part(half, turned)];
  const real = g.sub(g.mul(cos, a), g.mul(sin, b));
  const imaginary = g.add(g.mul(sin, a), g.mul(cos, b));
  const pairs = isInterleaved
    ? interleaved(node, real, imaginary)
    : g.concat([real, imaginary], { axis: -1 });
  const y =
    subtract(width, turned) === 0 ? pairs : g.concat([pairs, part(turned, width)], { axis: -1 });
  return isApart ? y : g.reshape(y, { shape: x.shape });
}

function splitHeads(node: NodeContext, x: Value): Value {
  const [batch = 1, n = 1, wide = 1] = x.shape;
  const heads = node.int('num_heads', 0);
  const width = heads > 0 ? divideExactly(wide, heads) : null;
  if (width === null) return node.unsupported(`num_heads = ${heads} does not divide ${wide}`);
  return node.g.reshape(x, { shape: [batch, n, heads, width] });
}

/** a0, b0, a1, b1, .. */
function interleaved({ g }: NodeContext, a: Value, b: Value): Value {
  const apart = [a, b].map((x) => g.reshape(x, { shape: [...x.shape, 1] }));
  const together = g.concat(apart, { axis: -1 });
  const width = multiply(a.shape.at(-1) ?? 1, 2);
  return g.reshape(together, { shape: [...a.shape.slice(0, -1), width] });
}
