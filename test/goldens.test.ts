/**
 * What the compiler makes of a small attention block, at every level, as files to read: the declared
 * graph, the optimised one, loops, memory plan and source for every target, and the ledger.
 */
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { printProgram } from '../src/backends/print.ts';
import { compiledFor, compileGraph } from '../src/compile.ts';
import { buildGraph } from '../src/ir/builder.ts';
import { parseGraph } from '../src/ir/parse.ts';
import { printGraph } from '../src/ir/print.ts';
import { bool, dims, f32, i64 } from '../src/ir/types.ts';
import { printPlan } from '../src/loops/check-plan.ts';
import { printKernels } from '../src/loops/print.ts';
import { bert, encoderBlock, gru } from '../src/models/index.ts';
import { printLedger } from '../src/passes/ledger.ts';
import { PROGRAM_TARGETS } from '../src/targets.ts';
import { repositoryRoot } from './support/build-dist.ts';
import { expectGolden } from './support/golden.ts';

const { batch, seq } = dims('batch', 'seq');

const block = buildGraph('attention-block', (g) => {
  const x = g.input('x', f32(batch, seq, 16));
  const mask = g.input('mask', bool(batch, seq));
  return { states: encoderBlock(g, x, { heads: 2, hidden: 32, mask }) };
});

const compilation = compileGraph(block);

const recurrence = buildGraph('recurrence', (g) => {
  const x = g.input('x', f32(batch, seq, 8));
  return { states: gru(g, x, { hidden: 8 }).outputs };
});

describe('goldens of a recurrent layer', () => {
  const compiled = compileGraph(recurrence);

  it('graph, as declared and after all passes', () => {
    expectGolden('recurrence/declared.ir', printGraph(recurrence));
    expectGolden('recurrence/optimised.ir', printGraph(compiled.optimised));
  });

  it.each(['wasm', 'wgsl'] as const)('loops for %s', (target) => {
    const { program } = compiledFor(compiled, target);
    expectGolden(`recurrence/${target}.loops`, `${printKernels(program.kernels)}\n`);
  });
});

describe('goldens of an attention block', () => {
  it('graph, as declared and after all passes', () => {
    expectGolden('attention-block/declared.ir', printGraph(block));
    expectGolden('attention-block/optimised.ir', printGraph(compilation.optimised));
  });

  it('the optimised graph reads back', () => {
    const text = printGraph(compilation.optimised);
    expect(printGraph(parseGraph(text))).toBe(text);
  });

  it('ledger', () => {
    expectGolden(
      'attention-block/ledger.txt',
      `${printLedger(compilation.ledger).replaceAll(repositoryRoot, '')}\n`,
    );
  });

  for (const target of PROGRAM_TARGETS) {
    const { program, plan } = compiledFor(compilation, target);
    it(`loops, plan and source for ${target}`, () => {
      expectGolden(`attention-block/${target}.loops`, `${printKernels(program.kernels)}\n`);
      expectGolden(`attention-block/${target}.plan`, `${printPlan(program, plan)}\n`);
      const { path, text } = printProgram(program);
      expectGolden(`attention-block/${basename(path)}`, text);
    });
  }

  it('seven kernels: projections, attention, output, norm, two of the feed-forward, norm', () => {
    const { program } = compiledFor(compilation, 'js');
    expect(program.steps.map(({ provenance }) => provenance.ops.filter(isWork))).toEqual([
      ['matmul', 'add'],
      ['attention'],
      ['matmul', 'add'],
      ['add_norm'],
      ['matmul', 'add', 'gelu'],
      ['matmul', 'add'],
      ['add_norm'],
    ]);
  });
});

describe('golden of a BERT layer', () => {
  const bertGraph = buildGraph('bert', (g) => {
    const ids = g.input('input_ids', i64(batch, seq));
    const mask = g.input('attention_mask', bool(batch, seq));
    const tokenTypes = g.input('token_type_ids', i64(batch, seq));
    const sizes = { layers: 2, hidden: 16, heads: 2, intermediate: 32 };
    const tables = { vocab: 100, maxPositions: 20, typeVocab: 2 };
    return { states: bert(g, { ...sizes, ...tables }, { ids, mask, tokenTypes }) };
  });
  const { optimised, programs } = compileGraph(bertGraph);

  it('graph after all passes', () => {
    expectGolden('bert/optimised.ir', printGraph(optimised));
  });

  it('one kernel for the embeddings and seven a layer, which both layers share', () => {
    const program = programs.get('js');
    expect(program?.steps).toHaveLength(1 + 2 * 7);
    expect(program?.steps[0]?.provenance.ops).toContain('gather');
    expect(program?.steps[0]?.provenance.ops).toContain('layer_norm');
    expect(program?.kernels).toHaveLength(1 + 6);
  });
});

const VIEWS = new Set(['reshape', 'transpose', 'slice', 'broadcast']);
const isWork = (op: string) => !VIEWS.has(op);
