// The kernels of attention-block, over typed arrays.
// Buffers come first, then the sizes of the symbols; the last buffers are written.

// e^x = 2^(n / 16) e^r with |r| <= ln 2 / 32: relative error below 1e-8 over the range of float64.
const powers_of_two = Float64Array.from({ length: 2100 }, (_, i) => 2 ** (i - 1075));
const sixteenths = Float64Array.from({ length: 16 }, (_, i) => 2 ** (i / 16));
function exp(x) {
  const within = x > 710 ? 710 : x < -745 ? -745 : x;
  const n = Math.floor(within * 23.083120654223414 + 0.5);
  const r = within - n * 0.04332169878499658;
  const near = 1 + r * (1 + r * (0.5 + r * 0.16666666666666666));
  return powers_of_two[(n >> 4) + 1075] * sixteenths[n & 15] * near;
}

// The error function as x P(x^2) / Q(x^2): relative error below 3e-9, 1 from 4.2 on.
function erf(x) {
  const c = x > 4.2 ? 4.2 : x < -4.2 ? -4.2 : x;
  const t = c * c;
  const p = 1.128379170348699 + t * (0.18521213315723542 + t * (0.05439584143680974 + t * (0.003860120787192879 + t * (0.0003830131613183611 + t * (0.000004775342410475706 - t * 1.3671790814224942e-8)))));
  const q = 1 + t * (0.4974734041 + t * (0.1140309378 + t * (0.01549493464 + t * (0.001314292243 + t * 0.00006396941799))));
  return (c * p) / q;
}

// %attention.query_key_value.linear.matmul = matmul %x, %attention.query_key_value.weight : f32[batch, seq, 48]
// %attention.query_key_value.linear = add %attention.query_key_value.linear.matmul, %attention.query_key_value.bias : f32[batch, seq, 48]
export function matmul_add(a, weight, bias, out, batch, seq) {
  for (let start = 0, start_end = batch * seq; start < start_end; start += 64) {
    const end = Math.min(batch * seq, start + 64);
    for (let p = 0; p < 16; p++) {
      const at = 3 * p;
      const bias_at = bias[at];
      const bias_at_1 = bias[at + 1];
      const bias_at_2 = bias[at + 2];
      const at_1 = 48 * p;
      for (let i = start, i_end = end - 1; i < i_end; i += 2) {
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        let c10 = 0;
        let c11 = 0;
        let c12 = 0;
        const at_2 = 16 * i;
        for (let k = 0; k < 16; k += 2) {
          const x00 = a[at_2 + k];
          const x01 = a[at_2 + k + 1];
          const x10 = a[at_2 + k + 16];
          const x11 = a[at_2 + k + 17];
          const at_3 = at_1 + 3 * k;
          const w00 = weight[at_3];
          const w01 = weight[at_3 + 3];
          c00 = c00 + (x00 * w00 + x01 * w01);
          c10 = c10 + (x10 * w00 + x11 * w01);
          const w10 = weight[at_3 + 1];
          const w11 = weight[at_3 + 4];
          c01 = c01 + (x00 * w10 + x01 * w11);
          c11 = c11 + (x10 * w10 + x11 * w11);
          const w20 = weight[at_3 + 2];
          const w21 = weight[at_3 + 5];
          c02 = c02 + (x00 * w20 + x01 * w21);
          c12 = c12 + (x10 * w20 + x11 * w21);
        }
        const at_3 = at + 48 * i;
        out[at_3] = c00 + bias_at;
        out[at_3 + 1] = c01 + bias_at_1;
        out[at_3 + 2] = c02 + bias_at_2;
        out[at_3 + 48] = c10 + bias_at;
        out[at_3 + 49] = c11 + bias_at_1;
        out[at_3 + 50] = c12 + bias_at_2;
      }
      for (let i = 2 * Math.floor((end - start) / 2) + start; i < end; i++) {
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        const at_2 = 16 * i;
        for (let k = 0; k < 16; k += 2) {
          const x00 = a[at_2 + k];
          const x01 = a[at_2 + k + 1];
          const at_3 = at_1 + 3 * k;
          const w00 = weight[at_3];
          const w01 = weight[at_3 + 3];
          c00 = c00 + (x00 * w00 + x01 * w01);
          const w10 = weight[at_3 + 1];
          const w11 = weight[at_3 + 4];
          c01 = c01 + (x00 * w10 + x01 * w11);
          const w20 = weight[at_3 + 2];
          const w21 = weight[at_3 + 5];
          c02 = c02 + (x00 * w20 + x01 * w21);
        }
        const at_3 = at + 48 * i;
        out[at_3] = c00 + bias_at;
        out[at_3 + 1] = c01 + bias_at_1;
        out[at_3 + 2] = c02 + bias_at_2;
      }
    }
  }
}

