/**
 * Draws what attention and positions do, into docs/: what each token of a sentence attends to in the
 * trained Universal Sentence Encoder Lite, and the sinusoidal positions as a heat map and as the products
 * PE(p) . PE(p + k) over k. `npm run pictures` runs it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { f32, type Graph, model, withAttentionWeights } from 'encompile';
import { interpret, loadModel } from 'encompile/compiler';
import { sinusoidalPositions } from 'encompile/models';
import { loadUseLiteTokenizer } from '../use-lite/tokenizer.ts';
import { curves, heatMap } from './svg.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SENTENCE = "The animal didn't cross the street because it was too tired";
const [ATTENTION, HEAD] = ['layer.1.attention', 3];
const [LENGTH, WIDTH] = [40, 16];

await draw('attention.svg', await attentionPicture());
const positions = positionRows();
await draw(
  'positions.svg',
  heatMap({
    title: `Sinusoidal positions, one row each, width ${WIDTH}`,
    values: positions,
    cell: [20, 6],
  }),
);
const products = [0, 5, 10].map((p) =>
  Array.from({ length: LENGTH - 10 }, (_, k) => dot(positions[p] ?? [], positions[p + k] ?? [])),
);
await draw(
  'position-products.svg',
  curves('PE(p) . PE(p + k) for p = 0, 5 and 10, one on another', products),
);

async function attentionPicture(): Promise<string> {
  const { graph } = await loadModel(join(ROOT, 'examples', 'use-lite.ts'));
  const tokenizer = await loadUseLiteTokenizer();
  const ids = tokenizer.encode(SENTENCE);
  const shape = [1, ids.length];
  const inputs = {
    ids: { dtype: 'i32', shape, data: Float64Array.from(ids) },
    mask: { dtype: 'bool', shape, data: new Float64Array(ids.length).fill(1) },
  } as const;
  const name = `${ATTENTION}.weights.${HEAD}`;
  const weights = outputOf(withAttentionWeights(graph, [`${ATTENTION}:${HEAD}`]), inputs, name);
  const labels = tokenizer.pieces(SENTENCE).map((piece) => piece.replace('▁', ''));
  return heatMap({
    title: `What tokens (rows) attend to: ${ATTENTION}, head ${HEAD}`,
    values: rowsOf(weights, ids.length),
    rowLabels: labels,
    columnLabels: labels,
    cell: [22, 22],
  });
}

function positionRows(): readonly (readonly number[])[] {
  const declared = model('positions', (g) => {
    g.input('none', f32(1));
    return { positions: sinusoidalPositions(g, { seq: LENGTH, width: WIDTH }) };
  });
  const none = { none: { dtype: 'f32', shape: [1], data: new Float64Array(1) } } as const;
  return rowsOf(outputOf(declared.build(), none, 'positions'), WIDTH);
}

function outputOf(
  graph: Graph,
  inputs: {
    readonly [name: string]: Parameters<typeof interpret>[1] extends ReadonlyMap<string, infer A>
      ? A
      : never;
  },
  name: string,
): ArrayLike<number> {
  const output = interpret(graph, new Map(Object.entries(inputs))).outputs.get(name);
  if (output === undefined) throw new Error(`there is no output ${name}`);
  return output.data;
}

function rowsOf(data: ArrayLike<number>, width: number): readonly (readonly number[])[] {
  const all = Array.from(data);
  return Array.from({ length: all.length / width }, (_, i) =>
    all.slice(i * width, (i + 1) * width),
  );
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? Number.NaN), 0);
}

async function draw(file: string, picture: string): Promise<void> {
  await writeFile(join(ROOT, 'docs', file), picture);
  console.log(`docs/${file}: ${picture.length} bytes`);
}
