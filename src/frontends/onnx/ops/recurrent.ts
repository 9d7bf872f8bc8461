/**
 * RNN, LSTM and GRU as the layers of the graph: one a direction, with the weights turned and their
 * gates in the order of those layers, which is folded when compiling.
 */
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';

interface Layer {
  readonly x: Value;
  readonly axis: 0 | 1;
  readonly reverse: boolean;
  readonly weight: Value;
  readonly recurrent: Value;
  /** Both biases, of gates in the order of the layer. */
  readonly biases: readonly [Value, Value] | null;
  readonly state: Value | null;
  readonly cell: Value | null;
  readonly peephole: Value | null;
  readonly lengths: Value | null;
  readonly activations: readonly string[];
}

interface Kind {
  /** The gates of the layer, by their places in the file: ONNX has i o f c, and z r h. */
  readonly gates: readonly number[];
  /** Names of the activations that are taken, lower case. */
  readonly activations: readonly string[];
  readonly build: (node: NodeContext, layer: Layer) => readonly Value[];
}

const DIRECTIONS: { readonly [name: string]: readonly boolean[] } = {
  forward: [false],
  reverse: [true],
  bidirectional: [false, true],
};

const LSTM: Kind = {
  gates: [0, 2, 3, 1],
  activations: ['sigmoid', 'tanh', 'tanh'],
  build: ({ g }, { x, weight, recurrent, biases, axis, reverse, ...rest }) => {
    const { state, cell, peephole, lengths } = rest;
    const bias = biases === null ? null : g.add(...biases);
    const operands = [x, weight, recurrent, bias, state, cell, peephole, lengths] as const;
    return g.lstm(...operands, { axis, reverse });
  },
};

const GRU: Kind = {
  gates: [1, 0, 2],
  activations: ['sigmoid', 'tanh'],
  build: (node, { x, weight, recurrent, biases, state, lengths, axis, reverse }) => {
    const reset = node.int('linear_before_reset', 0) === 0 ? 'before' : 'after';
    const [bias, recurrentBias] = biases ?? [null, null];
    const operands = [x, weight, recurrent, bias, recurrentBias, state, lengths] as const;
    return node.g.gru(...operands, { axis, reverse, reset });
  },
};

const RNN: Kind = {
  gates: [0],
  activations: ['tanh'],
  build: ({ g }, { x, weight, recurrent, biases, state, lengths, axis, reverse, activations }) => {
    const bias = biases === null ? null : g.add(...biases);
    const [activation = 'tanh'] = activations;
    return g.rnn(x, weight, recurrent, bias, state, lengths, { axis, reverse, activation });
  },
};

/** X, W, R, B, sequence_lens, initial_h, initial_c, P -> Y, Y_h, Y_c. */
const recurrent = (kind: Kind) => (node: NodeContext) => {
  refuseVariants(node);
  const directions = DIRECTIONS[node.text('direction', 'forward')];
  if (directions === undefined) return node.unsupported('its direction is unknown');
  const isBatchFirst = node.int('layout', 0) === 1;
  const layers = directions.map((reverse, place) => {
    const activations = activationsOf(node, kind, place);
    return kind.build(node, { ...layerOf(node, kind, place, isBatchFirst), reverse, activations });
  });
  const outputs = layers.map(([output]) => output as Value);
  const states = [1, 2].map((result) => layers.flatMap((layer) => layer[result] ?? []));
  // Y is [n, directions, batch, h], or batch first [batch, n, directions, h].
  const y = stacked(node, outputs, isBatchFirst ? 2 : 1);
  const last = states.filter((found) => found.length > 0);
  return [y, ...last.map((found) => stacked(node, found, isBatchFirst ? 1 : 0))];
};

function refuseVariants(node: NodeContext): void {
  if (node.attributes.float('clip') !== undefined) {
    node.unsupported('it clips its gates', 'Export the layer without clip.');
  }
  if (node.int('input_forget', 0) === 1) {
    node.unsupported(
      'it couples the input and forget gates',
      'Export the layer without input_forget.',
    );
  }
}

