// The kernels of attention-block: one entry point a kernel.

struct Symbols {
  batch: i32,
  seq: i32,
}
@group(0) @binding(0) var<uniform> symbols: Symbols;

// erf: error below 4e-7, relative too.
fn erf_f32(x: f32) -> f32 {
  let c: f32 = max(min(x, 4.2f), -4.2f);
  let z: f32 = c * c;
  return c * fma(fma(fma(fma(fma(fma(-1.3671791e-8f, z, 0.0000047753424f), z, 0.00038301316f), z, 0.003860121f), z, 0.054395843f), z, 0.18521214f), z, 1.1283792f) / fma(fma(fma(fma(fma(0.00006396942f, z, 0.0013142922f), z, 0.015494934f), z, 0.114030935f), z, 0.49747342f), z, 1.0f);
}

// %attention.query_key_value.linear.matmul = matmul %x, %attention.query_key_value.weight : f32[batch, seq, 48]
// %attention.query_key_value.linear = add %attention.query_key_value.linear.matmul, %attention.query_key_value.bias : f32[batch, seq, 48]
@group(0) @binding(1) var<storage, read> matmul_add_a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> matmul_add_weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> matmul_add_bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> matmul_add_out: array<f32>;
var<workgroup> matmul_add_tile_a: array<vec4<f32>, 128>;
var<workgroup> matmul_add_tile_b: array<vec4<f32>, 256>;
@compute @workgroup_size(128)
fn matmul_add(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_index) local_invocation_index: u32,
) {
  let gz: i32 = i32(workgroup_id.z);
  let gy: i32 = i32(workgroup_id.y);
  let gx: i32 = i32(workgroup_id.x);
  let lane: i32 = i32(local_invocation_index);
  let batch: i32 = symbols.batch;
  let seq: i32 = symbols.seq;
  let quad_row: i32 = lane / 16;
  let quad_column: i32 = lane - 16 * quad_row;
  var sum0: vec4<f32> = vec4<f32>(0.0f);
  var sum1: vec4<f32> = vec4<f32>(0.0f);
  var sum2: vec4<f32> = vec4<f32>(0.0f);
  var sum3: vec4<f32> = vec4<f32>(0.0f);
  let at: i32 = 16 * quad_row;
  for (var block: i32 = 0; block < 1; block++) {
    for (var t: i32 = lane; t < 128; t += 128) {
      let r: i32 = t / 4;
      let q: i32 = t - 4 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (32 * gy + r < batch * seq) {
        x = matmul_add_a[4 * block + 128 * gy + q + 4 * r];
      }
      matmul_add_tile_a[q + 4 * r] = x;
    }
    for (var t: i32 = lane; t < 256; t += 128) {
      let r: i32 = t / 16;
      let q: i32 = t - 16 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (64 * gx + 4 * q < 48) {
        x = matmul_add_weight[192 * block + 16 * gx + q + 12 * r];
      }
      matmul_add_tile_b[q + 16 * r] = x;
    }
    workgroupBarrier();
    for (var quad: i32 = 0; quad < 4; quad++) {
      let a0: vec4<f32> = matmul_add_tile_a[at + quad];
      let a1: vec4<f32> = matmul_add_tile_a[at + quad + 4];
      let a2: vec4<f32> = matmul_add_tile_a[at + quad + 8];
      let a3: vec4<f32> = matmul_add_tile_a[at + quad + 12];
      let at_1: i32 = 64 * quad + quad_column;
      let b0: vec4<f32> = matmul_add_tile_b[at_1];
      sum0 = sum0 + a0.x * b0;
      sum1 = sum1 + a1.x * b0;
      sum2 = sum2 + a2.x * b0;
      sum3 = sum3 + a3.x * b0;
      let b1: vec4<f32> = matmul_add_tile_b[at_1 + 16];
      sum0 = sum0 + a0.y * b1;
      sum1 = sum1 + a1.y * b1;
      sum2 = sum2 + a2.y * b1;
      sum3 = sum3 + a3.y * b1;
      let b2: vec4<f32> = matmul_add_tile_b[at_1 + 32];
      sum0 = sum0 + a0.z * b2;
      sum1 = sum1 + a1.z * b2;
      sum2 = sum2 + a2.z * b2;
      sum3 = sum3 + a3.z * b2;
      let b3: vec4<f32> = matmul_add_tile_b[at_1 + 48];
      sum0 = sum0 + a0.w * b3;
      sum1 = sum1 + a1.w * b3;
      sum2 = sum2 + a2.w * b3;
      sum3 = sum3 + a3.w * b3;
    }
    workgroupBarrier();
  }
  let column: i32 = 64 * gx + 4 * quad_column;
  if (column < 48) {
    let row0: i32 = 32 * gy + 4 * quad_row;
    if (row0 < batch * seq) {
      let at_1: i32 = column + 48 * row0;
      matmul_add_out[at_1] = sum0.x + matmul_add_bias[column];
      matmul_add_out[at_1 + 1] = sum0.y + matmul_add_bias[column + 1];
      matmul_add_out[at_1 + 2] = sum0.z + matmul_add_bias[column + 2];
      matmul_add_out[at_1 + 3] = sum0.w + matmul_add_bias[column + 3];
    }
    let row1: i32 = 32 * gy + 4 * quad_row + 1;
    if (row1 < batch * seq) {
      let at_1: i32 = column + 48 * row1;
      matmul_add_out[at_1] = sum1.x + matmul_add_bias[column];
      matmul_add_out[at_1 + 1] = sum1.y + matmul_add_bias[column + 1];
      matmul_add_out[at_1 + 2] = sum1.z + matmul_add_bias[column + 2];
      matmul_add_out[at_1 + 3] = sum1.w + matmul_add_bias[column + 3];
    }
    let row2: i32 = 32 * gy + 4 * quad_row + 2;
    if (row2 < batch * seq) {
      let at_1: i32 = column + 48 * row2;
      matmul_add_out[at_1] = sum2.x + matmul_add_bias[column];
      matmul_add_out[at_1 + 1] = sum2.y + matmul_add_bias[column + 1];
      matmul_add_out[at_1 + 2] = sum2.z + matmul_add_bias[column + 2];
      matmul_add_out[at_1 + 3] = sum2.w + matmul_add_bias[column + 3];
    }
    let row3: i32 = 32 * gy + 4 * quad_row + 3;
    if (row3 < batch * seq) {
      let at_1: i32 = column + 48 * row3;
      matmul_add_out[at_1] = sum3.x + matmul_add_bias[column];
      matmul_add_out[at_1 + 1] = sum3.y + matmul_add_bias[column + 1];
      matmul_add_out[at_1 + 2] = sum3.z + matmul_add_bias[column + 2];
      matmul_add_out[at_1 + 3] = sum3.w + matmul_add_bias[column + 3];
    }
  }
}

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
@group(0) @binding(1) var<storage, read> attention_query: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> attention_mask: array<i32>;
@group(0) @binding(3) var<storage, read_write> attention_out: array<f32>;
var<workgroup> attention_queries: array<vec4<f32>, 32>;
var<workgroup> attention_rows: array<vec4<f32>, 64>;
var<workgroup> attention_scores: array<f32, 512>;
@compute @workgroup_size(128)
fn attention(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_index) local_invocation_index: u32,
) {
  let gy: i32 = i32(workgroup_id.y);
  let gx: i32 = i32(workgroup_id.x);
  let lane: i32 = i32(local_invocation_index);
  let batch: i32 = symbols.batch;
  let seq: i32 = symbols.seq;
  let b: i32 = gy / 2;
  let h: i32 = gy - 2 * (gy / 2);
  for (var t: i32 = lane; t < 32; t += 128) {
    let r: i32 = t / 2;
    let q: i32 = t - 2 * r;
    var x: vec4<f32> = vec4<f32>(0.0f);
    if (16 * gx + r < seq) {
      x = attention_query[12 * b * seq + 192 * gx + 2 * h + q + 12 * r];
    }
    attention_queries[q + 2 * r] = x;
  }
  let own: i32 = lane / 8;
  let member: i32 = lane - 8 * own;
  var sum0: vec4<f32> = vec4<f32>(0.0f);
  var largest: f32 = -1.7014117e+38f;
  var total: f32 = 0.0f;
  let at: i32 = 32 * own;
  for (var start: i32 = 0; start < seq; start += 32) {
    for (var t: i32 = lane; t < 64; t += 128) {
      let r: i32 = t / 2;
      let q: i32 = t - 2 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (r + start < seq) {
        x = attention_query[12 * b * seq + 2 * h + q + 12 * r + 12 * start + 4];
      }
      attention_rows[q + 2 * r] = x;
    }
    workgroupBarrier();
    for (var e: i32 = lane; e < 512; e += 128) {
      let i: i32 = e / 32;
      let j: i32 = e - 32 * i;
      var dot: vec4<f32> = vec4<f32>(0.0f);
      let at_1: i32 = 2 * i;
      let at_2: i32 = 2 * j;
      for (var d: i32 = 0; d < 2; d++) {
        dot = dot + attention_queries[at_1 + d] * attention_rows[at_2 + d];
      }
      var score: f32 = -3.402823466e+38f;
      if (16 * gx + i < seq && j + start < seq) {
        score = select(-3.402823466e+38f, (dot.x + dot.y + dot.z + dot.w) * 0.35355338f, attention_mask[b * seq + j + start] != 0);
      }
      attention_scores[e] = score;
    }
    workgroupBarrier();
    var top: f32 = largest;
    for (var j: i32 = 0; j < 32; j++) {
      top = max(top, attention_scores[at + j]);
    }
    let rescale: f32 = exp(largest - top);
    largest = top;
    workgroupBarrier();
    for (var j: i32 = member; j < 32; j += 8) {
      attention_scores[at + j] = exp(attention_scores[at + j] - top);
    }
    for (var t: i32 = lane; t < 64; t += 128) {
      let r: i32 = t / 2;
      let q: i32 = t - 2 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (r + start < seq) {
        x = attention_query[12 * b * seq + 2 * h + q + 12 * r + 12 * start + 8];
      }
      attention_rows[q + 2 * r] = x;
    }
    workgroupBarrier();
    sum0 = sum0 * rescale;
    total = total * rescale;
    for (var j: i32 = 0; j < 32; j++) {
      let p: f32 = attention_scores[at + j];
      total = total + p;
      if (4 * member < 8) {
        sum0 = sum0 + p * attention_rows[2 * j + member];
      }
    }
    workgroupBarrier();
  }
  let inverse: f32 = select(0.0f, 1.0f / max(total, 1e-30f), 0.0f < total);
  let query_1: i32 = 16 * gx + own;
  if (query_1 < seq) {
    if (4 * member < 8) {
      let at_1: i32 = 16 * b * seq + 8 * h + 4 * member + 16 * query_1;
      attention_out[at_1] = sum0.x * inverse;
      attention_out[at_1 + 1] = sum0.y * inverse;
      attention_out[at_1 + 2] = sum0.z * inverse;
      attention_out[at_1 + 3] = sum0.w * inverse;
    }
  }
}

