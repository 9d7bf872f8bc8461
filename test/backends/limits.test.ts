/** What a model's own tables bound: token ids by the vocabulary, lengths by the positions. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileGraph } from '../../src/compile.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { dims, f32, i64 } from '../../src/ir/types.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import type { Model } from '../../src/runtime/load.mts';
import { type ArtifactFolder, artifactFolder } from './artifact-folder.ts';

const { batch, seq } = dims('batch', 'seq');

const graph = fillRandomWeights(
  buildGraph('tables', (g) => {
    const ids = g.input('ids', i64(batch, seq));
    const tokens = g.gather(g.weight('tokens', f32(11, 4)), ids, { axis: 0 });
    const table = g.weight('positions', f32(6, 4));
    const positions = g.slice(table, { starts: [0, 0], ends: [seq, 4] });
    return { x: g.add(tokens, positions) };
  }),
  1,
);

describe('limits that tables set', () => {
  let folder: ArtifactFolder;
  let model: Model;
  beforeAll(async () => {
    const { programs } = compileGraph(graph, { targets: ['js'] });
    folder = await artifactFolder([...programs.values()]);
    model = await folder.load({ backend: 'js' });
  });
  afterAll(() => folder?.remove());

  const run = (data: readonly number[]) => model.run({ ids: { data, shape: [1, data.length] } });

  it('the range of token ids is known', () => {
    expect(model.inputs[0]?.range).toEqual([0, 10]);
  });

  it('the largest token and the longest text run', async () => {
    expect((await run([0, 10, 1, 2, 3, 4])).x?.shape).toEqual([1, 6, 4]);
  });

  it.each([[[0, 11]], [[-1]]])('token ids %j are refused', async (data) => {
    await expect(run(data)).rejects.toThrow(/ids.*0.*10/);
  });

  it('a text longer than the positions is refused', async () => {
    await expect(run([0, 1, 2, 3, 4, 5, 6])).rejects.toThrow(
      'takes seq up to 6, but seq is 7: seq is 7 by dim 1 of the input "ids".',
    );
  });
});
