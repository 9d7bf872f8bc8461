/**
 * Recurrent layers: stacks of rnn, lstm and gru, in one direction or both.
 *
 * x [batch, n, k] -> outputs [batch, n, width] of the last layer, and the states of every layer and
 * direction behind the last input. With `timeFirst`, x is [n, batch, k]. A layer over both directions
 * has twice the hidden width: what read forwards, then what read backwards.
 *
 * Weights of a layer stand below `layer.<i>.forward` and `layer.<i>.backward`: `weight` [k, gates * h],
 * `recurrent` [h, gates * h] and `bias` [gates * h]; the gates are listed at each function.
 */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import { multiply } from '../ir/dims.ts';
import type { Value } from '../ir/graph.ts';
import type { ReplaceDim } from '../ir/shape-types.ts';
import type { Dim, IntegerType, Shape } from '../ir/types.ts';
import { lastDims, withShape } from './shape.ts';

/** What a layer and direction carry from input to input, each [batch, hidden]. */
export interface RecurrentState {
  readonly h: Value<'f32'>;
  /** The cell of an lstm. */
  readonly c?: Value<'f32'>;
}

export interface RecurrentOptions<H extends number, B extends boolean = false> {
  /** Width of the states. */
  readonly hidden: H;
  /** How many layers stand one upon the other (1). */
  readonly layers?: number;
  /** Whether each layer reads the sequence in both directions (false). */
  readonly bidirectional?: B;
  /** Whether a layer of one direction reads from the last input to the first (false). */
  readonly reverse?: boolean;
  /** Whether time is the first axis of x, and the batch the second (false). */
  readonly timeFirst?: boolean;
  /** integer [batch]: how many inputs of each row count; behind them outputs are zeros. */
  readonly lengths?: Value<IntegerType> | undefined;
  /** The states to begin with, one a layer and direction (zeros). */
  readonly initial?: readonly RecurrentState[] | undefined;
  /** Whether there are biases (true). */
  readonly bias?: boolean;
}

export interface Recurrence<S extends Shape, H extends number, B extends boolean> {
  readonly outputs: Value<'f32', RecurrentOutput<S, H, B>>;
  /** Layer by layer, of each the forward direction first. */
  readonly states: readonly RecurrentState[];
}

/** S with the width of all directions for its last dim. */
export type RecurrentOutput<S extends Shape, H extends number, B extends boolean> = ReplaceDim<
  S,
  -1,
  B extends true ? Dim : H
>;

/** A function of this file, for models that take any of them. */
export type RecurrentLayers = (
  g: Builder,
  x: Value<'f32'>,
  options: RecurrentOptions<number, boolean>,
) => { readonly outputs: Value<'f32'>; readonly states: readonly RecurrentState[] };

/**
 * rnn: h_t = f(x_t W + b + h_(t-1) R) (Elman 1990), one gate; f is tanh or relu.
 */
export function rnn<S extends Shape, H extends number, B extends boolean = false>(
  g: Builder,
  x: Value<'f32', S>,
  options: RecurrentOptions<H, B> & { readonly activation?: 'tanh' | 'relu' },
): Recurrence<S, H, B> {
  const { activation = 'tanh' } = options;
  return stacked(g, x, options, (g, x, { h = null }, layer) => {
    const { weight, recurrent, bias } = layerWeights(g, x, layer, 1);
    const { axis, reverse } = layer;
    const attributes = { axis, reverse, activation };
    const [outputs, last] = g.rnn(x, weight, recurrent, bias, h, layer.lengths, attributes);
    return { outputs, state: { h: last } };
  });
}

/**
 * lstm: gates i, f, g and o (Hochreiter and Schmidhuber 1997), side by side in the weights
 *
 * With `peepholes` (Gers et al. 2002) there is a weight `peephole` [3h], of i, f and o.
 */