function activationsOf(node: NodeContext, kind: Kind, place: number): readonly string[] {
  const all = node.attributes.texts('activations') ?? [];
  const count = kind.activations.length;
  const own = all.slice(place * count, (place + 1) * count).map((name) => name.toLowerCase());
  if (own.length === 0) return kind.activations;
  const isTaken =
    kind === RNN
      ? ['tanh', 'relu', 'sigmoid'].includes(own[0] ?? '')
      : own.every((name, i) => name === kind.activations[i]);
  if (isTaken) return own;
  const usual = kind === RNN ? 'Tanh, Relu or Sigmoid' : kind.activations.join(', ');
  return node.unsupported(`its activations are ${own.join(', ')}`, `Taken: ${usual}.`);
}

function layerOf(
  node: NodeContext,
  kind: Kind,
  place: number,
  isBatchFirst: boolean,
): Omit<Layer, 'reverse' | 'activations'> {
  const { g } = node;
  const one = (index: number, axis = 0) =>
    node.has(index) ? oneOf(node, node.value(index), axis, place) : null;
  const turned = (index: number) => {
    const gates = inOrder(node, oneOf(node, node.value(index), 0, place), kind.gates);
    return g.transpose(gates, { permutation: [1, 0] });
  };
  const both = one(3);
  const stateAxis = isBatchFirst ? 1 : 0;
  const peephole = one(7);
  const x = node.value(0);
  const [state, cell] = [one(5, stateAxis), one(6, stateAxis)];
  for (const initial of [state, cell]) {
    if (initial !== null)
      node.site.equate(x.shape[isBatchFirst ? 0 : 1] ?? 1, initial.shape[0] ?? 1);
  }
  return {
    x,
    axis: isBatchFirst ? 1 : 0,
    weight: turned(1),
    recurrent: turned(2),
    biases: both === null ? null : biasesOf(node, both, kind.gates),
    state,
    cell,
    // i o f in the file, i f o in the layer
    peephole: peephole === null ? null : inOrder(node, peephole, [0, 2, 1]),
    lengths: node.optional(4),
  };
}

/** The part of one direction, without the dim of directions. */
function oneOf({ g }: NodeContext, x: Value, axis: number, place: number): Value {
  const shape = x.shape.filter((_, other) => other !== axis);
  if (x.shape[axis] === 1) return g.reshape(x, { shape });
  const starts = x.shape.map((_, other) => (other === axis ? place : 0));
  const ends = x.shape.map((dim, other) => (other === axis ? place + 1 : dim));
  return g.reshape(g.slice(x, { starts, ends }), { shape });
}

/** Gates lie one after another along the first dim. */
function inOrder(node: NodeContext, x: Value, gates: readonly number[]): Value {
  const { g } = node;
  const [rows = 0, ...others] = x.shape;
  if (typeof rows === 'string') return node.unsupported('its hidden size is symbolic');
  if (gates.length === 1) return x;
  const width = rows / gates.length;
  const part = (gate: number) =>
    g.slice(x, {
      starts: [gate * width, ...others.map(() => 0)],
      ends: [(gate + 1) * width, ...others],
    });
  return g.concat(gates.map(part), { axis: 0 });
}

/** The biases of the inputs and of the states lie one behind the other. */
function biasesOf(
  node: NodeContext,
  bias: Value,
  gates: readonly number[],
): readonly [Value, Value] {
  const [size = 0] = bias.shape;
  const half = Number(size) / 2;
  const part = (from: number) =>
    inOrder(node, node.g.slice(bias, { starts: [from], ends: [from + half] }), gates);
  return [part(0), part(half)];
}

function stacked({ g }: NodeContext, values: readonly Value[], axis: number): Value {
  const apart = values.map((value) =>
    g.reshape(value, { shape: value.shape.toSpliced(axis, 0, 1) }),
  );
  return apart.length === 1 ? (apart[0] as Value) : g.concat(apart, { axis });
}

export const recurrentOps: HandlerTable = {
  GRU: recurrent(GRU),
  LSTM: recurrent(LSTM),
  RNN: recurrent(RNN),
};
