/**
 * How several threads run a model together. Each has an instance of the module over one shared memory,
 * and runs all kernels; of a split loop each takes its share, and after every kernel all meet.
 *
 * `sync` is the address of three i32 values, each in a cache line of its own: the turn, which the last
 * thread to arrive at a meeting advances (a sense-reversing barrier; Mellor-Crummey and Scott 1991,
 * section 3.1), how many have arrived, and the number of runs so far, at which idle threads look; it
 * is negative once they shall end.
 *
 * Waiting spins for a few microseconds, as meetings are close together, and then sleeps where the host
 * lets this thread (`waits`: not in the main thread of a page).
 */

/** Names at the module's top level. */
export const THREAD_NAMES = [
  ...['thread', 'threads', 'waits', 'sync'],
  ...['run', 'serve', 'stop', 'meet', 'await', 'steps'],
] as const;

/** Bytes of the values at `sync`. */
export const SYNC_BYTES = 192;

const [ARRIVED, RUNS] = [64, 128];
const PATIENCE = 20_000;

export const THREAD_GLOBALS = `\
;; Which thread this is, and how many run the model together.
(global $thread (export "thread") (mut i32) (i32.const 0))
(global $threads (export "threads") (mut i32) (i32.const 1))
;; Where threads meet, and whether this one may sleep there.
(global $sync (export "sync") (mut i32) (i32.const 0))
(global $waits (export "waits") (mut i32) (i32.const 0))`;

export const THREAD_FUNCTIONS = `\
;; Returns once the i32 at an address is another than the one given.
(func $await (param $address i32) (param $value i32)
  (local $patience i32)
  (local.set $patience (i32.const ${PATIENCE}))
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
      (i32.atomic.rmw.add offset=${ARRIVED} (global.get $sync) (i32.const 1))
      (i32.sub (global.get $threads) (i32.const 1)))
    (then
      (i32.atomic.store offset=${ARRIVED} (global.get $sync) (i32.const 0))
      (i32.atomic.store (global.get $sync) (i32.add (local.get $turn) (i32.const 1)))
      (drop (memory.atomic.notify (global.get $sync) (i32.const -1))))
    (else (call $await (global.get $sync) (local.get $turn)))))

;; Runs the model, on all threads.
(func $run (export "run")
  (if (i32.gt_s (global.get $threads) (i32.const 1))
    (then
      (i32.atomic.store offset=${RUNS}
        (global.get $sync)
        (i32.and
          (i32.add (i32.atomic.load offset=${RUNS} (global.get $sync)) (i32.const 1))
          (i32.const 0x7fffffff)))
      (drop (memory.atomic.notify offset=${RUNS} (global.get $sync) (i32.const -1)))))
  (call $steps))

;; What a thread beside the first does all its life: its part of every run.
(func $serve (export "serve") (param $runs i32)
  (loop $again
    (call $await (i32.add (global.get $sync) (i32.const ${RUNS})) (local.get $runs))
    (local.set $runs (i32.atomic.load offset=${RUNS} (global.get $sync)))
    (if (i32.lt_s (local.get $runs) (i32.const 0)) (then (return)))
    (call $steps)
    (br $again)))

;; Ends the other threads.
(func $stop (export "stop")
  (i32.atomic.store offset=${RUNS} (global.get $sync) (i32.const -1))
  (drop (memory.atomic.notify offset=${RUNS} (global.get $sync) (i32.const -1))))`;
