/** Resize between sizes that only a run knows gives what Resize between the same fixed sizes gives. */
import { describe, expect, it } from 'vitest';
import { runOn } from '../../../src/cli/run-backends.ts';
import { fromNdArray } from '../../../src/ir/nd-array.ts';
import { f32, imported, info, node, numbers } from './made-model.ts';

type Attributes = { readonly [name: string]: number | string };

/** x of height and width, resized to the height and width of like. */
function resizing(attributes: Attributes, x: readonly unknown[], like: readonly unknown[]) {
  return imported({
    input: [info('x', x as string[]), info('like', like as string[])],
    output: [info('y'), info('z')],
    node: [
      node('Shape', ['like'], ['sizes']),
      node('Resize', ['x', '', '', 'sizes'], ['y'], attributes),
      node('Identity', ['like'], ['z']),
    ],
  });
}

const filled = (shape: readonly [number, number]) =>
  f32(
    shape,
    Array.from({ length: shape[0] * shape[1] }, (_, i) => ((i * i) % 11) - 4),
  );

const SIZES: readonly (readonly [readonly [number, number], readonly [number, number]])[] = [
  [
    [3, 4],
    [5, 9],
  ],
  [
    [7, 5],
    [3, 2],
  ],
  [
    [6, 1],
    [1, 4],
  ],
  [
    [4, 6],
    [4, 9],
  ],
];
const COORDINATES = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];

describe('Resize of symbolic sizes', () => {
  const smooth = COORDINATES.flatMap((coordinates) =>
    ['linear', 'cubic'].map((mode) => ({
      mode,
      coordinate_transformation_mode: coordinates,
    })),
  );
  const nearest = ['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'].map((rounding) => ({
    mode: 'nearest',
    nearest_mode: rounding,
    coordinate_transformation_mode: 'asymmetric',
  }));

  it.each([...smooth, ...nearest])(
    '$mode, $coordinate_transformation_mode $nearest_mode',
    async (attributes) => {
      const symbolic = resizing(attributes, ['h', 'w'], ['p', 'q']);
      for (const [from, to] of SIZES) {
        const inputs = { x: filled(from), like: filled(to) };
        const want = numbers(resizing(attributes, from, to), inputs).y ?? [];
        const sizes = { h: from[0], w: from[1], p: to[0], q: to[1] };
        const tensors = new Map(Object.entries(inputs).map(([name, x]) => [name, fromNdArray(x)]));
        for (const backend of ['interpreter', 'js', 'wasm', 'emulator-wgsl'] as const) {
          const y = (await runOn(backend, symbolic, { tensors, sizes })).get('y');
          expect(y?.shape).toEqual([...to]);
          const got = Array.from(y?.data ?? [], Number);
          expect(got.length).toBe(want.length);
          for (const [i, number] of got.entries()) expect(number).toBeCloseTo(Number(want[i]), 4);
        }
      }
    },
  );

  it('by a half is every size that is a floor', () => {
    const scales = { name: 's', dims: [2n], dataType: 1, floatData: [0.5, 0.25] };
    const halved = (x: readonly (string | number)[]) =>
      imported({
        input: [info('x', x)],
        output: [info('y')],
        initializer: [scales],
        node: [node('Resize', ['x', '', 's'], ['y'], { mode: 'linear' })],
      });
    const symbolic = halved(['h', 'w']);
    for (const from of [
      [7, 9],
      [6, 8],
    ] as const) {
      const x = filled(from);
      const [got, want] = [numbers(symbolic, { x }).y, numbers(halved(from), { x }).y];
      expect(got?.length).toBe(want?.length);
      for (const [i, number] of (got ?? []).entries()) {
        expect(Number(number)).toBeCloseTo(Number(want?.[i]), 5);
      }
    }
  });

  it.each<[string, Attributes, readonly [string, string]]>([
    ['antialiased', { mode: 'linear', antialias: 1 }, ['h', 'w']],
    ['without taps outside', { mode: 'cubic', exclude_outside: 1 }, ['h', 'w']],
    [
      'half_pixel_symmetric',
      { coordinate_transformation_mode: 'half_pixel_symmetric' },
      ['h', 'w'],
    ],
  ])('%s asks to fix the sizes', (_, attributes, x) => {
    expect(() => resizing(attributes, x, ['p', 'q'])).toThrow('--fix SYMBOL=SIZE');
  });
});
