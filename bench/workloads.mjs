// What is run: one text of a length, or a batch of texts of mixed lengths, padded to the longest.

/** 32 texts of 4 to 128 tokens, evenly spread on a logarithmic scale, in no order. */
const MIXED = Array.from({ length: 32 }, (_, i) => Math.round(4 * 32 ** (((i * 13) % 32) / 31)));

export function singleText(tokens) {
  return {
    id: String(tokens),
    title: tokens === 1 ? '1 token' : `${tokens} tokens`,
    lengths: [tokens],
  };
}

export const mixedBatch = { id: 'batch', title: '32 texts of 4 to 128', lengths: MIXED };

export const tokensOf = ({ lengths }) => lengths.reduce((sum, length) => sum + length, 0);

/** ids and mask, [batch, seq] in row-major order; 1 in the mask is a token, 0 is padding. */
export function makeInputs({ lengths }, vocab) {
  const batch = lengths.length;
  const seq = Math.max(...lengths);
  const ids = new Int32Array(batch * seq);
  const mask = new Uint8Array(batch * seq);
  for (const [text, length] of lengths.entries()) {
    for (let i = 0; i < length; i++) {
      ids[text * seq + i] = ((text * seq + i) * 7919 + 101) % vocab;
      mask[text * seq + i] = 1;
    }
  }
  return { ids, mask, batch, seq };
}
