/** Published models against what ONNX Runtime computed for them (`test/oracles/real-onnx.mjs`). */
import { existsSync, readFileSync } from 'node:fs';
import type { InputTensors } from '../../src/cli/input-tensors.ts';
import { type RunBackend, withBackend } from '../../src/cli/run-backends.ts';
import { importOnnx } from '../../src/frontends/onnx/index.ts';
import { type Graph, valueOf } from '../../src/ir/graph.ts';
import { fromNdArray } from '../../src/ir/nd-array.ts';
import { resolveSizes } from '../../src/ir/sizes.ts';
import type { TensorData } from '../../src/ir/types.ts';
import { type RealArray, type RealCase, type RealModel, runCase } from '../oracles/real-models.mjs';

interface Sample {
  readonly shape: readonly number[];
  readonly places: readonly number[];
  readonly numbers: readonly number[];
}

/** By model: by case, by step, by output. */
type Fixture = { readonly [model: string]: readonly Steps[] };
type Steps = readonly { readonly [output: string]: Sample }[];

const path = new URL('../fixtures/real-models.json', import.meta.url);
const { models }: { readonly models: Fixture } = JSON.parse(readFileSync(path, 'utf8'));

/** Whether the package with the model is installed, as `npm ci` does. */
export function isInstalled({ file }: RealModel): boolean {
  return existsSync(file);
}

export async function importReal({ file, constants, sizes }: RealModel): Promise<Graph> {
  const fixed = Object.entries(constants ?? {}).map(
    ([name, array]) => [name, tensor(array)] as const,
  );
  return importOnnx(file, {
    constants: new Map(fixed),
    sizes: new Map(Object.entries(sizes ?? {})),
  });
}

/** The largest difference of each case from ONNX Runtime, an output's numbers divided by its largest if that is more than 1. */
export async function errorsOf(
  model: RealModel,
  graph: Graph,
  backend: RunBackend,
): Promise<readonly number[]> {
  return withBackend(backend, graph, {}, async (run) => {
    const errors: number[] = [];
    for (const [place, one] of model.cases.entries()) {
      errors.push(await errorOf(model, one, place, (inputs) => runOnce(graph, inputs, run)));
    }
    return errors;
  });
}

type RunCase = (inputs: Arrays) => Promise<Arrays>;
type Arrays = ReadonlyMap<string, RealArray>;

async function errorOf({ name }: RealModel, one: RealCase, place: number, run: RunCase) {
  const got = await runCase(one, run);
  const errors = (models[name]?.[place] ?? []).flatMap((outputs, step) => {
    return Object.entries(outputs).map(([output, sample]) => {
      return sampleError(got[step]?.get(output), sample, `${output} of step ${step}`);
    });
  });
  if (errors.length === 0) throw new Error(`there is no fixture of ${name}`);
  return Math.max(...errors);
}

async function runOnce(
  graph: Graph,
  inputs: Arrays,
  run: (inputs: InputTensors) => Promise<ReadonlyMap<string, TensorData>>,
): Promise<Arrays> {
  const tensors = new Map([...inputs].map(([name, array]) => [name, tensor(array)]));
  const shapes = graph.inputs.map((id) => {
    const { name, shape } = valueOf(graph, id);
    return { what: name, declared: shape, given: tensors.get(name)?.shape ?? [] };
  });
  const outputs = await run({ tensors, sizes: resolveSizes(shapes) });
  return new Map(
    [...outputs].map(([name, { dtype, shape, data }]) => {
      return [name, { dtype, shape, data: Float64Array.from(data, Number) }];
    }),
  );
}

function tensor({ dtype, shape, data }: RealArray): TensorData {
  return fromNdArray({ dtype, shape, data: Float64Array.from(data) });
}

function sampleError(got: RealArray | undefined, { shape, places, numbers }: Sample, what: string) {
  if (got?.shape.join() !== shape.join()) {
    throw new Error(`${what} has the shape [${got?.shape}], where [${shape}] was expected`);
  }
  const largest = Math.max(1, ...numbers.map(Math.abs));
  const errors = places.map((place, i) => Math.abs((got.data[place] ?? NaN) - (numbers[i] ?? NaN)));
  const worst = Math.max(...errors) / largest;
  if (Number.isNaN(worst)) throw new Error(`${what} has numbers that are none`);
  return worst;
}
