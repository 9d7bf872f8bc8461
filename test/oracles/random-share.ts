/**
 * Some of the graphs of a run, in a process of their own: modules that were imported go with it, and
 * if a runtime brings it down that is a finding, too.
 *
 * Says after each graph `{ number, ops }`, and of a disagreement `{ number, finding }`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeSafetensors } from '../../src/frontends/safetensors.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { fromNdArray } from '../../src/ir/nd-array.ts';
import { printGraph } from '../../src/ir/print.ts';
import { type Case, caseOf, smallest } from './random-case.ts';
import {
  comesBack,
  type Disagreement,
  disagreement,
  exportedAs,
  exportFor,
  isExportable,
  runsOf,
} from './random-checks.ts';

export interface Said {
  readonly number: number;
  /** The ops of the graph; null before it is tried. */
  readonly ops: readonly string[] | null;
  readonly isExportable: boolean;
  readonly comesBack: boolean;
  readonly finding: string | null;
}

const SECONDS_TO_SHRINK = 60;
const [seed = 1, from = 0, to = 1, step = 1] = process.argv.slice(2, 6).map(Number);
const folder = process.argv[6] ?? '.';

for (let number = from; number < to; number += step) {
  say({ number, ops: null, isExportable: false, comesBack: false, finding: null });
  const given = caseOf(seed, number);
  const found = await disagreement(given, number);
  const ops = opsOf(given.graph);
  const finding = found === null ? null : await saved(given, number, found);
  say({
    ...{ number, ops, finding },
    isExportable: isExportable(given.graph, exportFor(number).opset),
    comesBack: comesBack(given.graph, exportFor(number)),
  });
  if (found !== null) break;
}
process.exit();

function say(said: Said): void {
  process.send?.(said);
}

function opsOf({ nodes }: Graph): readonly string[] {
  return [...new Set(nodes.map(({ op }) => op))];
}

/** Makes the graph smaller and writes what it takes to see the disagreement again; says where. */
async function saved(given: Case, number: number, found: Disagreement): Promise<string> {
  const failsAlike = async (smaller: Case) =>
    (await disagreement(smaller, number))?.who === found.who;
  const small = await smallest(given, number, failsAlike, Date.now() + SECONDS_TO_SHRINK * 1000);
  const last = (await disagreement(small, number)) ?? found;
  const path = join(folder, `random-${seed}-${number}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.ir`, printGraph(small.graph));
  const written = [`${path}.ir`, ...writeModel(small, number, path)];
  return [
    `Graph ${number} of seed ${seed}: ${last.who} does not agree with the interpreter.`,
    `Of ${given.graph.nodes.length} ops, made smaller to ${small.graph.nodes.length}: ${last.what}`,
    `Saved: ${written.join(', ')}`,
    `To run it alone: npm run random -- --seed ${seed} --first ${number} --graphs 1`,
  ].join('\n');
}

function writeModel(small: Case, number: number, path: string): readonly string[] {
  try {
    const model = exportedAs(small.graph, exportFor(number));
    if (model === null) return [];
    writeFileSync(`${path}.onnx`, model);
    return [
      `${path}.onnx`,
      ...runsOf(small).map(({ inputs }, i) => {
        const tensors = [...inputs].map(([name, array]) => [name, fromNdArray(array)] as const);
        const name = `${path}.inputs${i}.safetensors`;
        writeFileSync(name, encodeSafetensors(new Map(tensors)));
        return name;
      }),
    ];
  } catch (error) {
    return [`(no more, as ${error instanceof Error ? error.message : error})`];
  }
}
