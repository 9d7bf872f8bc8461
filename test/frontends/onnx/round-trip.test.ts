/** What the exporter writes, the importer reads: every op with its edges, and random graphs. */
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../../src/backends/onnx/export.ts';
import type { OnnxOpset } from '../../../src/backends/onnx/opsets.ts';
import { graphOfModel } from '../../../src/frontends/onnx/index.ts';
import { interpret } from '../../../src/interpreter/interpreter.ts';
import { roundToFloat16 } from '../../../src/ir/float16.ts';
import type { Graph } from '../../../src/ir/graph.ts';
import type { NdArray } from '../../../src/ir/nd-array.ts';
import { decodeModel } from '../../../src/onnx/model-file.ts';
import { opCases, scattersExtremes } from '../../support/op-cases.ts';

function reimported(graph: Graph, opset: OnnxOpset): Graph {
  const model = decodeModel(toOnnx(graph, { opset }), 'the export');
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

/** Of positions that count whatever their element is, the file does not say which they are. */
const comesBack = ({ nodes }: Graph) =>
  !nodes.some(({ op, attributes: { always } }) => op === 'nonzero' && [always].flat().length > 0);

const cases = opCases()
  .filter(({ graph }) => comesBack(graph))
  .map((one, i) => ({ ...one, name: `${one.op} ${i}` }));

describe.each([17, 18, 20, 23] as const)('opset %d', (opset) => {
  const exportable = cases.filter(({ graph }) => opset >= 18 || !scattersExtremes(graph));
  it.each(exportable)('$name', ({ graph, inputs }) => {
    expectSame(graph, reimported(graph, opset), inputs);
  });
});
