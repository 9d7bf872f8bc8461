/**
 * Short files that stand for endless work or memory: each is refused, or taken without doing that work.
 * What an import costs is counted in nodes and steps, so that refusal does not depend on the machine.
 */
import { describe, expect, it } from 'vitest';
import { EncompileError } from '../../../src/errors.ts';
import type { Draft } from '../../../src/onnx/codec.ts';
import {
  DATA_TYPE,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from '../../../src/onnx/schema.ts';
import { processorClock } from '../../support/processor-time.ts';
import { floats, imported, info, ints, node } from './made-model.ts';

const FAR = 2 ** 31 - 1;
const BEYOND = 2n ** 62n;

const far = (name: string, dims: readonly number[], data: readonly (number | bigint)[]) => ({
  name,
  dims: dims.map(BigInt),
  dataType: DATA_TYPE.int64,
  int64Data: data.map(BigInt),
});

/** The processor time of the work, and the message with which it is refused; null where it is taken. */
function outcome(work: () => unknown): { readonly message: string | null; readonly time: number } {
  const elapsed = processorClock();
  let message: string | null = null;
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(EncompileError);
    message = (error as Error).message;
  }
  return { message, time: elapsed() };
}

/** A bound with room for a cold start: what is not bounded takes minutes, or for ever. */
const BOUND = 5000;

type Case = [
  name: string,
  message: string,
  graph: Draft<GraphProto>,
  more?: { readonly opset?: number } & Draft<ModelProto>,
];

/** y = the op of x and constants. */
const one = (
  made: Draft<NodeProto>,
  initializer: Draft<GraphProto>['initializer'] = [],
  x: readonly (number | string)[] = [1],
): Draft<GraphProto> => ({
  input: [info('x', x)],
  initializer,
  node: [made],
  output: [info('y')],
});

describe('sizes', () => {
  it.each<Case>([
    [
      'ConstantOfShape',
      'at most 2^40 elements',
      one(node('ConstantOfShape', ['s'], ['y']), [ints('s', [2], [FAR, FAR])]),
    ],
    [
      'Expand',
      'at most 2^40 elements',
      one(node('Expand', ['x', 's'], ['y']), [ints('s', [4], [FAR, FAR, FAR, FAR])]),
    ],
    [
      'Expand to less than nothing',
      'dims from 0',
      one(node('Expand', ['x', 's'], ['y']), [ints('s', [2], [-5, 3])]),
    ],
    [
      'Tile',
      'must be a list of dims',
      one(node('Tile', ['x', 's'], ['y']), [far('s', [1], [BEYOND])]),
    ],
    [
      'Range',
      'must be a list of dims',
      one(node('Range', ['a', 'b', 'c'], ['y']), [
        ints('a', [], [0]),
        far('b', [], [BEYOND]),
        ints('c', [], [1]),
      ]),
    ],
    [
      'Pad',
      'must be a list of dims',
      one(node('Pad', ['x', 'p'], ['y']), [far('p', [2], [BEYOND, BEYOND])]),
    ],
    [
      'TopK',
      'must be an integer',
      one(node('TopK', ['x', 'k'], ['y', 'i']), [far('k', [1], [BEYOND])]),
    ],
    [
      'AveragePool',
      'at most 2^40 elements',
      one(
        node('AveragePool', ['x'], ['y'], {
          kernel_shape: [FAR, FAR],
          pads: [FAR, FAR, FAR, FAR],
        }),
        [],
        [1, 1, 8, 8],
      ),
    ],
    [
      'HannWindow',
      'must be a list of dims',
      one(node('HannWindow', ['n'], ['y']), [far('n', [], [BEYOND])]),
    ],
    [
      'Split into billions of parts of nothing',
      'it has 1 outputs for 2147483647 parts',
      one(node('Split', ['x'], ['y'], { num_outputs: FAR }), [], [0]),
      { opset: 18 },
    ],
    [
      'Scan over billions of sequences',
      'do not fit 1099511627776 sequences',
      one(node('Scan', ['x'], ['y'], { num_scan_inputs: 2 ** 40, body: { node: [] } })),
    ],
    [
      'a thousand dims',
      'at most 64 were expected',
      one(node('Expand', ['x', 's'], ['y']), [ints('s', [1000], Array(1000).fill(1))]),
    ],
    [
      'an input of 2^62 elements',
      'The input "x" of m.onnx cannot be taken',
      one(node('Relu', ['x'], ['y']), [], [FAR, FAR]),
    ],
    [
      'an input of 5000 dims',
      'at most 64 were expected',
      one(node('Relu', ['x'], ['y']), [], Array(5000).fill('n')),
    ],
    ['an op without operands', 'its operand 0 is missing', one(node('Sum', [], ['y']))],
  ])('%s', (_, words, graph, more) => {
    const { message, time } = outcome(() => imported(graph, more));
    expect(message).toContain(words);
    expect(time).toBeLessThan(BOUND);
  });
});

