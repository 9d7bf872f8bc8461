/** Semantic search: sentences whose embeddings point the same way mean the same. */
import { interpret } from 'encompile/compiler';

type Graph = Parameters<typeof interpret>[0];

/** Token ids of some texts, padded to the longest. */
export interface Batch {
  readonly shape: readonly [number, number];
  readonly ids: Int32Array;
  /** 1 for tokens, 0 for padding. */
  readonly mask: Uint8Array;
}

/** The compiled model, as `model.d.ts` of its artifact declares it. */
export interface Encoder {
  readonly backend: string;
  run(inputs: {
    ids: { data: Int32Array; shape: readonly number[] };
    mask: { data: Uint8Array; shape: readonly number[] };
  }): Promise<{ readonly embedding: { readonly data: Float32Array } }>;
  dispose(): void;
}

export function batchOf(texts: readonly (readonly number[])[]): Batch {
  const length = Math.max(...texts.map((ids) => ids.length));
  const shape = [texts.length, length] as const;
  const batch = {
    shape,
    ids: new Int32Array(texts.length * length),
    mask: new Uint8Array(texts.length * length),
  };
  texts.forEach((ids, row) => {
    batch.ids.set(ids, row * length);
    batch.mask.fill(1, row * length, row * length + ids.length);
  });
  return batch;
}

export async function embed(encoder: Encoder, { shape, ids, mask }: Batch): Promise<Float32Array> {
  const { embedding } = await encoder.run({
    ids: { data: ids, shape },
    mask: { data: mask, shape },
  });
  return embedding.data;
}

/** The same embeddings by the formulas, in float64. */
export function embedByInterpreter(graph: Graph, { shape, ids, mask }: Batch): Float64Array {
  const inputs = new Map([
    ['ids', { dtype: 'i32', shape, data: Float64Array.from(ids) }],
    ['mask', { dtype: 'bool', shape, data: Float64Array.from(mask) }],
  ] as const);
  const embedding = interpret(graph, inputs).outputs.get('embedding');
  if (embedding === undefined) throw new Error('the model has no output named embedding');
  return embedding.data;
}

export interface Hit {
  readonly text: number;
  /** Cosine of the angle between question and text: embeddings have unit length. */
  readonly similarity: number;
}

/** The texts nearest to a question, best first. */
export function nearest(
  question: Float32Array,
  texts: Float32Array,
  count: number,
): readonly Hit[] {
  const width = question.length;
  const hits = Array.from({ length: texts.length / width }, (_, text): Hit => {
    const vector = texts.subarray(text * width, (text + 1) * width);
    return { text, similarity: vector.reduce((sum, x, i) => sum + x * (question[i] ?? 0), 0) };
  });
  return hits.sort((a, b) => b.similarity - a.similarity).slice(0, count);
}

export function largestDifference(a: Float32Array, b: Float64Array): number {
  return a.reduce((largest, x, i) => Math.max(largest, Math.abs(x - (b[i] ?? Number.NaN))), 0);
}
