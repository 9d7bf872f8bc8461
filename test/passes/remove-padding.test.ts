/** remove-padding: f(x) [batch, seq, ..] -> f(x[index]) [tokens, ..], attention -> segment_attention */
import { describe, expect, test } from 'vitest';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph } from '../../src/ir/print.ts';
import { bool, dims, f32, i32, type Shape } from '../../src/ir/types.ts';
import { removePadding } from '../../src/passes/remove-padding.ts';
import { buildPaddedGraph, raggedInputs } from '../support/padded-graph.ts';
import { matches, opsOf, type PassRun, refusals, run, withWeights } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
const WIDTH = 8;

type States = Value<'f32'>;

interface Parts {
  readonly g: Builder;
  readonly x: States;
  readonly mask: Value<'bool'>;
  /** [batch, seq, 1]. */
  readonly column: Value<'bool'>;
}

interface Encoder {
  readonly bias?: boolean;
  readonly causal?: boolean;
  readonly window?: number;
  /** The mask of the keys, [batch, 1, 1, seq] where it is left out. */
  readonly keyMask?: (g: Builder, mask: Value<'bool'>) => Value<'bool'> | null;
  /** Makes keys and values of something else than x. */
  readonly memory?: (g: Builder) => States;
}

function heads(g: Builder, x: States, name: string): States {
  const weight = g.weight(name, f32(WIDTH, WIDTH));
  const projected: States = g.matmul<'f32', Shape, 'f32', Shape>(x, weight);
  const [first = 1, second = 1] = x.shape;
  const apart = g.reshape<'f32', Shape, Shape>(projected, { shape: [first, second, 2, 4] });
  return g.transpose(apart, { permutation: [0, 2, 1, 3] });
}

/** One block of attention over x, with a residual. */
function block({ g, x, mask }: Parts, encoder: Encoder = {}): States {
  const { causal = false, bias = false, window = null } = encoder;
  const memory = encoder.memory?.(g) ?? x;
  const keyMask = (encoder.keyMask ?? overKeys)(g, mask);
  const added = bias ? g.weight('bias', f32(2, 1, 1)) : null;
  const context: States = g.attention<
    'f32',
    Shape,
    'f32',
    Shape,
    'f32',
    Shape,
    Shape,
    'f32',
    Shape
  >(heads(g, x, 'query'), heads(g, memory, 'key'), heads(g, memory, 'value'), keyMask, added, {
    scale: 0.5,
    causal,
    window,
  });
  const turned: States = g.transpose(context, { permutation: [0, 2, 1, 3] });
  return g.add(g.reshape<'f32', Shape, Shape>(turned, { shape: [batch, seq, WIDTH] }), x);
}

function overKeys(g: Builder, mask: Value<'bool'>): Value<'bool'> {
  return g.reshape<'bool', Shape, Shape>(mask, { shape: [batch, 1, 1, seq] });
}

type Build = (parts: Parts) => States | { readonly [name: string]: Value };

function encoderGraph(build: Build, maskOf?: (g: Builder) => Value<'bool'>): Graph {
  return withWeights(
    buildGraph('encoder', (g) => {
      const x: States = g.input('x', f32(batch, seq, WIDTH));
      const mask: Value<'bool'> = maskOf?.(g) ?? g.input('mask', bool(batch, seq));
      const column: Value<'bool'> = g.reshape<'bool', Shape, Shape>(mask, {
        shape: [batch, seq, 1],
      });
      const built = build({ g, x, mask, column });
      return 'id' in built ? { y: built as States } : built;
    }),
  );
}

const pooled = ({ g, column }: Parts, y: States): States =>
  g.reduce_sum(g.select(column, y, 0), { axes: [1] });

/** The run of the pass, whose graph gives the results of the declared one for masks of all kinds. */
function runRight(graph: Graph): PassRun {
  const result = run(graph, removePadding);
  const again = run(result.graph, removePadding);
  expect(printGraph(again.graph)).toBe(printGraph(result.graph));
  expect(printGraph(parseGraph(printGraph(result.graph)))).toBe(printGraph(result.graph));
  expectSame(graph, result.graph, 4);
  return result;
}

const RUNS = [
  { batch: 3, seq: 4 },
  { batch: 1, seq: 5 },
  { batch: 4, seq: 2 },
  { batch: 2, seq: 1 },
];

