// out = layer_norm(x + residual) * gamma + beta over rows of 384. Two accumulators a pass hide the
// latency of the addition; the mean is known before the squares, so large means cost no accuracy.

export function addLayerNorm(
  out,
  outBase,
  x,
  xBase,
  residual,
  residualBase,
  weights,
  gammaBase,
  betaBase,
  rows,
) {
  const gamma = gammaBase & 0x3fffffff;
  const beta = betaBase & 0x3fffffff;
  for (let i = 0; i < rows; i++) {
    const xRow = (xBase + i * 384) & 0x3fffffff;
    const residualRow = (residualBase + i * 384) & 0x3fffffff;
    const outRow = (outBase + i * 384) & 0x3fffffff;
    let sum0 = 0;
    let sum1 = 0;
    for (let k = 0; k < 384; k += 2) {
      const v0 = x[xRow + k] + residual[residualRow + k];
      const v1 = x[xRow + k + 1] + residual[residualRow + k + 1];
      out[outRow + k] = v0;
      out[outRow + k + 1] = v1;
      sum0 += v0;
      sum1 += v1;
    }
    const mean = (sum0 + sum1) * (1 / 384);
    let square0 = 0;
    let square1 = 0;
    for (let k = 0; k < 384; k += 2) {
      const d0 = out[outRow + k] - mean;
      const d1 = out[outRow + k + 1] - mean;
      square0 += d0 * d0;
      square1 += d1 * d1;
    }
    const scale = 1 / Math.sqrt((square0 + square1) * (1 / 384) + 1e-12);
    for (let k = 0; k < 384; k += 2) {
      const v0 = out[outRow + k];
      const v1 = out[outRow + k + 1];
      out[outRow + k] = (v0 - mean) * scale * weights[gamma + k] + weights[beta + k];
      out[outRow + k + 1] = (v1 - mean) * scale * weights[gamma + k + 1] + weights[beta + k + 1];
    }
  }
}