// %attention.output.linear.matmul = matmul %attention.context, %attention.output.weight : f32[batch, seq, 16]
// %attention.output.linear = add %attention.output.linear.matmul, %attention.output.bias : f32[batch, seq, 16]
@group(0) @binding(1) var<storage, read> matmul_add_1_a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> matmul_add_1_weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> matmul_add_1_bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> matmul_add_1_out: array<f32>;
var<workgroup> matmul_add_1_tile_a: array<vec4<f32>, 128>;
var<workgroup> matmul_add_1_tile_b: array<vec4<f32>, 256>;
@compute @workgroup_size(128)
fn matmul_add_1(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_index) local_invocation_index: u32,
) {
  let gz: i32 = i32(workgroup_id.z);
  let gy: i32 = i32(workgroup_id.y);
  let gx: i32 = i32(workgroup_id.x);
  let lane: i32 = i32(local_invocation_index);
  let batch: i32 = symbols.batch;
  let seq: i32 = symbols.seq;
  let quad_row: i32 = lane / 16;
  let quad_column: i32 = lane - 16 * quad_row;
  var sum0: vec4<f32> = vec4<f32>(0.0f);
  var sum1: vec4<f32> = vec4<f32>(0.0f);
  var sum2: vec4<f32> = vec4<f32>(0.0f);
  var sum3: vec4<f32> = vec4<f32>(0.0f);
  let at: i32 = 16 * quad_row;
  for (var block: i32 = 0; block < 1; block++) {
    for (var t: i32 = lane; t < 128; t += 128) {
      let r: i32 = t / 4;
      let q: i32 = t - 4 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (32 * gy + r < batch * seq) {
        x = matmul_add_1_a[4 * block + 128 * gy + q + 4 * r];
      }
      matmul_add_1_tile_a[q + 4 * r] = x;
    }
    for (var t: i32 = lane; t < 256; t += 128) {
      let r: i32 = t / 16;
      let q: i32 = t - 16 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (64 * gx + 4 * q < 16) {
        x = matmul_add_1_weight[64 * block + 16 * gx + q + 4 * r];
      }
      matmul_add_1_tile_b[q + 16 * r] = x;
    }
    workgroupBarrier();
    for (var quad: i32 = 0; quad < 4; quad++) {
      let a0: vec4<f32> = matmul_add_1_tile_a[at + quad];
      let a1: vec4<f32> = matmul_add_1_tile_a[at + quad + 4];
      let a2: vec4<f32> = matmul_add_1_tile_a[at + quad + 8];
      let a3: vec4<f32> = matmul_add_1_tile_a[at + quad + 12];
      let at_1: i32 = 64 * quad + quad_column;
      let b0: vec4<f32> = matmul_add_1_tile_b[at_1];
      sum0 = sum0 + a0.x * b0;
      sum1 = sum1 + a1.x * b0;
      sum2 = sum2 + a2.x * b0;
      sum3 = sum3 + a3.x * b0;
      let b1: vec4<f32> = matmul_add_1_tile_b[at_1 + 16];
      sum0 = sum0 + a0.y * b1;
      sum1 = sum1 + a1.y * b1;
      sum2 = sum2 + a2.y * b1;
      sum3 = sum3 + a3.y * b1;
      let b2: vec4<f32> = matmul_add_1_tile_b[at_1 + 32];
      sum0 = sum0 + a0.z * b2;
      sum1 = sum1 + a1.z * b2;
      sum2 = sum2 + a2.z * b2;
      sum3 = sum3 + a3.z * b2;
      let b3: vec4<f32> = matmul_add_1_tile_b[at_1 + 48];
      sum0 = sum0 + a0.w * b3;
      sum1 = sum1 + a1.w * b3;
      sum2 = sum2 + a2.w * b3;
      sum3 = sum3 + a3.w * b3;
    }
    workgroupBarrier();
  }
  let column: i32 = 64 * gx + 4 * quad_column;
  if (column < 16) {
    let row0: i32 = 32 * gy + 4 * quad_row;
    if (row0 < batch * seq) {
      let at_1: i32 = column + 16 * row0;
      matmul_add_1_out[at_1] = sum0.x + matmul_add_1_bias[column];
      matmul_add_1_out[at_1 + 1] = sum0.y + matmul_add_1_bias[column + 1];
      matmul_add_1_out[at_1 + 2] = sum0.z + matmul_add_1_bias[column + 2];
      matmul_add_1_out[at_1 + 3] = sum0.w + matmul_add_1_bias[column + 3];
    }
    let row1: i32 = 32 * gy + 4 * quad_row + 1;
    if (row1 < batch * seq) {
      let at_1: i32 = column + 16 * row1;
      matmul_add_1_out[at_1] = sum1.x + matmul_add_1_bias[column];
      matmul_add_1_out[at_1 + 1] = sum1.y + matmul_add_1_bias[column + 1];
      matmul_add_1_out[at_1 + 2] = sum1.z + matmul_add_1_bias[column + 2];
      matmul_add_1_out[at_1 + 3] = sum1.w + matmul_add_1_bias[column + 3];
    }
    let row2: i32 = 32 * gy + 4 * quad_row + 2;
    if (row2 < batch * seq) {
      let at_1: i32 = column + 16 * row2;
      matmul_add_1_out[at_1] = sum2.x + matmul_add_1_bias[column];
      matmul_add_1_out[at_1 + 1] = sum2.y + matmul_add_1_bias[column + 1];
      matmul_add_1_out[at_1 + 2] = sum2.z + matmul_add_1_bias[column + 2];
      matmul_add_1_out[at_1 + 3] = sum2.w + matmul_add_1_bias[column + 3];
    }
    let row3: i32 = 32 * gy + 4 * quad_row + 3;
    if (row3 < batch * seq) {
      let at_1: i32 = column + 16 * row3;
      matmul_add_1_out[at_1] = sum3.x + matmul_add_1_bias[column];
      matmul_add_1_out[at_1 + 1] = sum3.y + matmul_add_1_bias[column + 1];
      matmul_add_1_out[at_1 + 2] = sum3.z + matmul_add_1_bias[column + 2];
      matmul_add_1_out[at_1 + 3] = sum3.w + matmul_add_1_bias[column + 3];
    }
  }
}