const attention_scores = new Float64Array(192);
const attention_sums = new Float64Array(24);
const attention_scores_2 = new Float64Array(64);
const attention_sums_2 = new Float64Array(8);

// %attention.query.linear = slice %attention.query_key_value.linear : f32[batch, seq, 16]
// %attention.key.linear = slice %attention.query_key_value.linear : f32[batch, seq, 16]
// %attention.value.linear = slice %attention.query_key_value.linear : f32[batch, seq, 16]
// %attention.reshape = reshape %attention.query.linear : f32[batch, seq, 2, 8]
// %attention.query = transpose %attention.reshape : f32[batch, 2, seq, 8]
// %attention.reshape_1 = reshape %attention.key.linear : f32[batch, seq, 2, 8]
// %attention.reshape_2 = reshape %attention.value.linear : f32[batch, seq, 2, 8]
// %attention.value = transpose %attention.reshape_2 : f32[batch, 2, seq, 8]
// %attention.reshape_3 = reshape %mask : bool[batch, 1, 1, seq]
// %attention.reshape_1.transpose = transpose %attention.reshape_1 : f32[batch, 2, seq, 8]
// %attention.matmul_1 = attention %attention.query, %attention.reshape_1.transpose, %attention.value, %attention.reshape_3, _ : f32[batch, 2, seq, 8]
// %attention.transpose_4 = transpose %attention.matmul_1 : f32[batch, seq, 2, 8]
// %attention.context = reshape %attention.transpose_4 : f32[batch, seq, 16]
export function attention(query, mask, out, batch, seq) {
  for (let b = 0; b < batch; b++) {
    const at = 48 * b * seq;
    const at_1 = b * seq;
    const at_2 = 16 * b * seq;
    for (let h = 0; h < 2; h++) {
      const at_3 = at + 8 * h;
      const at_4 = at_2 + 8 * h;
      for (let i = 0, i_end = seq - 2; i < i_end; i += 3) {
        let max0 = -1.7014117331926443e+38;
        let max1 = -1.7014117331926443e+38;
        let max2 = -1.7014117331926443e+38;
        let total0 = 0;
        let total1 = 0;
        let total2 = 0;
        for (let v = 0; v < 8; v++) {
          attention_sums[v] = 0;
          attention_sums[v + 8] = 0;
          attention_sums[v + 16] = 0;
        }
        const at_5 = at_3 + 48 * i;
        for (let start = 0; start < seq; start += 64) {
          const end = Math.min(seq, start + 64);
          for (let j = start, j_end = end - 1; j < j_end; j += 2) {
            const slot = j - start;
            let c00 = 0;
            let c01 = 0;
            let c10 = 0;
            let c11 = 0;
            let c20 = 0;
            let c21 = 0;
            const at_6 = at_3 + 48 * j;
            for (let d = 0; d < 8; d += 2) {
              const query_at = query[at_5 + d];
              const query_at_1 = query[at_5 + d + 1];
              const query_at_2 = query[at_5 + d + 48];
              const query_at_3 = query[at_5 + d + 49];
              const query_at_4 = query[at_5 + d + 96];
              const query_at_5 = query[at_5 + d + 97];
              const query_at_6 = query[at_6 + d + 16];
              const query_at_7 = query[at_6 + d + 17];
              c00 = c00 + (query_at * query_at_6 + query_at_1 * query_at_7);
              c10 = c10 + (query_at_2 * query_at_6 + query_at_3 * query_at_7);
              c20 = c20 + (query_at_4 * query_at_6 + query_at_5 * query_at_7);
              const query_at_8 = query[at_6 + d + 64];
              const query_at_9 = query[at_6 + d + 65];
              c01 = c01 + (query_at * query_at_8 + query_at_1 * query_at_9);
              c11 = c11 + (query_at_2 * query_at_8 + query_at_3 * query_at_9);
              c21 = c21 + (query_at_4 * query_at_8 + query_at_5 * query_at_9);
            }
            attention_scores[slot] = c00 * 0.35355339059327373;
            attention_scores[slot + 1] = c01 * 0.35355339059327373;
            attention_scores[slot + 64] = c10 * 0.35355339059327373;
            attention_scores[slot + 65] = c11 * 0.35355339059327373;
            attention_scores[slot + 128] = c20 * 0.35355339059327373;
            attention_scores[slot + 129] = c21 * 0.35355339059327373;
          }
          for (let j = 2 * Math.floor((end - start) / 2) + start; j < end; j++) {
            const slot = j - start;
            let c00 = 0;
            let c10 = 0;
            let c20 = 0;
            const at_6 = at_3 + 48 * j;
            for (let d = 0; d < 8; d += 2) {
              const query_at = query[at_5 + d];
              const query_at_1 = query[at_5 + d + 1];
              const query_at_2 = query[at_5 + d + 48];
              const query_at_3 = query[at_5 + d + 49];
              const query_at_4 = query[at_5 + d + 96];
              const query_at_5 = query[at_5 + d + 97];
              const query_at_6 = query[at_6 + d + 16];
              const query_at_7 = query[at_6 + d + 17];
              c00 = c00 + (query_at * query_at_6 + query_at_1 * query_at_7);
              c10 = c10 + (query_at_2 * query_at_6 + query_at_3 * query_at_7);
              c20 = c20 + (query_at_4 * query_at_6 + query_at_5 * query_at_7);
            }
            attention_scores[slot] = c00 * 0.35355339059327373;
            attention_scores[slot + 64] = c10 * 0.35355339059327373;
            attention_scores[slot + 128] = c20 * 0.35355339059327373;
          }
          let top0 = max0;
          let top1 = max1;
          let top2 = max2;
          for (let j = start; j < end; j++) {
            const slot = j - start;
            const seen0 = mask[at_1 + j] !== 0;
            top0 = seen0 ? Math.max(top0, attention_scores[slot]) : top0;
            top1 = seen0 ? Math.max(top1, attention_scores[slot + 64]) : top1;
            top2 = seen0 ? Math.max(top2, attention_scores[slot + 128]) : top2;
          }
          const rescale0 = exp(max0 - top0);
          max0 = top0;
          total0 = total0 * rescale0;
          const rescale1 = exp(max1 - top1);
          max1 = top1;
          total1 = total1 * rescale1;
          const rescale2 = exp(max2 - top2);
          max2 = top2;
          total2 = total2 * rescale2;
          for (let j = start; j < end; j++) {
            const slot = j - start;
            const seen0 = mask[at_1 + j] !== 0;
            const p0 = seen0 ? exp(attention_scores[slot] - top0) : 0;
            attention_scores[slot] = p0;
            total0 = total0 + p0;
            const p1 = seen0 ? exp(attention_scores[slot + 64] - top1) : 0;
            attention_scores[slot + 64] = p1;
            total1 = total1 + p1;
            const p2 = seen0 ? exp(attention_scores[slot + 128] - top2) : 0;
            attention_scores[slot + 128] = p2;
            total2 = total2 + p2;
          }
          for (let v = 0; v < 8; v += 2) {
            let s00 = attention_sums[v] * rescale0;
            let s01 = attention_sums[v + 1] * rescale0;
            let s10 = attention_sums[v + 8] * rescale1;
            let s11 = attention_sums[v + 9] * rescale1;
            let s20 = attention_sums[v + 16] * rescale2;
            let s21 = attention_sums[v + 17] * rescale2;
            const at_6 = at_3 + v;
            for (let j = start, j_end_2 = end - 1; j < j_end_2; j += 2) {
              const slot = j - start;
              const p00 = attention_scores[slot];
              const p01 = attention_scores[slot + 1];
              const p10 = attention_scores[slot + 64];
              const p11 = attention_scores[slot + 65];
              const p20 = attention_scores[slot + 128];
              const p21 = attention_scores[slot + 129];
              const at_7 = at_6 + 48 * j;
              const query_at = query[at_7 + 32];
              const query_at_1 = query[at_7 + 80];
              s00 = s00 + (p00 * query_at + p01 * query_at_1);
              s10 = s10 + (p10 * query_at + p11 * query_at_1);
              s20 = s20 + (p20 * query_at + p21 * query_at_1);
              const query_at_2 = query[at_7 + 33];
              const query_at_3 = query[at_7 + 81];
              s01 = s01 + (p00 * query_at_2 + p01 * query_at_3);
              s11 = s11 + (p10 * query_at_2 + p11 * query_at_3);
              s21 = s21 + (p20 * query_at_2 + p21 * query_at_3);
            }
            for (let j = 2 * Math.floor((end - start) / 2) + start; j < end; j++) {
              const slot = j - start;
              const p00 = attention_scores[slot];
              const p10 = attention_scores[slot + 64];
              const p20 = attention_scores[slot + 128];
              const at_7 = at_6 + 48 * j;
              const query_at = query[at_7 + 32];
              s00 = s00 + p00 * query_at;
              s10 = s10 + p10 * query_at;
              s20 = s20 + p20 * query_at;
              const query_at_1 = query[at_7 + 33];
              s01 = s01 + p00 * query_at_1;
              s11 = s11 + p10 * query_at_1;
              s21 = s21 + p20 * query_at_1;
            }
            attention_sums[v] = s00;
            attention_sums[v + 1] = s01;
            attention_sums[v + 8] = s10;
            attention_sums[v + 9] = s11;
            attention_sums[v + 16] = s20;
            attention_sums[v + 17] = s21;
          }
        }
        const inverse0 = 0 < total0 ? 1 / Math.max(total0, 1e-30) : 0;
        const inverse1 = 0 < total1 ? 1 / Math.max(total1, 1e-30) : 0;
        const inverse2 = 0 < total2 ? 1 / Math.max(total2, 1e-30) : 0;
        const at_6 = at_4 + 16 * i;
        for (let v = 0; v < 8; v++) {
          out[at_6 + v] = attention_sums[v] * inverse0;
          out[at_6 + v + 16] = attention_sums[v + 8] * inverse1;
          out[at_6 + v + 32] = attention_sums[v + 16] * inverse2;
        }
      }
      for (let i = 3 * ((seq / 3) | 0); i < seq; i++) {
        let max0 = -1.7014117331926443e+38;
        let total0 = 0;
        for (let v = 0; v < 8; v++) {
          attention_sums_2[v] = 0;
        }
        const at_5 = at_3 + 48 * i;
        for (let start = 0; start < seq; start += 64) {
          const end = Math.min(seq, start + 64);
          for (let j = start, j_end_3 = end - 1; j < j_end_3; j += 2) {
            const slot = j - start;
            let c00 = 0;
            let c01 = 0;
            const at_6 = at_3 + 48 * j;
            for (let d = 0; d < 8; d += 2) {
              const query_at = query[at_5 + d];
              const query_at_1 = query[at_5 + d + 1];
              const query_at_2 = query[at_6 + d + 16];
              const query_at_3 = query[at_6 + d + 17];
              c00 = c00 + (query_at * query_at_2 + query_at_1 * query_at_3);
              const query_at_4 = query[at_6 + d + 64];
              const query_at_5 = query[at_6 + d + 65];
              c01 = c01 + (query_at * query_at_4 + query_at_1 * query_at_5);
            }
            attention_scores_2[slot] = c00 * 0.35355339059327373;
            attention_scores_2[slot + 1] = c01 * 0.35355339059327373;
          }
          for (let j = 2 * Math.floor((end - start) / 2) + start; j < end; j++) {
            const slot = j - start;
            let c00 = 0;
            const at_6 = at_3 + 48 * j;
            for (let d = 0; d < 8; d += 2) {
              const query_at = query[at_5 + d];
              const query_at_1 = query[at_5 + d + 1];
              const query_at_2 = query[at_6 + d + 16];
              const query_at_3 = query[at_6 + d + 17];
              c00 = c00 + (query_at * query_at_2 + query_at_1 * query_at_3);
            }
            attention_scores_2[slot] = c00 * 0.35355339059327373;
          }
          let top0 = max0;
          for (let j = start; j < end; j++) {
            const slot = j - start;
            const seen0 = mask[at_1 + j] !== 0;
            top0 = seen0 ? Math.max(top0, attention_scores_2[slot]) : top0;
          }
          const rescale0 = exp(max0 - top0);
          max0 = top0;
          total0 = total0 * rescale0;
          for (let j = start; j < end; j++) {
            const slot = j - start;
            const seen0 = mask[at_1 + j] !== 0;
            const p0 = seen0 ? exp(attention_scores_2[slot] - top0) : 0;
            attention_scores_2[slot] = p0;
            total0 = total0 + p0;
          }
          for (let v = 0; v < 8; v += 2) {
            let s00 = attention_sums_2[v] * rescale0;
            let s01 = attention_sums_2[v + 1] * rescale0;
            const at_6 = at_3 + v;
            for (let j = start, j_end_4 = end - 1; j < j_end_4; j += 2) {
              const slot = j - start;
              const p00 = attention_scores_2[slot];
              const p01 = attention_scores_2[slot + 1];
              const at_7 = at_6 + 48 * j;
              const query_at = query[at_7 + 32];
              const query_at_1 = query[at_7 + 80];
              s00 = s00 + (p00 * query_at + p01 * query_at_1);
              const query_at_2 = query[at_7 + 33];
              const query_at_3 = query[at_7 + 81];
              s01 = s01 + (p00 * query_at_2 + p01 * query_at_3);
            }
            for (let j = 2 * Math.floor((end - start) / 2) + start; j < end; j++) {
              const slot = j - start;
              const p00 = attention_scores_2[slot];
              const at_7 = at_6 + 48 * j;
              const query_at = query[at_7 + 32];
              s00 = s00 + p00 * query_at;
              const query_at_1 = query[at_7 + 33];
              s01 = s01 + p00 * query_at_1;
            }
            attention_sums_2[v] = s00;
            attention_sums_2[v + 1] = s01;
          }
        }
        const inverse0 = 0 < total0 ? 1 / Math.max(total0, 1e-30) : 0;
        const at_6 = at_4 + 16 * i;
        for (let v = 0; v < 8; v++) {
          out[at_6 + v] = attention_sums_2[v] * inverse0;
        }
      }
    }
  }
}

