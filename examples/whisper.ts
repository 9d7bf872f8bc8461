/** A small encoder as Whisper has it: a spectrogram of 80 channels, any number of frames. */
import { dims, f32, model, randomWeights } from 'encompile';
import { whisperEncoder } from 'encompile/models';

const { batch, frames } = dims('batch', 'frames');

export default model(
  'whisper',
  (g) => {
    const mel = g.input('mel', f32(batch, 80, frames));
    return { states: whisperEncoder(g, mel, { width: 64, layers: 2, heads: 4 }) };
  },
  { weights: randomWeights({ seed: 6 }) },
);
