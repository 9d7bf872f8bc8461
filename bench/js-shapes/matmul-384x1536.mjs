// out[rows, 1536] = a[rows, 384] . weights + bias, in the shape that V8 runs fastest: a register
// tile of 2 rows by 3 columns, two steps of k summed before they reach an accumulator.
// weights holds panels of 3 columns ([512][384][3]), then the bias is read from biasBase on.
// All bases count floats. `& 0x3fffffff` tells V8 that an offset is neither negative nor large, so
// that the sums built on it need no overflow check and no sign extension.

export function matmul(out, outBase, a, aBase, weights, panelsBase, biasBase, rows) {
  for (let start = 0; start < rows; start += 64) {
    const end = Math.min(rows, start + 64);
    for (let j = 0; j < 1536; j += 3) {
      const panel = (panelsBase + j * 384) & 0x3fffffff;
      const bias = (biasBase + j) & 0x3fffffff;
      let i = start;
      for (; i + 2 <= end; i += 2) {
        const a0 = (aBase + i * 384) & 0x3fffffff;
        const a1 = (aBase + (i + 1) * 384) & 0x3fffffff;
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        let c10 = 0;
        let c11 = 0;
        let c12 = 0;
        for (let k = 0; k < 384; k += 2) {
          const w = panel + k * 3;
          const x00 = a[a0 + k];
          const x10 = a[a1 + k];
          const x01 = a[a0 + k + 1];
          const x11 = a[a1 + k + 1];
          const w00 = weights[w];
          const w01 = weights[w + 3];
          c00 += x00 * w00 + x01 * w01;
          c10 += x10 * w00 + x11 * w01;
          const w10 = weights[w + 1];
          const w11 = weights[w + 4];
          c01 += x00 * w10 + x01 * w11;
          c11 += x10 * w10 + x11 * w11;
          const w20 = weights[w + 2];
          const w21 = weights[w + 5];
          c02 += x00 * w20 + x01 * w21;
          c12 += x10 * w20 + x11 * w21;
        }
        const o0 = (outBase + i * 1536 + j) & 0x3fffffff;
        const o1 = (outBase + (i + 1) * 1536 + j) & 0x3fffffff;
        out[o0] = c00 + weights[bias];
        out[o0 + 1] = c01 + weights[bias + 1];
        out[o0 + 2] = c02 + weights[bias + 2];
        out[o1] = c10 + weights[bias];
        out[o1 + 1] = c11 + weights[bias + 1];
        out[o1 + 2] = c12 + weights[bias + 2];
      }
      for (; i < end; i++) {
        const a0 = (aBase + i * 384) & 0x3fffffff;
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        for (let k = 0; k < 384; k += 2) {
          const w = panel + k * 3;
          const x00 = a[a0 + k];
          const x01 = a[a0 + k + 1];
          c00 += x00 * weights[w] + x01 * weights[w + 3];
          c01 += x00 * weights[w + 1] + x01 * weights[w + 4];
          c02 += x00 * weights[w + 2] + x01 * weights[w + 5];
        }
        const o0 = (outBase + i * 1536 + j) & 0x3fffffff;
        out[o0] = c00 + weights[bias];
        out[o0 + 1] = c01 + weights[bias + 1];
        out[o0 + 2] = c02 + weights[bias + 2];
      }
    }
  }
}
