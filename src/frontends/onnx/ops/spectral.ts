/**
 * Fourier transforms as products with matrices of cosines and sines, and the matrix from a spectrum to the
 * mel scale. A complex number is a last dim of 2: its real part, its imaginary part.
 */
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';
import { dtypeOf } from '../tensors.ts';

/** No matrix of constants has more numbers. */
const MAX_MATRIX = 2 ** 23;

/** What a transform takes and gives along its axis. */
interface Transform {
  /** Elements of the operand, and of the period. */
  readonly count: number;
  readonly length: number;
  readonly isInverse: boolean;
  /** Of a real signal the second half of the spectrum says nothing new. */
  readonly isOneSided: boolean;
  /** 1 where the operand is real, 2 where it is complex. */
  readonly parts: number;
}

/** y[k] = sum of x[n] exp(-2 pi i n k / length), or the inverse, along the axis. */
function dft(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const rank = x.shape.length;
  const axis = node.resolve(axisOf(node), rank);
  if (axis === rank - 1) return node.unsupported('its axis is that of real and imaginary parts');
  const count = fixed(node, x.shape[axis], 'elements');
  const isInverse = node.int('inverse', 0) === 1;
  const isOneSided = node.int('onesided', 0) === 1;
  const usual = isInverse && isOneSided ? 2 * (count - 1) : count;
  const length = node.has(1) ? node.integer(1, 'dft_length') : usual;
  const parts = fixed(node, x.shape[rank - 1], 'parts');
  const transform = { count, length, isInverse, isOneSided, parts };
  const { matrix, rows, columns } = matrixOf(node, transform);
  const others = x.shape.flatMap((_, other) =>
    other === axis || other === rank - 1 ? [] : [other],
  );
  const turned = g.transpose(x, { permutation: [...others, axis, rank - 1] });
  const leading = others.map((other) => x.shape[other] ?? 1);
  const flat = g.reshape(turned, { shape: [...leading, rows] });
  const resultParts = isInverse && isOneSided ? 1 : 2;
  const shape = [...leading, columns / resultParts, resultParts];
  const y = g.reshape(g.matmul(flat, inDType(node, matrix, x)), { shape });
  // the axis of the spectrum stands behind the others, and goes back to its place
  const back = others.map((_, other) => other);
  return g.transpose(y, { permutation: [...back.toSpliced(axis, 0, rank - 2), rank - 1] });
}

/** An attribute up to opset 19, an operand since. */
function axisOf(node: NodeContext): number {
  if (node.opset < 20) return node.int('axis', 1);
  return node.has(2) ? node.integer(2, 'axis') : -2;
}

function fixed(node: NodeContext, size: number | string | undefined, what: string): number {
  if (typeof size === 'number') return size;
  return node.unsupported(
    `the number of its ${what}, ${size}, is symbolic`,
    'Fix the sizes that it depends on: --fix SYMBOL=SIZE.',
  );
}

function inDType({ g }: NodeContext, matrix: Value, { dtype }: Value): Value {
  return dtype === 'f32' ? matrix : g.cast(matrix, { dtype });
}

/** Rows are the parts of the operand's elements, columns those of the result's. */
function matrixOf(
  node: NodeContext,
  transform: Transform,
): { readonly matrix: Value; readonly rows: number; readonly columns: number } {
  const { count, length, isInverse, isOneSided, parts } = transform;
  const isToReal = isInverse && isOneSided;
  const bins = isOneSided && !isInverse ? Math.floor(length / 2) + 1 : length;
  const [rows, columns] = [count * parts, isToReal ? bins : 2 * bins];
  const isSound = length >= 1 && count >= 1 && (parts === 1 || parts === 2);
  if (!isSound || rows * columns > MAX_MATRIX) {
    node.unsupported(`it transforms ${count} elements of ${parts} parts to ${bins}`);
  }
  const data = new Float32Array(rows * columns);
  const width = columns / bins;
  const used = Math.min(count, isToReal ? Math.floor(length / 2) + 1 : length);
  for (let n = 0; n < used; n++) {
    const factor = (isInverse ? 1 / length : 1) * (isToReal ? timesInWhole(n, length) : 1);
    for (let k = 0; k < bins; k++) {
      // whole turns taken off while they are exact
      const angle = (2 * Math.PI * ((n * k) % length)) / length;
      const [cos, sin] = [Math.cos(angle), isInverse ? -Math.sin(angle) : Math.sin(angle)];
      const at = (part: number, to: number) => (n * parts + part) * columns + k * width + to;
      // (re + i im) (cos - i sin)
      data[at(0, 0)] = factor * cos;
      if (!isToReal) data[at(0, 1)] = -factor * sin;
      if (parts === 1) continue;
      data[at(1, 0)] = factor * sin;
      if (!isToReal) data[at(1, 1)] = factor * cos;
    }
  }
  const shape = [rows, columns];
  const matrix = node.site.parameter('fourier', { dtype: 'f32', shape, data });
  return { matrix, rows, columns };
}

