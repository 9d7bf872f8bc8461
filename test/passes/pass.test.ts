/** The runner, the rewriting of graphs, and the ledger. */
import { describe, expect, test } from 'vitest';
import { buildGraph } from '../../src/ir/builder.ts';
import { type Graph, type Node, valueOf } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import type { GraphWriter } from '../../src/passes/graph-writer.ts';
import { Ledger, ledgerToJson, printLedger } from '../../src/passes/ledger.ts';
import { firstResult, operandOf } from '../../src/passes/node-reading.ts';
import { type Pass, runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { type Finding, rewritingPass } from '../../src/passes/rewrite.ts';
import { opsOf, run } from '../support/run-pass.ts';

const { batch } = dims('batch');
const about = { name: 'test-pass', summary: 'for tests', reason: 'none' };

function chain(...ops: readonly ('exp' | 'neg' | 'tanh')[]): Graph {
  return buildGraph('chain', (g) => {
    let x = g.input('x', f32(batch, 4));
    for (const op of ops) x = g[op](x);
    return { y: x };
  });
}

/** Rewrites every node of an op. */
function rewriting(
  op: string,
  write: (node: Node, into: GraphWriter) => ReturnType<GraphWriter['get']>,
) {
  return rewritingPass(about, ({ graph }) =>
    graph.nodes
      .filter((node) => node.op === op)
      .map((node): Finding => {
        const at = firstResult(node);
        const rewrite = { replaces: [at], write: (into: GraphWriter) => [write(node, into)] };
        return { pattern: `each ${op}`, at, outcome: { rewrite, detail: 'found' } };
      }),
  );
}

describe('runPasses', () => {
  test('runs passes in order and shows each graph', () => {
    const seen: string[] = [];
    const graph = runPasses(
      chain('exp', 'neg'),
      [
        {
          ...rewriting('exp', (node, into) => into.node('tanh', [into.get(operandOf(node, 0))])),
          name: 'first',
        },
        {
          ...rewriting('neg', (node, into) => into.node('exp', [into.get(operandOf(node, 0))])),
          name: 'second',
        },
      ],
      { onPass: (name, after) => seen.push(`${name}: ${opsOf(after).join(', ')}`) },
    );
    expect(seen).toEqual(['first: tanh, neg', 'second: tanh, exp']);
    expect(opsOf(graph)).toEqual(['tanh', 'exp']);
  });

  test('names the pass that leaves a broken graph', () => {
    const broken: Pass = { ...about, run: (graph) => ({ ...graph, nodes: graph.nodes.slice(1) }) };
    expect(() => runPasses(chain('exp', 'neg'), [broken])).toThrow(
      /The pass test-pass left a broken graph: verify_v1/,
    );
  });
});

describe('rewriting', () => {
  test('what replaces a value has its name, its id may be new', () => {
    const { graph } = run(
      chain('exp', 'neg'),
      rewriting('neg', (node, into) => into.node('tanh', [into.get(operandOf(node, 0))])),
    );
    expect(valueOf(graph, graph.outputs[0]?.value ?? (-1 as never)).name).toBe('neg');
  });

  test('drops what a rewrite leaves without a use, and nothing else', () => {
    const graph = buildGraph('uses', (g) => {
      const x = g.input('x', f32(batch, 4));
      const inner = g.exp(g.mul(x, g.weight('w', f32(4))));
      g.tanh(x);
      return { y: g.neg(inner) };
    });
    const bypass = rewriting('neg', (_, into) => into.get(graph.inputs[0] ?? (-1 as never)));
    const { graph: after } = run(graph, bypass);
    expect(opsOf(after)).toEqual(['tanh']);
    expect(after.parameters).toEqual([]);
  });

  test('refuses a value of another type', () => {
    const wrong = rewriting('neg', (_, into) => into.scalar(1, 'f32'));
    expect(() => run(chain('neg'), wrong)).toThrow('%neg of f32[batch, 4] is replaced by f32[]');
  });

  test('refuses the use of a value that stands behind the place', () => {
    const graph = chain('exp', 'neg');
    const last = graph.outputs[0]?.value ?? (-1 as never);
    const circular = rewriting('exp', (_, into) => into.node('tanh', [into.get(last)]));
    expect(() => run(graph, circular)).toThrow('%neg is used before its node');
  });

  test('a search that never comes to its end is an error', () => {
    const endless = rewriting('neg', (node, into) =>
      into.node('neg', [into.get(operandOf(node, 0))]),
    );
    expect(() => run(chain('neg'), endless)).toThrow('test-pass does not come to an end');
  });

  test('of two rewrites of one value the first, and the other in the next round', () => {
    const both = rewritingPass(about, (index) => {
      const [node] = index.graph.nodes.filter(({ op }) => op === 'neg' || op === 'exp');
      if (node === undefined) return [];
      const at = firstResult(node);
      const to = (op: string): Finding => {
        const write = (into: GraphWriter) => [into.node(op, [into.get(operandOf(node, 0))])];
        return { pattern: op, at, outcome: { rewrite: { replaces: [at], write }, detail: op } };
      };
      return node.op === 'neg' ? [to('exp'), to('tanh')] : [to('tanh')];
    });
    const { ops, entries } = run(chain('neg'), both);
    expect(ops).toEqual(['tanh']);
    expect(entries.map(({ pattern }) => pattern)).toEqual(['exp', 'tanh']);
  });
});

describe('the ledger', () => {
  const base = { pass: 'p', pattern: 'q', at: 'x', location: () => 'model.ts:1:2' };

  test('holds an entry once', () => {
    const ledger = new Ledger();
    ledger.record({ ...base, matched: true, detail: 'found' });
    ledger.record({ ...base, matched: true, detail: 'found' });
    ledger.record({ ...base, matched: true, detail: 'another' });
    expect(ledger.entries).toHaveLength(2);
  });

  test('prints a line an entry, under a heading a pass', () => {
    const ledger = new Ledger();
    ledger.record({ ...base, matched: true, detail: 'found' });
    ledger.record({
      ...base,
      pass: 'r',
      location: () => null,
      matched: false,
      reason: 'not so',
      stopper: 'y',
    });
    expect(printLedger(ledger.entries)).toBe(
      [
        'p',
        '  matched  %x: q: found  (model.ts:1:2)',
        '',
        'r',
        '  refused  %x: q: not so',
        '',
      ].join('\n'),
    );
    expect(printLedger([])).toBe('');
  });

  test('is plain data for JSON', () => {
    const ledger = new Ledger();
    ledger.record({ ...base, matched: false, reason: 'not so', stopper: 'y' });
    expect(JSON.parse(JSON.stringify(ledgerToJson(ledger.entries)))).toEqual([
      {
        pass: 'p',
        pattern: 'q',
        at: 'x',
        location: 'model.ts:1:2',
        matched: false,
        reason: 'not so',
        stopper: 'y',
      },
    ]);
  });
});

test('every pass of the pipeline has a name of its own, a summary and a reason', () => {
  const names = pipeline.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, summary, reason } of pipeline) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)+$|^(simplify|raise)$/);
    expect(summary.length).toBeGreaterThan(20);
    expect(reason.length).toBeGreaterThan(20);
  }
});
