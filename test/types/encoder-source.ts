/** The text of a declaration with its layers written out, for measuring what types cost. */

const WIDTH = 384;
const HEADS = 12;

/** A BERT-like encoder: 3 ops, and 22 ops a layer, each through the typed calls of the builder. */
export function encoderSource(layers: number): string {
  return [
    `import { bool, type Builder, dims, f32, i32, type Value } from 'encompile';`,
    `import { type Equal, expectType } from './support/assertions.ts';`,
    `declare const g: Builder;`,
    `const { batch, seq } = dims('batch', 'seq');`,
    `const mask = g.input('mask', bool(batch, 1, 1, seq));`,
    `const ids = g.input('ids', i32(batch, seq));`,
    `const table = g.weight('table', f32(30522, ${WIDTH}));`,
    `const positions = g.weight('positions', f32(seq, ${WIDTH}));`,
    `const vector = g.weight('vector', f32(${WIDTH}));`,
    `const square = g.weight('square', f32(${WIDTH}, ${WIDTH}));`,
    `const up = g.weight('up', f32(${WIDTH}, ${4 * WIDTH}));`,
    `const down = g.weight('down', f32(${4 * WIDTH}, ${WIDTH}));`,
    `const wide = g.weight('wide', f32(${4 * WIDTH}));`,
    `const x0 = g.layer_norm(g.add(g.gather(table, ids), positions), vector, vector);`,
    ...Array.from({ length: layers }, (_, layer) => layerSource(layer)),
    `expectType<Equal<typeof x${layers}, Value<'f32', ['batch', 'seq', ${WIDTH}]>>>();`,
  ].join('\n');
}

function layerSource(i: number): string {
  const split = (name: string) => [
    `const ${name}${i} = g.add(g.matmul(x${i}, square), vector);`,
    `const ${name}h${i} = g.transpose(`,
    `  g.reshape(${name}${i}, { shape: [batch, seq, ${HEADS}, ${WIDTH / HEADS}] }),`,
    `  { permutation: [0, 2, 1, 3] },`,
    `);`,
  ];
  return [
    ...split('q'),
    ...split('k'),
    ...split('v'),
    `const c${i} = g.attention(qh${i}, kh${i}, vh${i}, mask, { scale: 0.25 });`,
    `const ct${i} = g.transpose(c${i}, { permutation: [0, 2, 1, 3] });`,
    `const cf${i} = g.reshape(ct${i}, { shape: [batch, seq, ${WIDTH}] });`,
    `const o${i} = g.add(g.matmul(cf${i}, square), vector);`,
    `const [y${i}] = g.add_norm(o${i}, x${i}, vector, vector);`,
    `const h${i} = g.gelu(g.linear(y${i}, up, wide));`,
    `const [x${i + 1}] = g.add_norm(g.linear(h${i}, down, vector), y${i}, vector, vector);`,
  ].join('\n');
}