/** How often a bin of the half spectrum stands in the whole one. */
function timesInWhole(bin: number, length: number): number {
  return bin === 0 || 2 * bin === length ? 1 : 2;
}

/** The spectra of windows [batch, length, 1 or 2] -> [batch, windows, bins, 2]. */
function stft(node: NodeContext): Value {
  const { g } = node;
  const signal = node.value(0);
  const [batch = 1, , last] = signal.shape;
  const step = node.integer(1, 'frame_step');
  const parts = fixed(node, last ?? 1, 'parts');
  const window = node.optional(2);
  const size = node.has(3)
    ? node.integer(3, 'frame_length')
    : fixed(node, window?.shape[0] ?? signal.shape[1], 'elements a window');
  if (window !== null) node.site.equate(window.shape[0] ?? 1, size);
  const isOneSided = node.int('onesided', 1) === 1;
  const transform = { count: size, length: size, isInverse: false, isOneSided, parts };
  const { matrix, rows, columns } = matrixOf(node, transform);
  // [batch, parts, length] -> [batch, parts, windows, size] -> [batch, windows, size * parts]
  const turned =
    last === undefined
      ? g.reshape(signal, { shape: [batch, 1, signal.shape[1] ?? 1] })
      : g.transpose(signal, { permutation: [0, 2, 1] });
  const frames = g.windows(turned, { sizes: [size], strides: [step] });
  const together = g.transpose(frames, { permutation: [0, 2, 3, 1] });
  const count = frames.shape[2] ?? 1;
  const flat = g.reshape(together, { shape: [batch, count, rows] });
  const y = g.matmul(flat, inDType(node, weighted(node, matrix, window, size), signal));
  return g.reshape(y, { shape: [batch, count, columns / 2, 2] });
}

/** The window stands in the matrix, where it is folded when it is constant. */
function weighted({ g }: NodeContext, matrix: Value, window: Value | null, size: number): Value {
  if (window === null) return matrix;
  const [rows = 1, columns = 1] = matrix.shape;
  const apart = g.reshape(matrix, { shape: [size, Number(rows) / size, columns] });
  const wide = window.dtype === 'f32' ? window : g.cast(window, { dtype: 'f32' });
  const scaled = g.mul(apart, g.reshape(wide, { shape: [size, 1, 1] }));
  return g.reshape(scaled, { shape: [rows, columns] });
}

/**
 * Triangles over the bins of a spectrum, one a column, whose corners lie at equal distances on the mel
 * scale: mel(f) = 2595 log10(1 + f / 700). As the standard has it, corners are whole bins.
 */
function melWeightMatrix(node: NodeContext): Value {
  const { g } = node;
  const [mels, length] = [node.integer(0, 'num_mel_bins'), node.integer(1, 'dft_length')];
  const rate = node.integer(2, 'sample_rate');
  const [low, high] = [node.number(3, 'lower_edge_hertz'), node.number(4, 'upper_edge_hertz')];
  const bins = Math.floor(length / 2) + 1;
  const isSound = mels >= 1 && length >= 1 && rate >= 1 && bins * mels <= MAX_MATRIX;
  if (!isSound) return node.unsupported(`it has ${mels} columns of ${bins} bins at ${rate} Hz`);
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const step = (mel(high) - mel(low)) / (mels + 2);
  const corners = Array.from({ length: mels + 2 }, (_, i) => {
    const hertz = 700 * (10 ** ((mel(low) + i * step) / 2595) - 1);
    return Math.floor(((length + 1) * hertz) / rate);
  });
  if (corners.some((corner) => !(corner >= 0 && corner < bins))) {
    return node.unsupported(`its edges ${low} and ${high} Hz do not lie in the spectrum`);
  }
  const data = new Float32Array(bins * mels);
  for (let column = 0; column < mels; column++) {
    const [left = 0, centre = 0, right = 0] = corners.slice(column, column + 3);
    for (let bin = left; bin < centre; bin++) {
      data[bin * mels + column] = (bin - left) / (centre - left);
    }
    data[centre * mels + column] = 1;
    for (let bin = centre + 1; bin < right; bin++) {
      data[bin * mels + column] = (right - bin) / (right - centre);
    }
  }
  const matrix = node.site.parameter('mel', { dtype: 'f32', shape: [bins, mels], data });
  const dtype = dtypeOf(node.int('output_datatype', 1), 'its result');
  return dtype === 'f32' ? matrix : g.cast(matrix, { dtype });
}

export const spectral: HandlerTable = {
  DFT: dft,
  MelWeightMatrix: melWeightMatrix,
  STFT: stft,
};
