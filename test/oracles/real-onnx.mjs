/**
 * Makes test/fixtures/real-models.json: what ONNX Runtime computes for published models.
 *
 *   npm ci && cd test/oracles && npm ci --ignore-scripts && npm run real
 *
 * Optimisations of the runtime are off and it uses one thread, so the numbers are those of the files as
 * they are. Of large outputs some places are kept, the largest numbers among them, in six digits.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { openOnnx, version } from './onnx-runtime.mjs';
import { MODELS, runCase, sampledPlaces } from './real-models.mjs';

const target = new URL('../fixtures/real-models.json', import.meta.url);

const models = {};
for (const { name, file, constants = {}, cases } of MODELS) {
  const session = await openOnnx(new Uint8Array(await readFile(file)));
  const run = (inputs) => session.run(new Map([...inputs, ...Object.entries(constants)]));
  models[name] = [];
  for (const one of cases) {
    const steps = await runCase(one, run);
    models[name].push(steps.map((outputs) => Object.fromEntries([...outputs].map(sampled))));
  }
  await session.release();
}
const text = JSON.stringify({ runtime: `onnxruntime-node ${version}, cpu`, models }, null, 1);
await writeFile(
  target,
  `${text.replace(/\[[-\d.,e\s]*\]/g, (list) => list.replace(/\s+/g, ''))}\n`,
);

function sampled([name, array]) {
  const places = sampledPlaces(array);
  const numbers = places.map((place) => Number(array.data[place].toPrecision(6)));
  return [name, { shape: array.shape, places, numbers }];
}
