/**
 * Five ways to say where a token stands: sines and cosines that take turns, a learned table, any function
 * of the position, rotations of queries and keys, and the timing signal.
 */
import { dims, f32, model, randomWeights } from 'encompile';
import {
  givenPositions,
  learnedPositions,
  multiHeadAttention,
  rotaryPositions,
  sinusoidalPositions,
  timingSignal,
} from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'positions',
  (g) => {
    const x = g.input('x', f32(batch, seq, 32));
    const size = { seq, width: 32 } as const;
    const triangle = (p: number, i: number) => Math.abs(((p / (i + 1)) % 2) - 1);
    return {
      sinusoidal: g.add(x, sinusoidalPositions(g, size)),
      learned: g.add(x, learnedPositions(g, { ...size, rows: 64 })),
      given: g.add(x, givenPositions(g, { ...size, rows: 64, at: triangle, name: 'triangle' })),
      timing: g.add(x, timingSignal(g, size)),
      rotary: multiHeadAttention(g.scope('halves'), x, {
        heads: 4,
        rotate: (head) => rotaryPositions(g, head, { features: 6 }),
      }),
      interleaved: multiHeadAttention(g.scope('interleaved'), x, {
        heads: 4,
        rotate: (head) => rotaryPositions(g, head, { pairs: 'interleaved' }),
      }),
    };
  },
  { weights: randomWeights({ seed: 11 }) },
);