function expectSame(before: Graph, after: Graph, seed: number): void {
  for (const [i, sizes] of RUNS.entries()) {
    const inputs = raggedInputs(before, sizes, seed + i);
    const [want, got] = [before, after].map((graph) => interpret(graph, inputs).outputs);
    for (const [name, { data, shape }] of want ?? []) {
      expect(got?.get(name)?.shape).toEqual(shape);
      const difference = data.map((x, at) =>
        Math.abs(x - (got?.get(name)?.data[at] ?? Number.NaN)),
      );
      const worst = difference.reduce((a, b) => (Number.isNaN(b) ? Infinity : Math.max(a, b)), 0);
      expect(worst, `%${name} at ${JSON.stringify(sizes)}, seed ${seed + i}`).toBeLessThan(1e-5);
    }
  }
}

const isPacked = ({ ops }: PassRun) =>
  ops.includes('segment_attention') && !ops.includes('attention');

describe('packs an encoder', () => {
  const shown: { readonly [how: string]: Build } = {
    'whose states are chosen by the mask and summed up': (p) => pooled(p, block(p)),
    'whose states are multiplied by the mask': (p) =>
      p.g.reduce_sum(p.g.mul(block(p), p.g.cast(p.column, { dtype: 'f32' })), { axes: [1] }),
    'whose states are chosen by what is hidden': (p) =>
      p.g.reduce_max(p.g.select(p.g.not(p.column), -9, block(p)), { axes: [1] }),
    'whose states are weighed with a masked softmax': (p) => {
      const y = block(p);
      const scores = p.g.reduce_sum(y, { axes: [2] });
      const row = p.g.softmax(scores, p.mask, { axis: 1 });
      const weights = p.g.reshape<'f32', Shape, Shape>(row, { shape: [batch, 1, seq] });
      return p.g.matmul<'f32', Shape, 'f32', Shape>(weights, y);
    },
    'of which an output has zeros at hidden places': (p) => p.g.select(p.column, block(p), 0),
    'of several blocks and norms': (p) => {
      const norm = p.g.layer_norm(block(p), { eps: 1e-5 });
      return pooled(p, p.g.gelu(block({ ...p, x: norm, g: p.g.scope('next') })));
    },
    'that is causal': (p) => pooled(p, block(p, { causal: true })),
  };
  test.each(Object.entries(shown))('%s', (_, build) => {
    const result = runRight(encoderGraph(build));
    expect(isPacked(result), refusals(result).join()).toBe(true);
    expect(result.graph.nodes.find(({ op }) => op === 'nonzero')?.attributes.always).toEqual([]);
  });

  test('with the places that are read whatever the mask shows', () => {
    const graph = encoderGraph((p) => {
      const y = block(p);
      const first = p.g.slice<'f32', Shape, Shape, Shape>(y, {
        starts: [0, 0, 0],
        ends: [batch, 1, WIDTH],
      });
      const last = p.g.slice<'f32', Shape, Shape, Shape>(y, {
        starts: [0, 'seq-1', 0],
        ends: [batch, seq, 4],
      });
      return { first, last };
    });
    const result = runRight(graph);
    expect(isPacked(result)).toBe(true);
    expect(result.graph.nodes.find(({ op }) => op === 'nonzero')?.attributes.always).toEqual([
      0,
      'seq-1',
    ]);
    expect(matches(result)[0]).toMatch(
      /: an attention runs on the rows that %mask shows, with those at 0, seq-1 whatever it shows$/,
    );
  });

  const masks: { readonly [how: string]: (g: Builder) => Value<'bool'> } = {
    'integers that are not 0': (g) => g.not_equal(g.input('visible', i32(batch, seq)), 0),
    'integers as bools': (g) => g.cast(g.input('visible', i32(batch, seq)), { dtype: 'bool' }),
    'integers that are not equal to 0': (g) =>
      g.not(g.equal(0, g.input('visible', i32(batch, seq)))),
    'integers equal to 1': (g) => g.equal(g.input('visible', i32(batch, seq)), 1),
    'integers above 0': (g) => g.greater(g.input('visible', i32(batch, seq)), 0),
    'of numbers as exporters compute them': (g) => {
      const visible = g.cast(g.input('visible', i32(batch, seq)), { dtype: 'f32' });
      return g.not(g.cast(g.sub(1, visible), { dtype: 'bool' }));
    },
  };
  test.each(Object.entries(masks))('whose mask is %s', (_, maskOf) => {
    const result = runRight(encoderGraph((p) => pooled(p, block(p)), maskOf));
    expect(isPacked(result), refusals(result).join()).toBe(true);
  });

  test('whose attentions see fewer keys than the input shows', () => {
    const first = (g: Builder, mask: Value<'bool'>) =>
      g.and(overKeys(g, mask), g.less(g.iota({ shape: [seq] }), 2)) as Value<'bool'>;
    const result = runRight(
      encoderGraph((p) => {
        const x = block(p, { keyMask: first });
        return pooled(p, block({ ...p, x, g: p.g.scope('next') }));
      }),
    );
    expect(isPacked(result), refusals(result).join()).toBe(true);
    const seen = result.graph.nodes
      .filter(({ op }) => op === 'segment_attention')
      .map(({ operands }) => operands.at(5) ?? null);
    expect(seen.map((id) => id === null)).toEqual([false, true]);
  });

  test('beside one that shows hidden rows, with the same mask', () => {
    const graph = encoderGraph((p) => ({
      pooled: pooled(p, block(p)),
      states: block({ ...p, g: p.g.scope('other') }),
    }));
    const result = runRight(graph);
    expect(result.ops.filter((op) => op.endsWith('attention')).sort()).toEqual([
      'attention',
      'segment_attention',
    ]);
  });

  test('and another with a mask of its own, each with its own count', () => {
    const graph = encoderGraph((p) => {
      const other = p.g.input('visible', bool(batch, seq));
      const column = p.g.reshape<'bool', Shape, Shape>(other, { shape: [batch, seq, 1] });
      const second = { ...p, g: p.g.scope('other'), mask: other, column };
      return { one: pooled(p, block(p)), other: pooled(second, block(second)) };
    });
    const result = runRight(graph);
    expect(isPacked(result)).toBe(true);
    const counted = result.graph.nodes.filter(({ op }) => op === 'nonzero');
    expect(counted.map(({ attributes }) => attributes.symbol)).toEqual(['tokens', 'tokens1']);
  });

  test('and looks up only the rows that count', () => {
    const graph = encoderGraph((p) => {
      const { g } = p;
      const words = g.gather(g.weight('words', f32(9, WIDTH)), g.input('ids', i32(batch, seq)));
      const places = g.gather(g.weight('places', f32(6, WIDTH)), g.iota({ shape: [seq] }));
      const sample = g.reduce_sum(p.x, { axes: [1], keep: true });
      const x: States = g.add(g.add(words, places), g.mul(sample, 0.1));
      return pooled(p, block({ ...p, x }));
    });
    const result = runRight(graph);
    const shapes = result.graph.nodes
      .filter(({ op }) => op === 'gather' || op === 'add')
      .map(({ results: [id] }) => id !== undefined && result.graph.values.get(id)?.shape);
    expect(shapes).toContainEqual(['tokens', WIDTH]);
    // what the sum reads
    expect(shapes.filter((shape) => String(shape) === `batch,seq,${WIDTH}`)).toHaveLength(1);
  });
});

