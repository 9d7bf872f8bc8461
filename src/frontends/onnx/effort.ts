/**
 * What an import may cost. A short file can stand for endless work: functions that call one another
 * twice, loops in loops, a convolution of constants. Everything that such a file repeats is counted, over
 * all rounds of the import, and ends with an error that no node can take for its own.
 */
import { EncompileError } from '../../errors.ts';
import type { GraphProto, ModelProto } from '../../onnx/schema.ts';

/** Ends the import, wherever it is thrown. */
export class Exhausted extends EncompileError {}

/** Nodes that a file may unroll to, beside as many copies of its own as honest files have. */
const FREE_NODES = 30_000;
const COPIES = 48;
/** Elements that are computed while importing, of what must be known and of the rest. */
const MOST_WORK = 1 << 23;

export class Effort {
  private readonly origin: string;
  private readonly mostNodes: number;
  private nodes = 0;
  private needed = 0;
  private tried = 0;

  constructor(model: ModelProto, origin: string) {
    this.origin = origin;
    this.mostNodes = FREE_NODES + COPIES * partsOf(model);
  }

  /** Counts what is walked: nodes, and the names that they use and give. */
  walk(parts: number): void {
    this.nodes += parts;
    if (this.nodes <= this.mostNodes) return;
    throw new Exhausted(
      `${this.origin} stands for more than ${this.mostNodes} nodes and operands, which is far more than it ` +
        'holds: those of unrolled loops and called functions count each time, and again for each pair of ' +
        'symbolic dims that must be one. Export it with shorter loops, without functions that call one ' +
        'another, and with names for its dims.',
    );
  }

  /** Whether numbers may be computed that the graph can do without. */
  affords(work: number): boolean {
    if (this.tried + work > MOST_WORK) return false;
    this.tried += work;
    return true;
  }

  /** Counts numbers that are computed to build the graph. */
  compute(work: number): void {
    this.needed += work;
    if (this.needed <= MOST_WORK) return;
    throw new Exhausted(
      `${this.origin} makes shapes, axes or conditions depend on constants that take more than ${MOST_WORK} ` +
        'steps to compute. Simplify it with the constant folding of its exporter.',
    );
  }
}

/** Nodes and operands that the file itself holds, subgraphs included. */
function partsOf({ graph, functions }: ModelProto): number {
  let parts = 0;
  const open: Pick<GraphProto, 'node'>[] = [...functions];
  if (graph !== undefined) open.push(graph);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const { input, output, attribute } of next.node) {
      parts += 1 + input.length + output.length;
      for (const { g, graphs } of attribute) {
        if (g !== undefined) open.push(g);
        open.push(...graphs);
      }
    }
  }
  return parts;
}
