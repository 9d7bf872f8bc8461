/**
 * Makes test/fixtures/bert-untrained.json: what ONNX Runtime computes for the two untrained BERT
 * models of the test data, on a few tokenised sentences.
 *
 *   cd test/oracles && npm ci --ignore-scripts && npm run bert
 *
 * Optimisations of the runtime are off and it uses one thread, so the numbers are those of the ONNX
 * graph as exported. Every float32 is written with the fewest digits that give it back.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokenizer } from '@huggingface/tokenizers';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';

const here = dirname(fileURLToPath(import.meta.url));
const data = resolve(process.env.ENCOMPILE_TEST_DATA ?? join(here, '../../../shared'));
const target = join(here, '../fixtures/bert-untrained.json');
const version = JSON.parse(
  await readFile(join(here, 'node_modules/onnxruntime-node/package.json'), 'utf8'),
).version;

const MODELS = ['bert-untrained-sentence_embedding', 'bert-untrained-sequence_classification'];
const INPUTS = ['input_ids', 'attention_mask', 'token_type_ids'];

/** A text, or a pair of texts, a row; shorter rows are padded to the longest. */
const CASES = [
  { name: 'one word', rows: ['encoder'] },
  { name: 'one sentence', rows: ['The quick brown fox jumps over the lazy dog.'] },
  { name: 'a pair, with token types', rows: [['How old are you?', 'Twenty-one, since May.']] },
  {
    name: 'two sentences, the second padded',
    rows: ['Compilers translate what people declare into what machines run.', 'It rains.'],
  },
  {
    name: 'two sentences, the first padded much',
    rows: [
      'Yes',
      'Attention weighs every other token of the sentence by how well its key fits the query, ' +
        'and sums their values; masked tokens (padding) weigh nothing at all, naïvely speaking.',
    ],
  },
];

env.logLevel = 'error';
const models = {};
for (const name of MODELS) {
  const folder = join(data, 'models', name);
  const json = async (file) => JSON.parse(await readFile(join(folder, file), 'utf8'));
  const tokenizer = new Tokenizer(
    await json('tokenizer.json'),
    await json('tokenizer_config.json'),
  );
  const session = await InferenceSession.create(join(folder, 'model.onnx'), {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
  });
  const cases = [];
  for (const { name: caseName, rows } of CASES) {
    const inputs = tokenise(tokenizer, rows);
    const outputs = await session.run(toTensors(inputs));
    cases.push({ name: caseName, rows, inputs, outputs: fromTensors(outputs) });
  }
  models[name] = { cases };
}
await writeFile(target, `${print({ runtime: `onnxruntime-node ${version}, cpu`, models })}\n`);

/** Ids, mask and token types of `rows`, each [batch, seq], padded with id 0 ([PAD]). */
function tokenise(tokenizer, rows) {
  const encoded = rows.map((row) => {
    const [text, pair] = [row].flat();
    const options = { return_token_type_ids: true, ...(pair && { text_pair: pair }) };
    const { ids, attention_mask, token_type_ids } = tokenizer.encode(text, options);
    return { input_ids: ids, attention_mask, token_type_ids };
  });
  const length = Math.max(...encoded.map((row) => row.input_ids.length));
  const pad = (numbers) => [...numbers, ...Array(length - numbers.length).fill(0)];
  const shape = [rows.length, length];
  return Object.fromEntries(
    INPUTS.map((input) => [input, { shape, data: encoded.flatMap((row) => pad(row[input])) }]),
  );
}

function toTensors(inputs) {
  const tensor = ({ shape, data }) => new Tensor('int64', data.map(BigInt), shape);
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, tensor(value)]));
}

function fromTensors(outputs) {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dims, data }]) => [
      name,
      { shape: dims, data: Array.from(data, shortest) },
    ]),
  );
}

function shortest(value) {
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return rounded;
  }
  return Number(value.toPrecision(9));
}

/** JSON with each array of numbers on one line. */
function print(value) {
  return JSON.stringify(value, null, 1).replace(/\[[-\d.,e\s]*\]/g, (list) =>
    list.replace(/\s+/g, '').replace(/,/g, ', '),
  );
}
