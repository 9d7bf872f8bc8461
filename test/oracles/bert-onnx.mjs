/**
 * Makes test/fixtures/bert-untrained.json: what ONNX Runtime computes for the two untrained BERT
 * models of the test data, on a few tokenised sentences.
 *
 *   cd test/oracles && npm ci --ignore-scripts && npm run bert
 *
 * The models hardly leave their start: with weights of 0.02 and no biases, attention is uniform and
 * GELU linear to six digits. So each is run twice, as it is and strengthened: linear weights
 * multiplied by a power of two (exact), biases and layer norms no longer zeros and ones.
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

/**
 * In the exported files one tensor serves every layer norm's gamma, and one every bias and beta of
 * the hidden width; so all gammas are `gamma`, and a bias or beta of n numbers is the first n of `bias`.
 */
const STRONG = {
  linearTimes: 16,
  gamma: Array.from({ length: 16 }, (_, i) => 1 + (((i * 5) % 16) - 8) / 16),
  bias: Array.from({ length: 32 }, (_, i) => (((i * 11) % 32) - 16) / 32),
};

env.logLevel = 'error';
const models = {};
for (const name of MODELS) {
  const folder = join(data, 'models', name);
  const json = async (file) => JSON.parse(await readFile(join(folder, file), 'utf8'));
  const tokenizer = new Tokenizer(
    await json('tokenizer.json'),
    await json('tokenizer_config.json'),
  );
  const model = new Uint8Array(await readFile(join(folder, 'model.onnx')));
  const asItIs = await runCases(tokenizer, model);
  strengthen(model);
  models[name] = { cases: asItIs, strong: { ...STRONG, cases: await runCases(tokenizer, model) } };
}
await writeFile(target, `${print({ runtime: `onnxruntime-node ${version}, cpu`, models })}\n`);

async function runCases(tokenizer, model) {
  const session = await InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
  });
  const cases = [];
  for (const { name, rows } of CASES) {
    const inputs = tokenise(tokenizer, rows);
    const outputs = await session.run(toTensors(inputs));
    cases.push({ name, rows, inputs, outputs: fromTensors(outputs) });
  }
  return cases;
}

/** Changes the weights inside an ONNX file, in place. */
function strengthen(model) {
  for (const { name, raw } of initializers(model)) {
    // Copied, for the bytes in the file are not aligned.
    const values = new Float32Array(raw.slice().buffer);
    if (/embeddings\.\w+_embeddings/.test(name)) continue;
    if (name.endsWith('LayerNorm.weight')) values.set(STRONG.gamma);
    else if (name.endsWith('.bias')) values.set(STRONG.bias.slice(0, values.length));
    else for (const i of values.keys()) values[i] *= STRONG.linearTimes;
    raw.set(new Uint8Array(values.buffer));
  }
}

/** Names and bytes of the weights: ModelProto.graph (7) .initializer (5) .name (8), .raw_data (9). */
function* initializers(model) {
  for (const graph of fields(model, 7)) {
    for (const tensor of fields(graph, 5)) {
      const [name] = fields(tensor, 8);
      const [raw] = fields(tensor, 9);
      yield { name: new TextDecoder().decode(name), raw };
    }
  }
}

/** The length-delimited fields of number `wanted` in a protobuf message. */
function* fields(message, wanted) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const wireType = key & 7;
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else {
      const length = varint();
      if (Math.floor(key / 8) === wanted) yield message.subarray(at, at + length);
      at += length;
    }
  }
}

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
