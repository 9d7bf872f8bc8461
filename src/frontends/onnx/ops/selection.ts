/**
 * Ops that choose as many of their elements as the data says, of data that is known while importing: of
 * an input only a run would know how many there are, and no graph has a value of such a size.
 */
import type { HandlerTable, NodeContext, Result } from '../context.ts';
import { NeedsContents } from '../failures.ts';
import { type Known, known, numbersOf } from '../operand.ts';

const LEAVE_OUT = 'leave it out and run it on the output of the model, or fix what it chooses from';

/** The numbers of an operand, of which the results are as many as they say. */
function chosenFrom(node: NodeContext, index: number): readonly number[] {
  try {
    const numbers = numbersOf(node.contents(index, 'number of results'));
    return numbers ?? node.unsupported('it chooses among symbolic sizes');
  } catch (error) {
    if (!(error instanceof NeedsContents)) throw error;
    throw new NeedsContents(`${error.message}: ${LEAVE_OUT}`, error.inputs);
  }
}

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);

/** Parts along an axis, or elements without one, each once; in their order or that of their first. */
function unique(node: NodeContext): readonly Result[] {
  const numbers = chosenFrom(node, 0);
  const { dtype } = node.type(0);
  const named = node.attributes.int('axis');
  const shape = named === undefined ? [numbers.length] : node.type(0).shape.map(Number);
  const axis = named === undefined ? 0 : node.resolve(named, shape.length);
  const [count = 0, inner] = [shape[axis], product(shape.slice(axis + 1))];
  const outer = product(shape.slice(0, axis));
  if (!node.site.affords(numbers.length)) node.unsupported('it sorts too many elements');
  const partAt = (at: number) =>
    Array.from({ length: outer * inner }, (_, i) => {
      const row = Math.floor(i / inner) * count + at;
      return numbers[row * inner + (i % inner)] ?? 0;
    });
  const groups = groupsOf(Array.from({ length: count }, (_, at) => partAt(at)));
  if (node.int('sorted', 1) === 1) groups.sort((a, b) => compareParts(a.part, b.part));
  const inverse = new Array<number>(count).fill(0);
  for (const [i, { places }] of groups.entries()) for (const at of places) inverse[at] = i;
  const y = Array.from({ length: outer }, (_, o) =>
    groups.flatMap(({ part }) => part.slice(o * inner, (o + 1) * inner)),
  );
  return [
    known(dtype, shape.with(axis, groups.length), y.flat()),
    vector(groups.map(({ places }) => places[0] ?? 0)),
    vector(inverse),
    vector(groups.map(({ places }) => places.length)),
  ];
}

const vector = (numbers: readonly number[]): Known => known('i64', [numbers.length], numbers);

interface Group {
  readonly part: readonly number[];
  /** Where the part stands, from the first place on. */
  readonly places: number[];
}

/** In the order of their first places. */
function groupsOf(parts: readonly (readonly number[])[]): Group[] {
  const groups = new Map<string, Group>();
  for (const [at, part] of parts.entries()) {
    const key = part.join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { part, places: [at] });
    else group.places.push(at);
  }
  return [...groups.values()];
}

function compareParts(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((number, i) => number !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/** The corners of a box: the lower ones first. */
type Box = readonly [top: number, left: number, bottom: number, right: number];

/**
 * Of each class, boxes from the best score on that overlap no chosen one by more than a threshold:
 * [count, 3], of batch, class and box.
 */
function nonMaxSuppression(node: NodeContext): Result {
  const [boxes, scores] = [chosenFrom(node, 0), chosenFrom(node, 1)];
  const [batch = 0, classes = 0, count = 0] = node.type(1).shape.map(Number);
  const most = node.has(2) ? node.number(2, 'max_output_boxes_per_class') : 0;
  const overlap = node.has(3) ? node.number(3, 'iou_threshold') : 0;
  const least = node.has(4) ? node.number(4, 'score_threshold') : Number.NEGATIVE_INFINITY;
  if (!node.site.affords(batch * classes * count * count)) {
    node.unsupported(`it compares ${count} boxes with one another`);
  }
  const isCentre = node.int('center_point_box', 0) === 1;
  const boxAt = (item: number, at: number): Box => {
    const start = (item * count + at) * 4;
    return cornersOf(boxes.slice(start, start + 4), isCentre);
  };
  const found: number[] = [];
  for (let row = 0; row < batch * classes; row++) {
    const [item, label] = [Math.floor(row / classes), row % classes];
    const scoreOf = (at: number) => scores[row * count + at] ?? 0;
    const candidates = Array.from({ length: count }, (_, at) => at)
      .filter((at) => scoreOf(at) > least)
      .sort((a, b) => scoreOf(b) - scoreOf(a));
    const chosen: Box[] = [];
    for (const at of candidates) {
      if (chosen.length >= most) break;
      const box = boxAt(item, at);
      if (chosen.some((other) => sharedPart(box, other) > overlap)) continue;
      chosen.push(box);
      found.push(item, label, at);
    }
  }
  return known('i64', [found.length / 3, 3], found);
}

/** Of [y, x, y, x] of any two opposite corners, or [x, y, width, height] around a centre. */
function cornersOf([a = 0, b = 0, c = 0, d = 0]: readonly number[], isCentre: boolean): Box {
  if (isCentre) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

/** The intersection of two boxes by their union. */
function sharedPart(a: Box, b: Box): number {
  const height = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const width = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = ([top, left, bottom, right]: Box) => (bottom - top) * (right - left);
  const union = area(a) + area(b) - height * width;
  return union <= 0 ? 0 : (height * width) / union;
}

export const selection: HandlerTable = {
  NonMaxSuppression: nonMaxSuppression,
  Unique: unique,
};
