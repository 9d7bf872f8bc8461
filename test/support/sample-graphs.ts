/** Graphs for tests of formats: a block that reads well, one with a region, and random ones. */
import fc from 'fast-check';
import { EncompileError } from '../../src/errors.ts';
import { buildGraph, GraphConstruction } from '../../src/ir/builder.ts';
import { expandNode } from '../../src/ir/expand.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { rebuild } from '../../src/ir/rebuild.ts';
import { bool, type DType, dims, f32, i32, type Shape } from '../../src/ir/types.ts';

const { batch, seq } = dims('batch', 'seq');

/** One attention block over two heads, as a declaration would have it. */
export function attentionBlock(): Graph {
  return buildGraph('block', (g) => {
    const x = g.input('x', f32(batch, seq, 64));
    const mask = g.input('mask', bool(batch, 1, 1, seq));
    const project = (name: string) => {
      const w = g.weight(`w${name}`, f32(64, 64));
      const heads = g.reshape(g.matmul(x, w), { shape: [batch, seq, 4, 16] });
      return g.named(name, g.transpose(heads, { permutation: [0, 2, 1, 3] }));
    };
    const [q, k, v] = [project('q'), project('k'), project('v')];
    const context = g.attention(q, k, v, mask, { scale: 0.25 });
    const merged = g.transpose(context, { permutation: [0, 2, 1, 3] });
    const joined = g.named('joined', g.reshape(merged, { shape: [batch, seq, 64] }));
    const gamma = g.weight('gamma', f32(64));
    const beta = g.weight('beta', f32(64));
    const [out, sum] = g.add_norm(joined, x, gamma, beta, { eps: 1e-12 });
    return { states: out, sum };
  });
}

/** A graph in which every composite of `graph` is a `fused` region of its expansion. */
export function withRegions(graph: Graph): Graph {
  return rebuild(graph, (node, operands, into) => {
    const body = expansionOf(graph, node);
    if (body === null) return null;
    return into.addNode('fused', operands.filter(isPresent), {}, { names: [node.op], body });
  });
}

function expansionOf(graph: Graph, node: Graph['nodes'][number]): Graph | null {
  try {
    return expandNode(graph, node);
  } catch (error) {
    if (error instanceof EncompileError) return null;
    throw error;
  }
}

function isPresent(value: Value | null): value is Value {
  return value !== null;
}

const shapes: readonly Shape[] = [
  [],
  [1],
  [4],
  ['n'],
  ['n', 4],
  ['n', 4, 4],
  ['batch*n+1', 4],
  ['floor((n+2)/3)', 1],
  ['max(batch,n)', 'floor((floor((floor((n+1)/2)+1)/2)+1)/2)'],
];
const dtypes: readonly DType[] = ['f32', 'f16', 'i32', 'i64', 'u8', 'bool'];

interface Step {
  readonly op: string;
  readonly attributes: { readonly [name: string]: unknown };
  readonly picks: readonly number[];
}

const real = fc.oneof(fc.double(), fc.constantFrom(0, -0, 0.1, 1e-12, 1e21, Infinity, -Infinity));
const size = fc.constantFrom(0, 1, 4, 'n', '2*n', 'n-1');

/** Op calls of which those that do not fit the values at hand are dropped. */
const step: fc.Arbitrary<Step> = fc
  .constantFrom<readonly [string, fc.Arbitrary<object>]>(
    ...['add', 'mul', 'matmul', 'exp', 'less', 'and', 'not', 'select', 'embedding'].map(
      (op): [string, fc.Arbitrary<object>] => [op, fc.constant({})],
    ),
    ['cast', fc.record({ dtype: fc.constantFrom(...dtypes) })],
    ['softmax', fc.record({ axis: fc.integer({ min: -3, max: 2 }) })],
    ['reduce_sum', fc.record({ axes: fc.subarray([-1, 0, 1]), keep: fc.boolean() })],
    ['transpose', fc.record({ permutation: fc.constantFrom([0], [1, 0], [0, 2, 1]) })],
    ['broadcast', fc.record({ shape: fc.constantFrom(...shapes) })],
    ['reshape', fc.record({ shape: fc.constantFrom(...shapes) })],
    ['pad', fc.record({ before: fc.array(size), after: fc.array(size), value: real })],
    ['iota', fc.record({ shape: fc.constantFrom(...shapes), start: size })],
    ['constant', fc.record({ value: fc.array(real, { minLength: 1 }), dtype: fc.constant('f32') })],
    [
      'constant',
      fc.record({ value: fc.array(real, { minLength: 4, maxLength: 4 }), shape: fc.constant([4]) }),
    ],
    ['layer_norm', fc.record({ eps: real })],
    ['add_norm', fc.record({ eps: real })],
    ['concat', fc.record({ axis: fc.integer({ min: -2, max: 1 }) })],
    [
      'cumsum',
      fc.record({ axis: fc.constantFrom(-1, 0), exclusive: fc.boolean(), reverse: fc.boolean() }),
    ],
    ['argmax', fc.record({ axis: fc.constantFrom(-1, 0), keep: fc.boolean() })],
  )
  .chain(([op, attributes]) =>
    fc.record({
      op: fc.constant(op),
      attributes: attributes.map((given) => ({ dtype: 'f32', ...given })),
      picks: fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 }),
    }),
  );