// %attention.norm.layer_norm, %attention.sum = add_norm %attention.output.linear, %x, %attention.norm.gamma, %attention.norm.beta : f32[batch, seq, 16], f32[batch, seq, 16]
@group(0) @binding(1) var<storage, read> add_norm_x: array<f32>;
@group(0) @binding(2) var<storage, read> add_norm_residual: array<f32>;
@group(0) @binding(3) var<storage, read> add_norm_gamma: array<f32>;
@group(0) @binding(4) var<storage, read> add_norm_beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> add_norm_out: array<f32>;
var<workgroup> add_norm_exchange: array<f32, 32>;
var<workgroup> add_norm_row: array<f32, 16>;
@compute @workgroup_size(32)
fn add_norm(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_index) local_invocation_index: u32,
) {
  let gy: i32 = i32(workgroup_id.y);
  let gx: i32 = i32(workgroup_id.x);
  let lane: i32 = i32(local_invocation_index);
  let batch: i32 = symbols.batch;
  let seq: i32 = symbols.seq;
  if (gx + 65535 * gy < batch * seq) {
    let at: i32 = 16 * gx + 1048560 * gy;
    for (var j: i32 = lane; j < 16; j += 32) {
      let add: f32 = add_norm_x[at + j] + add_norm_residual[at + j];
      add_norm_row[j] = add;
    }
    var sum: f32 = 0.0f;
    for (var k: i32 = lane; k < 16; k += 32) {
      sum = sum + add_norm_row[k];
    }
    add_norm_exchange[lane] = sum;
    workgroupBarrier();
    if (lane < 16) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 16];
    }
    workgroupBarrier();
    if (lane < 8) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 8];
    }
    workgroupBarrier();
    if (lane < 4) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 4];
    }
    workgroupBarrier();
    if (lane < 2) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 2];
    }
    workgroupBarrier();
    if (lane < 1) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 1];
    }
    workgroupBarrier();
    let total: f32 = add_norm_exchange[0];
    workgroupBarrier();
    let reduce_mean: f32 = total / 16.0f;
    var sum_1: f32 = 0.0f;
    for (var k: i32 = lane; k < 16; k += 32) {
      let sub_1: f32 = add_norm_row[k] - reduce_mean;
      sum_1 = sum_1 + sub_1 * sub_1;
    }
    add_norm_exchange[lane] = sum_1;
    workgroupBarrier();
    if (lane < 16) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 16];
    }
    workgroupBarrier();
    if (lane < 8) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 8];
    }
    workgroupBarrier();
    if (lane < 4) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 4];
    }
    workgroupBarrier();
    if (lane < 2) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 2];
    }
    workgroupBarrier();
    if (lane < 1) {
      add_norm_exchange[lane] = add_norm_exchange[lane] + add_norm_exchange[lane + 1];
    }
    workgroupBarrier();
    let total_1: f32 = add_norm_exchange[0];
    workgroupBarrier();
    let rsqrt: f32 = 1.0f / sqrt(total_1 / 16.0f + 0.00001f);
    for (var j: i32 = lane; j < 16; j += 32) {
      let sub: f32 = add_norm_row[j] - reduce_mean;
      add_norm_out[at + j] = sub * rsqrt * add_norm_gamma[j] + add_norm_beta[j];
    }
  }
}

