/**
 * What another library computed for a model, and what every backend computes for it. Oracles are
 * safetensors files with tensors `in:<input>`, `out:<output>` and `w:<weight>`, as
 * `test/oracles/catalogue.py` writes them, or ONNX files with their weights as initializers.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { runOn } from '../../src/cli/run-backends.ts';
import { readSafetensors } from '../../src/frontends/safetensors.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { type Graph, type Value, valueOf } from '../../src/ir/graph.ts';
import { fromNdArray, type NdArray, toNdArray } from '../../src/ir/nd-array.ts';
import { resolveSizes } from '../../src/ir/sizes.ts';
import type { TensorData } from '../../src/ir/types.ts';
import { withData } from '../../src/model.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';

type Tensors = ReadonlyMap<string, TensorData>;

export interface Oracle {
  readonly inputs: Tensors;
  readonly outputs: Tensors;
  readonly weights: Tensors;
}

const FIXTURES = fileURLToPath(new URL('../fixtures/catalogue', import.meta.url));

/** The oracle of a fixture, by name, or of a file. */
export async function readOracle(file: string): Promise<Oracle> {
  const path = file.includes('/') ? file : `${FIXTURES}/${file}.safetensors`;
  const tensors = [...(await readSafetensors(path))];
  const part = (prefix: string): Tensors =>
    new Map(
      tensors.flatMap(([name, tensor]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
      ),
    );
  return { inputs: part('in:'), outputs: part('out:'), weights: part('w:') };
}

/** The f32 initializers of an ONNX file, by name. */
export function initializersOf(path: string): Tensors {
  const { graph } = decodeModel(readFileSync(path), path);
  const found = (graph?.initializer ?? []).map((tensor) => {
    const bytes = Uint8Array.from(tensor.rawData?.read() ?? []);
    const data = new Float32Array(bytes.buffer);
    return [tensor.name ?? '', { dtype: 'f32', shape: tensor.dims.map(Number), data }] as const;
  });
  return new Map(found);
}

/** [out, in] -> [in, out]. */
export function transposed({ shape, data }: TensorData): TensorData {
  const [rows = 0, columns = 0] = shape;
  const turned = Float32Array.from({ length: rows * columns }, (_, k) =>
    Number(data[(k % rows) * columns + Math.floor(k / rows)]),
  );
  return { dtype: 'f32', shape: [columns, rows], data: turned };
}

export const BACKENDS = ['interpreter', 'js', 'wasm', 'wgsl'] as const;

/**
 * Expects every output of the declaration to be what the oracle has, on every backend; outputs that
 * the declaration lacks are left alone. Gives the largest difference of all.
 */
export async function expectOracle(
  oracle: Oracle,
  declare: (g: Builder) => { readonly [output: string]: Value },
  tolerance = 1e-5,
): Promise<number> {
  return expectGraph(withData(buildGraph('oracle', declare), oracle.weights), oracle, tolerance);
}

/** As `expectOracle`, of a graph with its weights. */
export async function expectGraph(graph: Graph, oracle: Oracle, tolerance = 1e-5): Promise<number> {
  const inputs = inputsOf(graph, oracle.inputs);
  let worst = 0;
  for (const backend of BACKENDS) {
    const outputs = await runOn(backend, graph, inputs);
    for (const { name } of graph.outputs) {
      const [got, want] = [outputs.get(name), oracle.outputs.get(name)];
      if (got === undefined || want === undefined) throw new Error(`there is no output ${name}`);
      expect(got.shape, name).toEqual(want.shape);
      const difference = largestDifference(toNdArray(got), toNdArray(want));
      expect(difference, `${name} on ${backend}`).toBeLessThan(tolerance);
      worst = Math.max(worst, difference);
    }
  }
  if (process.env.ENCOMPILE_ORACLE_ERRORS) {
    console.log(`${expect.getState().currentTestName}: ${worst.toExponential(1)}`);
  }
  return worst;
}

function inputsOf(graph: Graph, given: Tensors) {
  const inputs = graph.inputs.map((id) => valueOf(graph, id));
  const tensors = new Map(
    inputs.map(({ name, dtype }) => {
      const tensor = given.get(name);
      if (tensor === undefined) throw new Error(`the oracle has no input ${name}`);
      return [name, fromNdArray({ ...toNdArray(tensor), dtype })] as const;
    }),
  );
  const shapes = inputs.map(({ name, shape }) => {
    return { what: name, declared: shape, given: tensors.get(name)?.shape ?? [] };
  });
  return { tensors, sizes: resolveSizes(shapes) };
}

/** NaN where either is NaN, so that no limit holds. */
function largestDifference(a: NdArray, b: NdArray): number {
  return a.data.reduce(
    (worst, x, i) => Math.max(worst, Math.abs(x - (b.data[i] ?? Number.NaN))),
    0,
  );
}