/** `count` times the op of the result before. */
const chain = (opType: string, count: number, attributes = {}): readonly Draft<NodeProto>[] =>
  Array.from({ length: count }, (_, i) =>
    node(opType, [`a${i}`, `a${i}`], [`a${i + 1}`], attributes),
  );

const grown = (nodes: readonly Draft<NodeProto>[], last: string): Draft<GraphProto> => ({
  input: [info('x', ['n']), info('z', ['m'])],
  node: [
    node('Shape', ['x'], ['n']),
    node('Shape', ['z'], ['m']),
    ...nodes,
    node('Expand', ['x', last], ['y']),
  ],
  output: [info('y')],
});

describe('growth', () => {
  it('doubled known numbers', () => {
    const graph = grown(
      [node('Identity', ['n'], ['a0']), ...chain('Concat', 60, { axis: 0 })],
      'a60',
    );
    const { message, time } = outcome(() => imported(graph));
    expect(message).toContain('at most 2^40 elements');
    expect(time).toBeLessThan(BOUND);
  });

  it('squared sums of symbolic sizes', () => {
    const graph = grown([node('Add', ['n', 'm'], ['a0']), ...chain('Mul', 40)], 'a40');
    expect(outcome(() => imported(graph)).message).toContain('a size has grown to an expression');
  });

  it('sizes in maxima in minima', () => {
    const pairs = Array.from({ length: 40 }, (_, i) => [
      node('Max', [`a${i}`, `b${i}`], [`a${i + 1}`]),
      node('Min', [`a${i}`, `b${i}`], [`b${i + 1}`]),
    ]);
    const start = [node('Identity', ['n'], ['a0']), node('Identity', ['m'], ['b0'])];
    const { message, time } = outcome(() => imported(grown([...start, ...pairs.flat()], 'a40')));
    expect(message).toContain('a size has grown to an expression');
    expect(time).toBeLessThan(BOUND);
  });

  it('coefficients beyond all numbers', () => {
    const graph = grown(
      [
        node('Identity', ['n'], ['a0']),
        ...Array.from({ length: 40 }, (_, i) => node('Mul', [`a${i}`, 'h'], [`a${i + 1}`])),
        node('Div', ['a40', 'a39'], ['q']),
      ],
      'q',
    );
    const { message } = outcome(() =>
      imported({ ...graph, initializer: [far('h', [1], [BEYOND])] }),
    );
    expect(message).toContain('far beyond any size');
  });
});

/** A body that carries one value through `inner`, whose names end in `at`. */
const body = (
  inner: (state: string, result: string) => Draft<NodeProto>,
  at: number,
  type = 'float',
) => ({
  input: [
    info(`i${at}`, [], 'int64'),
    info(`on${at}`, [], 'bool'),
    info(`s${at}`, [1], type as 'float'),
  ],
  node: [node('Identity', [`on${at}`], [`go${at}`]), inner(`s${at}`, `t${at}`)],
  output: [info(`go${at}`), info(`t${at}`)],
});

const loops = (depth: number, innermost: (s: string, t: string) => Draft<NodeProto>) => {
  let inner = innermost;
  for (let at = depth; at > 0; at--) {
    const made = body(inner, at);
    inner = (s, t) => node('Loop', ['trips', '', s], [t], { body: made });
  }
  return inner('x', 'y');
};

