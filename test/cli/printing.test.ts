/** How the command shows numbers, tables, progress and what repeats. */
import { describe, expect, it } from 'vitest';
import { commonName, groupLedger, printLedgerGroups } from '../../src/cli/ledger-summary.ts';
import { makeProgress } from '../../src/cli/progress.ts';
import {
  byteCount,
  counted,
  duration,
  element,
  flopCount,
  percent,
} from '../../src/cli/quantities.ts';
import { describeError } from '../../src/cli/report-error.ts';
import { atSizes } from '../../src/cli/sizes.ts';
import { toJson, withoutControls } from '../../src/cli/standard-output.ts';
import { printTable } from '../../src/cli/tables.ts';
import { printSummary } from '../../src/cli/tensor-summary.ts';
import type { LedgerEntry } from '../../src/passes/ledger.ts';

describe('numbers', () => {
  it.each([
    [flopCount(2_871_234_567), '2.87 GFLOP'],
    [flopCount(412), '412 FLOP'],
    [byteCount(999_600), '1.00 MB'],
    [byteCount(1536), '1.54 kB'],
    [duration(1234.5), '1.23 s'],
    [duration(43.21), '43.2 ms'],
    [duration(0.9996), '1.00 ms'],
    [duration(0.0123), '12.3 us'],
    [percent(0.1234), '12.3 %'],
    [counted(1, 'kernel'), '1 kernel'],
    [counted(0, 'kernel'), '0 kernels'],
    [element(0.1 + 0.2), '0.3'],
    [element(12345678n), '12345678'],
  ])('are shown as %s', (shown, expected) => {
    expect(shown).toBe(expected);
  });

  it('that JSON lacks are strings in JSON', () => {
    const data = {
      x: Number.NaN,
      y: [Infinity, -Infinity],
      z: 7n,
      w: Float32Array.of(1, Number.NaN),
    };
    expect(JSON.parse(toJson(data))).toEqual({
      x: 'NaN',
      y: ['Infinity', '-Infinity'],
      z: 7,
      w: [1, 'NaN'],
    });
  });
});

it('takes control characters out of what is printed', () => {
  expect(withoutControls('a\tb\n\u001b[2Jc\u009b')).toBe('a\tb\n\\u{1b}[2Jc\\u{9b}');
});

it('aligns tables', () => {
  const columns = [
    { title: 'kernel' },
    { title: 'calls', align: 'right' },
    { title: 'ops' },
  ] as const;
  const rows = [
    ['matmul', '12', 'matmul add'],
    ['é', '3', ''],
  ];
  expect(printTable(columns, rows)).toBe(
    'kernel  calls  ops\n------  -----  ----------\nmatmul     12  matmul add\né           3\n',
  );
});

describe('a tensor', () => {
  it('is summed up without its NaN', () => {
    const data = Float32Array.of(1, Number.NaN, 3, 2);
    expect(printSummary('y', { dtype: 'f32', shape: [4], data })).toBe(
      'y: f32[4]\n  min 1, mean 2, max 3, 1 of 4 NaN or infinite\n  [1, NaN, 3, 2]\n',
    );
  });

  it('may be empty', () => {
    const data = new Float32Array(0);
    expect(printSummary('y', { dtype: 'f32', shape: [0], data })).toBe(
      'y: f32[0]\n  no elements\n  []\n',
    );
  });
});

describe('progress', () => {
  function terminal(isTTY: boolean) {
    const written: string[] = [];
    return { isTTY, columns: 10, written, write: (text: string) => written.push(text) };
  }

  it('is silent where stderr is no terminal', () => {
    const stream = terminal(false);
    const progress = makeProgress(stream);
    progress.show('lower');
    progress.clear();
    expect(stream.written).toEqual([]);
  });

  it('is one line that fits, and is cleared', () => {
    const stream = terminal(true);
    const progress = makeProgress(stream);
    progress.show('lower to wgsl');
    progress.clear();
    progress.clear();
    expect(stream.written).toEqual(['\r\u001b[Klower to ', '\r\u001b[K']);
  });
});

describe('the ledger', () => {
  const entry = (i: number, rest: { matched: true; detail: string } | null): LedgerEntry => ({
    pass: 'fuse-attention',
    pattern: 'attention',
    at: `layer.${i}.probs`,
    location: () => `model.ts:${i + 1}:3`,
    ...(rest ?? {
      matched: false,
      reason: `%layer.${i}.scores has a second use: %probe`,
      stopper: `layer.${i}.scores`,
    }),
  });

  it('shows layers that differ in numbers alone once', () => {
    const detail = (scale: number) => ({ matched: true, detail: `scale ${scale}` }) as const;
    const groups = groupLedger([
      entry(0, detail(0.25)),
      entry(1, detail(0.25)),
      entry(2, null),
      entry(3, null),
      entry(4, detail(0.5)),
    ]);
    expect(printLedgerGroups(groups).split('\n')).toEqual([
      'fuse-attention',
      '  matched x2  %layer.*.probs  attention: scale 0.25 (first: model.ts:1:3)',
      '  refused x2  %layer.*.probs  attention: %layer.2.scores has a second use: %probe (first: model.ts:3:3)',
      '  matched  %layer.4.probs  attention: scale 0.5 (model.ts:5:3)',
    ]);
  });

  it('keeps the numbers that names share', () => {
    expect(commonName(['layer.0.ffn_2', 'layer.11.ffn_2'])).toBe('layer.*.ffn_2');
    expect(commonName(['layer.3.ffn'])).toBe('layer.3.ffn');
  });
});

describe('an error', () => {
  it('of encompile itself is called a bug, in one paragraph', () => {
    const { message, exitCode } = describeError(new Error('no kernel\n  is named x'), false);
    expect({ message, exitCode }).toEqual({
      message:
        'error: This is no fault of yours, but a bug in encompile. What failed: no kernel is named x. ' +
        'Please report it with the model if you can, and what the same command prints under --verbose.',
      exitCode: 1,
    });
  });

  it('shows where it came from, and its cause, when that is asked for', () => {
    const error = new Error('outer', { cause: new Error('inner') });
    expect(describeError(error, false).message).not.toContain('    at ');
    expect(describeError(error, true).message).toMatch(
      /Error: outer\n {4}at [\s\S]*caused by Error: inner/,
    );
  });

  it('about memory names the sizes', async () => {
    const work = async () => new Float64Array(2 ** 53 - 1);
    await expect(atSizes({ batch: 2, seq: 9 }, async () => work())).rejects.toThrow(
      /^The model cannot run at the sizes batch=2 seq=9: .*\.$/,
    );
  });
});
