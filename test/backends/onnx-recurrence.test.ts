/** Recurrences in exported ONNX models: read back, they compute what was exported. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { toOnnx } from '../../src/backends/onnx/export.ts';
import { importOnnx } from '../../src/frontends/onnx/index.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';
import { opCases } from '../support/op-cases.ts';
import { expectClose, nd } from '../support/op-runs.ts';

const folder = await mkdtemp(join(tmpdir(), 'encompile-onnx-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const RECURRENT: ReadonlySet<string> = new Set(['rnn', 'lstm', 'gru', 'scan']);
const cases = opCases()
  .filter(({ op }) => RECURRENT.has(op))
  .map((given, i) => ({ ...given, name: `${given.op} ${i}` }));

test.each(cases)('$name', async ({ name, graph, inputs }) => {
  const path = join(folder, `${name}.onnx`);
  await writeFile(path, toOnnx(graph));
  const read = await importOnnx(path);
  const want = interpret(graph, inputs).outputs;
  const got = interpret(read, inputs).outputs;
  expect([...got.keys()]).toEqual([...want.keys()]);
  for (const [output, array] of want)
    expectClose(got.get(output) ?? nd('f32', [0], []), array, 1e-6);
});

test('a layer without lengths is the op of its name, one with lengths a Scan', () => {
  const ops = cases.map(({ op, graph }) => {
    const bytes = toOnnx(graph);
    const nodes = decodeModel(bytes, op).graph?.node ?? [];
    const found = nodes.find(({ opType }) => /RNN|LSTM|GRU|Scan/.test(opType ?? ''))?.opType;
    return `${op}: ${found}`;
  });
  expect(ops.slice(0, 5)).toEqual([
    'rnn: RNN',
    'rnn: Scan',
    'rnn: RNN',
    'lstm: LSTM',
    'lstm: LSTM',
  ]);
  expect(ops.slice(5, 9)).toEqual(['lstm: Scan', 'lstm: LSTM', 'gru: GRU', 'gru: Scan']);
});