const calling = (name: string, from: string, to: string) => ({
  ...node(name, [from], [to]),
  domain: 'd',
});
const opsetImport = [{ version: 17n }, { domain: 'd', version: 1n }];
const twice = (name: string, next: string): Draft<FunctionProto> => ({
  name,
  domain: 'd',
  input: ['a'],
  output: ['c'],
  node: [calling(next, 'a', 'b'), calling(next, 'b', 'c')],
  opsetImport,
});

describe('repetition', () => {
  it('a loop of 2^62 steps', () => {
    const graph = one(
      loops(1, (s, t) => node('Relu', [s], [t])),
      [far('trips', [], [BEYOND])],
    );
    const { message, time } = outcome(() => imported(graph));
    expect(message).toContain('more than 1024 steps');
    expect(time).toBeLessThan(BOUND);
  });

  it('unrolled loops in loops', () => {
    const graph = one(
      loops(9, (s, t) => node('Relu', [s], [t])),
      [ints('trips', [], [32])],
    );
    const { message, time } = outcome(() => imported(graph));
    expect(message).toContain('stands for more than');
    expect(time).toBeLessThan(BOUND);
  });

  it('loops in loops of constants, which a shape needs', () => {
    const inner = loops(3, (s, t) => node('Neg', [s], [t]));
    const graph: Draft<GraphProto> = {
      input: [info('x0', [1])],
      initializer: [ints('trips', [], [1000]), ints('x', [1], [1])],
      node: [{ ...inner, output: ['n'] }, node('Expand', ['x0', 'n'], ['y'])],
      output: [info('y')],
    };
    const { message, time } = outcome(() => imported(graph));
    expect(message).toContain('steps to compute');
    expect(time).toBeLessThan(BOUND);
  });

  it('functions that call themselves', () => {
    const more = { functions: [twice('f', 'f')], opsetImport };
    const { message, time } = outcome(() => imported(one(calling('f', 'x', 'y')), more));
    expect(message).toContain('functions call one another in a ring');
    expect(time).toBeLessThan(BOUND);
  });

  it('functions that each call the next twice', () => {
    const functions = Array.from({ length: 28 }, (_, i) => twice(`f${i}`, `f${i + 1}`));
    functions.push({ ...twice('f28', ''), node: [node('Relu', ['a'], ['c'])] });
    const more = { functions, opsetImport };
    const { message, time } = outcome(() => imported(one(calling('f0', 'x', 'y')), more));
    expect(message).toContain('stands for more than');
    expect(time).toBeLessThan(BOUND);
  });

  it('products of constants that nothing needs are left to the model', () => {
    const graph: Draft<GraphProto> = {
      input: [info('x', [1])],
      initializer: [ints('s', [2], [250, 250])],
      node: [
        node('ConstantOfShape', ['s'], ['c'], {
          value: { name: 'v', dims: [1n], dataType: DATA_TYPE.int8, int32Data: [2] },
        }),
        ...Array.from({ length: 40 }, (_, i) => node('MatMulInteger', ['c', 'c'], [`m${i}`])),
        node('Relu', ['x'], ['y']),
      ],
      output: [info('y')],
    };
    const { message, time } = outcome(() => imported(graph));
    expect(message).toBeNull();
    expect(time).toBeLessThan(BOUND);
  });

  it('errors of many nodes are listed up to a bound', () => {
    const nodes = Array.from({ length: 3000 }, (_, i) => node(`Foo${i}`, ['x'], [`y${i}`]));
    const graph = { input: [info('x', [1])], node: nodes, output: [info('y0')] };
    const { message } = outcome(() => imported(graph));
    expect(message).toContain('3000 of its 3000 nodes');
    expect(message).toContain('and 2950 more');
    expect(message?.length).toBeLessThan(20_000);
  });

  it('one name for many parameters', () => {
    const constants = Array.from({ length: 4000 }, (_, i) => [
      node('Constant', [], [`w${i}`], { value: floats('w', [2], [1, i]) }),
      node('Add', ['x', `w${i}`], [`y${i}`]),
    ]);
    const graph = { input: [info('x', [2])], node: constants.flat(), output: [info('y9')] };
    expect(outcome(() => imported(graph)).time).toBeLessThan(BOUND);
  });
});
