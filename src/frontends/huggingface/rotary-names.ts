/**
 * The weights of ModernBERT and nomic-bert: where their files keep them, and how they are taken apart into
 * those of `models/modern-bert.ts`.
 */
import { EncompileError } from '../../errors.ts';
import type { TensorData } from '../../ir/types.ts';
import { quote } from '../json.ts';
import { bindWeights } from '../weights.ts';
import type { ModernBertConfig, NomicBertConfig, RotaryConfig } from './rotary-config.ts';

/** A tensor of the file, and the weights it holds, one below the other. */
interface Slot {
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly names: readonly string[];
}

/**
 * The weights of a rotary encoder and its head, in row-vector style under the builder's names.
 *
 * @returns with the tensors of heads that are not asked for as `unused`
 * @throws EncompileError that lists every missing, unknown, misshaped and wrongly typed tensor
 */
export function bindRotaryWeights(
  config: RotaryConfig,
  tensors: ReadonlyMap<string, TensorData>,
  origin: string,
): { readonly weights: ReadonlyMap<string, TensorData>; readonly unused: readonly string[] } {
  const slots = config.family === 'modernbert' ? modernSlots(config) : nomicSlots(config);
  const prefix = config.family === 'modernbert' ? 'model.' : 'nomic_bert.';
  const isPrefixed = [...tensors.keys()].some((name) => name.startsWith(prefix));
  const heads = /^(head|classifier|decoder|cls|pooler)\./;
  const spelled = (name: string) => (isPrefixed && !heads.test(name) ? prefix + name : name);
  const wanted = slots.map(({ tensor, shape }) => ({
    name: spelled(tensor),
    dtype: 'f32' as const,
    shape,
  }));
  const names = new Set(wanted.map(({ name }) => name));
  const given = [...tensors].filter(([name]) => names.has(name) || !heads.test(name));
  const bound = bindWeights(wanted, new Map(given), origin);
  const weights = slots.flatMap(({ tensor, names: parts }) => {
    const data = bound.get(spelled(tensor));
    if (data === undefined) throw new EncompileError(`${origin} has no tensor ${quote(tensor)}.`);
    return split(data, parts);
  });
  const unused = [...tensors.keys()].filter((name) => !names.has(name) && heads.test(name));
  return { weights: new Map(weights), unused };
}

/** Equal shares of the rows under their names, matrices that linear layers multiply by turned. */
function split(
  { dtype, shape, data }: TensorData,
  names: readonly string[],
): readonly (readonly [string, TensorData])[] {
  const [rows = 0, columns = 1] = shape;
  const share = rows / names.length;
  return names.map((name, k) => {
    const at = (i: number) => Number(data[k * share * columns + i]);
    const count = share * columns;
    if (shape.length === 1) {
      return [
        name,
        { dtype, shape: [share], data: Float32Array.from({ length: count }, (_, i) => at(i)) },
      ];
    }
    if (!name.endsWith('.weight')) return [name, { dtype, shape, data }];
    const turned = Float32Array.from({ length: count }, (_, i) =>
      at((i % share) * columns + Math.floor(i / share)),
    );
    return [name, { dtype, shape: [columns, share], data: turned }];
  });
}

function matrix(
  tensor: string,
  name: string | readonly string[],
  out: number,
  into: number,
  bias = false,
): readonly Slot[] {
  const names = [name].flat();
  const weight = {
    tensor: `${tensor}.weight`,
    shape: [out, into],
    names: names.map((n) => `${n}.weight`),
  };
  if (!bias) return [weight];
  return [weight, { tensor: `${tensor}.bias`, shape: [out], names: names.map((n) => `${n}.bias`) }];
}

function norm(tensor: string, name: string, width: number, beta: boolean): readonly Slot[] {
  const gamma = { tensor: `${tensor}.weight`, shape: [width], names: [`${name}.gamma`] };
  if (!beta) return [gamma];
  return [gamma, { tensor: `${tensor}.bias`, shape: [width], names: [`${name}.beta`] }];
}

