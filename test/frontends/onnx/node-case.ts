/**
 * One of ONNX's own node tests: a model, inputs and the outputs that the standard wants. An input that
 * decides how the model is built is fixed, as a user would with `--constants`: the importer names it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunBackend, runOn } from '../../../src/cli/run-backends.ts';
import { graphOfModel, OnnxImportError } from '../../../src/frontends/onnx/index.ts';
import { readTensor } from '../../../src/frontends/onnx/tensors.ts';
import { type Graph, valueOf } from '../../../src/ir/graph.ts';
import { resolveSizes } from '../../../src/ir/sizes.ts';
import { isFloat, printType, type TensorData } from '../../../src/ir/types.ts';
import { decodeModel, decodeTensor } from '../../../src/onnx/model-file.ts';
import type { ModelProto, NodeProto } from '../../../src/onnx/schema.ts';

export interface NodeCase {
  readonly name: string;
  readonly model: ModelProto;
  readonly inputs: ReadonlyMap<string, TensorData>;
  readonly outputs: ReadonlyMap<string, TensorData>;
}

export function readCase(folder: string, name: string): NodeCase {
  const path = join(folder, name);
  const model = decodeModel(readFileSync(join(path, 'model.onnx')), name);
  const data = join(path, 'test_data_set_0');
  const tensors = (kind: string, names: readonly (string | undefined)[]) => {
    const files = readdirSync(data).filter((file) => file.startsWith(`${kind}_`));
    return new Map(
      files.map((file) => {
        const place = Number(/\d+/.exec(file)?.[0]);
        const tensor = decodeTensor(readFileSync(join(data, file)), file);
        return [names[place] ?? '', readTensor(tensor, file)] as const;
      }),
    );
  };
  const { graph } = model;
  if (graph === undefined) throw new Error(`${name} has no graph`);
  const inputs = tensors(
    'input',
    graph.input.map((input) => input.name),
  );
  return {
    name,
    model,
    inputs,
    outputs: tensors(
      'output',
      graph.output.map((o) => o.name),
    ),
  };
}

/** The graph of the case, with the inputs fixed that the importer asks for. */
export function importCase({ name, model, inputs }: NodeCase): Graph {
  const constants = new Map<string, TensorData>();
  for (;;) {
    try {
      return graphOfModel({ model, external: new Map() }, name, { constants });
    } catch (error) {
      const needed = error instanceof OnnxImportError ? error.needed : [];
      const found = needed.filter((input) => inputs.has(input) && !constants.has(input));
      if (found.length === 0) throw error;
      for (const input of found) constants.set(input, inputs.get(input) as TensorData);
    }
  }
}

/** Throws, with what differs, where a backend gives other outputs than the standard wants. */
export async function expectOutputs(
  graph: Graph,
  { name: test, inputs, outputs }: NodeCase,
  backend: RunBackend,
): Promise<void> {
  const declared = graph.inputs.map((id) => valueOf(graph, id));
  const tensors = new Map(
    declared.map(({ name }) => [name, inputs.get(name) as TensorData] as const),
  );
  const sizes = resolveSizes(
    declared.map(({ name, shape }) => ({
      what: `the input '${name}'`,
      declared: shape,
      given: tensors.get(name)?.shape ?? [],
    })),
  );
  const got = await runOn(backend, graph, { tensors, sizes });
  for (const [name, want] of outputs) {
    const tensor = got.get(name);
    if (tensor === undefined) throw new Error(`there is no output ${name}`);
    compare(test, name, tensor, want);
  }
}

/**
 * The standard's own tests ask for 1e-3 of a float, and for every bit of an integer. That of a float16 is
 * kept: it is about one step, and here no number between is rounded to one.
 */
const RELATIVE = 1e-4;
const ABSOLUTE = 1e-5;
/** Tests whose wanted numbers were written down with four digits. */
const FOUR_DIGITS = new Set([
  'test_averagepool_2d_ceil_last_window_starts_on_pad',
  'test_gridsample_bicubic',
  'test_roialign_aligned_false',
  'test_roialign_aligned_true',
]);

function compare(test: string, name: string, got: TensorData, want: TensorData): void {
  if (printType(got) !== printType(want)) {
    throw new Error(`${name} is ${printType(got)}, where ${printType(want)} was expected`);
  }
  const isShort = want.dtype === 'f16' || FOUR_DIGITS.has(test);
  const relative = isShort ? 1e-3 : RELATIVE;
  const bound = (value: number) =>
    isFloat(want.dtype) && Number.isFinite(value) ? ABSOLUTE + relative * Math.abs(value) : 0;
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [Number(got.data[i]), Number(want.data[i])];
    const fits = Object.is(a, b) || a === b || Math.abs(a - b) <= bound(b);
    if (!fits) throw new Error(`${name}[${i}] is ${a}, where ${b} was expected`);
  }
}

/** The op types of a model, those inside of subgraphs included. */
export function opTypesOf({ graph, functions }: ModelProto): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (nodes: readonly NodeProto[]) => {
    for (const { opType, attribute } of nodes) {
      found.add(opType ?? '');
      for (const { g, graphs } of attribute) {
        for (const inner of g === undefined ? graphs : [g, ...graphs]) visit(inner.node);
      }
    }
  };
  visit(graph?.node ?? []);
  for (const { node } of functions) visit(node);
  return found;
}
