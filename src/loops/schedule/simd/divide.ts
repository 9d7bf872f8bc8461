/**
 * Work for several threads: of each nest of a kernel, one parallel loop becomes a split loop.
 *
 *   for parallel b { for parallel h { .. } }   ->   for parallel b { for split h { .. } }
 *
 * Chosen of loops directly inside one another: the first with a known number of iterations, such as
 * heads, for there is always some of it; else the innermost, as a batch is often 1 and a sequence
 * seldom.
 *
 * Guarantees: loops_v12. A nest that stores outside all parallel loops leaves the kernel undivided: one
 * thread runs it. A nest that has split loops already stays as it is.
 */
import type { For, Statement } from '../../nodes.ts';
import { hasSplitLoop } from '../../verify.ts';

export function divide(body: readonly Statement[]): readonly Statement[] {
  const divided = body.map(divideStatement);
  return divided.every((s) => s !== null) ? divided : body;
}

/** Null where a thread alone must run the statement. */
function divideStatement(s: Statement): Statement | null {
  if (s.tag === 'let' || s.tag === 'comment') return s;
  if (s.tag !== 'for') return null;
  if (hasSplitLoop([s])) return s;
  if (s.kind !== 'parallel') return null;
  const chain = chainFrom(s);
  const counted = chain.findIndex(({ from, to }) => {
    return typeof from === 'number' && typeof to === 'number' && to - from > 1;
  });
  return splitAt(s, counted < 0 ? chain.length - 1 : counted);
}

/** Parallel loops, each the only statement of the one around it. */
function chainFrom(s: For): readonly For[] {
  const [only, ...others] = s.body;
  const goesOn = others.length === 0 && only?.tag === 'for' && only.kind === 'parallel';
  return goesOn ? [s, ...chainFrom(only)] : [s];
}

function splitAt(s: For, depth: number): For {
  const [inner] = s.body;
  if (depth === 0 || inner?.tag !== 'for') return { ...s, kind: 'split' };
  return { ...s, body: [splitAt(inner, depth - 1)] };
}
