import { describe, expect, it } from 'vitest';
import { HELPER_NAMES, helperLines } from '../../src/backends/js/helpers.ts';
import { JsModule } from '../../src/backends/js/scope.ts';
import { erf as exactErf } from '../../src/emulator/functions.ts';

/** The helpers as printed, run as a module. */
async function printedHelpers(): Promise<Readonly<Record<string, (x: number) => number>>> {
  const module = new JsModule(HELPER_NAMES, false);
  for (const name of HELPER_NAMES) module.helpers.add(name);
  const text = [...helperLines(module), `export { ${HELPER_NAMES.join(', ')} };`];
  return import(`data:text/javascript,${encodeURIComponent(text.join('\n'))}`);
}

function relativeError(got: number, want: number): number {
  return got === want ? 0 : Math.abs(got - want) / Math.abs(want);
}

function worst(
  f: ((x: number) => number) | undefined,
  exact: (x: number) => number,
  [from, to]: readonly [number, number],
): number {
  const count = 200_000;
  let largest = 0;
  for (let i = 0; i <= count; i++) {
    const x = from + ((to - from) * i) / count;
    const error = relativeError(f?.(x) ?? Number.NaN, exact(x));
    if (!(error <= largest)) largest = error;
  }
  return largest;
}

const { exp, erf, tanh } = await printedHelpers();

describe('exp', () => {
  it('has a relative error below 1e-8 where the result is a normal float64', () => {
    expect(worst(exp, Math.exp, [-708, 709])).toBeLessThan(1e-8);
    expect(worst(exp, Math.exp, [-1, 1])).toBeLessThan(1e-8);
  });

  it('gives 0 below the range and Infinity above, and keeps NaN', () => {
    const low = [-746, -1000, -1e300, Number.NEGATIVE_INFINITY].map((x) => exp?.(x));
    expect(low).toEqual([0, 0, 0, 0]);
    const high = [710, 1000, 1e300, Number.POSITIVE_INFINITY].map((x) => exp?.(x));
    expect(high).toEqual(high.map(() => Number.POSITIVE_INFINITY));
    expect(exp?.(Number.NaN)).toBeNaN();
    expect([exp?.(0), exp?.(-0)]).toEqual([1, 1]);
  });
});

describe.each([
  { name: 'erf', f: erf, exact: exactErf, bound: 3e-9 },
  { name: 'tanh', f: tanh, exact: Math.tanh, bound: 7e-9 },
])('$name', ({ f, exact, bound }) => {
  it(`has a relative error below ${bound}`, () => {
    expect(worst(f, exact, [-12, 12])).toBeLessThan(bound);
    expect(worst(f, exact, [-1e-3, 1e-3])).toBeLessThan(bound);
  });

  it('is 1 in float32 far out and never more than 1', () => {
    for (const x of [10, 100, 1e300, Number.POSITIVE_INFINITY]) {
      expect([Math.fround(f?.(x) ?? 0), Math.fround(f?.(-x) ?? 0)]).toEqual([1, -1]);
    }
    for (let x = 0; x < 12; x += 1e-3) expect(Math.abs(f?.(x) ?? 2)).toBeLessThanOrEqual(1);
  });

  it('keeps NaN and the sign of zero', () => {
    expect(f?.(Number.NaN)).toBeNaN();
    expect([f?.(0), f?.(-0)]).toEqual([0, -0]);
  });
});