// %ffn.hidden.linear.matmul = matmul %attention.norm.layer_norm, %ffn.hidden.weight : f32[batch, seq, 32]
// %ffn.hidden.linear = add %ffn.hidden.linear.matmul, %ffn.hidden.bias : f32[batch, seq, 32]
// %ffn.gelu = gelu %ffn.hidden.linear : f32[batch, seq, 32]
@group(0) @binding(1) var<storage, read> matmul_add_gelu_a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> matmul_add_gelu_weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> matmul_add_gelu_bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> matmul_add_gelu_out: array<f32>;
var<workgroup> matmul_add_gelu_tile_a: array<vec4<f32>, 128>;
var<workgroup> matmul_add_gelu_tile_b: array<vec4<f32>, 256>;
@compute @workgroup_size(128)
fn matmul_add_gelu(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_index) local_invocation_index: u32,
) {
  let gz: i32 = i32(workgroup_id.z);
  let gy: i32 = i32(workgroup_id.y);
  let gx: i32 = i32(workgroup_id.x);
  let lane: i32 = i32(local_invocation_index);
  let batch: i32 = symbols.batch;
  let seq: i32 = symbols.seq;
  let quad_row: i32 = lane / 16;
  let quad_column: i32 = lane - 16 * quad_row;
  var sum0: vec4<f32> = vec4<f32>(0.0f);
  var sum1: vec4<f32> = vec4<f32>(0.0f);
  var sum2: vec4<f32> = vec4<f32>(0.0f);
  var sum3: vec4<f32> = vec4<f32>(0.0f);
  let at: i32 = 16 * quad_row;
  for (var block: i32 = 0; block < 1; block++) {
    for (var t: i32 = lane; t < 128; t += 128) {
      let r: i32 = t / 4;
      let q: i32 = t - 4 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (32 * gy + r < batch * seq) {
        x = matmul_add_gelu_a[4 * block + 128 * gy + q + 4 * r];
      }
      matmul_add_gelu_tile_a[q + 4 * r] = x;
    }
    for (var t: i32 = lane; t < 256; t += 128) {
      let r: i32 = t / 16;
      let q: i32 = t - 16 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (64 * gx + 4 * q < 32) {
        x = matmul_add_gelu_weight[128 * block + 16 * gx + q + 8 * r];
      }
      matmul_add_gelu_tile_b[q + 16 * r] = x;
    }
    workgroupBarrier();
    for (var quad: i32 = 0; quad < 4; quad++) {
      let a0: vec4<f32> = matmul_add_gelu_tile_a[at + quad];
      let a1: vec4<f32> = matmul_add_gelu_tile_a[at + quad + 4];
      let a2: vec4<f32> = matmul_add_gelu_tile_a[at + quad + 8];
      let a3: vec4<f32> = matmul_add_gelu_tile_a[at + quad + 12];
      let at_1: i32 = 64 * quad + quad_column;
      let b0: vec4<f32> = matmul_add_gelu_tile_b[at_1];
      sum0 = sum0 + a0.x * b0;
      sum1 = sum1 + a1.x * b0;
      sum2 = sum2 + a2.x * b0;
      sum3 = sum3 + a3.x * b0;
      let b1: vec4<f32> = matmul_add_gelu_tile_b[at_1 + 16];
      sum0 = sum0 + a0.y * b1;
      sum1 = sum1 + a1.y * b1;
      sum2 = sum2 + a2.y * b1;
      sum3 = sum3 + a3.y * b1;
      let b2: vec4<f32> = matmul_add_gelu_tile_b[at_1 + 32];
      sum0 = sum0 + a0.z * b2;
      sum1 = sum1 + a1.z * b2;
      sum2 = sum2 + a2.z * b2;
      sum3 = sum3 + a3.z * b2;
      let b3: vec4<f32> = matmul_add_gelu_tile_b[at_1 + 48];
      sum0 = sum0 + a0.w * b3;
      sum1 = sum1 + a1.w * b3;
      sum2 = sum2 + a2.w * b3;
      sum3 = sum3 + a3.w * b3;
    }
    workgroupBarrier();
  }
  let column: i32 = 64 * gx + 4 * quad_column;
  if (column < 32) {
    let row0: i32 = 32 * gy + 4 * quad_row;
    if (row0 < batch * seq) {
      let linear: f32 = sum0.x + matmul_add_gelu_bias[column];
      let at_1: i32 = column + 32 * row0;
      matmul_add_gelu_out[at_1] = linear * 0.5f * (erf_f32(linear * 0.70710677f) + 1.0f);
      let linear_1: f32 = sum0.y + matmul_add_gelu_bias[column + 1];
      matmul_add_gelu_out[at_1 + 1] = linear_1 * 0.5f * (erf_f32(linear_1 * 0.70710677f) + 1.0f);
      let linear_2: f32 = sum0.z + matmul_add_gelu_bias[column + 2];
      matmul_add_gelu_out[at_1 + 2] = linear_2 * 0.5f * (erf_f32(linear_2 * 0.70710677f) + 1.0f);
      let linear_3: f32 = sum0.w + matmul_add_gelu_bias[column + 3];
      matmul_add_gelu_out[at_1 + 3] = linear_3 * 0.5f * (erf_f32(linear_3 * 0.70710677f) + 1.0f);
    }
    let row1: i32 = 32 * gy + 4 * quad_row + 1;
    if (row1 < batch * seq) {
      let linear: f32 = sum1.x + matmul_add_gelu_bias[column];
      let at_1: i32 = column + 32 * row1;
      matmul_add_gelu_out[at_1] = linear * 0.5f * (erf_f32(linear * 0.70710677f) + 1.0f);
      let linear_1: f32 = sum1.y + matmul_add_gelu_bias[column + 1];
      matmul_add_gelu_out[at_1 + 1] = linear_1 * 0.5f * (erf_f32(linear_1 * 0.70710677f) + 1.0f);
      let linear_2: f32 = sum1.z + matmul_add_gelu_bias[column + 2];
      matmul_add_gelu_out[at_1 + 2] = linear_2 * 0.5f * (erf_f32(linear_2 * 0.70710677f) + 1.0f);
      let linear_3: f32 = sum1.w + matmul_add_gelu_bias[column + 3];
      matmul_add_gelu_out[at_1 + 3] = linear_3 * 0.5f * (erf_f32(linear_3 * 0.70710677f) + 1.0f);
    }
    let row2: i32 = 32 * gy + 4 * quad_row + 2;
    if (row2 < batch * seq) {
      let linear: f32 = sum2.x + matmul_add_gelu_bias[column];
      let at_1: i32 = column + 32 * row2;
      matmul_add_gelu_out[at_1] = linear * 0.5f * (erf_f32(linear * 0.70710677f) + 1.0f);
      let linear_1: f32 = sum2.y + matmul_add_gelu_bias[column + 1];
      matmul_add_gelu_out[at_1 + 1] = linear_1 * 0.5f * (erf_f32(linear_1 * 0.70710677f) + 1.0f);
      let linear_2: f32 = sum2.z + matmul_add_gelu_bias[column + 2];
      matmul_add_gelu_out[at_1 + 2] = linear_2 * 0.5f * (erf_f32(linear_2 * 0.70710677f) + 1.0f);
      let linear_3: f32 = sum2.w + matmul_add_gelu_bias[column + 3];
      matmul_add_gelu_out[at_1 + 3] = linear_3 * 0.5f * (erf_f32(linear_3 * 0.70710677f) + 1.0f);
    }
    let row3: i32 = 32 * gy + 4 * quad_row + 3;
    if (row3 < batch * seq) {
      let linear: f32 = sum3.x + matmul_add_gelu_bias[column];
      let at_1: i32 = column + 32 * row3;
      matmul_add_gelu_out[at_1] = linear * 0.5f * (erf_f32(linear * 0.70710677f) + 1.0f);
      let linear_1: f32 = sum3.y + matmul_add_gelu_bias[column + 1];
      matmul_add_gelu_out[at_1 + 1] = linear_1 * 0.5f * (erf_f32(linear_1 * 0.70710677f) + 1.0f);
      let linear_2: f32 = sum3.z + matmul_add_gelu_bias[column + 2];
      matmul_add_gelu_out[at_1 + 2] = linear_2 * 0.5f * (erf_f32(linear_2 * 0.70710677f) + 1.0f);
      let linear_3: f32 = sum3.w + matmul_add_gelu_bias[column + 3];
      matmul_add_gelu_out[at_1 + 3] = linear_3 * 0.5f * (erf_f32(linear_3 * 0.70710677f) + 1.0f);
    }
  }
}

