/**
 * The main job, once through: compile a real sentence encoder, see what became of it, search with it
 * on two backends, and compare its embeddings with the interpreter's.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  artifactFiles,
  type Compilation,
  compileGraph,
  countPrimitives,
  graphToSvg,
  groupLedger,
  loadModel,
  printGraph,
  printLedgerGroups,
  requestNodeDevice,
  respawnWithVulkan,
  writeArtifact,
} from 'encompile/compiler';
import {
  type Batch,
  batchOf,
  type Encoder,
  embed,
  embedByInterpreter,
  largestDifference,
  nearest,
} from './demo/search.ts';
import { queries, sentences } from './demo/sentences.ts';
import { loadUseLiteTokenizer } from './use-lite/tokenizer.ts';

const HITS = 3;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUT = join(ROOT, 'out', 'demo');
const ARTIFACT = join(OUT, 'use-lite');
const DUMPS = join(OUT, 'dumps');

// WebGPU on a machine without a GPU needs an environment that only a new process can have.
await respawnWithVulkan();
await main();

async function main(): Promise<void> {
  heading('Compile examples/use-lite.ts');
  const { graph } = await loadModel(join(ROOT, 'examples', 'use-lite.ts'));
  const dumps = new Map([['00-declared.ir', printGraph(graph)]]);
  const started = performance.now();
  const compilation = compileGraph(graph, {
    onPass: (pass, after) => {
      const name = `${String(dumps.size).padStart(2, '0')}-${pass}.ir`;
      dumps.set(name, printGraph(after));
    },
  });
  reportFusion(compilation, performance.now() - started);
  dumps.set('optimised.svg', await graphToSvg(compilation.optimised));
  await writeArtifact(ARTIFACT, await artifactFiles(compilation));
  await mkdir(DUMPS, { recursive: true });
  for (const [name, text] of dumps) await writeFile(join(DUMPS, name), text);

  const tokenizer = await loadUseLiteTokenizer();
  const texts = batchOf(sentences.map((text) => tokenizer.encode(text)));
  const questions = batchOf(queries.map((text) => tokenizer.encode(text)));
  heading(`Search ${sentences.length} sentences`);
  console.log('the interpreter embeds the questions, in float64, for comparison ...');
  const exact = embedByInterpreter(graph, questions);
  const { gpu, release } = await requestNodeDevice();
  for (const backend of ['js', 'wasm', 'webgpu'] as const) {
    const encoder = await loadEncoder({ backend, gpu });
    await search(encoder, texts, questions, exact);
    encoder.dispose();
  }
  release();

  heading('Open these');
  for (const [path, what] of worthReading([...dumps.keys()])) {
    console.log(`  ${relative(process.cwd(), path).padEnd(48)} ${what}`);
  }
}

function heading(text: string): void {
  console.log(`\n== ${text}\n`);
}

function reportFusion({ declared, ledger, programs }: Compilation, milliseconds: number): void {
  const groups = groupLedger(ledger);
  console.log(printLedgerGroups(groups));
  if (groups.every(({ matched }) => matched)) console.log('\nNo pattern was refused.');
  console.log(`\nWithout fusion ${countPrimitives(declared)} kernels; with it`);
  for (const [target, { steps, kernels }] of programs) {
    console.log(
      `  ${target.padEnd(12)} ${steps.length} calls of ${kernels.length} different kernels`,
    );
  }
  console.log(`Compiled in ${milliseconds.toFixed(0)} ms.`);
}

async function loadEncoder(options: object): Promise<Encoder> {
  const artifact: { load(options: object): Promise<Encoder> } = await import(
    pathToFileURL(join(ARTIFACT, 'model.mjs')).href
  );
  return artifact.load(options);
}

async function search(
  encoder: Encoder,
  texts: Batch,
  questions: Batch,
  exact: Float64Array,
): Promise<void> {
  const started = performance.now();
  const library = await embed(encoder, texts);
  const asked = await embed(encoder, questions);
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  const width = asked.length / queries.length;
  const difference = largestDifference(asked, exact).toExponential(1);
  console.log(
    `\non ${encoder.backend}, ${seconds} s; off the interpreter by at most ${difference}`,
  );
  queries.forEach((query, i) => {
    console.log(`  ${query}`);
    const question = asked.subarray(i * width, (i + 1) * width);
    for (const { text, similarity } of nearest(question, library, HITS)) {
      console.log(`    ${similarity.toFixed(3)}  ${sentences[text]}`);
    }
  });
}

function worthReading(dumps: readonly string[]): readonly (readonly [string, string])[] {
  const fused = dumps.find((name) => name.includes('fuse-attention')) ?? '';
  const last = dumps.filter((name) => name.endsWith('.ir')).at(-1) ?? '';
  return [
    [join(DUMPS, '00-declared.ir'), 'the graph as declared'],
    [join(DUMPS, fused), 'after attention was recognised'],
    [join(DUMPS, last), 'after the last pass: one node a kernel'],
    [join(DUMPS, 'optimised.svg'), 'the same as a picture'],
    [join(ARTIFACT, 'kernels', 'kernels.mjs'), 'the JS kernels'],
    [join(ARTIFACT, 'kernels', 'kernels.wat'), 'the WebAssembly kernels, as text'],
    [join(ARTIFACT, 'kernels', 'kernels.wgsl'), 'the WGSL kernels'],
    [join(ARTIFACT, 'manifest.json'), 'where each kernel came from, the memory plan, hashes'],
  ];
}