describe('leaves alone', () => {
  const refused: readonly (readonly [why: string, reason: RegExp, build: Build])[] = [
    [
      'states of which an output shows every row',
      /every row of %y\w* is shown by the output 'y'; select\(mask, .., 0\)/,
      (p) => p.g.named('y', block(p)),
    ],
    [
      'a second use of hidden rows',
      /every row of .* is shown by the output 'all'/,
      (p) => {
        const y = block(p);
        return { y: pooled(p, y), all: p.g.tanh(y) };
      },
    ],
    [
      'a sum over all places',
      /reduce_sum \(%.*\) reads all rows of %/,
      (p) => p.g.reduce_sum(block(p), { axes: [1] }),
    ],
    [
      'states that are chosen where the mask hides',
      /reduce_sum \(%.*\) reads all rows of %/,
      (p) => p.g.reduce_sum(p.g.select(p.column, 0, block(p)), { axes: [1] }),
    ],
    [
      'states chosen by the mask of another sample',
      /reads all rows of %/,
      (p) => {
        const { g } = p;
        const turned = g.slice<'bool', Shape, Shape, Shape, readonly number[]>(p.column, {
          starts: ['batch-1', 0, 0],
          ends: [-1, seq, 1],
          steps: [-1, 1, 1],
        });
        return g.reduce_sum(g.select(turned, block(p), 0), { axes: [1] });
      },
    ],
    [
      'a softmax over places that is not masked',
      /reads all rows of %/,
      (p) => pooled(p, p.g.softmax(block(p), { axis: 1 })),
    ],
    [
      'a slice of more than some places',
      /slice \(%.*\) reads all rows of %/,
      (p) =>
        p.g.slice<'f32', Shape, Shape, Shape>(block(p), {
          starts: [0, 1, 0],
          ends: [batch, seq, WIDTH],
        }),
    ],
    [
      'a window, of which holes in the mask change the distances',
      /it has a window/,
      (p) => pooled(p, block(p, { window: 1 })),
    ],
    ['a bias', /it has a bias \(%bias\)/, (p) => pooled(p, block(p, { bias: true }))],
    [
      'an attention that sees padding',
      /is shown|reads all rows/,
      (p) => pooled(p, block({ ...p, x: block(p), g: p.g.scope('next') }, { keyMask: () => null })),
    ],
    [
      'a mask that shows keys which the input hides',
      /%.* is not a mask of the keys alone/,
      (p) => {
        const more = (g: Builder, mask: Value<'bool'>) =>
          g.or(overKeys(g, mask), g.less(g.iota({ shape: [seq] }), 2)) as Value<'bool'>;
        return pooled(p, block(p, { keyMask: more }));
      },
    ],
    [
      'a mask that differs by head',
      /%.* is not a mask of the keys alone/,
      (p) => {
        const ofHeads = (g: Builder, mask: Value<'bool'>) => {
          const heads = g.iota({ shape: [2, 1, 1], axis: 0 });
          return g.and(overKeys(g, mask), g.less(heads, 1)) as Value<'bool'>;
        };
        return pooled(p, block(p, { keyMask: ofHeads }));
      },
    ],
    [
      'a mask for each query',
      /%.* is not a mask of the keys alone/,
      (p) => {
        const ofQueries = (g: Builder, mask: Value<'bool'>) =>
          g.reshape<'bool', Shape, Shape>(mask, { shape: [batch, 1, seq, 1] });
        return pooled(p, block(p, { keyMask: ofQueries }));
      },
    ],
    [
      'keys of another sequence',
      /does not have the rows of the mask/,
      (p) => {
        const memory = (g: Builder): States => g.input('memory', f32(batch, 'keys', WIDTH));
        const ofMemory = (g: Builder) =>
          g.reshape<'bool', Shape, Shape>(g.input('seen', bool(batch, 'keys')), {
            shape: [batch, 1, 1, 'keys'],
          });
        return pooled(p, block(p, { memory, keyMask: ofMemory }));
      },
    ],
    [
      'layers under two masks, of which the second shows what the first hides',
      /reads all rows of %/,
      (p) => {
        const other: Value<'bool'> = p.g.input('visible', bool(batch, seq));
        const x = block(p);
        return pooled(p, block({ ...p, x, g: p.g.scope('next'), mask: other }));
      },
    ],
  ];
  test.each(refused)('%s', (_, reason, build) => {
    const graph = encoderGraph(build);
    const result = run(graph, removePadding);
    expect(refusals(result).join('\n')).toMatch(reason);
    const sizes = { batch: 2, seq: 3, keys: 4 };
    const inputs = raggedInputs(graph, sizes, 5);
    for (const [name, { data }] of interpret(graph, inputs).outputs) {
      const found = interpret(result.graph, inputs).outputs.get(name)?.data ?? [];
      expect(Array.from(found, (x) => x.toFixed(5))).toEqual(Array.from(data, (x) => x.toFixed(5)));
    }
  });

  test('a mask that is computed from numbers, and not from an input of integers', () => {
    const graph = encoderGraph(
      (p) => pooled(p, block(p)),
      (g) => g.greater(g.input('weights', f32(batch, seq)), 0),
    );
    expect(opsOf(run(graph, removePadding).graph)).toEqual(opsOf(graph));
  });
});

test('random encoders, under masks with holes, on the left, of none and of all', () => {
  let packed = 0;
  for (let seed = 0; seed < 60; seed++) {
    const graph = buildPaddedGraph(seed);
    const result = run(graph, removePadding);
    packed += Number(result.ops.includes('segment_attention'));
    const sizes = RUNS[seed % RUNS.length] ?? { batch: 1, seq: 1 };
    const inputs = raggedInputs(graph, sizes, seed);
    const got = interpret(result.graph, inputs).outputs;
    for (const [name, { data }] of interpret(graph, inputs).outputs) {
      const found = got.get(name)?.data ?? new Float64Array(0);
      const worst = data.reduce((most, x, i) => {
        const difference = Math.abs(x - (found[i] ?? Number.NaN)) / Math.max(1, Math.abs(x));
        return Object.is(x, found[i])
          ? most
          : Math.max(most, Number.isNaN(difference) ? Infinity : difference);
      }, 0);
      expect(worst, `%${name} of seed ${seed}:\n${printGraph(graph)}`).toBeLessThan(1e-5);
    }
  }
  expect(packed).toBeGreaterThan(30);
});
