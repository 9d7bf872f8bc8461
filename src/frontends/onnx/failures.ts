/**
 * What stands between a file and its import: every node that cannot be taken, in one error. A node is
 * listed once, with its op, opset and name, why it is not taken, and the nearest thing that would work.
 */
import { distance } from 'fastest-levenshtein';
import { EncompileError } from '../../errors.ts';
import { type Dim, evaluateDim, symbolsOf } from '../../ir/dims.ts';
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

/** What is built depends on the sizes of these symbols; where `equation` is there, its sides should be equal. */
export class NeedsSizes extends EncompileError {
  readonly symbols: readonly string[];
  readonly equation: readonly [Dim, Dim] | null;

  constructor(
    message: string,
    symbols: readonly string[],
    equation: readonly [Dim, Dim] | null = null,
  ) {
    super(message);
    this.symbols = symbols;
    this.equation = equation;
  }
}

/** Inputs and symbols that would have to be fixed. */
export class Needed {
  readonly inputs = new Set<string>();
  readonly symbols = new Map<string, readonly [Dim, Dim] | null>();

  note(error: unknown): void {
    if (error instanceof NeedsContents) for (const name of error.inputs) this.inputs.add(name);
    if (!(error instanceof NeedsSizes)) return;
    for (const symbol of error.symbols.slice(0, MAX_ADVISED)) {
      this.symbols.set(symbol, this.symbols.get(symbol) ?? error.equation);
    }
  }
}

const MAX_ADVISED = 4;

/** Further failures are counted, and no more is kept of them. */
export const MAX_LISTED = 50;
const LONGEST_REASON = 800;

export function importError(
  origin: string,
  nodes: number,
  failures: readonly Failure[],
  needed: Needed,
): OnnxImportError {
  const lines = failures.slice(0, MAX_LISTED).map(({ node, reason, instead }) => {
    const hint = instead === null ? '' : ` ${instead}`;
    const short = reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)}..` : reason;
    return `  ${node}: ${short.replace(/\.$/, '')}.${hint}`;
  });
  const rest = failures.length - lines.length;
  if (rest > 0) lines.push(`  and ${rest} more`);
  const fixes = [...adviceOnInputs([...needed.inputs]), ...adviceOnSizes(needed.symbols)];
  const advice =
    fixes.length === 0
      ? 'Export the model with ops that are taken, or replace these nodes.'
      : fixes.join('\n');
  return new OnnxImportError(
    `${origin} cannot be imported: ${failures.length} of its ${nodes} nodes cannot be taken.\n` +
      `${lines.join('\n')}\n${advice}`,
    [...needed.inputs],
  );
}

function adviceOnInputs(names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const listed = names.map((name) => quote(name)).join(', ');
  const flags = names.map((name) => `--constants ${plain(name)}=NUMBERS`).join(' ');
  return [
    `To fix what the inputs hold, compile with ${flags} (a number, or as many as the input has, with commas ` +
      `between), or with --constants FILE.safetensors, which has tensors ${listed}.`,
  ];
}

function adviceOnSizes(symbols: Needed['symbols']): readonly string[] {
  if (symbols.size === 0) return [];
  const flags = [...symbols.keys()].map((symbol) => `--fix ${symbol}=SIZE`).join(' ');
  const ranges = [...symbols].slice(0, MAX_ADVISED).flatMap(([symbol, equation]) => {
    const range = equation === null ? null : solutions(symbol, equation);
    return range === null
      ? []
      : [`${symbol} from ${range[0]} to ${range[1]} makes ${equation?.join(' equal ')}`];
  });
  const hint = ranges.length === 0 ? '' : ` (${ranges.join('; ')})`;
  return [`To fix the sizes that decide how the model is built, compile with ${flags}${hint}.`];
}

/** Sizes that are tried, and the longest sides of an equation for which they are. */
const MAX_TRIED = 4096;
const LONGEST_SIDE = 200;

/** The first run of sizes of the symbol for which both sides are one number. */
function solutions(symbol: string, [a, b]: readonly [Dim, Dim]): readonly [number, number] | null {
  if (Math.max(`${a}`.length, `${b}`.length) > LONGEST_SIDE) return null;
  if (
    symbolsOf(a)
      .concat(symbolsOf(b))
      .some((other) => other !== symbol)
  )
    return null;
  let first: number | null = null;
  for (let size = 1; size <= MAX_TRIED; size++) {
    const isEqual = evaluateDim(a, { [symbol]: size }) === evaluateDim(b, { [symbol]: size });
    if (isEqual) first ??= size;
    else if (first !== null) return [first, size - 1];
  }
  return first === null ? null : [first, MAX_TRIED];
}

/** A name as the shell takes it, quoted where it needs that. */
function plain(name: string): string {
  const shown = quote(name).slice(1, -1);
  return /^[\w./:-]+$/.test(shown) ? shown : `'${shown}'`;
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
  Adagrad: 'It trains: export the model in inference mode.',
  Adam: 'It trains: export the model in inference mode.',
  Momentum: 'It trains: export the model in inference mode.',
  Gradient: 'It trains: export the model in inference mode.',
  ImageDecoder: 'Decode images before the model runs, and give it their pixels.',
  Bernoulli: 'Make the random numbers an input of the model.',
  RandomNormal: 'Make the random numbers an input of the model.',
  RandomNormalLike: 'Make the random numbers an input of the model.',
  RandomUniform: 'Make the random numbers an input of the model.',
  RandomUniformLike: 'Make the random numbers an input of the model.',
  Multinomial: 'Make the sample an input of the model.',
  StringNormalizer: 'Strings are not compiled: do this before the model runs.',
};
