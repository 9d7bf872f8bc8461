/** rotary as RotaryEmbedding of opset 23, for which rows lie in a batch, with heads or without. */
import { int, type Ref } from './graph-writer.ts';
import { EXPANDED, type OpCall } from './op-call.ts';
import { type OpEntry, since } from './opsets.ts';

export const exportRotary: OpEntry = [since(23, rotaryEmbedding)];

function rotaryEmbedding(call: OpCall): Ref | typeof EXPANDED {
  const { writer, sizes } = call;
  const { shape } = call.type(0);
  const [batch = 1] = shape;
  if (shape.length !== 3 && shape.length !== 4) return EXPANDED;
  const angles = [1, 2].map((index) => {
    const whole = sizes.shape([batch, ...call.type(index).shape]);
    return writer.node('Expand', [call.ref(index), whole]);
  });
  const turned = 2 * Number(call.type(1).shape[1]);
  return writer.node('RotaryEmbedding', [call.ref(0), ...angles], {
    interleaved: int(call.choice('pairs') === 'interleaved' ? 1 : 0),
    ...(turned === shape.at(-1) ? {} : { rotary_embedding_dim: int(turned) }),
    ...(shape.length === 3 ? { num_heads: int(1) } : {}),
  });
}
