/**
 * The nest of a quantized matmul with its epilogue on CPUs with vectors of four:
 *
 *   for start over rows, 48 at a time
 *     for every row of them: codes[row] = x[row] in steps of its largest, four bytes an i32
 *     for g over groups of panels of 8 columns, which threads divide
 *       for i over rows of the block, a tile at a time
 *         for p over the panels of the group
 *           sums[height][8] += dot4(codes[i][s], weight[p][s]) over s, four steps of k at a time
 *           c = (sums - offset[i]) * (steps[i] * scale), epilogue, four columns at a time
 *
 * A weight is stored with 64 added to its numbers, as dot4 takes seven bits of one operand;
 * offset[i] = 64 * the sum of the row's codes takes that off again.
 *
 * Why rows outside of the groups: a row is quantised once a block and thread, not once a group, and the
 * codes of 48 rows stay in the second cache beside a group. Why not all rows: scratch memory has a
 * size that is known. Sums are whole numbers, so their order does not matter.
 *
 * Predicted with relaxed SIMD: a step takes the loads, splats and sums of one of float32 and does the
 * work of four, so a quarter of the time and what quantising takes: a row some 16 instructions for 16
 * elements, once for all columns. Measured (Node 26, one core with VNNI, the products of MiniLM at 1, 16
 * and 128 rows): 3.5 to 4.2 times as fast as float32, 234 to 249 G int8 operations a second from 16 rows
 * on; the whole model 2.9 times at 128 tokens, where attention and norms stay in float32, 3.2 times at
 * 16. Without relaxed SIMD dot4 is 9 instructions: 1.2 times as fast as float32 from 16 rows on.
 */
import { add, type Dim, minimum, multiply, subtract } from '../../../ir/dims.ts';
import { type ValueId, valueOf } from '../../../ir/graph.ts';
import { inverseOf, MOST_STEPS } from '../../../ir/ops/quantize.ts';
import { MOST_WEIGHT } from '../../../ir/ops/quantized_matmul.ts';
import type { Emitter } from '../../emitter.ts';
import {
  addOf,
  binary,
  bitcast,
  cast,
  constant,
  dot4,
  type Expression,
  lane,
  load,
  multiplyOf,
  pack4,
  read,
  splat,
  store,
  unary,
  vector,
} from '../../nodes.ts';
import { BYTE_OFFSET, bytePanels } from '../../weight-layout.ts';
import { onlyOf } from '../anchor.ts';
import { isReadOnce, productNest } from '../product.ts';
import type { Nest } from '../schedule.ts';
import { TiledProduct } from './matmul-simd.ts';
import { emitTile, range } from './tile.ts';
import { type Group, overPanelGroups, overPanelsOf } from './weight-panels.ts';

const COLUMNS = 8;
/** Rows whose codes are kept: a multiple of the tiles' heights, 4 and 6. */
const ROWS_IN_BLOCK = 48;
/** Elements that become one vector of bytes. */
const BYTES = 16;
/** Added to a float32 of less than 2^22 it leaves the nearest whole number in the lowest bits. */
const ROUNDING = 1.5 * 2 ** 23;
const ROUNDING_BITS = 0x4b40_0000;
const ONES = 0x0101_0101;
/** The most products whose sum, and every part of it, float32 holds as well: as JS adds them up. */
const LONGEST_EXACT_SUM = Math.floor(2 ** 24 / (MOST_STEPS * MOST_WEIGHT));

/** @param height rows of a full tile */
export function quantizedMatmul(height: number): Nest {
  return (draft) => {
    const { body, operands } = draft.region;
    const node = onlyOf('quantized-matmul', body);
    const [x, weight, scale] = node?.operands ?? [];
    const [y] = node?.results ?? [];
    if (x == null || weight == null || scale == null || y === undefined) return null;
    const at = body.inputs.indexOf(weight);
    if (draft.exact && Number(valueOf(body, weight).shape[0]) > LONGEST_EXACT_SUM) return null;
    const isPacked = operands[at]?.parameter != null && isReadOnce(body, weight);
    if (!isPacked || valueOf(body, y).shape.length < 2) return null;
    const plan = { a: x, b: weight, c: y, isPacked };
    const statements = productNest(draft, plan, (place) =>
      new Codes(new TiledProduct(place, height), scale).emit(),
    );
    if (statements !== null) draft.layouts[at] = bytePanels(COLUMNS);
    return statements;
  };
}

/** A block of rows, from start to before end. */
interface Block {
  readonly start: Dim;
  readonly end: Dim;
}

class Codes {
  private readonly product: TiledProduct;
  private readonly emitter: Emitter;
  private readonly scale: ValueId;
  /** Elements of a row. */
  private readonly inner: number;
  /** Fours of k. */
  private readonly steps: number;
  /** From one row's codes to the next: whole vectors. */
  private readonly stride: number;
  private codes = '';
  private stepSizes = '';
  private offsets = '';

  constructor(product: TiledProduct, scale: ValueId) {
    this.product = product;
    this.emitter = product.emitter;
    this.scale = scale;
    this.inner = Number(product.inner);
    this.steps = Math.ceil(this.inner / 4);
    this.stride = 4 * Math.ceil(this.inner / BYTES);
  }