const name = fc.oneof(
  fc.stringMatching(/^[a-z.:/$-]{1,5}$/),
  fc.string({ minLength: 1, unit: 'binary', maxLength: 8 }),
  fc.constantFrom('"', '`', '*/', '\n', '\ud800', '%', '_', 'return', '__proto__', 'a:'),
);

/** A graph of up to `maxSteps` ops, with names of any characters; half of them have regions. */
export function randomGraph(maxSteps = 40): fc.Arbitrary<Graph> {
  return fc
    .record({
      names: fc.uniqueArray(name, { minLength: 14, maxLength: 40 }),
      steps: fc.array(step, { minLength: 5, maxLength: maxSteps }),
      regions: fc.boolean(),
    })
    .map(({ names, steps, regions }) => {
      const graph = graphOf(names, steps);
      return regions ? withRegions(graph) : graph;
    });
}

function graphOf(names: readonly string[], steps: readonly Step[]): Graph {
  const into = new GraphConstruction();
  const values: Value[] = [f32, i32, bool].flatMap((type, i) => [
    into.addInput(names[i] ?? 'x', type('n', 4)),
    into.addInput(names[i + 3] ?? 'y', type(4)),
    into.addInput(names[i + 6] ?? 'z', type('floor((n+2)/3)', 1)),
  ]);
  const weight = into.addValue(names[9] ?? 'w', f32(4, 4));
  into.parameters.push({ value: weight.id, data: null });
  values.push(weight);
  const [x, vector, , , , , mask] = values;
  if (x === undefined || vector === undefined || mask === undefined) throw new Error('no inputs');
  // Rarely found by chance: optional operands within, several results.
  const options = { names: names.slice(11, 13) };
  values.push(...into.addNode('softmax', [x, mask], {}, options));
  values.push(...into.addNode('add_norm', [x, x, vector, vector], {}, options));
  values.push(...attend(into, x));
  for (const [i, { op, attributes, picks }] of steps.entries()) {
    const results = tryNode(into, values, { op, attributes, picks }, names[10 + i] ?? op);
    values.push(...results);
  }
  const outputs = values.slice(-3).map((value, i) => ({
    name: i === 0 ? value.name : (names[11 + i] ?? `out${i}`),
    value: value.id,
  }));
  const unique = outputs.filter(({ name }, i) => outputs.findIndex((o) => o.name === name) === i);
  return into.finish(names[10] ?? 'random', unique);
}

function attend(into: GraphConstruction, x: Value): readonly Value[] {
  const heads = into.addNode('reshape', [x], { shape: [1, 'n', 4] });
  const one = heads[0] ?? null;
  const bias = into.addNode('constant', [], { value: [0.5], dtype: 'f32' })[0] ?? null;
  return into.addNode('attention', [one, one, one, null, bias], { scale: 0.5 });
}

/** The op with as many of the picked operands as it takes and accepts, or nothing. */
function tryNode(
  into: GraphConstruction,
  values: readonly Value[],
  { op, attributes, picks }: Step,
  name: string,
): readonly Value[] {
  for (const given of [attributes, {}, without(attributes, 'dtype')]) {
    for (const start of picks) {
      for (const count of [0, 1, 2, 3, 4]) {
        const operands = Array.from({ length: count }, (_, i) => {
          return values[(start + (picks[i] ?? 0)) % values.length] ?? null;
        });
        try {
          return into.addNode(op, operands, given, { names: [name] });
        } catch (error) {
          if (!(error instanceof EncompileError)) throw error;
        }
      }
    }
  }
  return [];
}

function without(attributes: object, name: string): { readonly [name: string]: unknown } {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => key !== name));
}