// %attention.output.linear.matmul = matmul %attention.context, %attention.output.weight : f32[batch, seq, 16]
// %attention.output.linear = add %attention.output.linear.matmul, %attention.output.bias : f32[batch, seq, 16]
export function matmul_add_1(a, weight, bias, out, batch, seq) {
  const bias_at_3 = bias[15];
  for (let start = 0, start_end = batch * seq; start < start_end; start += 64) {
    const end = Math.min(batch * seq, start + 64);
    for (let p = 0; p < 5; p++) {
      const at = 3 * p;
      const bias_at = bias[at];
      const bias_at_1 = bias[at + 1];
      const bias_at_2 = bias[at + 2];
      const at_1 = 48 * p;
      for (let i = start, i_end = end - 1; i < i_end; i += 2) {
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        let c10 = 0;
        let c11 = 0;
        let c12 = 0;
        const at_2 = 16 * i;
        for (let k = 0; k < 16; k += 2) {
          const x00 = a[at_2 + k];
          const x01 = a[at_2 + k + 1];
          const x10 = a[at_2 + k + 16];
          const x11 = a[at_2 + k + 17];
          const at_3 = at_1 + 3 * k;
          const w00 = weight[at_3];
          const w01 = weight[at_3 + 3];
          c00 = c00 + (x00 * w00 + x01 * w01);
          c10 = c10 + (x10 * w00 + x11 * w01);
          const w10 = weight[at_3 + 1];
          const w11 = weight[at_3 + 4];
          c01 = c01 + (x00 * w10 + x01 * w11);
          c11 = c11 + (x10 * w10 + x11 * w11);
          const w20 = weight[at_3 + 2];
          const w21 = weight[at_3 + 5];
          c02 = c02 + (x00 * w20 + x01 * w21);
          c12 = c12 + (x10 * w20 + x11 * w21);
        }
        const at_3 = at + 16 * i;
        out[at_3] = c00 + bias_at;
        out[at_3 + 1] = c01 + bias_at_1;
        out[at_3 + 2] = c02 + bias_at_2;
        out[at_3 + 16] = c10 + bias_at;
        out[at_3 + 17] = c11 + bias_at_1;
        out[at_3 + 18] = c12 + bias_at_2;
      }
      for (let i = 2 * Math.floor((end - start) / 2) + start; i < end; i++) {
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        const at_2 = 16 * i;
        for (let k = 0; k < 16; k += 2) {
          const x00 = a[at_2 + k];
          const x01 = a[at_2 + k + 1];
          const at_3 = at_1 + 3 * k;
          const w00 = weight[at_3];
          const w01 = weight[at_3 + 3];
          c00 = c00 + (x00 * w00 + x01 * w01);
          const w10 = weight[at_3 + 1];
          const w11 = weight[at_3 + 4];
          c01 = c01 + (x00 * w10 + x01 * w11);
          const w20 = weight[at_3 + 2];
          const w21 = weight[at_3 + 5];
          c02 = c02 + (x00 * w20 + x01 * w21);
        }
        const at_3 = at + 16 * i;
        out[at_3] = c00 + bias_at;
        out[at_3 + 1] = c01 + bias_at_1;
        out[at_3 + 2] = c02 + bias_at_2;
      }
    }
    for (let i = start, i_end_2 = end - 1; i < i_end_2; i += 2) {
      let c00 = 0;
      let c10 = 0;
      const at = 16 * i;
      for (let k = 0; k < 16; k += 2) {
        const x00 = a[at + k];
        const x01 = a[at + k + 1];
        const x10 = a[at + k + 16];
        const x11 = a[at + k + 17];
        const at_1 = 3 * k;
        const w00 = weight[at_1 + 240];
        const w01 = weight[at_1 + 243];
        c00 = c00 + (x00 * w00 + x01 * w01);
        c10 = c10 + (x10 * w00 + x11 * w01);
      }
      out[at + 15] = c00 + bias_at_3;
      out[at + 31] = c10 + bias_at_3;
    }
    for (let i = 2 * Math.floor((end - start) / 2) + start; i < end; i++) {
      let c00 = 0;
      const at = 16 * i;
      for (let k = 0; k < 16; k += 2) {
        const x00 = a[at + k];
        const x01 = a[at + k + 1];
        const at_1 = 3 * k;
        const w00 = weight[at_1 + 240];
        const w01 = weight[at_1 + 243];
        c00 = c00 + (x00 * w00 + x01 * w01);
      }
      out[16 * i + 15] = c00 + bias_at_3;
    }
  }
}

