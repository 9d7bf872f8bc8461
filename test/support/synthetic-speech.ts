/**
 * Vowels made of pulses through resonators at their formants (Peterson and Barney, "Control methods used in a
 * study of the vowels", 1952), five syllables a second: no one's voice, but speech to a detector.
 */
export const RATE = 16000;

/** Formants of the vowels in hod, heed, head, hood and who'd, in Hz. */
const VOWELS = [
  [730, 1090, 2440],
  [270, 2290, 3010],
  [530, 1840, 2480],
  [440, 1020, 2240],
  [300, 870, 2240],
] as const;

/** `seconds` of faint noise, with syllables in each of the `spoken` intervals. */
export function speech(
  seconds: number,
  spoken: readonly (readonly [number, number])[],
): Float32Array {
  const samples = new Float32Array(seconds * RATE);
  for (const [from, to] of spoken) speak(samples, from * RATE, to * RATE);
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  let random = 7;
  return samples.map((sample) => {
    random = (Math.imul(random, 1664525) + 1013904223) | 0;
    return (sample / peak) * 0.6 + (random / 2 ** 31) * 0.002;
  });
}

function speak(samples: Float32Array, from: number, to: number): void {
  const resonators = [0, 1, 2].map(() => ({ last: 0, before: 0 }));
  let phase = 0;
  for (let n = from; n < to; n++) {
    const t = (n - from) / RATE;
    phase += (120 + 25 * Math.sin(2 * Math.PI * 1.7 * t) - 8 * t) / RATE;
    let y = phase >= 1 ? 1 : -0.02;
    phase %= 1;
    const [syllable, part] = [Math.floor(t * 5), (t * 5) % 1];
    for (const [i, resonator] of resonators.entries()) {
      const here = VOWELS[syllable % VOWELS.length]?.[i] ?? 500;
      const next = VOWELS[(syllable + 1) % VOWELS.length]?.[i] ?? 500;
      const radius = Math.exp((-Math.PI * (60 + 30 * i)) / RATE);
      const turn = 2 * radius * Math.cos((2 * Math.PI * (here + (next - here) * part)) / RATE);
      y = (1 - turn + radius ** 2) * y + turn * resonator.last - radius ** 2 * resonator.before;
      resonator.before = resonator.last;
      resonator.last = y;
    }
    samples[n] = (samples[n] ?? 0) + y * Math.sin(Math.PI * part) ** 0.7;
  }
}

/** A wav file of one channel and 16 bits. */
export function wavOf(samples: Float32Array): Uint8Array {
  const file = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(file.buffer);
  const text = (at: number, tag: string) => file.set(new TextEncoder().encode(tag), at);
  text(0, 'RIFF');
  view.setUint32(4, file.length - 8, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, 2 * samples.length, true);
  for (const [i, sample] of samples.entries()) {
    view.setInt16(44 + 2 * i, Math.round(sample * 32767), true);
  }
  return file;
}