// %ffn.output.linear.matmul = matmul %ffn.gelu, %ffn.output.weight : f32[batch, seq, 16]
// %ffn.output.linear = add %ffn.output.linear.matmul, %ffn.output.bias : f32[batch, seq, 16]
@group(0) @binding(1) var<storage, read> matmul_add_2_a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> matmul_add_2_weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> matmul_add_2_bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> matmul_add_2_out: array<f32>;
var<workgroup> matmul_add_2_tile_a: array<vec4<f32>, 128>;
var<workgroup> matmul_add_2_tile_b: array<vec4<f32>, 256>;
@compute @workgroup_size(128)
fn matmul_add_2(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_index) local_invocation_index: u32,
) {
  let gz: i32 = i32(workgroup_id.z);
  let gy: i32 = i32(workgroup_id.y);
  let gx: i32 = i32(workgroup_id.x);
  let lane: i32 = i32(local_invocation_index);
  let batch: i32 = symbols.batch;
  let seq: i32 = symbols.seq;
  let quad_row: i32 = lane / 16;
  let quad_column: i32 = lane - 16 * quad_row;
  var sum0: vec4<f32> = vec4<f32>(0.0f);
  var sum1: vec4<f32> = vec4<f32>(0.0f);
  var sum2: vec4<f32> = vec4<f32>(0.0f);
  var sum3: vec4<f32> = vec4<f32>(0.0f);
  let at: i32 = 16 * quad_row;
  for (var block: i32 = 0; block < 2; block++) {
    for (var t: i32 = lane; t < 128; t += 128) {
      let r: i32 = t / 4;
      let q: i32 = t - 4 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (32 * gy + r < batch * seq) {
        x = matmul_add_2_a[4 * block + 256 * gy + q + 8 * r];
      }
      matmul_add_2_tile_a[q + 4 * r] = x;
    }
    for (var t: i32 = lane; t < 256; t += 128) {
      let r: i32 = t / 16;
      let q: i32 = t - 16 * r;
      var x: vec4<f32> = vec4<f32>(0.0f);
      if (64 * gx + 4 * q < 16) {
        x = matmul_add_2_weight[64 * block + 16 * gx + q + 4 * r];
      }
      matmul_add_2_tile_b[q + 16 * r] = x;
    }
    workgroupBarrier();
    for (var quad: i32 = 0; quad < 4; quad++) {
      let a0: vec4<f32> = matmul_add_2_tile_a[at + quad];
      let a1: vec4<f32> = matmul_add_2_tile_a[at + quad + 4];
      let a2: vec4<f32> = matmul_add_2_tile_a[at + quad + 8];
      let a3: vec4<f32> = matmul_add_2_tile_a[at + quad + 12];
      let at_1: i32 = 64 * quad + quad_column;
      let b0: vec4<f32> = matmul_add_2_tile_b[at_1];
      sum0 = sum0 + a0.x * b0;
      sum1 = sum1 + a1.x * b0;
      sum2 = sum2 + a2.x * b0;
      sum3 = sum3 + a3.x * b0;
      let b1: vec4<f32> = matmul_add_2_tile_b[at_1 + 16];
      sum0 = sum0 + a0.y * b1;
      sum1 = sum1 + a1.y * b1;
      sum2 = sum2 + a2.y * b1;
      sum3 = sum3 + a3.y * b1;
      let b2: vec4<f32> = matmul_add_2_tile_b[at_1 + 32];
      sum0 = sum0 + a0.z * b2;
      sum1 = sum1 + a1.z * b2;
      sum2 = sum2 + a2.z * b2;
      sum3 = sum3 + a3.z * b2;
      let b3: vec4<f32> = matmul_add_2_tile_b[at_1 + 48];
      sum0 = sum0 + a0.w * b3;
      sum1 = sum1 + a1.w * b3;
      sum2 = sum2 + a2.w * b3;
      sum3 = sum3 + a3.w * b3;
    }
    workgroupBarrier();
  }
  let column: i32 = 64 * gx + 4 * quad_column;
  if (column < 16) {
    let row0: i32 = 32 * gy + 4 * quad_row;
    if (row0 < batch * seq) {
      let at_1: i32 = column + 16 * row0;
      matmul_add_2_out[at_1] = sum0.x + matmul_add_2_bias[column];
      matmul_add_2_out[at_1 + 1] = sum0.y + matmul_add_2_bias[column + 1];
      matmul_add_2_out[at_1 + 2] = sum0.z + matmul_add_2_bias[column + 2];
      matmul_add_2_out[at_1 + 3] = sum0.w + matmul_add_2_bias[column + 3];
    }
    let row1: i32 = 32 * gy + 4 * quad_row + 1;
    if (row1 < batch * seq) {
      let at_1: i32 = column + 16 * row1;
      matmul_add_2_out[at_1] = sum1.x + matmul_add_2_bias[column];
      matmul_add_2_out[at_1 + 1] = sum1.y + matmul_add_2_bias[column + 1];
      matmul_add_2_out[at_1 + 2] = sum1.z + matmul_add_2_bias[column + 2];
      matmul_add_2_out[at_1 + 3] = sum1.w + matmul_add_2_bias[column + 3];
    }
    let row2: i32 = 32 * gy + 4 * quad_row + 2;
    if (row2 < batch * seq) {
      let at_1: i32 = column + 16 * row2;
      matmul_add_2_out[at_1] = sum2.x + matmul_add_2_bias[column];
      matmul_add_2_out[at_1 + 1] = sum2.y + matmul_add_2_bias[column + 1];
      matmul_add_2_out[at_1 + 2] = sum2.z + matmul_add_2_bias[column + 2];
      matmul_add_2_out[at_1 + 3] = sum2.w + matmul_add_2_bias[column + 3];
    }
    let row3: i32 = 32 * gy + 4 * quad_row + 3;
    if (row3 < batch * seq) {
      let at_1: i32 = column + 16 * row3;
      matmul_add_2_out[at_1] = sum3.x + matmul_add_2_bias[column];
      matmul_add_2_out[at_1 + 1] = sum3.y + matmul_add_2_bias[column + 1];
      matmul_add_2_out[at_1 + 2] = sum3.z + matmul_add_2_bias[column + 2];
      matmul_add_2_out[at_1 + 3] = sum3.w + matmul_add_2_bias[column + 3];
    }
  }
}