const add_norm_row = new Float64Array(16);

// %attention.norm.layer_norm, %attention.sum = add_norm %attention.output.linear, %x, %attention.norm.gamma, %attention.norm.beta : f32[batch, seq, 16], f32[batch, seq, 16]
export function add_norm(x, residual, gamma, beta, out, batch, seq) {
  for (let n = 0, n_end = batch * seq; n < n_end; n++) {
    const at = 16 * n;
    for (let j = 0; j < 16; j++) {
      const add = x[at + j] + residual[at + j];
      add_norm_row[j] = add;
    }
    let sum = 0;
    for (let k = 0; k < 16; k++) {
      sum = sum + add_norm_row[k];
    }
    const reduce_mean = sum / 16;
    let sum_1 = 0;
    for (let k = 0; k < 16; k++) {
      const sub_1 = add_norm_row[k] - reduce_mean;
      sum_1 = sum_1 + sub_1 * sub_1;
    }
    const rsqrt = 1 / Math.sqrt(sum_1 / 16 + 0.00001);
    for (let j = 0; j < 16; j++) {
      const sub = add_norm_row[j] - reduce_mean;
      out[at + j] = sub * rsqrt * gamma[j] + beta[j];
    }
  }
}

// %ffn.hidden.linear.matmul = matmul %attention.norm.layer_norm, %ffn.hidden.weight : f32[batch, seq, 32]
// %ffn.hidden.linear = add %ffn.hidden.linear.matmul, %ffn.hidden.bias : f32[batch, seq, 32]
// %ffn.gelu = gelu %ffn.hidden.linear : f32[batch, seq, 32]
export function matmul_add_gelu(a, weight, bias, out, batch, seq) {
  const bias_at_3 = bias[30];
  const bias_at_4 = bias[31];
  for (let start = 0, start_end = batch * seq; start < start_end; start += 64) {
    const end = Math.min(batch * seq, start + 64);
    for (let p = 0; p < 10; p++) {
      const at = 3 * p;
      const bias_at = bias[at];
      const bias_at_1 = bias[at + 1];
      const bias_at_2 = bias[at + 2];
      const at_1 = 48 * p;
      for (let i = start, i_end = end - 1; i < i_end; i += 2) {
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        let c10 = 0;
        let c11 = 0;
        let c12 = 0;
        const at_2 = 16 * i;
        for (let k = 0; k < 16; k += 2) {
          const x00 = a[at_2 + k];
          const x01 = a[at_2 + k + 1];
          const x10 = a[at_2 + k + 16];
          const x11 = a[at_2 + k + 17];
          const at_3 = at_1 + 3 * k;
          const w00 = weight[at_3];
          const w01 = weight[at_3 + 3];
          c00 = c00 + (x00 * w00 + x01 * w01);
          c10 = c10 + (x10 * w00 + x11 * w01);
          const w10 = weight[at_3 + 1];
          const w11 = weight[at_3 + 4];
          c01 = c01 + (x00 * w10 + x01 * w11);
          c11 = c11 + (x10 * w10 + x11 * w11);
          const w20 = weight[at_3 + 2];
          const w21 = weight[at_3 + 5];
          c02 = c02 + (x00 * w20 + x01 * w21);
          c12 = c12 + (x10 * w20 + x11 * w21);
        }
        const linear = c00 + bias_at;
        const at_3 = at + 32 * i;
        out[at_3] = linear * 0.5 * (erf(linear * 0.7071067811865476) + 1);
        const linear_1 = c01 + bias_at_1;
        out[at_3 + 1] = linear_1 * 0.5 * (erf(linear_1 * 0.7071067811865476) + 1);
        const linear_2 = c02 + bias_at_2;
        out[at_3 + 2] = linear_2 * 0.5 * (erf(linear_2 * 0.7071067811865476) + 1);
        const linear_3 = c10 + bias_at;
        out[at_3 + 32] = linear_3 * 0.5 * (erf(linear_3 * 0.7071067811865476) + 1);
        const linear_4 = c11 + bias_at_1;
        out[at_3 + 33] = linear_4 * 0.5 * (erf(linear_4 * 0.7071067811865476) + 1);
        const linear_5 = c12 + bias_at_2;
        out[at_3 + 34] = linear_5 * 0.5 * (erf(linear_5 * 0.7071067811865476) + 1);
      }
      for (let i = 2 * Math.floor((end - start) / 2) + start; i < end; i++) {
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        const at_2 = 16 * i;
        for (let k = 0; k < 16; k += 2) {
          const x00 = a[at_2 + k];
          const x01 = a[at_2 + k + 1];
          const at_3 = at_1 + 3 * k;
          const w00 = weight[at_3];
          const w01 = weight[at_3 + 3];
          c00 = c00 + (x00 * w00 + x01 * w01);
          const w10 = weight[at_3 + 1];
          const w11 = weight[at_3 + 4];
          c01 = c01 + (x00 * w10 + x01 * w11);
          const w20 = weight[at_3 + 2];
          const w21 = weight[at_3 + 5];
          c02 = c02 + (x00 * w20 + x01 * w21);
        }
        const linear = c00 + bias_at;
        const at_3 = at + 32 * i;
        out[at_3] = linear * 0.5 * (erf(linear * 0.7071067811865476) + 1);
        const linear_1 = c01 + bias_at_1;
        out[at_3 + 1] = linear_1 * 0.5 * (erf(linear_1 * 0.7071067811865476) + 1);
        const linear_2 = c02 + bias_at_2;
        out[at_3 + 2] = linear_2 * 0.5 * (erf(linear_2 * 0.7071067811865476) + 1);
      }
    }
    for (let i = start, i_end_2 = end - 1; i < i_end_2; i += 2) {
      let c00 = 0;
      let c01 = 0;
      let c10 = 0;
      let c11 = 0;
      const at = 16 * i;
      for (let k = 0; k < 16; k += 2) {
        const x00 = a[at + k];
        const x01 = a[at + k + 1];
        const x10 = a[at + k + 16];
        const x11 = a[at + k + 17];
        const at_1 = 3 * k;
        const w00 = weight[at_1 + 480];
        const w01 = weight[at_1 + 483];
        c00 = c00 + (x00 * w00 + x01 * w01);
        c10 = c10 + (x10 * w00 + x11 * w01);
        const w10 = weight[at_1 + 481];
        const w11 = weight[at_1 + 484];
        c01 = c01 + (x00 * w10 + x01 * w11);
        c11 = c11 + (x10 * w10 + x11 * w11);
      }
      const linear = c00 + bias_at_3;
      const at_1 = 32 * i;
      out[at_1 + 30] = linear * 0.5 * (erf(linear * 0.7071067811865476) + 1);
      const linear_1 = c01 + bias_at_4;
      out[at_1 + 31] = linear_1 * 0.5 * (erf(linear_1 * 0.7071067811865476) + 1);
      const linear_2 = c10 + bias_at_3;
      out[at_1 + 62] = linear_2 * 0.5 * (erf(linear_2 * 0.7071067811865476) + 1);
      const linear_3 = c11 + bias_at_4;
      out[at_1 + 63] = linear_3 * 0.5 * (erf(linear_3 * 0.7071067811865476) + 1);
    }
    for (let i = 2 * Math.floor((end - start) / 2) + start; i < end; i++) {
      let c00 = 0;
      let c01 = 0;
      const at = 16 * i;
      for (let k = 0; k < 16; k += 2) {
        const x00 = a[at + k];
        const x01 = a[at + k + 1];
        const at_1 = 3 * k;
        const w00 = weight[at_1 + 480];
        const w01 = weight[at_1 + 483];
        c00 = c00 + (x00 * w00 + x01 * w01);
        const w10 = weight[at_1 + 481];
        const w11 = weight[at_1 + 484];
        c01 = c01 + (x00 * w10 + x01 * w11);
      }
      const linear = c00 + bias_at_3;
      const at_1 = 32 * i;
      out[at_1 + 30] = linear * 0.5 * (erf(linear * 0.7071067811865476) + 1);
      const linear_1 = c01 + bias_at_4;
      out[at_1 + 31] = linear_1 * 0.5 * (erf(linear_1 * 0.7071067811865476) + 1);
    }
  }
}

