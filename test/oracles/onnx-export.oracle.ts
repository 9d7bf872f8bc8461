/** Exported models in ONNX Runtime: every op at its edges, the examples, BERT, and random graphs. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import { loadModel } from '../../src/frontends/load.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import { BERT_MODELS } from '../support/bert-fixture.ts';
import { opCases } from '../support/op-cases.ts';
import { property } from '../support/property.ts';
import { describeWithData } from '../support/test-data.ts';
import { expectSameAtSizes, expectSameInOnnx } from './onnx-agreement.ts';

describe('every op', () => {
  const cases = opCases().map((given, i) => ({ ...given, name: `${given.op} ${i}` }));
  it.each(cases)('$name', ({ graph, inputs }) => expectSameInOnnx(graph, [inputs]));
});

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const NO_MODEL = new Set(['demo.ts']);
const SIZES = [
  { batch: 1, seq: 1, source: 3, target: 1 },
  { batch: 3, seq: 19, source: 5, target: 7 },
];

async function expectModelAgrees(path: string): Promise<void> {
  const { graph } = await loadModel(path);
  await expectSameAtSizes(fillRandomWeights(graph, 1), SIZES);
}

describe('examples', () => {
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts') && !NO_MODEL.has(name));
  it.each(files)('%s', (file) => expectModelAgrees(`${EXAMPLES}/${file}`));
});

describeWithData('untrained BERT models', 'models', (folder) => {
  it.each(BERT_MODELS)('%s', (name) => expectModelAgrees(`${folder}/${name}`));
});

property('an exported graph gives in ONNX Runtime what the interpreter gives', 300, (given) =>
  expectSameAtSizes(given.graph, given.sizes),
);
