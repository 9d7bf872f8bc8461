import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildGraph } from '../../src/ir/builder.ts';
import { graphToDot, graphToJson, graphToSvg } from '../../src/ir/dump.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph, printName } from '../../src/ir/print.ts';
import { f32 } from '../../src/ir/types.ts';
import { expectGolden } from '../support/golden.ts';
import { attentionBlock, randomGraph, withRegions } from '../support/sample-graphs.ts';

/** Names that would end a string, start an entity, an escape or a tag, or reach a terminal. */
const HOSTILE = [
  '"',
  '\\',
  '\\N',
  '&lt;',
  '<b>',
  ']; x [',
  '\u0000',
  '\u001b[31m',
  '--> */',
  '\ud800',
];

describe('JSON', () => {
  test('a block', () => {
    expectGolden('ir/attention-block.json', graphToJson(withRegions(attentionBlock())));
  });

  test('numbers that JSON lacks are strings', () => {
    const value = [Infinity, -Infinity, Number.NaN, -0, 1.5];
    const graph = buildGraph('g', (g) => ({
      y: g.constant({ value, dtype: 'f32', shape: [5] }),
    }));
    const [node] = JSON.parse(graphToJson(graph)).nodes;
    expect(node.attributes.value).toEqual(['inf', '-inf', 'nan', '-0', 1.5]);
  });
});

describe('DOT', () => {
  test('a block with regions', () => {
    expectGolden('ir/attention-block.dot', graphToDot(withRegions(attentionBlock())));
  });

  test('any graph, whatever its names, is one picture with a box a node', async () => {
    const { instance } = await import('@viz-js/viz');
    const viz = await instance();
    fc.assert(
      fc.property(randomGraph(15), (graph) => {
        const rendered = viz.render(graphToDot(graph), { format: 'json' });
        // Warnings are about widths of characters that the fonts lack.
        expect(rendered.errors.filter(({ level }) => level === 'error')).toEqual([]);
        const { objects = [] } = JSON.parse(rendered.output ?? '{}');
        const boxes = objects.filter((object: object) => !('nodes' in object));
        const inner = graph.nodes.flatMap((node) => node.body?.nodes ?? [node]);
        const around = graph.inputs.length + graph.parameters.length + graph.outputs.length;
        expect(boxes).toHaveLength(inner.length + around);
      }),
      { numRuns: 15 },
    );
  });

  test.each(HOSTILE)('the name %j stays a name', async (name) => {
    const graph = buildGraph(name, (g) => ({ [`${name}.out`]: g.exp(g.input(name, f32(4))) }));
    const svg = await graphToSvg(graph);
    const shown = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text ?? '');
    const plain = `%${printName(name)}: f32[4]`
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;');
    // Graphviz writes blanks and hyphens of its own kinds.
    const texts = shown.map((text) => text.replaceAll('&#160;', ' ').replaceAll('&#45;', '-'));
    expect(texts.slice(0, 2)).toEqual(['input', plain]);
    expect(svg.match(/class="node"/g)).toHaveLength(3);
  });
});

test('dumps are the same every time, also of the graph read back', async () => {
  const graph = withRegions(attentionBlock());
  const again = parseGraph(printGraph(graph));
  expect(graphToDot(again)).toBe(graphToDot(graph));
  expect(graphToJson(parseGraph(printGraph(again)))).toBe(graphToJson(again));
  expect(await graphToSvg(again)).toBe(await graphToSvg(graph));
});