export function lstm<S extends Shape, H extends number, B extends boolean = false>(
  g: Builder,
  x: Value<'f32', S>,
  options: RecurrentOptions<H, B> & { readonly peepholes?: boolean },
): Recurrence<S, H, B> {
  const { peepholes = false, hidden } = options;
  return stacked(g, x, options, (g, x, { h = null, c = null }, layer) => {
    const { weight, recurrent, bias } = layerWeights(g, x, layer, 4);
    const peephole = peepholes ? floats(g, 'peephole', 3 * hidden) : null;
    const { lengths, axis, reverse } = layer;
    const attributes = { axis, reverse };
    const [outputs, last, cell] = g.lstm(
      ...([x, weight, recurrent, bias, h, c, peephole, lengths, attributes] as const),
    );
    return { outputs, state: { h: last, c: cell } };
  });
}

/**
 * gru: gates r, z and n (Cho et al. 2014), side by side in the weights
 *
 * The reset gate meets the state after its matmul, as in PyTorch and cuDNN, or before it, as in the
 * paper. With biases there is a weight `recurrent_bias` [3h] besides.
 */
export function gru<S extends Shape, H extends number, B extends boolean = false>(
  g: Builder,
  x: Value<'f32', S>,
  options: RecurrentOptions<H, B> & { readonly reset?: 'after' | 'before' },
): Recurrence<S, H, B> {
  const { reset = 'after', hidden } = options;
  return stacked(g, x, options, (g, x, { h = null }, layer) => {
    const { weight, recurrent, bias } = layerWeights(g, x, layer, 3);
    const recurrentBias = bias === null ? null : floats(g, 'recurrent_bias', 3 * hidden);
    const { lengths, axis, reverse } = layer;
    const attributes = { axis, reverse, reset };
    const [outputs, last] = g.gru(
      ...([x, weight, recurrent, bias, recurrentBias, h, lengths, attributes] as const),
    );
    return { outputs, state: { h: last } };
  });
}

/** One layer in one direction. */
interface Layer {
  readonly hidden: number;
  readonly isBiased: boolean;
  readonly lengths: Value<IntegerType> | null;
  readonly axis: 0 | 1;
  readonly reverse: boolean;
}

type Cell = (
  g: Builder,
  x: Value<'f32'>,
  initial: Partial<RecurrentState>,
  layer: Layer,
) => { readonly outputs: Value<'f32'>; readonly state: RecurrentState };

function stacked<S extends Shape, H extends number, B extends boolean>(
  g: Builder,
  x: Value<'f32', S>,
  options: RecurrentOptions<H, B>,
  cell: Cell,
): Recurrence<S, H, B> {
  const { hidden, layers = 1, bidirectional = false, timeFirst = false } = options;
  const { lengths = null, initial, bias: isBiased = true, reverse = false } = options;
  const directions = bidirectional ? [false, true] : [reverse];
  const wanted = layers * directions.length;
  if (initial !== undefined && initial.length !== wanted) {
    throw new EncompileError(
      `${initial.length} initial states were given, but ${layers} layers in ${directions.length} ` +
        `directions take ${wanted}: one a layer and direction.`,
    );
  }
  const states: RecurrentState[] = [];
  let outputs: Value<'f32'> = x;
  for (let i = 0; i < layers; i++) {
    const from = outputs;
    const made = directions.map((backwards) => {
      const name = backwards ? 'backward' : 'forward';
      const layer: Layer = {
        ...{ hidden, isBiased, lengths, reverse: backwards },
        axis: timeFirst ? 0 : 1,
      };
      const start = initial?.[states.length] ?? {};
      const result = cell(g.scope(`layer.${i}.${name}`), from, start, layer);
      states.push(result.state);
      return result.outputs;
    });
    const [only = from, ...others] = made;
    outputs = others.length === 0 ? only : g.concat(made, { axis: -1 });
  }
  const width = multiply(hidden, directions.length);
  const shape: Shape = [...x.shape.slice(0, -1), width];
  return { outputs: withShape(outputs, shape as RecurrentOutput<S, H, B>), states };
}

function layerWeights(g: Builder, x: Value<'f32'>, { hidden, isBiased }: Layer, gates: number) {
  const [inner = 1] = lastDims(x, 1);
  const wide = gates * hidden;
  return {
    weight: floats(g, 'weight', inner, wide),
    recurrent: floats(g, 'recurrent', hidden, wide),
    bias: isBiased ? floats(g, 'bias', wide) : null,
  };
}

function floats(g: Builder, name: string, ...shape: readonly Dim[]): Value<'f32'> {
  return g.weight(name, { dtype: 'f32', shape });
}
