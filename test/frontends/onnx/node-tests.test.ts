/** ONNX's own node tests, each through the interpreter and compiled JavaScript. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describeWithData } from '../../support/test-data.ts';
import { expectOutputs, importCase, opTypesOf, readCase } from './node-case.ts';
import { failingIn, type Outcome, onnxPage, reasonOf } from './node-table.ts';

const PAGE = fileURLToPath(new URL('../../../docs/onnx.md', import.meta.url));
const isBlessing = process.env.ENCOMPILE_BLESS === '1' && process.env.CI === undefined;

describeWithData('the node tests of ONNX', 'onnx-node', (folder) => {
  const page = readFileSync(PAGE, 'utf8');
  const failing = failingIn(page);
  const names = readdirSync(folder).sort();
  const outcomes: Outcome[] = [];

  it.each(names)('%s', async (name) => {
    const one = readCase(folder, name);
    const opTypes = opTypesOf(one.model);
    try {
      const graph = importCase(one);
      await expectOutputs(graph, one, 'interpreter');
      await expectOutputs(graph, one, 'js');
      outcomes.push({ name, opTypes, failure: null });
    } catch (error) {
      outcomes.push({ name, opTypes, failure: reasonOf(error) });
      if (!isBlessing && !failing.has(name)) throw error;
      return;
    }
    if (!isBlessing) expect(failing.has(name), 'docs/onnx.md says that it fails').toBe(false);
  });

  describe('docs/onnx.md', () => {
    it('is current', () => {
      if (outcomes.length < names.length) return;
      if (isBlessing) writeFileSync(PAGE, onnxPage(outcomes));
      expect(readFileSync(PAGE, 'utf8')).toBe(onnxPage(outcomes));
    });
  });
});
