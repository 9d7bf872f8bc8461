/** Exported models in ONNX Runtime: every op at its edges, the examples, BERT, and random graphs. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadModel } from '../../src/frontends/load.ts';
import { evaluateDim, symbolsOf } from '../../src/ir/dims.ts';
import { type Graph, type ValueId, valueOf } from '../../src/ir/graph.ts';
import { sizeBounds } from '../../src/ir/size-bounds.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { isFloat } from '../../src/ir/types.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { exportPipeline } from '../../src/passes/pipeline.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import { BERT_MODELS } from '../support/bert-fixture.ts';
import { opCases } from '../support/op-cases.ts';
import { property } from '../support/property.ts';
import { randomGraph } from '../support/sample-graphs.ts';
import { describeWithData } from '../support/test-data.ts';
import { expectSameAtSizes, expectSameInOnnx, OPSETS } from './onnx-agreement.ts';
import { isExportable } from './random-checks.ts';

describe.each(OPSETS)('every op in opset %d', (opset) => {
  const cases = opCases()
    .map((given, i) => ({ ...given, name: `${given.op} ${i}` }))
    .filter(({ graph }) => isExportable(graph, opset));
  it.each(cases)('$name', ({ graph, inputs }) => expectSameInOnnx(graph, [inputs], opset));
});

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const NO_MODEL = new Set(['demo.ts', 'ocr.ts', 'vad.ts']);
const SIZES = [
  { batch: 1, seq: 1, source: 3, target: 1, height: 16, width: 20, frames: 5, window: 2 },
  { batch: 3, seq: 19, source: 5, target: 7, height: 33, width: 50, frames: 8, window: 4 },
];

async function expectModelAgrees(path: string): Promise<void> {
  const { graph } = await loadModel(path);
  const filled = fillRandomWeights(graph, 1);
  await expectSameAtSizes(filled, SIZES);
  await expectSameAtSizes(runPasses(filled, exportPipeline), SIZES, 23);
}

describe('examples', () => {
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts') && !NO_MODEL.has(name));
  it.each(files)('%s', (file) => expectModelAgrees(`${EXAMPLES}/${file}`));
});

describeWithData('untrained BERT models', 'models', (folder) => {
  it.each(BERT_MODELS)('%s', (name) => expectModelAgrees(`${folder}/${name}`));
});

property(
  'an exported graph gives in ONNX Runtime what the interpreter gives',
  300,
  async (given) => {
    for (const opset of [17, 23] as const) {
      if (!isExportable(given.graph, opset)) continue;
      await expectSameAtSizes(given.graph, given.sizes, opset);
    }
  },
);

/**
 * Of no elements a mean is NaN here and anything elsewhere; a row, or the place of the largest, there is
 * not.
 */
function needsElements(graph: Graph): boolean {
  return graph.nodes.some(({ op, operands: [table], attributes: { axis } }) => {
    if (op === 'gather' && table != null) {
      return typeof valueOf(graph, table).shape.at(Number(axis)) === 'string';
    }
    return NEEDY.has(op);
  });
}

/** Whether the graph runs at these sizes: a slice from seq - 1 on needs an element. */
function isWithinBounds(graph: Graph, sizes: Sizes): boolean {
  return sizeBounds(graph).every(([smaller, larger]) => {
    return evaluateDim(smaller, sizes) <= evaluateDim(larger, sizes);
  });
}

/** Windows need as many elements as they span. */
const NEEDY: ReadonlySet<string> = new Set([
  ...['reduce_mean', 'argmax', 'argmin', 'group_norm', 'instance_norm'],
  ...['conv', 'max_pool', 'average_pool', 'windows'],
]);

property('so it does at sizes of 0', 100, async ({ graph, sizes: [sizes] }) => {
  if (needsElements(graph)) return;
  const none = Object.keys(sizes ?? {})
    .map((symbol) => ({ ...sizes, [symbol]: 0 }))
    .filter((given) => isWithinBounds(graph, given));
  // ONNX Runtime's Attention, of opset 23, refuses a batch of 0
  for (const opset of [17, 22] as const) {
    if (isExportable(graph, opset)) await expectSameAtSizes(graph, none, opset);
  }
});

it('so it does on graphs of odd dims and constants', async () => {
  const graphs = fc
    .sample(randomGraph(), { seed: 1, numRuns: 700 })
    .map((graph) => renamed(fillRandomWeights(graph, 1)))
    .filter(
      (graph) => hasKnownSizes(graph) && hasFloat32Constants(graph) && jumpsAtExactValues(graph),
    );
  expect(graphs.length).toBeGreaterThan(200);
  for (const graph of graphs) await expectSameAtSizes(graph, [{ n: 4 }, { n: 1 }]);
});

/** Its names are of any characters, and the runtime's interface ends a name at a NUL. */
function renamed(graph: Graph): Graph {
  const values = [...graph.values].map(
    ([id, value]) => [id, { ...value, name: `v${id}` }] as const,
  );
  const outputs = graph.outputs.map((output, i) => ({ ...output, name: `out${i}` }));
  return { ...graph, values: new Map(values), outputs };
}

function hasKnownSizes(graph: Graph): boolean {
  return [...graph.values.values()].every(({ shape }) =>
    shape.every((dim) => symbolsOf(dim).every((symbol) => symbol === 'n')),
  );
}

/** In float32 a number may be 0 or infinite that is neither in float64. */
function hasFloat32Constants({ nodes }: Graph): boolean {
  return nodes.every(({ op, attributes: { value } }) => {
    if (op !== 'constant') return true;
    return [value].flat().every((number) => {
      const rounded = Math.fround(Number(number));
      return rounded === number || (rounded !== 0 && Number.isFinite(rounded));
    });
  });
}

/** Ops whose results are elements of their operands, or whole numbers. */
const EXACT_OPS: ReadonlySet<string> = new Set([
  ...['constant', 'iota', 'select', 'embedding', 'cast'],
  ...['transpose', 'broadcast', 'reshape', 'pad', 'concat'],
]);

/**
 * Whether ops that jump act on floats alone that nothing has rounded: a running sum of a softmax ends
 * at 1 in float64, and may stay below in float32, where a cast makes 0 of it.
 */
function jumpsAtExactValues(graph: Graph): boolean {
  const rounded = new Set<ValueId>();
  return graph.nodes.every(({ op, operands, results }) => {
    const isOfRounded = operands.some((id) => id !== null && rounded.has(id));
    const floats = results.filter((id) => isFloat(valueOf(graph, id).dtype));
    if (isOfRounded && floats.length === 0) return false;
    if (isOfRounded || !EXACT_OPS.has(op)) for (const id of floats) rounded.add(id);
    return true;
  });
}