const projections = (at: string) => ['query', 'key', 'value'].map((part) => `${at}.${part}`);

function modernSlots(config: ModernBertConfig): readonly Slot[] {
  const { hidden, intermediate, vocab, head, labels, classifierBias, decoderBias } = config;
  const { attentionBias = false, ffnBias = false, normBias = false } = config;
  const layers = config.attention.flatMap((_, i) => {
    const [from, to] = [`layers.${i}`, `layer.${i}`];
    const gates = [`${to}.ffn.gate`, `${to}.ffn.hidden`];
    return [
      ...(i === 0 ? [] : norm(`${from}.attn_norm`, `${to}.attention.norm`, hidden, normBias)),
      ...matrix(
        `${from}.attn.Wqkv`,
        projections(`${to}.attention`),
        3 * hidden,
        hidden,
        attentionBias,
      ),
      ...matrix(`${from}.attn.Wo`, `${to}.attention.output`, hidden, hidden, attentionBias),
      ...norm(`${from}.mlp_norm`, `${to}.ffn.norm`, hidden, normBias),
      ...matrix(`${from}.mlp.Wi`, gates, 2 * intermediate, hidden, ffnBias),
      ...matrix(`${from}.mlp.Wo`, `${to}.ffn.output`, hidden, intermediate, ffnBias),
    ];
  });
  const under = head === 'masked-lm' ? 'masked_lm' : 'classifier';
  const dense = [
    ...matrix('head.dense', `${under}.dense`, hidden, hidden, classifierBias),
    ...norm('head.norm', `${under}.norm`, hidden, normBias),
  ];
  const decoder = { tensor: 'decoder.bias', shape: [vocab], names: [`${under}.bias`] };
  const classifier = matrix('classifier', `${under}.projection`, labels.length, hidden, true);
  const last = head === 'masked-lm' ? (decoderBias ? [decoder] : []) : classifier;
  const top = head === 'base' ? [] : [...dense, ...last];
  return [
    {
      tensor: 'embeddings.tok_embeddings.weight',
      shape: [vocab, hidden],
      names: ['embeddings.word'],
    },
    ...norm('embeddings.norm', 'embeddings.norm', hidden, normBias),
    ...layers,
    ...norm('final_norm', 'norm', hidden, normBias),
    ...top,
  ];
}

function nomicSlots({
  layers,
  hidden,
  intermediate,
  vocab,
  typeVocab = 0,
}: NomicBertConfig): readonly Slot[] {
  const table = (name: string, rows: number): Slot => {
    const tensor = `embeddings.${name}_embeddings.weight`;
    return { tensor, shape: [rows, hidden], names: [`embeddings.${name}`] };
  };
  const blocks = Array.from({ length: layers }, (_, i) => {
    const [from, to] = [`encoder.layers.${i}`, `layer.${i}`];
    return [
      ...matrix(`${from}.attn.Wqkv`, projections(`${to}.attention`), 3 * hidden, hidden),
      ...matrix(`${from}.attn.out_proj`, `${to}.attention.output`, hidden, hidden),
      ...norm(`${from}.norm1`, `${to}.attention.norm`, hidden, true),
      ...matrix(`${from}.mlp.fc11`, `${to}.ffn.hidden`, intermediate, hidden),
      ...matrix(`${from}.mlp.fc12`, `${to}.ffn.gate`, intermediate, hidden),
      ...matrix(`${from}.mlp.fc2`, `${to}.ffn.output`, hidden, intermediate),
      ...norm(`${from}.norm2`, `${to}.ffn.norm`, hidden, true),
    ];
  });
  return [
    table('word', vocab),
    ...(typeVocab > 0 ? [table('token_type', typeVocab)] : []),
    ...norm('emb_ln', 'embeddings.norm', hidden, true),
    ...blocks.flat(),
  ];
}
