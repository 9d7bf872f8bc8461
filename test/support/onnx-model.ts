/** Exported models read back, for tests of what they hold. */
import { expect } from 'vitest';
import { toOnnx } from '../../src/backends/onnx/export.ts';
import type { OnnxOpset } from '../../src/backends/onnx/opsets.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';
import type { GraphProto, ValueInfoProto } from '../../src/onnx/schema.ts';

export function exported(graph: Graph, opset?: OnnxOpset): GraphProto {
  const model = decodeModel(toOnnx(graph, opset === undefined ? {} : { opset }), 'the export');
  if (model.graph === undefined) throw new Error('there is no graph');
  return model.graph;
}

export const opTypes = ({ node }: GraphProto) => node.map(({ opType }) => opType);

/** `f32 [batch, 4]` of an input or output, with the number of the element type. */
export function typeOf({ type }: ValueInfoProto): string {
  const dims = (type?.tensorType?.shape?.dim ?? []).map((dim) => dim.dimParam ?? dim.dimValue);
  return `${type?.tensorType?.elemType} [${dims.join(', ')}]`;
}

/** Every name is defined once, and before it is used. */
export function checkNames({ node, input, output, initializer }: GraphProto): void {
  const defined = new Set<string>();
  const define = (name: string | undefined) => {
    expect(name).not.toBe('');
    expect(defined.has(name ?? ''), `${name} is defined twice`).toBe(false);
    defined.add(name ?? '');
  };
  for (const { name } of [...input, ...initializer]) define(name);
  for (const { input: inputs, output: outputs } of node) {
    for (const name of inputs) expect(name === '' || defined.has(name), name).toBe(true);
    for (const name of outputs) define(name);
  }
  for (const { name } of output) expect(defined.has(name ?? ''), name).toBe(true);
}