// %ffn.output.linear.matmul = matmul %ffn.gelu, %ffn.output.weight : f32[batch, seq, 16]
// %ffn.output.linear = add %ffn.output.linear.matmul, %ffn.output.bias : f32[batch, seq, 16]
export function matmul_add_2(a, weight, bias, out, batch, seq) {
  const bias_at_3 = bias[15];
  for (let start = 0, start_end = batch * seq; start < start_end; start += 64) {
    const end = Math.min(batch * seq, start + 64);
    for (let p = 0; p < 5; p++) {
      const at = 3 * p;
      const bias_at = bias[at];
      const bias_at_1 = bias[at + 1];
      const bias_at_2 = bias[at + 2];
      const at_1 = 96 * p;
      for (let i = start, i_end = end - 1; i < i_end; i += 2) {
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        let c10 = 0;
        let c11 = 0;
        let c12 = 0;
        const at_2 = 32 * i;
        for (let k = 0; k < 32; k += 2) {
          const x00 = a[at_2 + k];
          const x01 = a[at_2 + k + 1];
          const x10 = a[at_2 + k + 32];
          const x11 = a[at_2 + k + 33];
          const at_3 = at_1 + 3 * k;
          const w00 = weight[at_3];
          const w01 = weight[at_3 + 3];
          c00 = c00 + (x00 * w00 + x01 * w01);
          c10 = c10 + (x10 * w00 + x11 * w01);
          const w10 = weight[at_3 + 1];
          const w11 = weight[at_3 + 4];
          c01 = c01 + (x00 * w10 + x01 * w11);
          c11 = c11 + (x10 * w10 + x11 * w11);
          const w20 = weight[at_3 + 2];
          const w21 = weight[at_3 + 5];
          c02 = c02 + (x00 * w20 + x01 * w21);
          c12 = c12 + (x10 * w20 + x11 * w21);
        }
        const at_3 = at + 16 * i;
        out[at_3] = c00 + bias_at;
        out[at_3 + 1] = c01 + bias_at_1;
        out[at_3 + 2] = c02 + bias_at_2;
        out[at_3 + 16] = c10 + bias_at;
        out[at_3 + 17] = c11 + bias_at_1;
        out[at_3 + 18] = c12 + bias_at_2;
      }
      for (let i = 2 * Math.floor((end - start) / 2) + start; i < end; i++) {
        let c00 = 0;
        let c01 = 0;
        let c02 = 0;
        const at_2 = 32 * i;
        for (let k = 0; k < 32; k += 2) {
          const x00 = a[at_2 + k];
          const x01 = a[at_2 + k + 1];
          const at_3 = at_1 + 3 * k;
          const w00 = weight[at_3];
          const w01 = weight[at_3 + 3];
          c00 = c00 + (x00 * w00 + x01 * w01);
          const w10 = weight[at_3 + 1];
          const w11 = weight[at_3 + 4];
          c01 = c01 + (x00 * w10 + x01 * w11);
          const w20 = weight[at_3 + 2];
          const w21 = weight[at_3 + 5];
          c02 = c02 + (x00 * w20 + x01 * w21);
        }
        const at_3 = at + 16 * i;
        out[at_3] = c00 + bias_at;
        out[at_3 + 1] = c01 + bias_at_1;
        out[at_3 + 2] = c02 + bias_at_2;
      }
    }
    for (let i = start, i_end_2 = end - 1; i < i_end_2; i += 2) {
      let c00 = 0;
      let c10 = 0;
      const at = 32 * i;
      for (let k = 0; k < 32; k += 2) {
        const x00 = a[at + k];
        const x01 = a[at + k + 1];
        const x10 = a[at + k + 32];
        const x11 = a[at + k + 33];
        const at_1 = 3 * k;
        const w00 = weight[at_1 + 480];
        const w01 = weight[at_1 + 483];
        c00 = c00 + (x00 * w00 + x01 * w01);
        c10 = c10 + (x10 * w00 + x11 * w01);
      }
      const at_1 = 16 * i;
      out[at_1 + 15] = c00 + bias_at_3;
      out[at_1 + 31] = c10 + bias_at_3;
    }
    for (let i = 2 * Math.floor((end - start) / 2) + start; i < end; i++) {
      let c00 = 0;
      const at = 32 * i;
      for (let k = 0; k < 32; k += 2) {
        const x00 = a[at + k];
        const x01 = a[at + k + 1];
        const at_1 = 3 * k;
        const w00 = weight[at_1 + 480];
        const w01 = weight[at_1 + 483];
        c00 = c00 + (x00 * w00 + x01 * w01);
      }
      out[16 * i + 15] = c00 + bias_at_3;
    }
  }
}
