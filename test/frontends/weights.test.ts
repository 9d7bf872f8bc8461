import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncompileError } from '../../src/errors.ts';
import { bindWeights, type WantedWeight } from '../../src/frontends/weights.ts';
import type { TensorData } from '../../src/ir/types.ts';
import { processorClock } from '../support/processor-time.ts';

function f32(...shape: number[]): TensorData {
  const length = shape.reduce((product, dim) => product * dim, 1);
  return { dtype: 'f32', shape, data: Float32Array.from({ length }, (_, i) => i) };
}

function wanted(name: string, ...shape: number[]): WantedWeight {
  return { name, dtype: 'f32', shape };
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(EncompileError);
    return (error as EncompileError).message;
  }
  return expect.fail('nothing was thrown');
}

describe('what fits', () => {
  it('is bound in the wanted order, with the very numbers given', () => {
    const given = new Map([
      ['b', f32(2)],
      ['a', f32(2, 3)],
    ]);
    const bound = bindWeights([wanted('a', 2, 3), wanted('b', 2)], given, 'here');
    expect([...bound.keys()]).toEqual(['a', 'b']);
    expect(bound.get('a')?.data).toBe(given.get('a')?.data);
  });

  it('may be float16 where f32 is wanted, and becomes f32', () => {
    const given = new Map([['a', { ...f32(2), dtype: 'f16' as const }]]);
    expect(bindWeights([wanted('a', 2)], given, 'here').get('a')).toEqual(f32(2));
  });

  it('may leave tensors over where that is allowed', () => {
    const given = new Map([
      ['a', f32(2)],
      ['x', f32(2)],
    ]);
    expect(() => bindWeights([wanted('a', 2)], given, 'here')).toThrow(/1 extra/);
    const bound = bindWeights([wanted('a', 2)], given, 'here', { allowExtra: true });
    expect([...bound.keys()]).toEqual(['a']);
  });

  it('may have names of Object.prototype', () => {
    const given = new Map([['__proto__', f32(2)]]);
    expect(bindWeights([wanted('__proto__', 2)], given, 'here').size).toBe(1);
    expect(() => bindWeights([wanted('constructor', 2)], new Map(), 'here')).toThrow(/1 missing/);
  });
});

describe('what does not fit', () => {
  it('is reported all at once, with the nearest names', () => {
    const given = new Map<string, TensorData>([
      ['layer.0.query.wieght', f32(4, 4)],
      ['layer.0.key.weight', f32(4, 8)],
      ['layer.0.value.weight', { dtype: 'i32', shape: [4], data: Int32Array.of(1, 2, 3, 4) }],
      ['layer.0.scale', { ...f32(2), shape: [3] }],
      ['optimizer_state', f32(1)],
    ]);
    const message = messageOf(() =>
      bindWeights(
        [
          wanted('layer.0.query.weight', 4, 4),
          wanted('layer.0.key.weight', 4, 4),
          wanted('layer.0.value.weight', 4),
          wanted('layer.0.scale', 3),
          wanted('embeddings', 10, 4),
        ],
        given,
        'model.safetensors',
      ),
    );
    expect(message).toBe(
      [
        'The weights in model.safetensors do not fit the model: 2 missing, 3 of the wrong dtype or shape, 2 extra.',
        '  missing: "layer.0.query.weight", expected f32[4, 4] (there is "layer.0.query.wieght")',
        '  missing: "embeddings", expected f32[10, 4]',
        '  wrong: "layer.0.key.weight" is f32[4, 8], expected f32[4, 4]',
        '  wrong: "layer.0.value.weight" is i32[4], expected f32[4]',
        '  wrong: "layer.0.scale" is malformed: its shape [3] has 3 elements, and its data has 2',
        '  extra: "layer.0.query.wieght" (wanted: "layer.0.query.weight")',
        '  extra: "optimizer_state"',
        'Give the weights that the model declares, under the same names, or change the declaration.',
      ].join('\n'),
    );
  });

  it.each<[string, WantedWeight, TensorData]>([
    ['another rank', wanted('a', 2, 1), f32(2)],
    ['transposed dims', wanted('a', 2, 3), f32(3, 2)],
    ['f32 where f16 is wanted', { name: 'a', dtype: 'f16', shape: [2] }, f32(2)],
    [
      'i32 where i64 is wanted',
      { name: 'a', dtype: 'i64', shape: [1] },
      { dtype: 'i32', shape: [1], data: Int32Array.of(1) },
    ],
    [
      'an i64 array that calls itself f32',
      wanted('a', 1),
      { dtype: 'f32', shape: [1], data: BigInt64Array.of(1n) },
    ],
  ])('%s', (_, weight, tensor) => {
    const message = messageOf(() => bindWeights([weight], new Map([['a', tensor]]), 'here'));
    expect(message).toContain('1 of the wrong dtype or shape');
  });

  it('hints at a name only where it is near, and never at one that is bound', () => {
    const given = new Map([['layer.1.bias', f32(1)]]);
    const near = [wanted('layer.1.bias', 1), wanted('layer.2.bias', 1)];
    expect(messageOf(() => bindWeights(near, given, 'here'))).not.toContain('there is');
    const far = [wanted('embeddings.word', 1)];
    expect(messageOf(() => bindWeights(far, given, 'here'))).not.toContain('there is');
  });

  it('is cut after twenty of a kind', () => {
    const many = Array.from({ length: 50 }, (_, i) => wanted(`weight.${i}`, 1));
    const given = new Map(Array.from({ length: 31 }, (_, i) => [`stray.${i}`, f32(1)]));
    const message = messageOf(() => bindWeights(many, given, 'here'));
    expect(message.split('\n')).toHaveLength(1 + 21 + 21 + 1);
    expect(message).toContain('missing: and 30 more');
    expect(message).toContain('extra: and 11 more');
  });

  it('is told within a second for many and for very long names', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => wanted(`encoder.layer.${i}.weight`, 1));
    const given = new Map(many.map(({ name }) => [`model.${name}`, f32(1)]));
    for (const letter of 'ab') given.set(letter.repeat(2_000_000), f32(1));
    const elapsed = processorClock();
    messageOf(() => bindWeights([...many, wanted('c'.repeat(2_000_000), 1)], given, 'here'));
    expect(elapsed()).toBeLessThan(1000);
  });
});

describe('any set of weights', () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { maxLength: 12 });
  it('is bound whole or refused with every missing and extra name counted', () => {
    fc.assert(
      fc.property(names, names, (asked, offered) => {
        const given = new Map(offered.map((name) => [name, f32(1)]));
        const missing = asked.filter((name) => !given.has(name)).length;
        const extra = offered.filter((name) => !asked.includes(name)).length;
        const bind = () =>
          bindWeights(
            asked.map((name) => wanted(name, 1)),
            given,
            'here',
          );
        if (missing + extra === 0) {
          expect([...bind().keys()]).toEqual(asked);
          return;
        }
        const summary = messageOf(bind).split('\n')[0];
        if (missing > 0) expect(summary).toContain(`${missing} missing`);
        if (extra > 0) expect(summary).toContain(`${extra} extra`);
      }),
    );
  });
});
