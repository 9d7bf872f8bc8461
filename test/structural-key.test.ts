import { expect, test } from 'vitest';
import { structuralKey } from '../src/structural-key.ts';

test('values that differ have different keys', () => {
  const values = [
    ...[0, -0, 1, Infinity, -Infinity, Number.NaN, null, 'NaN', '-0', true, 'true'],
    ...[[0], [-0], [[0]], { a: 0 }, { a: -0 }, { b: 0 }, [Infinity, 1], [1, Infinity]],
  ];
  expect(new Set(values.map(structuralKey)).size).toBe(values.length);
});

test('equal values have equal keys', () => {
  const value = () => ({ op: 'pad', attributes: { value: -Infinity, before: [0, -0] } });
  expect(structuralKey(value())).toBe(structuralKey(value()));
});
