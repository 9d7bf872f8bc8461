/**
 * Einsum: sums of products over labelled dims, two operands at a time by one matmul.
 *
 * A pair's labels are batch (in both, and needed behind), contracted (in both, not needed), or of one
 * operand alone; of these what is not needed is summed first. The dims of an ellipsis are labelled by
 * their places from the right, and broadcast.
 */
import { type Dim, sizeOf } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';

interface Labelled {
  readonly value: Value;
  /** One a dim: a letter, or the place of a dim of the ellipsis. */
  readonly labels: readonly string[];
}

function einsum(node: NodeContext): Value {
  const equation = node.text('equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  const values = node.values();
  const terms = left.split(',');
  if (terms.length !== values.length || !/^[A-Za-z.,]*$/.test(left)) {
    return node.unsupported(
      `its equation '${equation}' does not fit its ${values.length} operands`,
    );
  }
  const operands = values.map((value, i) =>
    withoutRepeats(node, { value, labels: labelsOf(node, terms[i] ?? '', value.shape.length) }),
  );
  const spread = [...new Set(operands.flatMap(({ labels }) => labels.filter(isSpread)))];
  spread.sort((a, b) => Number(b) - Number(a));
  const wanted = right === undefined ? onceOnly(left) : right;
  const output = wanted.split(/(\.\.\.|.)/).flatMap((label) => {
    if (label === '...') return spread;
    return label === '' ? [] : [label];
  });
  const [first, ...others] = operands;
  if (first === undefined) return node.unsupported('it has no operand');
  const result = others.reduce((a, b, i) => {
    const behind = others.slice(i + 1).flatMap(({ labels }) => labels);
    return product(node, a, b, new Set([...output, ...behind]));
  }, first);
  const summed = sumOut(node, result, (label) => output.includes(label));
  const permutation = output.map((label) => summed.labels.indexOf(label));
  if (permutation.includes(-1))
    return node.unsupported(`its equation '${equation}' names no dim so`);
  return node.g.transpose(summed.value, { permutation });
}

const isSpread = (label: string) => /^\d/.test(label);

/** Without an output: an ellipsis, and what stands once, in the order of the alphabet. */
function onceOnly(left: string): string {
  const letters = [...left].filter((letter) => /[A-Za-z]/.test(letter));
  const once = letters.filter((letter) => letters.filter((other) => other === letter).length === 1);
  return `${left.includes('...') ? '...' : ''}${once.sort().join('')}`;
}

function labelsOf(node: NodeContext, term: string, rank: number): readonly string[] {
  const [before = '', behind] = term.split('...');
  const count = rank - before.length - (behind ?? '').length;
  if (count < 0 || (behind === undefined && count > 0)) {
    return node.unsupported(`its term '${term}' does not label ${rank} dims`);
  }
  const spread = Array.from({ length: count }, (_, i) => `${count - 1 - i}`);
  return [...before, ...spread, ...(behind ?? '')];
}

/** The diagonal of dims that share a label. */
function withoutRepeats(node: NodeContext, { value, labels }: Labelled): Labelled {
  const { g } = node;
  const second = labels.findIndex((label, axis) => labels.indexOf(label) < axis);
  if (second < 0) return { value, labels };
  const first = labels.indexOf(labels[second] ?? '');
  const along = (axis: number) =>
    g.iota({ shape: value.shape.map((dim, other) => (other === axis ? dim : 1)), axis });
  const diagonal = g.select(g.equal(along(first), along(second)), value, 0);
  return withoutRepeats(node, {
    value: g.reduce_sum(diagonal, { axes: [second] }),
    labels: labels.filter((_, axis) => axis !== second),
  });
}

function sumOut({ g }: NodeContext, x: Labelled, isKept: (label: string) => boolean): Labelled {
  const axes = x.labels.flatMap((label, axis) => (isKept(label) ? [] : [axis]));
  if (axes.length === 0) return x;
  return { value: g.reduce_sum(x.value, { axes }), labels: x.labels.filter(isKept) };
}

function product(
  node: NodeContext,
  left: Labelled,
  right: Labelled,
  needed: ReadonlySet<string>,
): Labelled {
  const a = sumOut(node, left, (label) => needed.has(label) || right.labels.includes(label));
  const b = sumOut(node, right, (label) => needed.has(label) || a.labels.includes(label));
  const both = a.labels.filter((label) => b.labels.includes(label));
  const [batch, contracted] = [
    both.filter((label) => needed.has(label)),
    both.filter((label) => !needed.has(label)),
  ];
  const [rows, columns] = [a, b].map(({ labels }) => labels.filter((l) => !both.includes(l))) as [
    string[],
    string[],
  ];
  for (const label of both) {
    const [x, y] = [dimOf(a, label), dimOf(b, label)];
    if (!isSpread(label) || (x !== 1 && y !== 1)) node.site.equate(x, y);
  }
  const matrix = node.g.matmul(
    arranged(node, a, [batch, rows, contracted]),
    arranged(node, b, [batch, contracted, columns]),
  );
  const outer = matrix.shape.slice(0, batch.length);
  const shape = [...outer, ...rows.map((l) => dimOf(a, l)), ...columns.map((l) => dimOf(b, l))];
  return { value: node.g.reshape(matrix, { shape }), labels: [...batch, ...rows, ...columns] };
}

const dimOf = ({ value, labels }: Labelled, label: string): Dim =>
  value.shape[labels.indexOf(label)] ?? 1;

/** [..batch, first, second], of which the last two are all dims of their labels in one. */
function arranged(
  { g }: NodeContext,
  x: Labelled,
  [batch, ...matrix]: readonly [readonly string[], readonly string[], readonly string[]],
): Value {
  const order = [...batch, ...matrix.flat()];
  const permutation = order.map((label) => x.labels.indexOf(label));
  const sizes = (labels: readonly string[]) => labels.map((label) => dimOf(x, label));
  const shape = [...sizes(batch), ...matrix.map((labels) => sizeOf(sizes(labels)))];
  return g.reshape(g.transpose(x.value, { permutation }), { shape });
}

export const einsums: HandlerTable = { Einsum: einsum };
