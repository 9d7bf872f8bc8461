/**
 * The tokens of Universal Sentence Encoder Lite: a SentencePiece unigram model over 8000 pieces,
 * given to `@huggingface/tokenizers` as the tokenizer.json that the model never had.
 *
 *   text -> NFKC -> "▁" in front -> each space becomes "▁" -> best segmentation by summed score
 *
 * A piece's index is its id: no offset, no token for start or end. Characters that no piece has
 * become id 0, once for a run of them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { useLiteFolder } from './package-folder.ts';

export interface UseLiteTokenizer {
  /**
   * Token ids of a sentence; none for the empty string. The model reads the first 128, so cut
   * there: `useLiteConfig.maxTokens` in weights.ts.
   */
  encode(sentence: string): number[];
  /** The texts of the tokens; "▁" marks where a word begins. */
  pieces(sentence: string): string[];
}

type Piece = readonly [text: string, score: number];

const UNKNOWN_ID = 0;
/** Unknown, start, end and three spare ids: never made from text, whatever the text says. */
const RESERVED_PIECES = 6;
const SPACE_MARK = '▁';

/** @throws Error when the package is absent or its vocabulary is not a list of scored pieces. */
export async function loadUseLiteTokenizer(
  folder: string = useLiteFolder(),
): Promise<UseLiteTokenizer> {
  const file = join(folder, 'vocab.json');
  const tokenizer = new Tokenizer(
    tokenizerJson(parsePieces(file, JSON.parse(await readFile(file, 'utf8')))),
    {},
  );
  const tokens = (sentence: string) => tokenizer.encode(sentence, { add_special_tokens: false });
  return {
    encode: (sentence) => tokens(sentence).ids,
    pieces: (sentence) => tokens(sentence).tokens,
  };
}

function tokenizerJson(pieces: readonly Piece[]): object {
  return {
    added_tokens: [],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFKC' },
        { type: 'Prepend', prepend: SPACE_MARK },
        { type: 'Replace', pattern: { String: ' ' }, content: SPACE_MARK },
      ],
    },
    // Not Metaspace: it adds no "▁" to text that begins with a space, and this model does.
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: 'Unigram', unk_id: UNKNOWN_ID, vocab: pieces.map(hideReserved) },
  };
}

/** Normalised text has no space left, so a piece with a space in front is never found in it. */
function hideReserved([text, score]: Piece, id: number): Piece {
  const hidden = id < RESERVED_PIECES && id !== UNKNOWN_ID;
  return [hidden ? ` ${text}` : text, score];
}

function parsePieces(file: string, vocabulary: unknown): Piece[] {
  if (!Array.isArray(vocabulary) || vocabulary.length <= RESERVED_PIECES) {
    throw new Error(`${file} is no vocabulary: expected a list of [piece, score].`);
  }
  return vocabulary.map((entry: unknown, id): Piece => {
    if (Array.isArray(entry) && entry.length === 2) {
      const [text, score]: readonly unknown[] = entry;
      // The file lost the scores of seven pieces with a colon; the reference counts null as 0.
      const known = score === null ? 0 : score;
      if (typeof text === 'string' && typeof known === 'number') return [text, known];
    }
    throw new Error(`${file}: entry ${id} is ${JSON.stringify(entry)}; expected [piece, score].`);
  });
}
