/** What the exporter writes, the importer reads: every op with its edges, and random graphs. */
import { expect, it } from 'vitest';
import { toOnnx } from '../../../src/backends/onnx/export.ts';
import { graphOfModel } from '../../../src/frontends/onnx/index.ts';
import { interpret } from '../../../src/interpreter/interpreter.ts';
import { roundToFloat16 } from '../../../src/ir/float16.ts';
import type { Graph } from '../../../src/ir/graph.ts';
import type { NdArray } from '../../../src/ir/nd-array.ts';
import { decodeModel } from '../../../src/onnx/model-file.ts';
import { opCases } from '../../support/op-cases.ts';

function reimported(graph: Graph): Graph {
  const model = decodeModel(toOnnx(graph), 'the export');
  return graphOfModel({ model, external: new Map() }, 'the export');
}

function expectSame(graph: Graph, again: Graph, inputs: ReadonlyMap<string, NdArray>): void {
  const [want, got] = [interpret(graph, inputs).outputs, interpret(again, inputs).outputs];
  for (const [name, { dtype, shape, data }] of want) {
    const other = got.get(name);
    expect([other?.dtype, other?.shape], name).toEqual([dtype, shape]);
    // a file's float16 is one, while that of a graph is computed in float32
    const expected = dtype === 'f16' ? roundToFloat16(Float32Array.from(data)) : data;
    expected.forEach((number, i) => {
      const value = other?.data[i] ?? Number.NaN;
      if (Object.is(value, number) || value === number) return;
      expect(Math.abs(value - number), `${name}[${i}]`).toBeLessThan(
        1e-5 * Math.max(1, Math.abs(number)),
      );
    });
  }
}

/** What cannot come back, and why. */
const ONE_WAY: ReadonlySet<string> = new Set([
  // written out in integers of 33 bits and more, which no graph holds
  ...['bit_and', 'bit_or', 'bit_xor', 'shift_left', 'shift_right'],
  // as many elements as the data says
  'nonzero',
]);

const cases = opCases()
  .filter(({ op }) => !ONE_WAY.has(op))
  .map((one, i) => ({ ...one, name: `${one.op} ${i}` }));

it.each(cases)('$name', ({ graph, inputs }) => {
  expectSame(graph, reimported(graph), inputs);
});
