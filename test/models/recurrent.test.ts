/** Stacks of recurrent layers, and a decoder's step with attention, against PyTorch's numbers. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openBackend } from '../../src/check/backends.ts';
import { compiledFor, compileGraph } from '../../src/compile.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { type Graph, type Value, valueOf } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { dims, f32, i32 } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { withData } from '../../src/model.ts';
import {
  additiveScores,
  concatLinearScores,
  concatTanhScores,
  decoderStep,
  dotScores,
  generalScores,
  gru,
  lstm,
  type RecurrentLayers,
  type RecurrentState,
  rnn,
  type ScoredStep,
  scaledDotScores,
} from '../../src/models/index.ts';
import { expectRight } from '../support/agreement.ts';
import { expectClose, nd } from '../support/op-runs.ts';
import { withWeights } from '../support/run-pass.ts';

const { batch, n } = dims('batch', 'n');

interface Numbers {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
type Weights = { readonly [name: string]: Numbers };
interface Stack {
  readonly kind: 'rnn' | 'lstm' | 'gru';
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly weights: Weights;
  readonly lengths: readonly number[];
  readonly x: Numbers;
  readonly h0: Numbers;
  readonly c0?: Numbers;
  readonly y: Numbers;
  readonly h: Numbers;
  readonly c?: Numbers;
}
interface Step {
  readonly weights: Weights;
  readonly token: readonly number[];
  readonly memory: Numbers;
  readonly h0: Numbers;
  readonly scores: Numbers;
  readonly h: Numbers;
  readonly attention: Numbers;
}

const file = new URL('../fixtures/recurrent.json', import.meta.url);
const fixture = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly stacks: readonly Stack[];
  readonly step: Step;
};

const array = ({ shape, data }: Numbers): NdArray => nd('f32', shape, data);

/** Part i along the first axis. */
const part = ({ shape, data }: Numbers, i: number): NdArray => {
  const inner = shape.slice(1);
  const count = inner.reduce((a, b) => a * b, 1);
  return nd('f32', inner, data.slice(i * count, (i + 1) * count));
};

function bound(graph: Graph, weights: Weights): Graph {
  const wanted = graph.parameters.map(({ value }) => valueOf(graph, value).name);
  expect([...wanted].sort()).toEqual(Object.keys(weights).sort());
  const tensors = Object.entries(weights).map(([name, { shape, data }]) => {
    return [name, { dtype: 'f32', shape, data: Float32Array.from(data) }] as const;
  });
  return withData(graph, new Map(tensors));
}

describe.each(fixture.stacks)('$kind, 2 layers, bidirectional: $bidirectional', (given) => {
  const { kind, layers, bidirectional, weights, lengths, x, h0, c0, y, h, c } = given;
  const count = layers * (bidirectional ? 2 : 1);
  const graph = buildGraph('stack', (g) => {
    const from = g.input('x', f32(batch, n, 4));
    const initial = Array.from({ length: count }, (_, i): RecurrentState => {
      const state = g.input(`h${i}`, f32(batch, 3)) as Value<'f32'>;
      return c0 ? { h: state, c: g.input(`c${i}`, f32(batch, 3)) as Value<'f32'> } : { h: state };
    });
    const options = {
      hidden: 3,
      layers,
      bidirectional,
      initial,
      lengths: g.input('lengths', i32(batch)),
    };
    const made =
      kind === 'rnn'
        ? rnn(g, from, { ...options, activation: 'relu' })
        : { lstm, gru }[kind](g, from, options);
    const states = made.states.flatMap(({ h, c }, i) => [
      [`h${i}'`, h] as const,
      ...(c === undefined ? [] : [[`c${i}'`, c] as const]),
    ]);
    return { y: made.outputs, ...Object.fromEntries(states) };
  });

  const inputs = new Map([
    ['x', array(x)],
    ['lengths', nd('i32', [2], lengths)],
  ]);
  const want = new Map([['y', array(y)]]);
  for (let i = 0; i < count; i++) {
    inputs.set(`h${i}`, part(h0, i));
    want.set(`h${i}'`, part(h, i));
    if (c0 !== undefined) inputs.set(`c${i}`, part(c0, i));
    if (c !== undefined) want.set(`c${i}'`, part(c, i));
  }

  test('the outputs and all last states are those of PyTorch', () => {
    verifyGraph(graph);
    const { outputs } = interpret(bound(graph, weights), inputs);
    for (const [name, array] of want) {
      expectClose(outputs.get(name) ?? nd('f32', [0], []), array, 1e-6);
    }
  });

  test.each(['js', 'wasm', 'wasm-relaxed', 'wgsl'] as const)(
    'so they are on %s',
    async (target) => {
      const compilation = compileGraph(bound(graph, weights));
      const { program, plan } = compiledFor(compilation, target);
      const opened = await openBackend(target, program, plan);
      const outputs = await opened.run(inputs, { batch: 2, n: 5 });
      await opened.close();
      for (const [name, array] of want) {
        const data = Float64Array.from(outputs.get(name)?.data ?? []);
        expectClose({ ...array, data }, array, 1e-6);
      }
    },
  );

  test('every target computes the same', async () => {
    await expectRight(bound(graph, weights), { batch: 2, n: 3 });
  });
});

