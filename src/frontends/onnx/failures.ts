/**
 * What stands between a file and its import: every node that cannot be taken, in one error. A node is
 * listed once, with its op, opset and name, why it is not taken, and the nearest thing that would work.
 */
import { distance } from 'fastest-levenshtein';
import { EncompileError } from '../../errors.ts';
import { quote } from '../json.ts';

export interface Failure {
  /** `'encoder/MatMul' (MatMul of ai.onnx, opset 17)`. */
  readonly node: string;
  readonly reason: string;
  readonly instead: string | null;
}

/** An import that failed; `needed` are inputs that would have to be fixed (`constants`). */
export class OnnxImportError extends EncompileError {
  readonly needed: readonly string[];

  constructor(message: string, needed: readonly string[]) {
    super(message);
    this.needed = needed;
  }
}

/** An operand whose numbers decide what is built depends on what these inputs hold. */
export class NeedsContents extends EncompileError {
  readonly inputs: readonly string[];

  constructor(message: string, inputs: readonly string[]) {
    super(message);
    this.inputs = inputs;
  }
}

/** Further failures are counted, and no more is kept of them. */
export const MAX_LISTED = 50;
const LONGEST_REASON = 800;

export function importError(
  origin: string,
  nodes: number,
  failures: readonly Failure[],
  needed: ReadonlySet<string>,
): OnnxImportError {
  const lines = failures.slice(0, MAX_LISTED).map(({ node, reason, instead }) => {
    const hint = instead === null ? '' : ` ${instead}`;
    const short = reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)}..` : reason;
    return `  ${node}: ${short.replace(/\.$/, '')}.${hint}`;
  });
  const rest = failures.length - lines.length;
  if (rest > 0) lines.push(`  and ${rest} more`);
  const fix = [...needed].map((name) => quote(name)).join(', ');
  const advice =
    needed.size === 0
      ? 'Export the model with ops that are taken, or replace these nodes.'
      : `To fix what the inputs hold, compile with --constants FILE.safetensors, which has tensors ${fix}.`;
  return new OnnxImportError(
    `${origin} cannot be imported: ${failures.length} of its ${nodes} nodes cannot be taken.\n` +
      `${lines.join('\n')}\n${advice}`,
    [...needed],
  );
}

/** The op that a word may have meant; ops of the contrib domain are often there under one like it. */
export function nearestOp(opType: string, known: readonly string[]): string | null {
  if (opType.length > 100) return null;
  const equivalent = EQUIVALENT[opType];
  if (equivalent !== undefined) return equivalent;
  let [best, fewest] = [null as string | null, Math.ceil(opType.length * 0.25) + 1];
  for (const candidate of known) {
    const edits = distance(opType.toLowerCase(), candidate.toLowerCase());
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best === null ? null : `The nearest op that is taken: ${best}.`;
}

const EQUIVALENT: { readonly [opType: string]: string } = {
  SkipLayerNormalization:
    'Export without graph optimisation: Add and LayerNormalization are taken.',
  EmbedLayerNormalization:
    'Export without graph optimisation: Gather, Add, LayerNormalization are taken.',
  MultiHeadAttention:
    'Export without graph optimisation, or with the standard Attention of opset 23.',
  NonZero: 'Its result has as many elements as the data says: use Where or a mask.',
  NonMaxSuppression:
    'Its result has as many elements as the data says: leave it out, run it on the output.',
  Unique: 'Its result has as many elements as the data says: leave it out, run it on the output.',
  RandomNormal: 'Make the random numbers an input of the model.',
  RandomNormalLike: 'Make the random numbers an input of the model.',
  RandomUniform: 'Make the random numbers an input of the model.',
  RandomUniformLike: 'Make the random numbers an input of the model.',
  Multinomial: 'Make the sample an input of the model.',
  StringNormalizer: 'Strings are not compiled: do this before the model runs.',
  TfIdfVectorizer: 'Strings are not compiled: do this before the model runs.',
};
