// When two outputs are the same: nobody is timed on a wrong answer.

/** For computations in float32 whose sums run in different order; the outputs are around 1. */
export const FLOAT32 = { largest: 1e-4 };

/** Over the rows that count: the largest difference, and the cosine of the two outputs. */
export function differenceOf(expected, actual, rows) {
  if (expected.length !== actual.length) {
    throw new Error(`its output has ${actual.length} numbers, and the oracle's ${expected.length}`);
  }
  const width = expected.length / rows.length;
  let [largest, dot, squares, others] = [0, 0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    if (!rows[Math.floor(i / width)]) continue;
    const [x, y] = [expected[i], actual[i]];
    const error = Math.abs(x - y);
    if (!(error <= largest)) largest = error;
    dot += x * y;
    squares += x * x;
    others += y * y;
  }
  return { largest, cosine: dot / Math.sqrt(squares * others) };
}

/** What is wrong by `rule`, which bounds the largest difference or the cosine; null where nothing is. */
export function disagreement({ largest, cosine }, rule = FLOAT32) {
  if (rule.largest !== undefined && !(largest <= rule.largest)) {
    return `differs by ${largest} from the oracle, and may by ${rule.largest}`;
  }
  if (rule.cosine !== undefined && !(cosine >= rule.cosine)) {
    return `has a cosine of ${cosine} with the oracle, and needs ${rule.cosine}`;
  }
  return null;
}
