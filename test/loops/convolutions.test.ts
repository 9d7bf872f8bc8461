/**
 * Convolutions, pooling and their norms as kernels of every target: each op at its edges, with passes
 * and without.
 */
import { describe, test } from 'vitest';
import { expectRight } from '../support/agreement.ts';
import { opCases } from '../support/op-cases.ts';

const OPS = new Set([
  'windows',
  'conv',
  'max_pool',
  'average_pool',
  'batch_norm',
  'group_norm',
  'instance_norm',
]);

/** Sizes at which windows of every case fit. */
const SIZES = [
  { n: 1, m: 5, h: 7, w: 9 },
  { n: 3, m: 3, h: 8, w: 12 },
];

describe('every op at its edges', () => {
  const cases = opCases().filter(({ op }) => OPS.has(op));
  test.each(cases.map(({ op, graph }, i) => ({ name: `${op} ${i}`, graph })))(
    '$name',
    async ({ graph }) => expectRight(graph, ...SIZES),
  );
});
