/** Files that the fuzzer found fault with, and some of its inputs of every run: each is taken or refused. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encompile, folderWith } from '../cli/command.ts';
import { repositoryRoot } from '../support/build-dist.ts';
import { processorClock } from '../support/processor-time.ts';
import { check, inputOf, READERS, type ReaderName } from './readers.ts';

/** What runs without end fails by the time limit of tests; this is what a busy machine may need. */
const BOUND = 10_000;
const INPUTS = 300;

describe.each<ReaderName>(['onnx', 'safetensors'])('the reader of %s', (name) => {
  const folder = join(repositoryRoot, 'test/fuzz/corpus', name);
  const files = readdirSync(folder).filter((file) => file.endsWith(`.${name}`));

  it.each(files)('ends with a result or a reason: %s', (file) => {
    const elapsed = processorClock();
    expect(check(name, Uint8Array.from(readFileSync(join(folder, file))), true)).toBeTypeOf(
      'boolean',
    );
    expect(elapsed()).toBeLessThan(BOUND);
  });

  it(`ends so for ${INPUTS} inputs, of which some are taken`, () => {
    const reader = READERS[name];
    const seeds = reader.seeds(repositoryRoot);
    const outcomes = Array.from({ length: INPUTS }, (_, index) => {
      return check(name, inputOf(reader, seeds, 1, index), index % 50 === 0);
    });
    expect(outcomes.filter((outcome) => typeof outcome === 'string')).toEqual([]);
    expect(outcomes).toContain(false);
    expect(outcomes).toContain(true);
  });
});

it('makes the same input of the same seed and number, and another of another', () => {
  const reader = READERS.safetensors;
  const seeds = reader.seeds(repositoryRoot);
  expect(inputOf(reader, seeds, 3, 4)).toEqual(inputOf(reader, seeds, 3, 4));
  expect(inputOf(reader, seeds, 3, 4)).not.toEqual(inputOf(reader, seeds, 3, 5));
});

it('calls another exception than EncompileError a finding', () => {
  const { read } = READERS.onnx;
  const broken = { ...READERS.onnx, read: () => void [].reduce((a) => a) };
  expect(check(broken, new Uint8Array(0), false)).toContain('it threw what is no EncompileError');
  expect(check({ ...broken, read }, new Uint8Array(0), false)).toBe(false);
});

describe('the command', () => {
  it.each(['functions-twice', 'no-operands'])('refuses %s and writes nothing', async (name) => {
    const content = readFileSync(join(repositoryRoot, `test/fuzz/corpus/onnx/${name}.onnx`));
    const folder = folderWith({ 'model.onnx': content });
    const { status, stdout, stderr } = await encompile(
      folder,
      'compile',
      'model.onnx',
      '-o',
      'out',
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('model.onnx');
    expect(readdirSync(folder)).toEqual(['model.onnx']);
  });
});
