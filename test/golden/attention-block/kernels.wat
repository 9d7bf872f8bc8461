;; The kernels of attention-block.
;; Buffers come first, then the sizes of the symbols; all are i32, buffers as byte addresses.
;; No buffer and no scratch memory lies below 65536: an offset never wraps around.
(module
  (import "host" "memory" (memory 1 65536))
  ;; Where the sizes of the symbols and the addresses of the buffers stand.
  (global $table (export "table") (mut i32) (i32.const 0))
  ;; Where the kernels' scratch memory is.
  (global $scratch (export "scratch") (mut i32) (i32.const 0))
  ;; Which thread this is, and how many run the model together.
  (global $thread (export "thread") (mut i32) (i32.const 0))
  (global $threads (export "threads") (mut i32) (i32.const 1))
  ;; Where threads meet, and whether this one may sleep there.
  (global $sync (export "sync") (mut i32) (i32.const 0))
  (global $waits (export "waits") (mut i32) (i32.const 0))

  ;; exp: relative error below 1.5e-7; 0 below -87.
  (func $exp_f32 (param $x f32) (result f32)
    (local $kept f32) (local $within f32) (local $biased f32) (local $n f32)
    (local $r f32) (local $power f32) (local $half f32)
    (local.set $within
      (select
        (f32.const 89)
        (local.tee $kept (select (f32.const -87.3) (local.get $x) (f32.gt (f32.const -87.3) (local.get $x))))
        (f32.lt (f32.const 89) (local.get $kept))))
    (local.set $biased (f32.add (f32.mul (local.get $within) (f32.const 1.4426950408889634)) (f32.const 12583038)))
    (local.set $n (f32.sub (local.get $biased) (f32.const 12583038)))
    (local.set $r
      (f32.add
        (f32.mul (local.get $n) (f32.const 0.00021219444005469057))
        (f32.add (f32.mul (local.get $n) (f32.const -0.693359375)) (local.get $within))))
    (local.set $power (f32.reinterpret_i32 (i32.shl (i32.reinterpret_f32 (local.get $biased)) (i32.const 23))))
    (local.set $half
      (f32.add
        (f32.mul
          (f32.add
            (f32.mul
              (f32.mul (local.get $r) (local.get $r))
              (f32.add
                (f32.mul
                  (f32.add
                    (f32.mul
                      (f32.add
                        (f32.mul
                          (f32.add (f32.mul (f32.const 0.001381446705932651) (local.get $r)) (f32.const 0.008368780411180533))
                          (local.get $r))
                        (f32.const 0.04166839421089387))
                      (local.get $r))
                    (f32.const 0.1666652010781959))
                  (local.get $r))
                (f32.const 0.49999993412501564)))
            (local.get $r))
          (local.get $power))
        (local.get $power)))
    (f32.add (local.get $half) (local.get $half))
  )

  ;; exp: relative error below 1.5e-7; 0 below -87.
  (func $exp_f32x4 (param $x v128) (result v128)
    (local $within v128) (local $biased v128) (local $n v128) (local $r v128)
    (local $power v128) (local $half v128)
    (local.set $within
      (f32x4.pmin (f32x4.pmax (local.get $x) (v128.const f32x4 -87.3 -87.3 -87.3 -87.3)) (v128.const f32x4 89 89 89 89)))
    (local.set $biased
      (f32x4.add
        (f32x4.mul
          (local.get $within)
          (v128.const f32x4 1.4426950408889634 1.4426950408889634 1.4426950408889634 1.4426950408889634))
        (v128.const f32x4 12583038 12583038 12583038 12583038)))
    (local.set $n (f32x4.sub (local.get $biased) (v128.const f32x4 12583038 12583038 12583038 12583038)))
    (local.set $r
      (f32x4.add
        (f32x4.mul
          (local.get $n)
          (v128.const f32x4 0.00021219444005469057 0.00021219444005469057 0.00021219444005469057 0.00021219444005469057))
        (f32x4.add
          (f32x4.mul (local.get $n) (v128.const f32x4 -0.693359375 -0.693359375 -0.693359375 -0.693359375))
          (local.get $within))))
    (local.set $power (i32x4.shl (local.get $biased) (i32.const 23)))
    (local.set $half
      (f32x4.add
        (f32x4.mul
          (f32x4.add
            (f32x4.mul
              (f32x4.mul (local.get $r) (local.get $r))
              (f32x4.add
                (f32x4.mul
                  (f32x4.add
                    (f32x4.mul
                      (f32x4.add
                        (f32x4.mul
                          (f32x4.add
                            (f32x4.mul
                              (v128.const f32x4 0.001381446705932651 0.001381446705932651 0.001381446705932651 0.001381446705932651)
                              (local.get $r))
                            (v128.const f32x4 0.008368780411180533 0.008368780411180533 0.008368780411180533 0.008368780411180533))
                          (local.get $r))
                        (v128.const f32x4 0.04166839421089387 0.04166839421089387 0.04166839421089387 0.04166839421089387))
                      (local.get $r))
                    (v128.const f32x4 0.1666652010781959 0.1666652010781959 0.1666652010781959 0.1666652010781959))
                  (local.get $r))
                (v128.const f32x4 0.49999993412501564 0.49999993412501564 0.49999993412501564 0.49999993412501564)))
            (local.get $r))
          (local.get $power))
        (local.get $power)))
    (f32x4.add (local.get $half) (local.get $half))
  )

  ;; erf: error below 4e-7, relative too.
  (func $erf_f32x4 (param $x v128) (result v128)
    (local $c v128) (local $z v128)
    (local.set $c
      (f32x4.pmax (f32x4.pmin (local.get $x) (v128.const f32x4 4.2 4.2 4.2 4.2)) (v128.const f32x4 -4.2 -4.2 -4.2 -4.2)))
    (local.set $z (f32x4.mul (local.get $c) (local.get $c)))
    (f32x4.div
      (f32x4.mul
        (local.get $c)
        (f32x4.add
          (f32x4.mul
            (f32x4.add
              (f32x4.mul
                (f32x4.add
                  (f32x4.mul
                    (f32x4.add
                      (f32x4.mul
                        (f32x4.add
                          (f32x4.mul
                            (f32x4.add
                              (f32x4.mul
                                (v128.const f32x4 -1.3671790814224942e-8 -1.3671790814224942e-8 -1.3671790814224942e-8 -1.3671790814224942e-8)
                                (local.get $z))
                              (v128.const f32x4 0.000004775342410475706 0.000004775342410475706 0.000004775342410475706 0.000004775342410475706))
                            (local.get $z))
                          (v128.const f32x4 0.0003830131613183611 0.0003830131613183611 0.0003830131613183611 0.0003830131613183611))
                        (local.get $z))
                      (v128.const f32x4 0.003860120787192879 0.003860120787192879 0.003860120787192879 0.003860120787192879))
                    (local.get $z))
                  (v128.const f32x4 0.05439584143680974 0.05439584143680974 0.05439584143680974 0.05439584143680974))
                (local.get $z))
              (v128.const f32x4 0.18521213315723542 0.18521213315723542 0.18521213315723542 0.18521213315723542))
            (local.get $z))
          (v128.const f32x4 1.128379170348699 1.128379170348699 1.128379170348699 1.128379170348699)))
      (f32x4.add
        (f32x4.mul
          (f32x4.add
            (f32x4.mul
              (f32x4.add
                (f32x4.mul
                  (f32x4.add
                    (f32x4.mul
                      (f32x4.add
                        (f32x4.mul (v128.const f32x4 0.00006396941799 0.00006396941799 0.00006396941799 0.00006396941799) (local.get $z))
                        (v128.const f32x4 0.001314292243 0.001314292243 0.001314292243 0.001314292243))
                      (local.get $z))
                    (v128.const f32x4 0.01549493464 0.01549493464 0.01549493464 0.01549493464))
                  (local.get $z))
                (v128.const f32x4 0.1140309378 0.1140309378 0.1140309378 0.1140309378))
              (local.get $z))
            (v128.const f32x4 0.4974734041 0.4974734041 0.4974734041 0.4974734041))
          (local.get $z))
        (v128.const f32x4 1 1 1 1)))
  )

  ;; %attention.norm.layer_norm, %attention.sum = add_norm %attention.output.linear, %x, %attention.norm.gamma, %attention.norm.beta : f32[batch, seq, 16], f32[batch, seq, 16]
  (func $add_norm (export "add_norm")
    (param $x i32) ;; f32[16*batch*seq] read
    (param $residual i32) ;; f32[16*batch*seq] read
    (param $gamma i32) ;; f32[16] read
    (param $beta i32) ;; f32[16] read
    (param $out i32) ;; f32[16*batch*seq] written
    (param $batch i32) ;; size
    (param $seq i32) ;; size
    (local $scratch i32) (local $n_count i32) (local $n_end i32) (local $n i32)
    (local $at i32) (local $j i32) (local $k i32)
    (local $sum f32) (local $reduce_mean f32) (local $sum_1 f32) (local $rsqrt f32)
    (local $add v128) (local $sum_lanes v128) (local $sum_all v128) (local $sum_1_lanes v128)
    (local $sub_1 v128) (local $sum_1_all v128) (local $sub v128)
    (local.set $scratch (global.get $scratch))
    (local.set $n_count (i32.mul (local.get $batch) (local.get $seq)))
    (local.set $n_end
      (i32.div_s (i32.mul (local.get $n_count) (i32.add (global.get $thread) (i32.const 1))) (global.get $threads)))
    (local.set $n (i32.div_s (i32.mul (local.get $n_count) (global.get $thread)) (global.get $threads)))
    (if (i32.lt_s (local.get $n) (local.get $n_end)) (then (loop $n
      ;; row: f32[16], 0 bytes into scratch memory
      (local.set $at (i32.shl (local.get $n) (i32.const 4)))
      (local.set $j (i32.const 0))
      (loop $j
        (local.set $add
          (f32x4.add
            (v128.load align=4 (i32.add (local.get $x) (i32.shl (i32.add (local.get $at) (local.get $j)) (i32.const 2))))
            (v128.load align=4 (i32.add (local.get $residual) (i32.shl (i32.add (local.get $at) (local.get $j)) (i32.const 2))))))
        (v128.store align=4 (i32.add (local.get $scratch) (i32.shl (local.get $j) (i32.const 2))) (local.get $add))
        (br_if $j (i32.lt_s (local.tee $j (i32.add (local.get $j) (i32.const 4))) (i32.const 16)))
      )
      (local.set $sum (f32.const 0))
      (local.set $sum_lanes (v128.const f32x4 0 0 0 0))
      (local.set $k (i32.const 0))
      (loop $k
        (local.set $sum_lanes
          (f32x4.add
            (local.get $sum_lanes)
            (v128.load align=4 (i32.add (local.get $scratch) (i32.shl (local.get $k) (i32.const 2))))))
        (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 4))) (i32.const 16)))
      )
      (local.set $sum_all (local.get $sum_lanes))
      (local.set $sum
        (f32.add
          (local.get $sum)
          (f32.add
            (f32.add (f32x4.extract_lane 0 (local.get $sum_all)) (f32x4.extract_lane 2 (local.get $sum_all)))
            (f32.add (f32x4.extract_lane 1 (local.get $sum_all)) (f32x4.extract_lane 3 (local.get $sum_all))))))
      (local.set $reduce_mean (f32.div (local.get $sum) (f32.const 16)))
      (local.set $sum_1 (f32.const 0))
      (local.set $sum_1_lanes (v128.const f32x4 0 0 0 0))
      (local.set $k (i32.const 0))
      (loop $k
        (local.set $sub_1
          (f32x4.sub
            (v128.load align=4 (i32.add (local.get $scratch) (i32.shl (local.get $k) (i32.const 2))))
            (f32x4.splat (local.get $reduce_mean))))
        (local.set $sum_1_lanes (f32x4.add (f32x4.mul (local.get $sub_1) (local.get $sub_1)) (local.get $sum_1_lanes)))
        (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 4))) (i32.const 16)))
      )
      (local.set $sum_1_all (local.get $sum_1_lanes))
      (local.set $sum_1
        (f32.add
          (local.get $sum_1)
          (f32.add
            (f32.add (f32x4.extract_lane 0 (local.get $sum_1_all)) (f32x4.extract_lane 2 (local.get $sum_1_all)))
            (f32.add (f32x4.extract_lane 1 (local.get $sum_1_all)) (f32x4.extract_lane 3 (local.get $sum_1_all))))))
      (local.set $rsqrt
        (f32.div (f32.const 1) (f32.sqrt (f32.add (f32.div (local.get $sum_1) (f32.const 16)) (f32.const 0.00001)))))
      (local.set $j (i32.const 0))
      (loop $j
        (local.set $sub
          (f32x4.sub
            (v128.load align=4 (i32.add (local.get $scratch) (i32.shl (local.get $j) (i32.const 2))))
            (f32x4.splat (local.get $reduce_mean))))
        (v128.store align=4
          (i32.add (local.get $out) (i32.shl (i32.add (local.get $at) (local.get $j)) (i32.const 2)))
          (f32x4.add
            (f32x4.mul
              (f32x4.mul (local.get $sub) (f32x4.splat (local.get $rsqrt)))
              (v128.load align=4 (i32.add (local.get $gamma) (i32.shl (local.get $j) (i32.const 2)))))
            (v128.load align=4 (i32.add (local.get $beta) (i32.shl (local.get $j) (i32.const 2))))))
        (br_if $j (i32.lt_s (local.tee $j (i32.add (local.get $j) (i32.const 4))) (i32.const 16)))
      )
      (br_if $n (i32.lt_s (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $n_end)))
    )))
  )

  ;; %attention.query.linear = slice %attention.query_key_value.linear : f32[batch, seq, 16]
  ;; %attention.key.linear = slice %attention.query_key_value.linear : f32[batch, seq, 16]
  ;; %attention.value.linear = slice %attention.query_key_value.linear : f32[batch, seq, 16]
  ;; %attention.reshape = reshape %attention.query.linear : f32[batch, seq, 2, 8]
  ;; %attention.query = transpose %attention.reshape : f32[batch, 2, seq, 8]
  ;; %attention.reshape_1 = reshape %attention.key.linear : f32[batch, seq, 2, 8]
  ;; %attention.reshape_2 = reshape %attention.value.linear : f32[batch, seq, 2, 8]
  ;; %attention.value = transpose %attention.reshape_2 : f32[batch, 2, seq, 8]
  ;; %attention.reshape_3 = reshape %mask : bool[batch, 1, 1, seq]
  ;; %attention.reshape_1.transpose = transpose %attention.reshape_1 : f32[batch, 2, seq, 8]
  ;; %attention.matmul_1 = attention %attention.query, %attention.reshape_1.transpose, %attention.value, %attention.reshape_3, _ : f32[batch, 2, seq, 8]
  ;; %attention.transpose_4 = transpose %attention.matmul_1 : f32[batch, seq, 2, 8]
  ;; %attention.context = reshape %attention.transpose_4 : f32[batch, seq, 16]
  (func $attention (export "attention")
    (param $query i32) ;; f32[48*batch*seq] read
    (param $mask i32) ;; i32[batch*seq] read
    (param $out i32) ;; f32[16*batch*seq] written
    (param $batch i32) ;; size
    (param $seq i32) ;; size
    (local $scratch i32) (local $b i32) (local $h_end i32) (local $h i32)
    (local $at i32) (local $at_1 i32) (local $at_2 i32) (local $at_3 i32)
    (local $first i32) (local $kept i32) (local $last i32) (local $i_end i32)
    (local $i i32) (local $scratch_at i32) (local $at_4 i32) (local $v i32)
    (local $at_5 i32) (local $at_6 i32) (local $at_7 i32) (local $start i32)
    (local $count i32) (local $at_8 i32) (local $d i32) (local $at_9 i32)
    (local $at_10 i32) (local $slot_end i32) (local $slot i32) (local $at_11 i32)
    (local $query_at i32) (local $slot_end_2 i32) (local $slot_end_3 i32) (local $i_end_2 i32)
    (local $p_end i32) (local $p i32) (local $k i32) (local $at_12 i32)
    (local $next i32) (local $i_end_3 i32) (local $p_end_2 i32) (local $next_1 i32)
    (local $p_end_3 i32) (local $i_end_4 i32) (local $slot_end_4 i32) (local $scratch_at_2 i32)
    (local $slot_end_5 i32) (local $i_end_5 i32) (local $at_13 i32) (local $at_14 i32)
    (local $at_15 i32) (local $at_16 i32) (local $scratch_at_3 i32) (local $next_2 i32)
    (local $i_end_6 i32) (local $next_3 i32) (local $i_end_7 i32)
    (local $query_at_3 f32) (local $query_at_1 f32) (local $query_at_2_2 f32) (local $query_at_3_2 f32)
    (local $before f32) (local $top f32) (local $kept_2 f32) (local $kept_3 f32)
    (local $kept_4 f32) (local $score_2 f32) (local $rescale f32) (local $total f32)
    (local $weight_2 f32) (local $inverse f32)
    (local $query_at_2 v128) (local $c00 v128) (local $c01 v128) (local $c10 v128)
    (local $c11 v128) (local $c20 v128) (local $c21 v128) (local $c30 v128)
    (local $c31 v128) (local $b0 v128) (local $b1 v128) (local $x0 v128)
    (local $x1 v128) (local $x2 v128) (local $x3 v128) (local $c00_1 v128)
    (local $c01_1 v128) (local $c10_1 v128) (local $c11_1 v128) (local $b0_1 v128)
    (local $b1_1 v128) (local $x0_1 v128) (local $x1_1 v128) (local $c00_2 v128)
    (local $c01_2 v128) (local $c00_3 v128) (local $c01_3 v128) (local $b0_2 v128)
    (local $b1_2 v128) (local $x0_2 v128) (local $b0_3 v128) (local $b1_3 v128)
    (local $x0_3 v128) (local $top_lanes v128) (local $score v128) (local $top_all v128)
    (local $total_lanes v128) (local $weight v128) (local $total_all v128)
    (local.set $scratch (global.get $scratch))
    (local.set $b (i32.const 0))
    (if (i32.lt_s (local.get $b) (local.get $batch)) (then (loop $b
      (local.set $h_end
        (i32.div_s (i32.mul (i32.const 2) (i32.add (global.get $thread) (i32.const 1))) (global.get $threads)))
      (local.set $h (i32.div_s (i32.mul (i32.const 2) (global.get $thread)) (global.get $threads)))
      (if (i32.lt_s (local.get $h) (local.get $h_end)) (then (loop $h
        (local.set $at
          (i32.add (i32.mul (i32.mul (local.get $b) (local.get $seq)) (i32.const 48)) (i32.shl (local.get $h) (i32.const 3))))
        (local.set $at_1 (i32.mul (local.get $b) (local.get $seq)))
        (local.set $at_2
          (i32.add (i32.mul (i32.mul (local.get $b) (local.get $seq)) (i32.const 12)) (i32.shl (local.get $h) (i32.const 1))))
        (local.set $at_3
          (i32.add (i32.shl (i32.mul (local.get $b) (local.get $seq)) (i32.const 4)) (i32.shl (local.get $h) (i32.const 3))))
        (local.set $first (i32.const 0))
        (if (i32.lt_s (local.get $first) (local.get $seq)) (then (loop $first
          (local.set $last
            (select
              (local.get $seq)
              (local.tee $kept (i32.add (local.get $first) (i32.const 48)))
              (i32.lt_s (local.get $seq) (local.get $kept))))
          ;; keys: f32[512], 0 bytes into scratch memory
          ;; scores: f32[3072], 2048 bytes into scratch memory
          ;; rescales: f32[48], 14336 bytes into scratch memory
          ;; sums: f32[384], 14528 bytes into scratch memory
          ;; largest: f32[48], 16064 bytes into scratch memory
          ;; totals: f32[48], 16256 bytes into scratch memory
          (local.set $i_end (i32.sub (local.get $last) (local.get $first)))
          (local.set $i (i32.const 0))
          (if (i32.lt_s (local.get $i) (local.get $i_end)) (then (loop $i
            (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $i) (i32.const 2))))
            (f32.store offset=16064 (local.get $scratch_at) (f32.const -1.7014117331926443e+38))
            (f32.store offset=16256 (local.get $scratch_at) (f32.const 0))
            (local.set $at_4 (i32.shl (local.get $i) (i32.const 3)))
            (local.set $v (i32.const 0))
            (loop $v
              (v128.store offset=14528 align=4
                (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_4) (local.get $v)) (i32.const 2)))
                (v128.const f32x4 0 0 0 0))
              (br_if $v (i32.lt_s (local.tee $v (i32.add (local.get $v) (i32.const 4))) (i32.const 8)))
            )
            (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $i_end)))
          )))
          (local.set $at_4 (i32.mul (local.get $first) (i32.const -16)))
          (local.set $at_5 (i32.mul (local.get $first) (i32.const -2)))
          (local.set $at_6 (i32.sub (i32.const 0) (local.get $first)))
          (local.set $at_7 (i32.mul (local.get $first) (i32.const -64)))
          (local.set $start (i32.const 0))
          (if (i32.lt_s (local.get $start) (local.get $seq)) (then (loop $start
            (local.set $count
              (select
                (local.tee $kept (i32.sub (local.get $seq) (local.get $start)))
                (i32.const 64)
                (i32.lt_s (local.get $kept) (i32.const 64))))
            (local.set $at_8 (i32.add (local.get $at) (i32.mul (local.get $start) (i32.const 48))))
            (local.set $d (i32.const 0))
            (loop $d
              (local.set $at_9 (i32.add (local.get $at_8) (local.get $d)))
              (local.set $at_10 (i32.shl (local.get $d) (i32.const 6)))
              (local.set $slot_end (i32.sub (local.get $count) (i32.const 3)))
              (local.set $slot (i32.const 0))
              (if (i32.lt_s (local.get $slot) (local.get $slot_end)) (then (loop $slot
                (local.set $at_11 (i32.add (local.get $at_9) (i32.mul (local.get $slot) (i32.const 48))))
                (local.set $query_at (i32.add (local.get $query) (i32.shl (local.get $at_11) (i32.const 2))))
                (local.set $query_at_2
                  (f32x4.replace_lane 3
                    (f32x4.replace_lane 2
                      (f32x4.replace_lane 1
                        (f32x4.splat (f32.load offset=64 (local.get $query_at)))
                        (f32.load offset=256 (local.get $query_at)))
                      (f32.load offset=448 (local.get $query_at)))
                    (f32.load offset=640 (local.get $query_at))))
                (v128.store align=4
                  (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_10) (local.get $slot)) (i32.const 2)))
                  (local.get $query_at_2))
                (br_if $slot (i32.lt_s (local.tee $slot (i32.add (local.get $slot) (i32.const 4))) (local.get $slot_end)))
              )))
              (local.set $slot (i32.shl (i32.shr_s (local.get $count) (i32.const 2)) (i32.const 2)))
              (if (i32.lt_s (local.get $slot) (local.get $count)) (then (loop $slot
                (local.set $query_at_3
                  (f32.load offset=64
                    (i32.add
                      (local.get $query)
                      (i32.shl (i32.add (local.get $at_9) (i32.mul (local.get $slot) (i32.const 48))) (i32.const 2)))))
                (f32.store
                  (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_10) (local.get $slot)) (i32.const 2)))
                  (local.get $query_at_3))
                (br_if $slot (i32.lt_s (local.tee $slot (i32.add (local.get $slot) (i32.const 1))) (local.get $count)))
              )))
              (local.set $slot_end_2
                (i32.sub (i32.shl (i32.shr_s (i32.add (local.get $count) (i32.const 7)) (i32.const 3)) (i32.const 3)) (i32.const 3)))
              (local.set $slot (local.get $count))
              (if (i32.lt_s (local.get $slot) (local.get $slot_end_2)) (then (loop $slot
                (v128.store align=4
                  (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_10) (local.get $slot)) (i32.const 2)))
                  (v128.const f32x4 0 0 0 0))
                (br_if $slot (i32.lt_s (local.tee $slot (i32.add (local.get $slot) (i32.const 4))) (local.get $slot_end_2)))
              )))
              (local.set $slot_end_3 (i32.shl (i32.shr_s (i32.add (local.get $count) (i32.const 7)) (i32.const 3)) (i32.const 3)))
              (local.set $slot
                (i32.add
                  (i32.add
                    (local.get $count)
                    (i32.shl (i32.shr_s (i32.sub (i32.const 0) (local.get $count)) (i32.const 2)) (i32.const 2)))
                  (i32.shl (i32.shr_s (i32.add (local.get $count) (i32.const 7)) (i32.const 3)) (i32.const 3))))
              (if (i32.lt_s (local.get $slot) (local.get $slot_end_3)) (then (loop $slot
                (f32.store
                  (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_10) (local.get $slot)) (i32.const 2)))
                  (f32.const 0))
                (br_if $slot (i32.lt_s (local.tee $slot (i32.add (local.get $slot) (i32.const 1))) (local.get $slot_end_3)))
              )))
              (br_if $d (i32.lt_s (local.tee $d (i32.add (local.get $d) (i32.const 1))) (i32.const 8)))
            )
            (local.set $i_end_2 (i32.sub (local.get $last) (i32.const 3)))
            (local.set $i (local.get $first))
            (if (i32.lt_s (local.get $i) (local.get $i_end_2)) (then (loop $i
              (local.set $at_9 (i32.add (local.get $at) (i32.mul (local.get $i) (i32.const 48))))
              (local.set $at_10 (i32.add (local.get $at_4) (i32.shl (local.get $i) (i32.const 4))))
              (local.set $p_end (i32.shr_s (i32.add (local.get $count) (i32.const 7)) (i32.const 3)))
              (local.set $p (i32.const 0))
              (if (i32.lt_s (local.get $p) (local.get $p_end)) (then (loop $p
                (local.set $c00 (v128.const f32x4 0 0 0 0))
                (local.set $c01 (v128.const f32x4 0 0 0 0))
                (local.set $c10 (v128.const f32x4 0 0 0 0))
                (local.set $c11 (v128.const f32x4 0 0 0 0))
                (local.set $c20 (v128.const f32x4 0 0 0 0))
                (local.set $c21 (v128.const f32x4 0 0 0 0))
                (local.set $c30 (v128.const f32x4 0 0 0 0))
                (local.set $c31 (v128.const f32x4 0 0 0 0))
                (local.set $at_11 (i32.shl (local.get $p) (i32.const 1)))
                (local.set $k (i32.const 0))
                (loop $k
                  (local.set $at_12 (i32.add (local.get $at_11) (i32.shl (local.get $k) (i32.const 4))))
                  (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $at_12) (i32.const 4))))
                  (local.set $b0 (v128.load align=4 (local.get $scratch_at)))
                  (local.set $b1 (v128.load offset=16 align=4 (local.get $scratch_at)))
                  (local.set $query_at (i32.add (local.get $query) (i32.shl (i32.add (local.get $at_9) (local.get $k)) (i32.const 2))))
                  (local.set $query_at_3 (f32.load (local.get $query_at)))
                  (local.set $x0 (f32x4.splat (local.get $query_at_3)))
                  (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
                  (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
                  (local.set $query_at_1 (f32.load offset=192 (local.get $query_at)))
                  (local.set $x1 (f32x4.splat (local.get $query_at_1)))
                  (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
                  (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
                  (local.set $query_at_2_2 (f32.load offset=384 (local.get $query_at)))
                  (local.set $x2 (f32x4.splat (local.get $query_at_2_2)))
                  (local.set $c20 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b0)) (local.get $c20)))
                  (local.set $c21 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b1)) (local.get $c21)))
                  (local.set $query_at_3_2 (f32.load offset=576 (local.get $query_at)))
                  (local.set $x3 (f32x4.splat (local.get $query_at_3_2)))
                  (local.set $c30 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b0)) (local.get $c30)))
                  (local.set $c31 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b1)) (local.get $c31)))
                  (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 8)))
                )
                (local.set $at_12 (i32.add (local.get $at_10) (i32.shl (local.get $p) (i32.const 1))))
                (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $at_12) (i32.const 4))))
                (v128.store offset=2048 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c00)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2064 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c01)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2304 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c10)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2320 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c11)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2560 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c20)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2576 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c21)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2816 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c30)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2832 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c31)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (br_if $p (i32.lt_s (local.tee $p (i32.add (local.get $p) (i32.const 1))) (local.get $p_end)))
              )))
              (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $i_end_2)))
            )))
            (local.set $next
              (i32.add
                (local.get $first)
                (i32.shl (i32.shr_s (i32.sub (local.get $last) (local.get $first)) (i32.const 2)) (i32.const 2))))
            (local.set $i_end_3 (i32.sub (local.get $last) (i32.const 1)))
            (local.set $i (local.get $next))
            (if (i32.lt_s (local.get $i) (local.get $i_end_3)) (then (loop $i
              (local.set $at_9 (i32.add (local.get $at) (i32.mul (local.get $i) (i32.const 48))))
              (local.set $at_10 (i32.add (local.get $at_4) (i32.shl (local.get $i) (i32.const 4))))
              (local.set $p_end_2 (i32.shr_s (i32.add (local.get $count) (i32.const 7)) (i32.const 3)))
              (local.set $p (i32.const 0))
              (if (i32.lt_s (local.get $p) (local.get $p_end_2)) (then (loop $p
                (local.set $c00 (v128.const f32x4 0 0 0 0))
                (local.set $c01 (v128.const f32x4 0 0 0 0))
                (local.set $c10 (v128.const f32x4 0 0 0 0))
                (local.set $c11 (v128.const f32x4 0 0 0 0))
                (local.set $c00_1 (v128.const f32x4 0 0 0 0))
                (local.set $c01_1 (v128.const f32x4 0 0 0 0))
                (local.set $c10_1 (v128.const f32x4 0 0 0 0))
                (local.set $c11_1 (v128.const f32x4 0 0 0 0))
                (local.set $at_11 (i32.shl (local.get $p) (i32.const 1)))
                (local.set $k (i32.const 0))
                (loop $k
                  (local.set $at_12 (i32.add (local.get $at_11) (i32.shl (local.get $k) (i32.const 4))))
                  (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $at_12) (i32.const 4))))
                  (local.set $b0 (v128.load align=4 (local.get $scratch_at)))
                  (local.set $b1 (v128.load offset=16 align=4 (local.get $scratch_at)))
                  (local.set $query_at (i32.add (local.get $query) (i32.shl (i32.add (local.get $at_9) (local.get $k)) (i32.const 2))))
                  (local.set $query_at_3 (f32.load (local.get $query_at)))
                  (local.set $x0 (f32x4.splat (local.get $query_at_3)))
                  (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
                  (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
                  (local.set $query_at_1 (f32.load offset=192 (local.get $query_at)))
                  (local.set $x1 (f32x4.splat (local.get $query_at_1)))
                  (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
                  (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
                  (local.set $b0_1 (v128.load offset=256 align=4 (local.get $scratch_at)))
                  (local.set $b1_1 (v128.load offset=272 align=4 (local.get $scratch_at)))
                  (local.set $query_at_2_2 (f32.load offset=4 (local.get $query_at)))
                  (local.set $x0_1 (f32x4.splat (local.get $query_at_2_2)))
                  (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
                  (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
                  (local.set $query_at_3_2 (f32.load offset=196 (local.get $query_at)))
                  (local.set $x1_1 (f32x4.splat (local.get $query_at_3_2)))
                  (local.set $c10_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b0_1)) (local.get $c10_1)))
                  (local.set $c11_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b1_1)) (local.get $c11_1)))
                  (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 2))) (i32.const 8)))
                )
                (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
                (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
                (local.set $c10 (f32x4.add (local.get $c10) (local.get $c10_1)))
                (local.set $c11 (f32x4.add (local.get $c11) (local.get $c11_1)))
                (local.set $at_12 (i32.add (local.get $at_10) (i32.shl (local.get $p) (i32.const 1))))
                (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $at_12) (i32.const 4))))
                (v128.store offset=2048 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c00)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2064 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c01)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2304 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c10)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2320 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c11)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (br_if $p (i32.lt_s (local.tee $p (i32.add (local.get $p) (i32.const 1))) (local.get $p_end_2)))
              )))
              (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 2))) (local.get $i_end_3)))
            )))
            (local.set $next_1
              (i32.add
                (i32.shl (i32.shr_s (i32.sub (local.get $last) (local.get $next)) (i32.const 1)) (i32.const 1))
                (local.get $next)))
            (local.set $i (local.get $next_1))
            (if (i32.lt_s (local.get $i) (local.get $last)) (then (loop $i
              (local.set $at_9 (i32.add (local.get $at) (i32.mul (local.get $i) (i32.const 48))))
              (local.set $at_10 (i32.add (local.get $at_4) (i32.shl (local.get $i) (i32.const 4))))
              (local.set $p_end_3 (i32.shr_s (i32.add (local.get $count) (i32.const 7)) (i32.const 3)))
              (local.set $p (i32.const 0))
              (if (i32.lt_s (local.get $p) (local.get $p_end_3)) (then (loop $p
                (local.set $c00 (v128.const f32x4 0 0 0 0))
                (local.set $c01 (v128.const f32x4 0 0 0 0))
                (local.set $c00_1 (v128.const f32x4 0 0 0 0))
                (local.set $c01_1 (v128.const f32x4 0 0 0 0))
                (local.set $c00_2 (v128.const f32x4 0 0 0 0))
                (local.set $c01_2 (v128.const f32x4 0 0 0 0))
                (local.set $c00_3 (v128.const f32x4 0 0 0 0))
                (local.set $c01_3 (v128.const f32x4 0 0 0 0))
                (local.set $at_11 (i32.shl (local.get $p) (i32.const 1)))
                (local.set $k (i32.const 0))
                (loop $k
                  (local.set $at_12 (i32.add (local.get $at_11) (i32.shl (local.get $k) (i32.const 4))))
                  (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $at_12) (i32.const 4))))
                  (local.set $b0 (v128.load align=4 (local.get $scratch_at)))
                  (local.set $b1 (v128.load offset=16 align=4 (local.get $scratch_at)))
                  (local.set $query_at (i32.add (local.get $query) (i32.shl (i32.add (local.get $at_9) (local.get $k)) (i32.const 2))))
                  (local.set $query_at_3 (f32.load (local.get $query_at)))
                  (local.set $x0 (f32x4.splat (local.get $query_at_3)))
                  (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
                  (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
                  (local.set $b0_1 (v128.load offset=256 align=4 (local.get $scratch_at)))
                  (local.set $b1_1 (v128.load offset=272 align=4 (local.get $scratch_at)))
                  (local.set $query_at_1 (f32.load offset=4 (local.get $query_at)))
                  (local.set $x0_1 (f32x4.splat (local.get $query_at_1)))
                  (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
                  (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
                  (local.set $b0_2 (v128.load offset=512 align=4 (local.get $scratch_at)))
                  (local.set $b1_2 (v128.load offset=528 align=4 (local.get $scratch_at)))
                  (local.set $query_at_2_2 (f32.load offset=8 (local.get $query_at)))
                  (local.set $x0_2 (f32x4.splat (local.get $query_at_2_2)))
                  (local.set $c00_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b0_2)) (local.get $c00_2)))
                  (local.set $c01_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b1_2)) (local.get $c01_2)))
                  (local.set $b0_3 (v128.load offset=768 align=4 (local.get $scratch_at)))
                  (local.set $b1_3 (v128.load offset=784 align=4 (local.get $scratch_at)))
                  (local.set $query_at_3_2 (f32.load offset=12 (local.get $query_at)))
                  (local.set $x0_3 (f32x4.splat (local.get $query_at_3_2)))
                  (local.set $c00_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b0_3)) (local.get $c00_3)))
                  (local.set $c01_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b1_3)) (local.get $c01_3)))
                  (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 4))) (i32.const 8)))
                )
                (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
                (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
                (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_2)))
                (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_2)))
                (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_3)))
                (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_3)))
                (local.set $at_12 (i32.add (local.get $at_10) (i32.shl (local.get $p) (i32.const 1))))
                (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $at_12) (i32.const 4))))
                (v128.store offset=2048 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c00)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (v128.store offset=2064 align=4
                  (local.get $scratch_at)
                  (f32x4.mul
                    (local.get $c01)
                    (v128.const f32x4 0.35355339059327373 0.35355339059327373 0.35355339059327373 0.35355339059327373)))
                (br_if $p (i32.lt_s (local.tee $p (i32.add (local.get $p) (i32.const 1))) (local.get $p_end_3)))
              )))
              (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $last)))
            )))
            (local.set $at_9 (i32.add (local.get $at_1) (local.get $start)))
            (local.set $i_end_4 (i32.sub (local.get $last) (local.get $first)))
            (local.set $i (i32.const 0))
            (if (i32.lt_s (local.get $i) (local.get $i_end_4)) (then (loop $i
              (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $i) (i32.const 2))))
              (local.set $before (f32.load offset=16064 (local.get $scratch_at)))
              (local.set $top (local.get $before))
              (local.set $top_lanes (v128.const f32x4 -inf -inf -inf -inf))
              (local.set $at_10 (i32.shl (local.get $i) (i32.const 6)))
              (local.set $slot_end_4 (i32.sub (local.get $count) (i32.const 3)))
              (local.set $slot (i32.const 0))
              (if (i32.lt_s (local.get $slot) (local.get $slot_end_4)) (then (loop $slot
                (local.set $scratch_at_2
                  (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_10) (local.get $slot)) (i32.const 2))))
                (local.set $score
                  (v128.bitselect
                    (v128.load offset=2048 align=4 (local.get $scratch_at_2))
                    (v128.const f32x4 -3.4028234663852886e+38 -3.4028234663852886e+38 -3.4028234663852886e+38 -3.4028234663852886e+38)
                    (i32x4.ne
                      (v128.load align=4 (i32.add (local.get $mask) (i32.shl (i32.add (local.get $at_9) (local.get $slot)) (i32.const 2))))
                      (v128.const i32x4 0 0 0 0))))
                (v128.store offset=2048 align=4 (local.get $scratch_at_2) (local.get $score))
                (local.set $top_lanes (f32x4.pmax (local.get $top_lanes) (local.get $score)))
                (br_if $slot (i32.lt_s (local.tee $slot (i32.add (local.get $slot) (i32.const 4))) (local.get $slot_end_4)))
              )))
              (local.set $top_all (local.get $top_lanes))
              (local.set $top
                (select
                  (local.tee $kept_2
                    (select
                      (local.tee $kept_2
                        (select
                          (local.tee $kept_2 (f32x4.extract_lane 3 (local.get $top_all)))
                          (local.tee $kept_3 (f32x4.extract_lane 1 (local.get $top_all)))
                          (f32.gt (local.get $kept_2) (local.get $kept_3))))
                      (local.tee $kept_3
                        (select
                          (local.tee $kept_3 (f32x4.extract_lane 2 (local.get $top_all)))
                          (local.tee $kept_4 (f32x4.extract_lane 0 (local.get $top_all)))
                          (f32.gt (local.get $kept_3) (local.get $kept_4))))
                      (f32.gt (local.get $kept_2) (local.get $kept_3))))
                  (local.get $top)
                  (f32.gt (local.get $kept_2) (local.get $top))))
              (local.set $slot (i32.shl (i32.shr_s (local.get $count) (i32.const 2)) (i32.const 2)))
              (if (i32.lt_s (local.get $slot) (local.get $count)) (then (loop $slot
                (local.set $scratch_at_2
                  (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_10) (local.get $slot)) (i32.const 2))))
                (local.set $score_2
                  (select
                    (f32.load offset=2048 (local.get $scratch_at_2))
                    (f32.const -3.4028234663852886e+38)
                    (i32.ne
                      (i32.load (i32.add (local.get $mask) (i32.shl (i32.add (local.get $at_9) (local.get $slot)) (i32.const 2))))
                      (i32.const 0))))
                (f32.store offset=2048 (local.get $scratch_at_2) (local.get $score_2))
                (local.set $top (select (local.get $score_2) (local.get $top) (f32.gt (local.get $score_2) (local.get $top))))
                (br_if $slot (i32.lt_s (local.tee $slot (i32.add (local.get $slot) (i32.const 1))) (local.get $count)))
              )))
              (local.set $rescale (call $exp_f32 (f32.sub (local.get $before) (local.get $top))))
              (local.set $total (f32.mul (f32.load offset=16256 (local.get $scratch_at)) (local.get $rescale)))
              (local.set $total_lanes (v128.const f32x4 0 0 0 0))
              (local.set $slot_end_5 (i32.sub (local.get $count) (i32.const 3)))
              (local.set $slot (i32.const 0))
              (if (i32.lt_s (local.get $slot) (local.get $slot_end_5)) (then (loop $slot
                (local.set $scratch_at_2
                  (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_10) (local.get $slot)) (i32.const 2))))
                (local.set $weight
                  (call $exp_f32x4 (f32x4.sub (v128.load offset=2048 align=4 (local.get $scratch_at_2)) (f32x4.splat (local.get $top)))))
                (v128.store offset=2048 align=4 (local.get $scratch_at_2) (local.get $weight))
                (local.set $total_lanes (f32x4.add (local.get $total_lanes) (local.get $weight)))
                (br_if $slot (i32.lt_s (local.tee $slot (i32.add (local.get $slot) (i32.const 4))) (local.get $slot_end_5)))
              )))
              (local.set $total_all (local.get $total_lanes))
              (local.set $total
                (f32.add
                  (local.get $total)
                  (f32.add
                    (f32.add (f32x4.extract_lane 0 (local.get $total_all)) (f32x4.extract_lane 2 (local.get $total_all)))
                    (f32.add (f32x4.extract_lane 1 (local.get $total_all)) (f32x4.extract_lane 3 (local.get $total_all))))))
              (local.set $slot (i32.shl (i32.shr_s (local.get $count) (i32.const 2)) (i32.const 2)))
              (if (i32.lt_s (local.get $slot) (local.get $count)) (then (loop $slot
                (local.set $scratch_at_2
                  (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_10) (local.get $slot)) (i32.const 2))))
                (local.set $weight_2 (call $exp_f32 (f32.sub (f32.load offset=2048 (local.get $scratch_at_2)) (local.get $top))))
                (f32.store offset=2048 (local.get $scratch_at_2) (local.get $weight_2))
                (local.set $total (f32.add (local.get $total) (local.get $weight_2)))
                (br_if $slot (i32.lt_s (local.tee $slot (i32.add (local.get $slot) (i32.const 1))) (local.get $count)))
              )))
              (f32.store offset=16064 (local.get $scratch_at) (local.get $top))
              (f32.store offset=16256 (local.get $scratch_at) (local.get $total))
              (f32.store offset=14336 (local.get $scratch_at) (local.get $rescale))
              (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $i_end_4)))
            )))
            (local.set $at_10 (i32.add (local.get $at_2) (i32.mul (local.get $start) (i32.const 12))))
            (local.set $i_end_5 (i32.sub (local.get $last) (i32.const 3)))
            (local.set $i (local.get $first))
            (if (i32.lt_s (local.get $i) (local.get $i_end_5)) (then (loop $i
              (local.set $at_11 (i32.add (local.get $at_5) (i32.shl (local.get $i) (i32.const 1))))
              (local.set $at_12 (i32.add (local.get $at_6) (local.get $i)))
              (local.set $at_13 (i32.add (local.get $at_7) (i32.shl (local.get $i) (i32.const 6))))
              (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $at_12) (i32.const 2))))
              (local.set $p (i32.const 0))
              (loop $p
                (local.set $at_14 (i32.add (local.get $at_11) (i32.shl (local.get $p) (i32.const 1))))
                (local.set $scratch_at_2 (i32.add (local.get $scratch) (i32.shl (local.get $at_14) (i32.const 4))))
                (local.set $c00
                  (f32x4.mul
                    (v128.load offset=14528 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14336 (local.get $scratch_at))))
                (local.set $c01
                  (f32x4.mul
                    (v128.load offset=14544 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14336 (local.get $scratch_at))))
                (local.set $c10
                  (f32x4.mul
                    (v128.load offset=14560 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14340 (local.get $scratch_at))))
                (local.set $c11
                  (f32x4.mul
                    (v128.load offset=14576 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14340 (local.get $scratch_at))))
                (local.set $c20
                  (f32x4.mul
                    (v128.load offset=14592 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14344 (local.get $scratch_at))))
                (local.set $c21
                  (f32x4.mul
                    (v128.load offset=14608 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14344 (local.get $scratch_at))))
                (local.set $c30
                  (f32x4.mul
                    (v128.load offset=14624 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14348 (local.get $scratch_at))))
                (local.set $c31
                  (f32x4.mul
                    (v128.load offset=14640 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14348 (local.get $scratch_at))))
                (local.set $at_15 (i32.add (local.get $at_10) (i32.shl (local.get $p) (i32.const 1))))
                (local.set $k (i32.const 0))
                (if (i32.lt_s (local.get $k) (local.get $count)) (then (loop $k
                  (local.set $at_16 (i32.add (local.get $at_15) (i32.mul (local.get $k) (i32.const 12))))
                  (local.set $query_at (i32.add (local.get $query) (i32.shl (local.get $at_16) (i32.const 4))))
                  (local.set $b0 (v128.load offset=128 align=4 (local.get $query_at)))
                  (local.set $b1 (v128.load offset=144 align=4 (local.get $query_at)))
                  (local.set $scratch_at_3
                    (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_13) (local.get $k)) (i32.const 2))))
                  (local.set $x0 (v128.load32_splat offset=2048 (local.get $scratch_at_3)))
                  (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
                  (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
                  (local.set $x1 (v128.load32_splat offset=2304 (local.get $scratch_at_3)))
                  (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
                  (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
                  (local.set $x2 (v128.load32_splat offset=2560 (local.get $scratch_at_3)))
                  (local.set $c20 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b0)) (local.get $c20)))
                  (local.set $c21 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b1)) (local.get $c21)))
                  (local.set $x3 (v128.load32_splat offset=2816 (local.get $scratch_at_3)))
                  (local.set $c30 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b0)) (local.get $c30)))
                  (local.set $c31 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b1)) (local.get $c31)))
                  (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $count)))
                )))
                (v128.store offset=14528 align=4 (local.get $scratch_at_2) (local.get $c00))
                (v128.store offset=14544 align=4 (local.get $scratch_at_2) (local.get $c01))
                (v128.store offset=14560 align=4 (local.get $scratch_at_2) (local.get $c10))
                (v128.store offset=14576 align=4 (local.get $scratch_at_2) (local.get $c11))
                (v128.store offset=14592 align=4 (local.get $scratch_at_2) (local.get $c20))
                (v128.store offset=14608 align=4 (local.get $scratch_at_2) (local.get $c21))
                (v128.store offset=14624 align=4 (local.get $scratch_at_2) (local.get $c30))
                (v128.store offset=14640 align=4 (local.get $scratch_at_2) (local.get $c31))
                (br_if $p (i32.lt_s (local.tee $p (i32.add (local.get $p) (i32.const 1))) (i32.const 1)))
              )
              (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $i_end_5)))
            )))
            (local.set $next_2
              (i32.add
                (local.get $first)
                (i32.shl (i32.shr_s (i32.sub (local.get $last) (local.get $first)) (i32.const 2)) (i32.const 2))))
            (local.set $i_end_6 (i32.sub (local.get $last) (i32.const 1)))
            (local.set $i (local.get $next_2))
            (if (i32.lt_s (local.get $i) (local.get $i_end_6)) (then (loop $i
              (local.set $at_11 (i32.add (local.get $at_5) (i32.shl (local.get $i) (i32.const 1))))
              (local.set $at_12 (i32.add (local.get $at_6) (local.get $i)))
              (local.set $at_13 (i32.add (local.get $at_7) (i32.shl (local.get $i) (i32.const 6))))
              (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $at_12) (i32.const 2))))
              (local.set $p (i32.const 0))
              (loop $p
                (local.set $at_14 (i32.add (local.get $at_11) (i32.shl (local.get $p) (i32.const 1))))
                (local.set $scratch_at_2 (i32.add (local.get $scratch) (i32.shl (local.get $at_14) (i32.const 4))))
                (local.set $c00
                  (f32x4.mul
                    (v128.load offset=14528 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14336 (local.get $scratch_at))))
                (local.set $c01
                  (f32x4.mul
                    (v128.load offset=14544 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14336 (local.get $scratch_at))))
                (local.set $c10
                  (f32x4.mul
                    (v128.load offset=14560 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14340 (local.get $scratch_at))))
                (local.set $c11
                  (f32x4.mul
                    (v128.load offset=14576 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14340 (local.get $scratch_at))))
                (local.set $at_15 (i32.add (local.get $at_10) (i32.shl (local.get $p) (i32.const 1))))
                (local.set $k (i32.const 0))
                (if (i32.lt_s (local.get $k) (local.get $count)) (then (loop $k
                  (local.set $at_16 (i32.add (local.get $at_15) (i32.mul (local.get $k) (i32.const 12))))
                  (local.set $query_at (i32.add (local.get $query) (i32.shl (local.get $at_16) (i32.const 4))))
                  (local.set $b0 (v128.load offset=128 align=4 (local.get $query_at)))
                  (local.set $b1 (v128.load offset=144 align=4 (local.get $query_at)))
                  (local.set $scratch_at_3
                    (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_13) (local.get $k)) (i32.const 2))))
                  (local.set $x0 (v128.load32_splat offset=2048 (local.get $scratch_at_3)))
                  (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
                  (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
                  (local.set $x1 (v128.load32_splat offset=2304 (local.get $scratch_at_3)))
                  (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
                  (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
                  (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $count)))
                )))
                (v128.store offset=14528 align=4 (local.get $scratch_at_2) (local.get $c00))
                (v128.store offset=14544 align=4 (local.get $scratch_at_2) (local.get $c01))
                (v128.store offset=14560 align=4 (local.get $scratch_at_2) (local.get $c10))
                (v128.store offset=14576 align=4 (local.get $scratch_at_2) (local.get $c11))
                (br_if $p (i32.lt_s (local.tee $p (i32.add (local.get $p) (i32.const 1))) (i32.const 1)))
              )
              (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 2))) (local.get $i_end_6)))
            )))
            (local.set $next_3
              (i32.add
                (i32.shl (i32.shr_s (i32.sub (local.get $last) (local.get $next_2)) (i32.const 1)) (i32.const 1))
                (local.get $next_2)))
            (local.set $i (local.get $next_3))
            (if (i32.lt_s (local.get $i) (local.get $last)) (then (loop $i
              (local.set $at_11 (i32.add (local.get $at_5) (i32.shl (local.get $i) (i32.const 1))))
              (local.set $at_12 (i32.add (local.get $at_6) (local.get $i)))
              (local.set $at_13 (i32.add (local.get $at_7) (i32.shl (local.get $i) (i32.const 6))))
              (local.set $scratch_at (i32.add (local.get $scratch) (i32.shl (local.get $at_12) (i32.const 2))))
              (local.set $p (i32.const 0))
              (loop $p
                (local.set $at_14 (i32.add (local.get $at_11) (i32.shl (local.get $p) (i32.const 1))))
                (local.set $scratch_at_2 (i32.add (local.get $scratch) (i32.shl (local.get $at_14) (i32.const 4))))
                (local.set $c00
                  (f32x4.mul
                    (v128.load offset=14528 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14336 (local.get $scratch_at))))
                (local.set $c01
                  (f32x4.mul
                    (v128.load offset=14544 align=4 (local.get $scratch_at_2))
                    (v128.load32_splat offset=14336 (local.get $scratch_at))))
                (local.set $at_15 (i32.add (local.get $at_10) (i32.shl (local.get $p) (i32.const 1))))
                (local.set $k (i32.const 0))
                (if (i32.lt_s (local.get $k) (local.get $count)) (then (loop $k
                  (local.set $at_16 (i32.add (local.get $at_15) (i32.mul (local.get $k) (i32.const 12))))
                  (local.set $query_at (i32.add (local.get $query) (i32.shl (local.get $at_16) (i32.const 4))))
                  (local.set $b0 (v128.load offset=128 align=4 (local.get $query_at)))
                  (local.set $b1 (v128.load offset=144 align=4 (local.get $query_at)))
                  (local.set $x0
                    (v128.load32_splat offset=2048
                      (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_13) (local.get $k)) (i32.const 2)))))
                  (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
                  (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
                  (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $count)))
                )))
                (v128.store offset=14528 align=4 (local.get $scratch_at_2) (local.get $c00))
                (v128.store offset=14544 align=4 (local.get $scratch_at_2) (local.get $c01))
                (br_if $p (i32.lt_s (local.tee $p (i32.add (local.get $p) (i32.const 1))) (i32.const 1)))
              )
              (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $last)))
            )))
            (br_if $start (i32.lt_s (local.tee $start (i32.add (local.get $start) (i32.const 64))) (local.get $seq)))
          )))
          (local.set $at_8 (i32.add (local.get $at_3) (i32.shl (local.get $first) (i32.const 4))))
          (local.set $i_end_7 (i32.sub (local.get $last) (local.get $first)))
          (local.set $i (i32.const 0))
          (if (i32.lt_s (local.get $i) (local.get $i_end_7)) (then (loop $i
            (local.set $total (f32.load offset=16256 (i32.add (local.get $scratch) (i32.shl (local.get $i) (i32.const 2)))))
            (local.set $inverse
              (select
                (f32.div (f32.const 1) (select (f32.const 1e-30) (local.get $total) (f32.gt (f32.const 1e-30) (local.get $total))))
                (f32.const 0)
                (f32.lt (f32.const 0) (local.get $total))))
            (local.set $at_9 (i32.add (local.get $at_8) (i32.shl (local.get $i) (i32.const 4))))
            (local.set $at_10 (i32.shl (local.get $i) (i32.const 3)))
            (local.set $v (i32.const 0))
            (loop $v
              (v128.store align=4
                (i32.add (local.get $out) (i32.shl (i32.add (local.get $at_9) (local.get $v)) (i32.const 2)))
                (f32x4.mul
                  (v128.load offset=14528 align=4
                    (i32.add (local.get $scratch) (i32.shl (i32.add (local.get $at_10) (local.get $v)) (i32.const 2))))
                  (f32x4.splat (local.get $inverse))))
              (br_if $v (i32.lt_s (local.tee $v (i32.add (local.get $v) (i32.const 4))) (i32.const 8)))
            )
            (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $i_end_7)))
          )))
          (br_if $first (i32.lt_s (local.tee $first (i32.add (local.get $first) (i32.const 48))) (local.get $seq)))
        )))
        (br_if $h (i32.lt_s (local.tee $h (i32.add (local.get $h) (i32.const 1))) (local.get $h_end)))
      )))
      (br_if $b (i32.lt_s (local.tee $b (i32.add (local.get $b) (i32.const 1))) (local.get $batch)))
    )))
  )

  ;; %attention.query_key_value.linear.matmul = matmul %x, %attention.query_key_value.weight : f32[batch, seq, 48]
  ;; %attention.query_key_value.linear = add %attention.query_key_value.linear.matmul, %attention.query_key_value.bias : f32[batch, seq, 48]
  (func $matmul_add (export "matmul_add")
    (param $a i32) ;; f32[16*batch*seq] read
    (param $weight i32) ;; f32[768] read
    (param $bias i32) ;; f32[48] read
    (param $out i32) ;; f32[48*batch*seq] written
    (param $batch i32) ;; size
    (param $seq i32) ;; size
    (local $g_end i32) (local $g i32) (local $first i32) (local $last i32)
    (local $i_end i32) (local $i i32) (local $at i32) (local $at_1 i32)
    (local $p i32) (local $at_2 i32) (local $k i32) (local $at_3 i32)
    (local $weight_at i32) (local $a_at i32) (local $at_4 i32) (local $out_at i32)
    (local $bias_at i32) (local $next i32) (local $i_end_2 i32) (local $next_1 i32)
    (local $i_end_3 i32)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local $b0 v128) (local $b1 v128) (local $x0 v128) (local $x1 v128)
    (local $x2 v128) (local $x3 v128) (local $c00_1 v128) (local $c01_1 v128)
    (local $c10_1 v128) (local $c11_1 v128) (local $b0_1 v128) (local $b1_1 v128)
    (local $x0_1 v128) (local $x1_1 v128) (local $c00_2 v128) (local $c01_2 v128)
    (local $c00_3 v128) (local $c01_3 v128) (local $b0_2 v128) (local $b1_2 v128)
    (local $x0_2 v128) (local $b0_3 v128) (local $b1_3 v128) (local $x0_3 v128)
    (local.set $g_end
      (i32.div_s (i32.mul (i32.const 4) (i32.add (global.get $thread) (i32.const 1))) (global.get $threads)))
    (local.set $g (i32.div_s (i32.mul (i32.const 4) (global.get $thread)) (global.get $threads)))
    (if (i32.lt_s (local.get $g) (local.get $g_end)) (then (loop $g
      (local.set $first (i32.shr_s (i32.mul (local.get $g) (i32.const 3)) (i32.const 1)))
      (local.set $last
        (i32.add (i32.shr_s (i32.add (i32.mul (local.get $g) (i32.const 3)) (i32.const 1)) (i32.const 1)) (i32.const 1)))
      (local.set $i_end (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (i32.const 3)))
      (local.set $i (i32.const 0))
      (if (i32.lt_s (local.get $i) (local.get $i_end)) (then (loop $i
        (local.set $at (i32.shl (local.get $i) (i32.const 4)))
        (local.set $at_1 (i32.mul (local.get $i) (i32.const 12)))
        (local.set $p (local.get $first))
        (if (i32.lt_s (local.get $p) (local.get $last)) (then (loop $p
          (local.set $c00 (v128.const f32x4 0 0 0 0))
          (local.set $c01 (v128.const f32x4 0 0 0 0))
          (local.set $c10 (v128.const f32x4 0 0 0 0))
          (local.set $c11 (v128.const f32x4 0 0 0 0))
          (local.set $c20 (v128.const f32x4 0 0 0 0))
          (local.set $c21 (v128.const f32x4 0 0 0 0))
          (local.set $c30 (v128.const f32x4 0 0 0 0))
          (local.set $c31 (v128.const f32x4 0 0 0 0))
          (local.set $at_2 (i32.shl (local.get $p) (i32.const 5)))
          (local.set $k (i32.const 0))
          (loop $k
            (local.set $at_3 (i32.add (local.get $at_2) (i32.shl (local.get $k) (i32.const 1))))
            (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
            (local.set $b0 (v128.load align=4 (local.get $weight_at)))
            (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
            (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at) (local.get $k)) (i32.const 2))))
            (local.set $x0 (v128.load32_splat (local.get $a_at)))
            (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
            (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
            (local.set $x1 (v128.load32_splat offset=64 (local.get $a_at)))
            (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
            (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
            (local.set $x2 (v128.load32_splat offset=128 (local.get $a_at)))
            (local.set $c20 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b0)) (local.get $c20)))
            (local.set $c21 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b1)) (local.get $c21)))
            (local.set $x3 (v128.load32_splat offset=192 (local.get $a_at)))
            (local.set $c30 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b0)) (local.get $c30)))
            (local.set $c31 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b1)) (local.get $c31)))
            (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 16)))
          )
          (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $p) (i32.const 1))))
          (local.set $at_4 (i32.shl (local.get $p) (i32.const 1)))
          (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $bias_at (i32.add (local.get $bias) (i32.shl (local.get $at_4) (i32.const 4))))
          (v128.store align=4 (local.get $out_at) (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
          (v128.store offset=16 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
          (v128.store offset=192 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c10) (v128.load align=4 (local.get $bias_at))))
          (v128.store offset=208 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c11) (v128.load offset=16 align=4 (local.get $bias_at))))
          (v128.store offset=384 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c20) (v128.load align=4 (local.get $bias_at))))
          (v128.store offset=400 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c21) (v128.load offset=16 align=4 (local.get $bias_at))))
          (v128.store offset=576 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c30) (v128.load align=4 (local.get $bias_at))))
          (v128.store offset=592 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c31) (v128.load offset=16 align=4 (local.get $bias_at))))
          (br_if $p (i32.lt_s (local.tee $p (i32.add (local.get $p) (i32.const 1))) (local.get $last)))
        )))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $i_end)))
      )))
      (local.set $next (i32.shl (i32.shr_s (i32.mul (local.get $batch) (local.get $seq)) (i32.const 2)) (i32.const 2)))
      (local.set $i_end_2 (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (i32.const 1)))
      (local.set $i (local.get $next))
      (if (i32.lt_s (local.get $i) (local.get $i_end_2)) (then (loop $i
        (local.set $at (i32.shl (local.get $i) (i32.const 4)))
        (local.set $at_1 (i32.mul (local.get $i) (i32.const 12)))
        (local.set $p (local.get $first))
        (if (i32.lt_s (local.get $p) (local.get $last)) (then (loop $p
          (local.set $c00 (v128.const f32x4 0 0 0 0))
          (local.set $c01 (v128.const f32x4 0 0 0 0))
          (local.set $c10 (v128.const f32x4 0 0 0 0))
          (local.set $c11 (v128.const f32x4 0 0 0 0))
          (local.set $c00_1 (v128.const f32x4 0 0 0 0))
          (local.set $c01_1 (v128.const f32x4 0 0 0 0))
          (local.set $c10_1 (v128.const f32x4 0 0 0 0))
          (local.set $c11_1 (v128.const f32x4 0 0 0 0))
          (local.set $at_2 (i32.shl (local.get $p) (i32.const 5)))
          (local.set $k (i32.const 0))
          (loop $k
            (local.set $at_3 (i32.add (local.get $at_2) (i32.shl (local.get $k) (i32.const 1))))
            (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
            (local.set $b0 (v128.load align=4 (local.get $weight_at)))
            (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
            (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at) (local.get $k)) (i32.const 2))))
            (local.set $x0 (v128.load32_splat (local.get $a_at)))
            (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
            (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
            (local.set $x1 (v128.load32_splat offset=64 (local.get $a_at)))
            (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
            (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
            (local.set $b0_1 (v128.load offset=32 align=4 (local.get $weight_at)))
            (local.set $b1_1 (v128.load offset=48 align=4 (local.get $weight_at)))
            (local.set $x0_1 (v128.load32_splat offset=4 (local.get $a_at)))
            (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
            (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
            (local.set $x1_1 (v128.load32_splat offset=68 (local.get $a_at)))
            (local.set $c10_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b0_1)) (local.get $c10_1)))
            (local.set $c11_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b1_1)) (local.get $c11_1)))
            (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 2))) (i32.const 16)))
          )
          (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
          (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
          (local.set $c10 (f32x4.add (local.get $c10) (local.get $c10_1)))
          (local.set $c11 (f32x4.add (local.get $c11) (local.get $c11_1)))
          (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $p) (i32.const 1))))
          (local.set $at_4 (i32.shl (local.get $p) (i32.const 1)))
          (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $bias_at (i32.add (local.get $bias) (i32.shl (local.get $at_4) (i32.const 4))))
          (v128.store align=4 (local.get $out_at) (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
          (v128.store offset=16 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
          (v128.store offset=192 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c10) (v128.load align=4 (local.get $bias_at))))
          (v128.store offset=208 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c11) (v128.load offset=16 align=4 (local.get $bias_at))))
          (br_if $p (i32.lt_s (local.tee $p (i32.add (local.get $p) (i32.const 1))) (local.get $last)))
        )))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 2))) (local.get $i_end_2)))
      )))
      (local.set $next_1
        (i32.add
          (i32.shl
            (i32.shr_s (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (local.get $next)) (i32.const 1))
            (i32.const 1))
          (local.get $next)))
      (local.set $i_end_3 (i32.mul (local.get $batch) (local.get $seq)))
      (local.set $i (local.get $next_1))
      (if (i32.lt_s (local.get $i) (local.get $i_end_3)) (then (loop $i
        (local.set $at (i32.shl (local.get $i) (i32.const 4)))
        (local.set $at_1 (i32.mul (local.get $i) (i32.const 12)))
        (local.set $p (local.get $first))
        (if (i32.lt_s (local.get $p) (local.get $last)) (then (loop $p
          (local.set $c00 (v128.const f32x4 0 0 0 0))
          (local.set $c01 (v128.const f32x4 0 0 0 0))
          (local.set $c00_1 (v128.const f32x4 0 0 0 0))
          (local.set $c01_1 (v128.const f32x4 0 0 0 0))
          (local.set $c00_2 (v128.const f32x4 0 0 0 0))
          (local.set $c01_2 (v128.const f32x4 0 0 0 0))
          (local.set $c00_3 (v128.const f32x4 0 0 0 0))
          (local.set $c01_3 (v128.const f32x4 0 0 0 0))
          (local.set $at_2 (i32.shl (local.get $p) (i32.const 5)))
          (local.set $k (i32.const 0))
          (loop $k
            (local.set $at_3 (i32.add (local.get $at_2) (i32.shl (local.get $k) (i32.const 1))))
            (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
            (local.set $b0 (v128.load align=4 (local.get $weight_at)))
            (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
            (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at) (local.get $k)) (i32.const 2))))
            (local.set $x0 (v128.load32_splat (local.get $a_at)))
            (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
            (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
            (local.set $b0_1 (v128.load offset=32 align=4 (local.get $weight_at)))
            (local.set $b1_1 (v128.load offset=48 align=4 (local.get $weight_at)))
            (local.set $x0_1 (v128.load32_splat offset=4 (local.get $a_at)))
            (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
            (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
            (local.set $b0_2 (v128.load offset=64 align=4 (local.get $weight_at)))
            (local.set $b1_2 (v128.load offset=80 align=4 (local.get $weight_at)))
            (local.set $x0_2 (v128.load32_splat offset=8 (local.get $a_at)))
            (local.set $c00_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b0_2)) (local.get $c00_2)))
            (local.set $c01_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b1_2)) (local.get $c01_2)))
            (local.set $b0_3 (v128.load offset=96 align=4 (local.get $weight_at)))
            (local.set $b1_3 (v128.load offset=112 align=4 (local.get $weight_at)))
            (local.set $x0_3 (v128.load32_splat offset=12 (local.get $a_at)))
            (local.set $c00_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b0_3)) (local.get $c00_3)))
            (local.set $c01_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b1_3)) (local.get $c01_3)))
            (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 4))) (i32.const 16)))
          )
          (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
          (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
          (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_2)))
          (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_2)))
          (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_3)))
          (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_3)))
          (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $p) (i32.const 1))))
          (local.set $at_4 (i32.shl (local.get $p) (i32.const 1)))
          (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $bias_at (i32.add (local.get $bias) (i32.shl (local.get $at_4) (i32.const 4))))
          (v128.store align=4 (local.get $out_at) (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
          (v128.store offset=16 align=4
            (local.get $out_at)
            (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
          (br_if $p (i32.lt_s (local.tee $p (i32.add (local.get $p) (i32.const 1))) (local.get $last)))
        )))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $i_end_3)))
      )))
      (br_if $g (i32.lt_s (local.tee $g (i32.add (local.get $g) (i32.const 1))) (local.get $g_end)))
    )))
  )

  ;; %attention.output.linear.matmul = matmul %attention.context, %attention.output.weight : f32[batch, seq, 16]
  ;; %attention.output.linear = add %attention.output.linear.matmul, %attention.output.bias : f32[batch, seq, 16]
  (func $matmul_add_1 (export "matmul_add_1")
    (param $a i32) ;; f32[16*batch*seq] read
    (param $weight i32) ;; f32[256] read
    (param $bias i32) ;; f32[16] read
    (param $out i32) ;; f32[16*batch*seq] written
    (param $batch i32) ;; size
    (param $seq i32) ;; size
    (local $g_end i32) (local $g i32) (local $first i32) (local $last i32)
    (local $at i32) (local $at_1 i32) (local $bias_at i32) (local $i_end i32)
    (local $i i32) (local $at_2 i32) (local $k i32) (local $at_3 i32)
    (local $weight_at i32) (local $a_at i32) (local $out_at i32) (local $next i32)
    (local $i_end_2 i32) (local $next_1 i32) (local $i_end_3 i32)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local $b0 v128) (local $b1 v128) (local $x0 v128) (local $x1 v128)
    (local $x2 v128) (local $x3 v128) (local $c00_1 v128) (local $c01_1 v128)
    (local $c10_1 v128) (local $c11_1 v128) (local $b0_1 v128) (local $b1_1 v128)
    (local $x0_1 v128) (local $x1_1 v128) (local $c00_2 v128) (local $c01_2 v128)
    (local $c00_3 v128) (local $c01_3 v128) (local $b0_2 v128) (local $b1_2 v128)
    (local $x0_2 v128) (local $b0_3 v128) (local $b1_3 v128) (local $x0_3 v128)
    (local.set $g_end
      (i32.div_s (i32.mul (i32.const 2) (i32.add (global.get $thread) (i32.const 1))) (global.get $threads)))
    (local.set $g (i32.div_s (i32.mul (i32.const 2) (global.get $thread)) (global.get $threads)))
    (if (i32.lt_s (local.get $g) (local.get $g_end)) (then (loop $g
      (local.set $first (local.get $g))
      (local.set $last (i32.add (local.get $g) (i32.const 1)))
      (local.set $at (i32.shl (local.get $first) (i32.const 5)))
      (local.set $at_1 (i32.shl (local.get $first) (i32.const 1)))
      (local.set $bias_at (i32.add (local.get $bias) (i32.shl (local.get $at_1) (i32.const 4))))
      (local.set $i_end (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (i32.const 3)))
      (local.set $i (i32.const 0))
      (if (i32.lt_s (local.get $i) (local.get $i_end)) (then (loop $i
        (local.set $c00 (v128.const f32x4 0 0 0 0))
        (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0))
        (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c20 (v128.const f32x4 0 0 0 0))
        (local.set $c21 (v128.const f32x4 0 0 0 0))
        (local.set $c30 (v128.const f32x4 0 0 0 0))
        (local.set $c31 (v128.const f32x4 0 0 0 0))
        (local.set $at_2 (i32.shl (local.get $i) (i32.const 4)))
        (local.set $k (i32.const 0))
        (loop $k
          (local.set $at_3 (i32.add (local.get $at) (i32.shl (local.get $k) (i32.const 1))))
          (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $b0 (v128.load align=4 (local.get $weight_at)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
          (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at_2) (local.get $k)) (i32.const 2))))
          (local.set $x0 (v128.load32_splat (local.get $a_at)))
          (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
          (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
          (local.set $x1 (v128.load32_splat offset=64 (local.get $a_at)))
          (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
          (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
          (local.set $x2 (v128.load32_splat offset=128 (local.get $a_at)))
          (local.set $c20 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b0)) (local.get $c20)))
          (local.set $c21 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b1)) (local.get $c21)))
          (local.set $x3 (v128.load32_splat offset=192 (local.get $a_at)))
          (local.set $c30 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b0)) (local.get $c30)))
          (local.set $c31 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b1)) (local.get $c31)))
          (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 16)))
        )
        (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $i) (i32.const 2))))
        (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
        (v128.store align=4 (local.get $out_at) (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=16 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=64 align=4 (local.get $out_at) (f32x4.add (local.get $c10) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=80 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c11) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=128 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c20) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=144 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c21) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=192 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c30) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=208 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c31) (v128.load offset=16 align=4 (local.get $bias_at))))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $i_end)))
      )))
      (local.set $next (i32.shl (i32.shr_s (i32.mul (local.get $batch) (local.get $seq)) (i32.const 2)) (i32.const 2)))
      (local.set $i_end_2 (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (i32.const 1)))
      (local.set $i (local.get $next))
      (if (i32.lt_s (local.get $i) (local.get $i_end_2)) (then (loop $i
        (local.set $c00 (v128.const f32x4 0 0 0 0))
        (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0))
        (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c00_1 (v128.const f32x4 0 0 0 0))
        (local.set $c01_1 (v128.const f32x4 0 0 0 0))
        (local.set $c10_1 (v128.const f32x4 0 0 0 0))
        (local.set $c11_1 (v128.const f32x4 0 0 0 0))
        (local.set $at_2 (i32.shl (local.get $i) (i32.const 4)))
        (local.set $k (i32.const 0))
        (loop $k
          (local.set $at_3 (i32.add (local.get $at) (i32.shl (local.get $k) (i32.const 1))))
          (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $b0 (v128.load align=4 (local.get $weight_at)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
          (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at_2) (local.get $k)) (i32.const 2))))
          (local.set $x0 (v128.load32_splat (local.get $a_at)))
          (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
          (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
          (local.set $x1 (v128.load32_splat offset=64 (local.get $a_at)))
          (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
          (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
          (local.set $b0_1 (v128.load offset=32 align=4 (local.get $weight_at)))
          (local.set $b1_1 (v128.load offset=48 align=4 (local.get $weight_at)))
          (local.set $x0_1 (v128.load32_splat offset=4 (local.get $a_at)))
          (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
          (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
          (local.set $x1_1 (v128.load32_splat offset=68 (local.get $a_at)))
          (local.set $c10_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b0_1)) (local.get $c10_1)))
          (local.set $c11_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b1_1)) (local.get $c11_1)))
          (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 2))) (i32.const 16)))
        )
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
        (local.set $c10 (f32x4.add (local.get $c10) (local.get $c10_1)))
        (local.set $c11 (f32x4.add (local.get $c11) (local.get $c11_1)))
        (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $i) (i32.const 2))))
        (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
        (v128.store align=4 (local.get $out_at) (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=16 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=64 align=4 (local.get $out_at) (f32x4.add (local.get $c10) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=80 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c11) (v128.load offset=16 align=4 (local.get $bias_at))))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 2))) (local.get $i_end_2)))
      )))
      (local.set $next_1
        (i32.add
          (i32.shl
            (i32.shr_s (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (local.get $next)) (i32.const 1))
            (i32.const 1))
          (local.get $next)))
      (local.set $i_end_3 (i32.mul (local.get $batch) (local.get $seq)))
      (local.set $i (local.get $next_1))
      (if (i32.lt_s (local.get $i) (local.get $i_end_3)) (then (loop $i
        (local.set $c00 (v128.const f32x4 0 0 0 0))
        (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c00_1 (v128.const f32x4 0 0 0 0))
        (local.set $c01_1 (v128.const f32x4 0 0 0 0))
        (local.set $c00_2 (v128.const f32x4 0 0 0 0))
        (local.set $c01_2 (v128.const f32x4 0 0 0 0))
        (local.set $c00_3 (v128.const f32x4 0 0 0 0))
        (local.set $c01_3 (v128.const f32x4 0 0 0 0))
        (local.set $at_2 (i32.shl (local.get $i) (i32.const 4)))
        (local.set $k (i32.const 0))
        (loop $k
          (local.set $at_3 (i32.add (local.get $at) (i32.shl (local.get $k) (i32.const 1))))
          (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $b0 (v128.load align=4 (local.get $weight_at)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
          (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at_2) (local.get $k)) (i32.const 2))))
          (local.set $x0 (v128.load32_splat (local.get $a_at)))
          (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
          (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
          (local.set $b0_1 (v128.load offset=32 align=4 (local.get $weight_at)))
          (local.set $b1_1 (v128.load offset=48 align=4 (local.get $weight_at)))
          (local.set $x0_1 (v128.load32_splat offset=4 (local.get $a_at)))
          (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
          (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
          (local.set $b0_2 (v128.load offset=64 align=4 (local.get $weight_at)))
          (local.set $b1_2 (v128.load offset=80 align=4 (local.get $weight_at)))
          (local.set $x0_2 (v128.load32_splat offset=8 (local.get $a_at)))
          (local.set $c00_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b0_2)) (local.get $c00_2)))
          (local.set $c01_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b1_2)) (local.get $c01_2)))
          (local.set $b0_3 (v128.load offset=96 align=4 (local.get $weight_at)))
          (local.set $b1_3 (v128.load offset=112 align=4 (local.get $weight_at)))
          (local.set $x0_3 (v128.load32_splat offset=12 (local.get $a_at)))
          (local.set $c00_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b0_3)) (local.get $c00_3)))
          (local.set $c01_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b1_3)) (local.get $c01_3)))
          (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 4))) (i32.const 16)))
        )
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_2)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_2)))
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_3)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_3)))
        (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $i) (i32.const 2))))
        (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
        (v128.store align=4 (local.get $out_at) (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=16 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $i_end_3)))
      )))
      (br_if $g (i32.lt_s (local.tee $g (i32.add (local.get $g) (i32.const 1))) (local.get $g_end)))
    )))
  )

  ;; %ffn.output.linear.matmul = matmul %ffn.gelu, %ffn.output.weight : f32[batch, seq, 16]
  ;; %ffn.output.linear = add %ffn.output.linear.matmul, %ffn.output.bias : f32[batch, seq, 16]
  (func $matmul_add_2 (export "matmul_add_2")
    (param $a i32) ;; f32[32*batch*seq] read
    (param $weight i32) ;; f32[512] read
    (param $bias i32) ;; f32[16] read
    (param $out i32) ;; f32[16*batch*seq] written
    (param $batch i32) ;; size
    (param $seq i32) ;; size
    (local $g_end i32) (local $g i32) (local $first i32) (local $last i32)
    (local $at i32) (local $at_1 i32) (local $bias_at i32) (local $i_end i32)
    (local $i i32) (local $at_2 i32) (local $k i32) (local $at_3 i32)
    (local $weight_at i32) (local $a_at i32) (local $out_at i32) (local $next i32)
    (local $i_end_2 i32) (local $next_1 i32) (local $i_end_3 i32)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local $b0 v128) (local $b1 v128) (local $x0 v128) (local $x1 v128)
    (local $x2 v128) (local $x3 v128) (local $c00_1 v128) (local $c01_1 v128)
    (local $c10_1 v128) (local $c11_1 v128) (local $b0_1 v128) (local $b1_1 v128)
    (local $x0_1 v128) (local $x1_1 v128) (local $c00_2 v128) (local $c01_2 v128)
    (local $c00_3 v128) (local $c01_3 v128) (local $b0_2 v128) (local $b1_2 v128)
    (local $x0_2 v128) (local $b0_3 v128) (local $b1_3 v128) (local $x0_3 v128)
    (local.set $g_end
      (i32.div_s (i32.mul (i32.const 2) (i32.add (global.get $thread) (i32.const 1))) (global.get $threads)))
    (local.set $g (i32.div_s (i32.mul (i32.const 2) (global.get $thread)) (global.get $threads)))
    (if (i32.lt_s (local.get $g) (local.get $g_end)) (then (loop $g
      (local.set $first (local.get $g))
      (local.set $last (i32.add (local.get $g) (i32.const 1)))
      (local.set $at (i32.shl (local.get $first) (i32.const 6)))
      (local.set $at_1 (i32.shl (local.get $first) (i32.const 1)))
      (local.set $bias_at (i32.add (local.get $bias) (i32.shl (local.get $at_1) (i32.const 4))))
      (local.set $i_end (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (i32.const 3)))
      (local.set $i (i32.const 0))
      (if (i32.lt_s (local.get $i) (local.get $i_end)) (then (loop $i
        (local.set $c00 (v128.const f32x4 0 0 0 0))
        (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0))
        (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c20 (v128.const f32x4 0 0 0 0))
        (local.set $c21 (v128.const f32x4 0 0 0 0))
        (local.set $c30 (v128.const f32x4 0 0 0 0))
        (local.set $c31 (v128.const f32x4 0 0 0 0))
        (local.set $at_2 (i32.shl (local.get $i) (i32.const 5)))
        (local.set $k (i32.const 0))
        (loop $k
          (local.set $at_3 (i32.add (local.get $at) (i32.shl (local.get $k) (i32.const 1))))
          (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $b0 (v128.load align=4 (local.get $weight_at)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
          (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at_2) (local.get $k)) (i32.const 2))))
          (local.set $x0 (v128.load32_splat (local.get $a_at)))
          (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
          (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
          (local.set $x1 (v128.load32_splat offset=128 (local.get $a_at)))
          (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
          (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
          (local.set $x2 (v128.load32_splat offset=256 (local.get $a_at)))
          (local.set $c20 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b0)) (local.get $c20)))
          (local.set $c21 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b1)) (local.get $c21)))
          (local.set $x3 (v128.load32_splat offset=384 (local.get $a_at)))
          (local.set $c30 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b0)) (local.get $c30)))
          (local.set $c31 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b1)) (local.get $c31)))
          (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 32)))
        )
        (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $i) (i32.const 2))))
        (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
        (v128.store align=4 (local.get $out_at) (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=16 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=64 align=4 (local.get $out_at) (f32x4.add (local.get $c10) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=80 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c11) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=128 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c20) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=144 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c21) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=192 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c30) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=208 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c31) (v128.load offset=16 align=4 (local.get $bias_at))))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $i_end)))
      )))
      (local.set $next (i32.shl (i32.shr_s (i32.mul (local.get $batch) (local.get $seq)) (i32.const 2)) (i32.const 2)))
      (local.set $i_end_2 (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (i32.const 1)))
      (local.set $i (local.get $next))
      (if (i32.lt_s (local.get $i) (local.get $i_end_2)) (then (loop $i
        (local.set $c00 (v128.const f32x4 0 0 0 0))
        (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0))
        (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c00_1 (v128.const f32x4 0 0 0 0))
        (local.set $c01_1 (v128.const f32x4 0 0 0 0))
        (local.set $c10_1 (v128.const f32x4 0 0 0 0))
        (local.set $c11_1 (v128.const f32x4 0 0 0 0))
        (local.set $at_2 (i32.shl (local.get $i) (i32.const 5)))
        (local.set $k (i32.const 0))
        (loop $k
          (local.set $at_3 (i32.add (local.get $at) (i32.shl (local.get $k) (i32.const 1))))
          (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $b0 (v128.load align=4 (local.get $weight_at)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
          (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at_2) (local.get $k)) (i32.const 2))))
          (local.set $x0 (v128.load32_splat (local.get $a_at)))
          (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
          (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
          (local.set $x1 (v128.load32_splat offset=128 (local.get $a_at)))
          (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
          (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
          (local.set $b0_1 (v128.load offset=32 align=4 (local.get $weight_at)))
          (local.set $b1_1 (v128.load offset=48 align=4 (local.get $weight_at)))
          (local.set $x0_1 (v128.load32_splat offset=4 (local.get $a_at)))
          (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
          (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
          (local.set $x1_1 (v128.load32_splat offset=132 (local.get $a_at)))
          (local.set $c10_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b0_1)) (local.get $c10_1)))
          (local.set $c11_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b1_1)) (local.get $c11_1)))
          (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 2))) (i32.const 32)))
        )
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
        (local.set $c10 (f32x4.add (local.get $c10) (local.get $c10_1)))
        (local.set $c11 (f32x4.add (local.get $c11) (local.get $c11_1)))
        (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $i) (i32.const 2))))
        (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
        (v128.store align=4 (local.get $out_at) (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=16 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=64 align=4 (local.get $out_at) (f32x4.add (local.get $c10) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=80 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c11) (v128.load offset=16 align=4 (local.get $bias_at))))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 2))) (local.get $i_end_2)))
      )))
      (local.set $next_1
        (i32.add
          (i32.shl
            (i32.shr_s (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (local.get $next)) (i32.const 1))
            (i32.const 1))
          (local.get $next)))
      (local.set $i_end_3 (i32.mul (local.get $batch) (local.get $seq)))
      (local.set $i (local.get $next_1))
      (if (i32.lt_s (local.get $i) (local.get $i_end_3)) (then (loop $i
        (local.set $c00 (v128.const f32x4 0 0 0 0))
        (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c00_1 (v128.const f32x4 0 0 0 0))
        (local.set $c01_1 (v128.const f32x4 0 0 0 0))
        (local.set $c00_2 (v128.const f32x4 0 0 0 0))
        (local.set $c01_2 (v128.const f32x4 0 0 0 0))
        (local.set $c00_3 (v128.const f32x4 0 0 0 0))
        (local.set $c01_3 (v128.const f32x4 0 0 0 0))
        (local.set $at_2 (i32.shl (local.get $i) (i32.const 5)))
        (local.set $k (i32.const 0))
        (loop $k
          (local.set $at_3 (i32.add (local.get $at) (i32.shl (local.get $k) (i32.const 1))))
          (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $b0 (v128.load align=4 (local.get $weight_at)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
          (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at_2) (local.get $k)) (i32.const 2))))
          (local.set $x0 (v128.load32_splat (local.get $a_at)))
          (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
          (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
          (local.set $b0_1 (v128.load offset=32 align=4 (local.get $weight_at)))
          (local.set $b1_1 (v128.load offset=48 align=4 (local.get $weight_at)))
          (local.set $x0_1 (v128.load32_splat offset=4 (local.get $a_at)))
          (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
          (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
          (local.set $b0_2 (v128.load offset=64 align=4 (local.get $weight_at)))
          (local.set $b1_2 (v128.load offset=80 align=4 (local.get $weight_at)))
          (local.set $x0_2 (v128.load32_splat offset=8 (local.get $a_at)))
          (local.set $c00_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b0_2)) (local.get $c00_2)))
          (local.set $c01_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b1_2)) (local.get $c01_2)))
          (local.set $b0_3 (v128.load offset=96 align=4 (local.get $weight_at)))
          (local.set $b1_3 (v128.load offset=112 align=4 (local.get $weight_at)))
          (local.set $x0_3 (v128.load32_splat offset=12 (local.get $a_at)))
          (local.set $c00_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b0_3)) (local.get $c00_3)))
          (local.set $c01_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b1_3)) (local.get $c01_3)))
          (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 4))) (i32.const 32)))
        )
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_2)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_2)))
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_3)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_3)))
        (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $i) (i32.const 2))))
        (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
        (v128.store align=4 (local.get $out_at) (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=16 align=4
          (local.get $out_at)
          (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $i_end_3)))
      )))
      (br_if $g (i32.lt_s (local.tee $g (i32.add (local.get $g) (i32.const 1))) (local.get $g_end)))
    )))
  )

  ;; %ffn.hidden.linear.matmul = matmul %attention.norm.layer_norm, %ffn.hidden.weight : f32[batch, seq, 32]
  ;; %ffn.hidden.linear = add %ffn.hidden.linear.matmul, %ffn.hidden.bias : f32[batch, seq, 32]
  ;; %ffn.gelu = gelu %ffn.hidden.linear : f32[batch, seq, 32]
  (func $matmul_add_gelu (export "matmul_add_gelu")
    (param $a i32) ;; f32[16*batch*seq] read
    (param $weight i32) ;; f32[512] read
    (param $bias i32) ;; f32[32] read
    (param $out i32) ;; f32[32*batch*seq] written
    (param $batch i32) ;; size
    (param $seq i32) ;; size
    (local $g_end i32) (local $g i32) (local $first i32) (local $last i32)
    (local $at i32) (local $at_1 i32) (local $bias_at i32) (local $i_end i32)
    (local $i i32) (local $at_2 i32) (local $k i32) (local $at_3 i32)
    (local $weight_at i32) (local $a_at i32) (local $out_at i32) (local $next i32)
    (local $i_end_2 i32) (local $next_1 i32) (local $i_end_3 i32)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local $b0 v128) (local $b1 v128) (local $x0 v128) (local $x1 v128)
    (local $x2 v128) (local $x3 v128) (local $linear v128) (local $linear_1 v128)
    (local $linear_2 v128) (local $linear_3 v128) (local $linear_4 v128) (local $linear_5 v128)
    (local $linear_6 v128) (local $linear_7 v128) (local $c00_1 v128) (local $c01_1 v128)
    (local $c10_1 v128) (local $c11_1 v128) (local $b0_1 v128) (local $b1_1 v128)
    (local $x0_1 v128) (local $x1_1 v128) (local $c00_2 v128) (local $c01_2 v128)
    (local $c00_3 v128) (local $c01_3 v128) (local $b0_2 v128) (local $b1_2 v128)
    (local $x0_2 v128) (local $b0_3 v128) (local $b1_3 v128) (local $x0_3 v128)
    (local.set $g_end
      (i32.div_s (i32.mul (i32.const 4) (i32.add (global.get $thread) (i32.const 1))) (global.get $threads)))
    (local.set $g (i32.div_s (i32.mul (i32.const 4) (global.get $thread)) (global.get $threads)))
    (if (i32.lt_s (local.get $g) (local.get $g_end)) (then (loop $g
      (local.set $first (local.get $g))
      (local.set $last (i32.add (local.get $g) (i32.const 1)))
      (local.set $at (i32.shl (local.get $first) (i32.const 5)))
      (local.set $at_1 (i32.shl (local.get $first) (i32.const 1)))
      (local.set $bias_at (i32.add (local.get $bias) (i32.shl (local.get $at_1) (i32.const 4))))
      (local.set $i_end (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (i32.const 3)))
      (local.set $i (i32.const 0))
      (if (i32.lt_s (local.get $i) (local.get $i_end)) (then (loop $i
        (local.set $c00 (v128.const f32x4 0 0 0 0))
        (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0))
        (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c20 (v128.const f32x4 0 0 0 0))
        (local.set $c21 (v128.const f32x4 0 0 0 0))
        (local.set $c30 (v128.const f32x4 0 0 0 0))
        (local.set $c31 (v128.const f32x4 0 0 0 0))
        (local.set $at_2 (i32.shl (local.get $i) (i32.const 4)))
        (local.set $k (i32.const 0))
        (loop $k
          (local.set $at_3 (i32.add (local.get $at) (i32.shl (local.get $k) (i32.const 1))))
          (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $b0 (v128.load align=4 (local.get $weight_at)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
          (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at_2) (local.get $k)) (i32.const 2))))
          (local.set $x0 (v128.load32_splat (local.get $a_at)))
          (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
          (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
          (local.set $x1 (v128.load32_splat offset=64 (local.get $a_at)))
          (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
          (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
          (local.set $x2 (v128.load32_splat offset=128 (local.get $a_at)))
          (local.set $c20 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b0)) (local.get $c20)))
          (local.set $c21 (f32x4.add (f32x4.mul (local.get $x2) (local.get $b1)) (local.get $c21)))
          (local.set $x3 (v128.load32_splat offset=192 (local.get $a_at)))
          (local.set $c30 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b0)) (local.get $c30)))
          (local.set $c31 (f32x4.add (f32x4.mul (local.get $x3) (local.get $b1)) (local.get $c31)))
          (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 16)))
        )
        (local.set $linear (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
        (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $i) (i32.const 3))))
        (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
        (v128.store align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_1 (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=16 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_1) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_1)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_2 (f32x4.add (local.get $c10) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=128 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_2) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_2)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_3 (f32x4.add (local.get $c11) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=144 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_3) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_3)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_4 (f32x4.add (local.get $c20) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=256 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_4) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_4)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_5 (f32x4.add (local.get $c21) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=272 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_5) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_5)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_6 (f32x4.add (local.get $c30) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=384 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_6) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_6)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_7 (f32x4.add (local.get $c31) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=400 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_7) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_7)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $i_end)))
      )))
      (local.set $next (i32.shl (i32.shr_s (i32.mul (local.get $batch) (local.get $seq)) (i32.const 2)) (i32.const 2)))
      (local.set $i_end_2 (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (i32.const 1)))
      (local.set $i (local.get $next))
      (if (i32.lt_s (local.get $i) (local.get $i_end_2)) (then (loop $i
        (local.set $c00 (v128.const f32x4 0 0 0 0))
        (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c10 (v128.const f32x4 0 0 0 0))
        (local.set $c11 (v128.const f32x4 0 0 0 0))
        (local.set $c00_1 (v128.const f32x4 0 0 0 0))
        (local.set $c01_1 (v128.const f32x4 0 0 0 0))
        (local.set $c10_1 (v128.const f32x4 0 0 0 0))
        (local.set $c11_1 (v128.const f32x4 0 0 0 0))
        (local.set $at_2 (i32.shl (local.get $i) (i32.const 4)))
        (local.set $k (i32.const 0))
        (loop $k
          (local.set $at_3 (i32.add (local.get $at) (i32.shl (local.get $k) (i32.const 1))))
          (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $b0 (v128.load align=4 (local.get $weight_at)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
          (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at_2) (local.get $k)) (i32.const 2))))
          (local.set $x0 (v128.load32_splat (local.get $a_at)))
          (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
          (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
          (local.set $x1 (v128.load32_splat offset=64 (local.get $a_at)))
          (local.set $c10 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b0)) (local.get $c10)))
          (local.set $c11 (f32x4.add (f32x4.mul (local.get $x1) (local.get $b1)) (local.get $c11)))
          (local.set $b0_1 (v128.load offset=32 align=4 (local.get $weight_at)))
          (local.set $b1_1 (v128.load offset=48 align=4 (local.get $weight_at)))
          (local.set $x0_1 (v128.load32_splat offset=4 (local.get $a_at)))
          (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
          (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
          (local.set $x1_1 (v128.load32_splat offset=68 (local.get $a_at)))
          (local.set $c10_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b0_1)) (local.get $c10_1)))
          (local.set $c11_1 (f32x4.add (f32x4.mul (local.get $x1_1) (local.get $b1_1)) (local.get $c11_1)))
          (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 2))) (i32.const 16)))
        )
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
        (local.set $c10 (f32x4.add (local.get $c10) (local.get $c10_1)))
        (local.set $c11 (f32x4.add (local.get $c11) (local.get $c11_1)))
        (local.set $linear (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
        (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $i) (i32.const 3))))
        (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
        (v128.store align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_1 (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=16 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_1) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_1)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_2 (f32x4.add (local.get $c10) (v128.load align=4 (local.get $bias_at))))
        (v128.store offset=128 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_2) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_2)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_3 (f32x4.add (local.get $c11) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=144 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_3) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_3)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 2))) (local.get $i_end_2)))
      )))
      (local.set $next_1
        (i32.add
          (i32.shl
            (i32.shr_s (i32.sub (i32.mul (local.get $batch) (local.get $seq)) (local.get $next)) (i32.const 1))
            (i32.const 1))
          (local.get $next)))
      (local.set $i_end_3 (i32.mul (local.get $batch) (local.get $seq)))
      (local.set $i (local.get $next_1))
      (if (i32.lt_s (local.get $i) (local.get $i_end_3)) (then (loop $i
        (local.set $c00 (v128.const f32x4 0 0 0 0))
        (local.set $c01 (v128.const f32x4 0 0 0 0))
        (local.set $c00_1 (v128.const f32x4 0 0 0 0))
        (local.set $c01_1 (v128.const f32x4 0 0 0 0))
        (local.set $c00_2 (v128.const f32x4 0 0 0 0))
        (local.set $c01_2 (v128.const f32x4 0 0 0 0))
        (local.set $c00_3 (v128.const f32x4 0 0 0 0))
        (local.set $c01_3 (v128.const f32x4 0 0 0 0))
        (local.set $at_2 (i32.shl (local.get $i) (i32.const 4)))
        (local.set $k (i32.const 0))
        (loop $k
          (local.set $at_3 (i32.add (local.get $at) (i32.shl (local.get $k) (i32.const 1))))
          (local.set $weight_at (i32.add (local.get $weight) (i32.shl (local.get $at_3) (i32.const 4))))
          (local.set $b0 (v128.load align=4 (local.get $weight_at)))
          (local.set $b1 (v128.load offset=16 align=4 (local.get $weight_at)))
          (local.set $a_at (i32.add (local.get $a) (i32.shl (i32.add (local.get $at_2) (local.get $k)) (i32.const 2))))
          (local.set $x0 (v128.load32_splat (local.get $a_at)))
          (local.set $c00 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b0)) (local.get $c00)))
          (local.set $c01 (f32x4.add (f32x4.mul (local.get $x0) (local.get $b1)) (local.get $c01)))
          (local.set $b0_1 (v128.load offset=32 align=4 (local.get $weight_at)))
          (local.set $b1_1 (v128.load offset=48 align=4 (local.get $weight_at)))
          (local.set $x0_1 (v128.load32_splat offset=4 (local.get $a_at)))
          (local.set $c00_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b0_1)) (local.get $c00_1)))
          (local.set $c01_1 (f32x4.add (f32x4.mul (local.get $x0_1) (local.get $b1_1)) (local.get $c01_1)))
          (local.set $b0_2 (v128.load offset=64 align=4 (local.get $weight_at)))
          (local.set $b1_2 (v128.load offset=80 align=4 (local.get $weight_at)))
          (local.set $x0_2 (v128.load32_splat offset=8 (local.get $a_at)))
          (local.set $c00_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b0_2)) (local.get $c00_2)))
          (local.set $c01_2 (f32x4.add (f32x4.mul (local.get $x0_2) (local.get $b1_2)) (local.get $c01_2)))
          (local.set $b0_3 (v128.load offset=96 align=4 (local.get $weight_at)))
          (local.set $b1_3 (v128.load offset=112 align=4 (local.get $weight_at)))
          (local.set $x0_3 (v128.load32_splat offset=12 (local.get $a_at)))
          (local.set $c00_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b0_3)) (local.get $c00_3)))
          (local.set $c01_3 (f32x4.add (f32x4.mul (local.get $x0_3) (local.get $b1_3)) (local.get $c01_3)))
          (br_if $k (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 4))) (i32.const 16)))
        )
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_1)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_1)))
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_2)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_2)))
        (local.set $c00 (f32x4.add (local.get $c00) (local.get $c00_3)))
        (local.set $c01 (f32x4.add (local.get $c01) (local.get $c01_3)))
        (local.set $linear (f32x4.add (local.get $c00) (v128.load align=4 (local.get $bias_at))))
        (local.set $at_3 (i32.add (local.get $at_1) (i32.shl (local.get $i) (i32.const 3))))
        (local.set $out_at (i32.add (local.get $out) (i32.shl (local.get $at_3) (i32.const 4))))
        (v128.store align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (local.set $linear_1 (f32x4.add (local.get $c01) (v128.load offset=16 align=4 (local.get $bias_at))))
        (v128.store offset=16 align=4
          (local.get $out_at)
          (f32x4.mul
            (f32x4.mul (local.get $linear_1) (v128.const f32x4 0.5 0.5 0.5 0.5))
            (f32x4.add
              (call $erf_f32x4
                (f32x4.mul
                  (local.get $linear_1)
                  (v128.const f32x4 0.7071067811865476 0.7071067811865476 0.7071067811865476 0.7071067811865476)))
              (v128.const f32x4 1 1 1 1))))
        (br_if $i (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $i_end_3)))
      )))
      (br_if $g (i32.lt_s (local.tee $g (i32.add (local.get $g) (i32.const 1))) (local.get $g_end)))
    )))
  )

  ;; All kernels in order, or one thread's part of them.
  (func $steps
    ;; attention.query_key_value.linear
    (call $matmul_add
      (i32.load offset=8 (global.get $table)) ;; x
      (i32.load offset=20 (global.get $table)) ;; attention.query_key_value.weight (panels of 8 columns, blocks of 16 rows)
      (i32.load offset=24 (global.get $table)) ;; attention.query_key_value.bias
      (i32.load offset=28 (global.get $table)) ;; attention.query_key_value.linear
      (i32.load (global.get $table)) ;; batch
      (i32.load offset=4 (global.get $table)) ;; seq
    )
    (call $meet)
    ;; attention.context
    (call $attention
      (i32.load offset=28 (global.get $table)) ;; attention.query_key_value.linear
      (i32.load offset=12 (global.get $table)) ;; mask
      (i32.load offset=32 (global.get $table)) ;; attention.context
      (i32.load (global.get $table)) ;; batch
      (i32.load offset=4 (global.get $table)) ;; seq
    )
    (call $meet)
    ;; attention.output.linear
    (call $matmul_add_1
      (i32.load offset=32 (global.get $table)) ;; attention.context
      (i32.load offset=36 (global.get $table)) ;; attention.output.weight (panels of 8 columns, blocks of 16 rows)
      (i32.load offset=40 (global.get $table)) ;; attention.output.bias
      (i32.load offset=44 (global.get $table)) ;; attention.output.linear
      (i32.load (global.get $table)) ;; batch
      (i32.load offset=4 (global.get $table)) ;; seq
    )
    (call $meet)
    ;; attention.norm.layer_norm
    (call $add_norm
      (i32.load offset=44 (global.get $table)) ;; attention.output.linear
      (i32.load offset=8 (global.get $table)) ;; x
      (i32.load offset=48 (global.get $table)) ;; attention.norm.gamma
      (i32.load offset=52 (global.get $table)) ;; attention.norm.beta
      (i32.load offset=56 (global.get $table)) ;; attention.norm.layer_norm
      (i32.load (global.get $table)) ;; batch
      (i32.load offset=4 (global.get $table)) ;; seq
    )
    (call $meet)
    ;; ffn.gelu
    (call $matmul_add_gelu
      (i32.load offset=56 (global.get $table)) ;; attention.norm.layer_norm
      (i32.load offset=60 (global.get $table)) ;; ffn.hidden.weight (panels of 8 columns, blocks of 16 rows)
      (i32.load offset=64 (global.get $table)) ;; ffn.hidden.bias
      (i32.load offset=68 (global.get $table)) ;; ffn.gelu
      (i32.load (global.get $table)) ;; batch
      (i32.load offset=4 (global.get $table)) ;; seq
    )
    (call $meet)
    ;; ffn.output.linear
    (call $matmul_add_2
      (i32.load offset=68 (global.get $table)) ;; ffn.gelu
      (i32.load offset=72 (global.get $table)) ;; ffn.output.weight (panels of 8 columns, blocks of 32 rows)
      (i32.load offset=76 (global.get $table)) ;; ffn.output.bias
      (i32.load offset=80 (global.get $table)) ;; ffn.output.linear
      (i32.load (global.get $table)) ;; batch
      (i32.load offset=4 (global.get $table)) ;; seq
    )
    (call $meet)
    ;; ffn.norm.layer_norm
    (call $add_norm
      (i32.load offset=80 (global.get $table)) ;; ffn.output.linear
      (i32.load offset=56 (global.get $table)) ;; attention.norm.layer_norm
      (i32.load offset=84 (global.get $table)) ;; ffn.norm.gamma
      (i32.load offset=88 (global.get $table)) ;; ffn.norm.beta
      (i32.load offset=16 (global.get $table)) ;; out:states
      (i32.load (global.get $table)) ;; batch
      (i32.load offset=4 (global.get $table)) ;; seq
    )
    (call $meet)
  )

  ;; Returns once the i32 at an address is another than the one given.
  (func $await (param $address i32) (param $value i32)
    (local $patience i32)
    (local.set $patience (i32.const 20000))
    (loop $again
      (if (i32.ne (i32.atomic.load (local.get $address)) (local.get $value)) (then (return)))
      (if (local.get $patience)
        (then (local.set $patience (i32.sub (local.get $patience) (i32.const 1))))
        (else
          (if (global.get $waits)
            (then
              (drop
                (memory.atomic.wait32 (local.get $address) (local.get $value) (i64.const -1)))))))
      (br $again)))

  ;; Returns once all threads are here.
  (func $meet
    (local $turn i32)
    (if (i32.eq (global.get $threads) (i32.const 1)) (then (return)))
    (local.set $turn (i32.atomic.load (global.get $sync)))
    (if
      (i32.eq
        (i32.atomic.rmw.add offset=64 (global.get $sync) (i32.const 1))
        (i32.sub (global.get $threads) (i32.const 1)))
      (then
        (i32.atomic.store offset=64 (global.get $sync) (i32.const 0))
        (i32.atomic.store (global.get $sync) (i32.add (local.get $turn) (i32.const 1)))
        (drop (memory.atomic.notify (global.get $sync) (i32.const -1))))
      (else (call $await (global.get $sync) (local.get $turn)))))

  ;; Runs the model, on all threads.
  (func $run (export "run")
    (if (i32.gt_s (global.get $threads) (i32.const 1))
      (then
        (i32.atomic.store offset=128
          (global.get $sync)
          (i32.and
            (i32.add (i32.atomic.load offset=128 (global.get $sync)) (i32.const 1))
            (i32.const 0x7fffffff)))
        (drop (memory.atomic.notify offset=128 (global.get $sync) (i32.const -1)))))
    (call $steps))

  ;; What a thread beside the first does all its life: its part of every run.
  (func $serve (export "serve") (param $runs i32)
    (loop $again
      (call $await (i32.add (global.get $sync) (i32.const 128)) (local.get $runs))
      (local.set $runs (i32.atomic.load offset=128 (global.get $sync)))
      (if (i32.lt_s (local.get $runs) (i32.const 0)) (then (return)))
      (call $steps)
      (br $again)))

  ;; Ends the other threads.
  (func $stop (export "stop")
    (i32.atomic.store offset=128 (global.get $sync) (i32.const -1))
    (drop (memory.atomic.notify offset=128 (global.get $sync) (i32.const -1))))
)
