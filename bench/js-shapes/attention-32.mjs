// Scaled dot-product attention with an online softmax, in the shape that V8 runs fastest.
// qkv is [batch, seq, 3 * 12 * 32] (queries, keys, values side by side), context is
// [batch, seq, 12 * 32], mask is [batch, seq] with 0 for a hidden key. A query with no visible
// key gets zeros. Scratch: scores holds 3 x 64 numbers, sums 3 x 32; neither grows with seq.

import { exp } from './activations.mjs';

export function attention(
  context,
  contextBase,
  qkv,
  qkvBase,
  mask,
  maskBase,
  scores,
  scoresBase,
  sums,
  sumsBase,
  batch,
  seq,
) {
  for (let n = 0; n < batch; n++) {
    const visible = (maskBase + n * seq) & 0x3fffffff;
    for (let h = 0; h < 12; h++) {
      const head = (qkvBase + n * seq * 1152 + h * 32) & 0x3fffffff;
      const out = (contextBase + n * seq * 384 + h * 32) & 0x3fffffff;
      let i = 0;
      for (; i + 3 <= seq; i += 3) {
        const query0 = (head + i * 1152) & 0x3fffffff;
        const query1 = (head + (i + 1) * 1152) & 0x3fffffff;
        const query2 = (head + (i + 2) * 1152) & 0x3fffffff;
        const score0 = scoresBase & 0x3fffffff;
        const score1 = (scoresBase + 64) & 0x3fffffff;
        const score2 = (scoresBase + 128) & 0x3fffffff;
        const sum0 = sumsBase & 0x3fffffff;
        const sum1 = (sumsBase + 32) & 0x3fffffff;
        const sum2 = (sumsBase + 64) & 0x3fffffff;
        let max0 = -3e38;
        let total0 = 0;
        let max1 = -3e38;
        let total1 = 0;
        let max2 = -3e38;
        let total2 = 0;
        for (let v = 0; v < 32; v++) {
          sums[sum0 + v] = 0;
          sums[sum1 + v] = 0;
          sums[sum2 + v] = 0;
        }
        for (let start = 0; start < seq; start += 64) {
          const count = Math.min(64, seq - start);
          let j = 0;
          for (; j + 2 <= count; j += 2) {
            const key0 = (head + 384 + (start + j) * 1152) & 0x3fffffff;
            const key1 = (head + 384 + (start + j + 1) * 1152) & 0x3fffffff;
            let c00 = 0;
            let c01 = 0;
            let c10 = 0;
            let c11 = 0;
            let c20 = 0;
            let c21 = 0;
            for (let d = 0; d < 32; d += 2) {
              const q00 = qkv[query0 + d];
              const q10 = qkv[query1 + d];
              const q20 = qkv[query2 + d];
              const q01 = qkv[query0 + d + 1];
              const q11 = qkv[query1 + d + 1];
              const q21 = qkv[query2 + d + 1];
              const k00 = qkv[key0 + d];
              const k01 = qkv[key0 + d + 1];
              c00 += q00 * k00 + q01 * k01;
              c10 += q10 * k00 + q11 * k01;
              c20 += q20 * k00 + q21 * k01;
              const k10 = qkv[key1 + d];
              const k11 = qkv[key1 + d + 1];
              c01 += q00 * k10 + q01 * k11;
              c11 += q10 * k10 + q11 * k11;
              c21 += q20 * k10 + q21 * k11;
            }
            scores[score0 + j] = c00 * 0.17677669529663687;
            scores[score0 + j + 1] = c01 * 0.17677669529663687;
            scores[score1 + j] = c10 * 0.17677669529663687;
            scores[score1 + j + 1] = c11 * 0.17677669529663687;
            scores[score2 + j] = c20 * 0.17677669529663687;
            scores[score2 + j + 1] = c21 * 0.17677669529663687;
          }
          for (; j < count; j++) {
            const key0 = (head + 384 + (start + j) * 1152) & 0x3fffffff;
            let c00 = 0;
            let c10 = 0;
            let c20 = 0;
            for (let d = 0; d < 32; d += 2) {
              const q00 = qkv[query0 + d];
              const q10 = qkv[query1 + d];
              const q20 = qkv[query2 + d];
              const q01 = qkv[query0 + d + 1];
              const q11 = qkv[query1 + d + 1];
              const q21 = qkv[query2 + d + 1];
              const k00 = qkv[key0 + d];
              const k01 = qkv[key0 + d + 1];
              c00 += q00 * k00 + q01 * k01;
              c10 += q10 * k00 + q11 * k01;
              c20 += q20 * k00 + q21 * k01;
            }
            scores[score0 + j] = c00 * 0.17677669529663687;
            scores[score1 + j] = c10 * 0.17677669529663687;
            scores[score2 + j] = c20 * 0.17677669529663687;
          }
          let top0 = max0;
          let top1 = max1;
          let top2 = max2;
          for (let j = 0; j < count; j++) {
            if (mask[visible + start + j] !== 0) {
              top0 = Math.max(top0, scores[score0 + j]);
              top1 = Math.max(top1, scores[score1 + j]);
              top2 = Math.max(top2, scores[score2 + j]);
            }
          }
          const rescale0 = exp(max0 - top0);
          const rescale1 = exp(max1 - top1);
          const rescale2 = exp(max2 - top2);
          max0 = top0;
          total0 *= rescale0;
          max1 = top1;
          total1 *= rescale1;
          max2 = top2;
          total2 *= rescale2;
          for (let j = 0; j < count; j++) {
            const hidden = mask[visible + start + j] === 0;
            const p0 = hidden ? 0 : exp(scores[score0 + j] - top0);
            scores[score0 + j] = p0;
            total0 += p0;
            const p1 = hidden ? 0 : exp(scores[score1 + j] - top1);
            scores[score1 + j] = p1;
            total1 += p1;
            const p2 = hidden ? 0 : exp(scores[score2 + j] - top2);
            scores[score2 + j] = p2;
            total2 += p2;
          }
          for (let v = 0; v < 32; v += 2) {
            let s00 = sums[sum0 + v] * rescale0;
            let s01 = sums[sum0 + v + 1] * rescale0;
            let s10 = sums[sum1 + v] * rescale1;
            let s11 = sums[sum1 + v + 1] * rescale1;
            let s20 = sums[sum2 + v] * rescale2;
            let s21 = sums[sum2 + v + 1] * rescale2;
            const value = (head + 768 + start * 1152 + v) & 0x3fffffff;
            let j = 0;
            for (; j + 2 <= count; j += 2) {
              const row = value + j * 1152;
              const p00 = scores[score0 + j];
              const p10 = scores[score1 + j];
              const p20 = scores[score2 + j];
              const p01 = scores[score0 + j + 1];
              const p11 = scores[score1 + j + 1];
              const p21 = scores[score2 + j + 1];
              const v00 = qkv[row];
              const v01 = qkv[row + 1152];
              s00 += p00 * v00 + p01 * v01;
              s10 += p10 * v00 + p11 * v01;
              s20 += p20 * v00 + p21 * v01;
              const v10 = qkv[row + 1];
              const v11 = qkv[row + 1153];
              s01 += p00 * v10 + p01 * v11;
              s11 += p10 * v10 + p11 * v11;
              s21 += p20 * v10 + p21 * v11;
            }
            for (; j < count; j++) {
              const row = value + j * 1152;
              const p00 = scores[score0 + j];
              const p10 = scores[score1 + j];
              const p20 = scores[score2 + j];
              const v00 = qkv[row];
              s00 += p00 * v00;
              s10 += p10 * v00;
              s20 += p20 * v00;
              const v10 = qkv[row + 1];
              s01 += p00 * v10;
              s11 += p10 * v10;
              s21 += p20 * v10;
            }
            sums[sum0 + v] = s00;
            sums[sum0 + v + 1] = s01;
            sums[sum1 + v] = s10;
            sums[sum1 + v + 1] = s11;
            sums[sum2 + v] = s20;
            sums[sum2 + v + 1] = s21;
          }
        }
        const inverse0 = total0 > 0 ? 1 / total0 : 0;
        const out0 = (out + i * 384) & 0x3fffffff;
        const inverse1 = total1 > 0 ? 1 / total1 : 0;
        const out1 = (out + (i + 1) * 384) & 0x3fffffff;
        const inverse2 = total2 > 0 ? 1 / total2 : 0;
        const out2 = (out + (i + 2) * 384) & 0x3fffffff;
        for (let v = 0; v < 32; v++) {
          context[out0 + v] = sums[sum0 + v] * inverse0;
          context[out1 + v] = sums[sum1 + v] * inverse1;
          context[out2 + v] = sums[sum2 + v] * inverse2;
        }
      }
      for (; i < seq; i++) {
        const query0 = (head + i * 1152) & 0x3fffffff;
        const score0 = scoresBase & 0x3fffffff;
        const sum0 = sumsBase & 0x3fffffff;
        let max0 = -3e38;
        let total0 = 0;
        for (let v = 0; v < 32; v++) {
          sums[sum0 + v] = 0;
        }
        for (let start = 0; start < seq; start += 64) {
          const count = Math.min(64, seq - start);
          let j = 0;
          for (; j + 2 <= count; j += 2) {
            const key0 = (head + 384 + (start + j) * 1152) & 0x3fffffff;
            const key1 = (head + 384 + (start + j + 1) * 1152) & 0x3fffffff;
            let c00 = 0;
            let c01 = 0;
            for (let d = 0; d < 32; d += 2) {
              const q00 = qkv[query0 + d];
              const q01 = qkv[query0 + d + 1];
              const k00 = qkv[key0 + d];
              const k01 = qkv[key0 + d + 1];
              c00 += q00 * k00 + q01 * k01;
              const k10 = qkv[key1 + d];
              const k11 = qkv[key1 + d + 1];
              c01 += q00 * k10 + q01 * k11;
            }
            scores[score0 + j] = c00 * 0.17677669529663687;
            scores[score0 + j + 1] = c01 * 0.17677669529663687;
          }
          for (; j < count; j++) {
            const key0 = (head + 384 + (start + j) * 1152) & 0x3fffffff;
            let c00 = 0;
            for (let d = 0; d < 32; d += 2) {
              const q00 = qkv[query0 + d];
              const q01 = qkv[query0 + d + 1];
              const k00 = qkv[key0 + d];
              const k01 = qkv[key0 + d + 1];
              c00 += q00 * k00 + q01 * k01;
            }
            scores[score0 + j] = c00 * 0.17677669529663687;
          }
          let top0 = max0;
          for (let j = 0; j < count; j++) {
            if (mask[visible + start + j] !== 0) {
              top0 = Math.max(top0, scores[score0 + j]);
            }
          }
          const rescale0 = exp(max0 - top0);
          max0 = top0;
          total0 *= rescale0;
          for (let j = 0; j < count; j++) {
            const hidden = mask[visible + start + j] === 0;
            const p0 = hidden ? 0 : exp(scores[score0 + j] - top0);
            scores[score0 + j] = p0;
            total0 += p0;
          }
          for (let v = 0; v < 32; v += 2) {
            let s00 = sums[sum0 + v] * rescale0;
            let s01 = sums[sum0 + v + 1] * rescale0;
            const value = (head + 768 + start * 1152 + v) & 0x3fffffff;
            let j = 0;
            for (; j + 2 <= count; j += 2) {
              const row = value + j * 1152;
              const p00 = scores[score0 + j];
              const p01 = scores[score0 + j + 1];
              const v00 = qkv[row];
              const v01 = qkv[row + 1152];
              s00 += p00 * v00 + p01 * v01;
              const v10 = qkv[row + 1];
              const v11 = qkv[row + 1153];
              s01 += p00 * v10 + p01 * v11;
            }
            for (; j < count; j++) {
              const row = value + j * 1152;
              const p00 = scores[score0 + j];
              const v00 = qkv[row];
              s00 += p00 * v00;
              const v10 = qkv[row + 1];
              s01 += p00 * v10;
            }
            sums[sum0 + v] = s00;
            sums[sum0 + v + 1] = s01;
          }
        }
        const inverse0 = total0 > 0 ? 1 / total0 : 0;
        const out0 = (out + i * 384) & 0x3fffffff;
        for (let v = 0; v < 32; v++) {
          context[out0 + v] = sums[sum0 + v] * inverse0;
        }
      }
    }
  }
}
