/**
 * hoist-from-scan: what a step of a scan computes without its states  ->  computed before the scan
 *
 *     for t: .. f(c) ..     ->  y = f(c),  for t: .. y ..              of captures alone
 *     for t: .. x_t W ..    ->  p = x W,   for t: .. p_t ..            of elements and captures
 *
 * The first saves as many computations as there are steps, the second makes one matmul of many: the
 * projection of all inputs of a recurrent layer.
 * Requires: of captures, more than views of what is no weight, through which kernels read in place; of
 * elements, elementwise ops and matmuls by a matrix, with a matmul among them, as a kernel of a step
 * is the better place for the rest.
 * Guarantees: no matmul of elements by a captured matrix is left in a body, nor anything of captures but
 * views and constants; every sequence and capture is used, but for the last sequence.
 */
import type { Node, ValueId } from '../ir/graph.ts';
import type { GraphIndex } from './graph-index.ts';
import { firstResult } from './node-reading.ts';
import { type Finding, rewritingPass } from './rewrite.ts';
import { studyBody } from './scan/body-study.ts';
import { writeHoisted } from './scan/write-hoisted.ts';

export const hoistFromScan = rewritingPass(
  {
    name: 'hoist-from-scan',
    summary: 'computes before a scan what its steps do not need their states for',
    reason:
      'after expand-composites, which shows the scans; before fold-constants, which computes what comes out of weights',
  },
  (index) => index.graph.nodes.flatMap((node) => findingsAt(node, index)),
);

const pattern = 'what needs no state';

function findingsAt(node: Node, index: GraphIndex): readonly Finding[] {
  if (node.op !== 'scan') return [];
  const at: ValueId = firstResult(node);
  const study = studyBody(node, index);
  const refused = study.refused.map((reason): Finding => {
    return { pattern, at, outcome: { refused: reason, stopper: at } };
  });
  if (study.hoisted.length === 0 && study.unused === 0) return refused;
  const names = study.hoisted.map(({ name }) => `%${name}`).join(', ');
  const dropped = study.unused === 0 ? [] : [`without ${study.unused} of its operands`];
  const detail = [...(names === '' ? [] : [`${names} before the steps`]), ...dropped].join(', ');
  const rewrite = {
    replaces: node.results,
    write: (into: Parameters<typeof writeHoisted>[2]) => writeHoisted(node, study, into),
  };
  return [...refused, { pattern, at, outcome: { rewrite, detail } }];
}