  emit(): void {
    const { rows } = this.product;
    if (typeof rows === 'number' && rows <= ROWS_IN_BLOCK) {
      this.block({ start: 0, end: rows }, Math.max(1, rows));
      return;
    }
    this.emitter.loop(
      'parallel',
      'start',
      rows,
      (start) => {
        const end = this.emitter.integer('end', minimum(rows, add(start, ROWS_IN_BLOCK)));
        this.block({ start, end }, ROWS_IN_BLOCK);
      },
      { step: ROWS_IN_BLOCK },
    );
  }

  /** @param most rows of the block */
  private block(block: Block, most: number): void {
    const { emitter, product } = this;
    this.codes = emitter.alloc('codes', most * this.stride, 'scratch', 'i32');
    this.stepSizes = emitter.alloc('steps', most, 'scratch');
    this.offsets = emitter.alloc('offsets', most, 'scratch', 'i32');
    const count = subtract(block.end, block.start);
    emitter.loop('parallel', 'r', most, (r) => this.quantize(add(block.start, r), r), {
      to: count,
    });
    overPanelGroups(product, this.steps, (group) => {
      const bounds = { from: block.start, to: block.end };
      product.overRows((row, height) => this.tile(row, height, group, block), bounds);
    });
  }

  /** Writes a row's codes, its step and its offset at place `r` of the block. */
  private quantize(row: Dim, r: Dim): void {
    const { emitter, inner } = this;
    const element = (k: Dim) => this.product.elementOfA(row, k);
    const largest = emitter.bindHere(
      'top',
      emitter.elements.reduce('max', inner, (k) => unary('abs', element(k))),
    );
    emitter.emit(store(this.stepSizes, r, binary('div', largest, constant(MOST_STEPS))));
    const inverse = emitter.bindHere('inverse', inverseOf(largest));
    const total = emitter.variable('total', splat(constant(0, 'i32')));
    const put = (words: readonly Expression[], place: Dim) => {
      const bytes = emitter.bindHere('bytes', vector(words));
      emitter.emit(store(this.codes, place, bytes));
      const value = dot4(bytes, splat(constant(ONES, 'i32')), read(total, 'i32', 4));
      emitter.emit({ tag: 'set', name: total, value });
    };
    const rowAt = multiply(r, this.stride);
    const whole = Math.floor(inner / BYTES);
    emitter.loop('serial', 'v', whole, (v) => {
      const k = multiply(v, BYTES);
      const words = range(4).map((w) => this.word(element, inverse, add(k, 4 * w), 4));
      put(words, add(rowAt, multiply(v, 4)));
    });
    const done = whole * BYTES;
    if (done < inner) {
      const words = range(4).map((w) => {
        const count = Math.min(4, inner - done - 4 * w);
        return this.word(element, inverse, done + 4 * w, count);
      });
      put(words, add(rowAt, whole * 4));
    }
    const sum = range(4).map((l) => lane(read(total, 'i32', 4), l));
    const offset = multiplyOf(sum.reduce(addOf), constant(BYTE_OFFSET, 'i32'));
    emitter.emit(store(this.offsets, r, offset));
  }

  /** Elements k .. k + count - 1 as bytes, zeros behind them. */
  private word(
    element: (k: Dim) => Expression,
    inverse: Expression,
    k: Dim,
    count: number,
  ): Expression {
    if (count <= 0) return constant(0, 'i32');
    const { emitter } = this;
    const at = (l: number) => element(add(k, l));
    const neighbours = count === 4 ? emitter.run(at) : null;
    const four = neighbours ?? vector(range(4).map((l) => (l < count ? at(l) : constant(0))));
    // as quantize: the product is rounded to float32, then to the nearest whole number, halves to even
    const rounded = addOf(multiplyOf(four, inverse), splat(constant(ROUNDING)));
    const bits = emitter.bindHere('bits', bitcast('i32', rounded));
    return pack4(binary('sub', bits, splat(constant(ROUNDING_BITS, 'i32'))));
  }

  private tile(row: Dim, height: number, group: Group, block: Block): void {
    const { emitter, product, steps } = this;
    const first = subtract(row, block.start);
    const vectors = Math.ceil(group.width / 4);
    overPanelsOf(group, product, (p) => {
      const sums = emitTile(emitter, {
        rows: height,
        vectors,
        inner: steps,
        of: 'bytes',
        a: (r, s) => load(this.codes, add(multiply(add(first, r), this.stride), s), 'i32'),
        b: (s, v) => {
          const at = multiply(add(multiply(p, steps), s), COLUMNS);
          return load(product.weights, add(at, 4 * v), 'i32', 4);
        },
      });
      product.finish(row, multiply(p, COLUMNS), group.width, sums, (sum, r, column) => {
        const whole = binary('sub', sum, load(this.offsets, add(first, r), 'i32'));
        const step = load(this.stepSizes, add(first, r));
        return multiplyOf(
          cast('f32', whole),
          multiplyOf(step, emitter.value(this.scale, [column])),
        );
      });
    });
  }
}
