// From weights in memory to the first result, each time in a fresh process; the most memory that such a
// process held until then; and what is shipped beside the weights.

import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { CONTENDERS, missingFor } from './contenders/index.mjs';
import { startContestant } from './contestants.mjs';
import { summary } from './statistics.mjs';
import { singleText } from './workloads.mjs';

const TOKENS = 128;

/** Of every contender, in rounds; the first round brings the files into the system's cache. */
export async function measureLoad({ model, folder, node, ids, rounds, onProgress }) {
  const measured = CONTENDERS.filter(({ id }) => ids.includes(id)).map((contender) => {
    const missing = missingFor(contender, node.version);
    return { contender, answers: [], failure: missing && `not run: ${missing}` };
  });
  for (let round = -1; round < rounds; round++) {
    for (const entry of measured) {
      if (entry.failure !== null) continue;
      onProgress(`loading, round ${round + 2} of ${rounds + 1}: ${entry.contender.name}`);
      const contestant = startContestant(node.path);
      try {
        const answer = await contestant.ask('open', {
          contender: entry.contender.id,
          model: model.id,
          folder,
          workload: singleText(TOKENS),
        });
        if (round >= 0) entry.answers.push(answer);
      } catch (error) {
        entry.failure = error.message;
      } finally {
        await contestant.stop();
      }
    }
  }
  return Promise.all(
    measured.map(async ({ contender, answers, failure }) => {
      const column = (name) => summary(answers.map((answer) => answer[name]));
      const { shipped, fetched } = listsOf(await contender.files(folder));
      const sizes = { shipped: await sizesOf(shipped), fetched: await sizesOf(fetched) };
      const row = { contender: contender.id, tokens: TOKENS, ...sizes };
      if (failure !== null) return { ...row, failure };
      return {
        ...row,
        loaded: column('loaded'),
        first: column('first'),
        peakBytes: column('peakBytes'),
      };
    }),
  );
}

/** A runtime's files are all fetched, so it lists them once. */
function listsOf(files) {
  return Array.isArray(files) ? { shipped: files, fetched: files } : files;
}

async function sizesOf(paths) {
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  return {
    bytes: sum(contents.map((content) => content.length)),
    gzipBytes: sum(contents.map((content) => gzipSync(content, { level: 9 }).length)),
  };
}