describe('a decoder step', () => {
  test('with general scores is that of PyTorch, its attention weights too', () => {
    const { step } = fixture;
    const graph = buildGraph('step', (g) => {
      const token = g.input('token', i32(batch));
      const memory = g.input('memory', f32(batch, n, 3));
      const h = g.input('h', f32(batch, 3));
      const made = decoderStep(g, token, memory, [{ h }], {
        cell: (g, x, options) => gru(g.scope('cell'), x, options),
        ...{ vocab: 6, width: 4, hidden: 3 },
        score: (g, { query, memory }) => generalScores(g, query, memory),
      });
      const next = made.states[0]?.h ?? h;
      return { scores: made.scores, next, attention: made.weights };
    });
    const inputs = new Map([
      ['token', nd('i32', [2], step.token)],
      ['memory', array(step.memory)],
      ['h', array(step.h0)],
    ]);
    const { outputs } = interpret(bound(graph, step.weights), inputs);
    expectClose(outputs.get('scores') ?? nd('f32', [0], []), array(step.scores), 1e-5);
    expectClose(outputs.get('next') ?? nd('f32', [0], []), array(step.h), 1e-5);
    expectClose(outputs.get('attention') ?? nd('f32', [0], []), array(step.attention), 1e-5);
  });

  const KEYS = 4;
  const scores: { readonly [name: string]: (g: Builder, step: ScoredStep) => Value<'f32'> } = {
    'scaled dot': (g, { query, memory }) => scaledDotScores(g, query, memory),
    dot: (g, { query, memory }) => dotScores(g, query, memory),
    general: (g, { query, memory }) => generalScores(g, query, memory),
    additive: (g, { query, memory }) => additiveScores(g, query, memory, { units: 5 }),
    'concat-linear': (g, { query, token }) => concatLinearScores(g, token, query, { keys: KEYS }),
    'concat-tanh-sum': (g, { query, memory }) => concatTanhScores(g, query, memory, { units: 5 }),
  };
  const cells: { readonly [name: string]: RecurrentLayers } = { rnn, lstm, gru };
  const pairs = Object.keys(scores).map((name, i) => [name, Object.keys(cells)[i % 3] ?? '']);

  test.each(pairs)('with %s scores and an %s runs on every target', async (name, kind) => {
    const [score, cell] = [scores[name], cells[kind]];
    if (score === undefined || cell === undefined) throw new Error('no such step');
    const graph = buildGraph('step', (g) => {
      const token = g.input('token', i32(batch));
      const memory: Value<'f32'> = g.input('memory', f32(batch, KEYS, 6));
      const mask: Value<'bool'> = g.input('mask', { dtype: 'bool', shape: [batch, KEYS] });
      const h: Value<'f32'> = g.input('h', f32(batch, 6));
      const c = kind === 'lstm' ? { c: g.input('c', f32(batch, 6)) as Value<'f32'> } : {};
      const options = { cell, vocab: 7, width: 5, hidden: 6, score, mask };
      const made = decoderStep(g, token, memory, [{ h, ...c }], options);
      return { scores: made.scores, next: made.states[0]?.h ?? h, attention: made.weights };
    });
    await expectRight(withWeights(graph), { batch: 2 });
  });
});

test('as many initial states are needed as there are layers and directions', () => {
  const build = () =>
    buildGraph('wrong', (g) => {
      const h = g.input('h', f32(batch, 3)) as Value<'f32'>;
      const x = g.input('x', f32(batch, n, 4));
      return { y: gru(g, x, { hidden: 3, bidirectional: true, initial: [{ h }] }).outputs };
    });
  expect(build).toThrow('1 initial states were given, but 1 layers in 2 directions take 2');
});
