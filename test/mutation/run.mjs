/**
 * The mutation check: breaks the compiler in one place at a time and shows that the suite notices.
 *
 *     node test/mutation/run.mjs                    all mutations; the status is 1 if one was missed
 *     node test/mutation/run.mjs --only attention   those with the word in their name
 *     node test/mutation/run.mjs --jobs 4           so many at a time (default: 2)
 *     node test/mutation/run.mjs --check            only whether every edit still fits the sources
 *
 * Sources are copied to a temporary folder and broken there, never in the working tree. A mutation
 * is caught where a test of those that it names fails. One after which no test runs at all, because
 * its text is no program any more, is an error of the mutation.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ts } from 'ts-morph';
import { mutations } from './mutations/index.mjs';

const ROOT = join(import.meta.dirname, '..', '..');
const COPIED = ['src', 'test', 'examples', 'package.json', 'tsconfig.json'];
const LINKED = ['node_modules', 'dist'];
/** Tests of properties are long; a few graphs must do. */
const ENVIRONMENT = { ...process.env, ENCOMPILE_PROPERTY_RUNS: '10' };

const CONFIG = `
import { defineConfig } from 'vitest/config';
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['gpu-setup.ts'],
    setupFiles: ['test/support/relaxed-simd.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    update: 'none',
  },
});
`;
/** As the suite's own, but without a build: dist is that of the sound sources. */
const SETUP = `
import { vulkanEnvironment } from './src/check/webgpu-node.ts';
export default async () => {
  Object.assign(process.env, await vulkanEnvironment());
};
`;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    check: { type: 'boolean', default: false },
  },
});

/** The source with the edit made; throws where it does not fit exactly once. */
function mutate({ name, file, find, replace }, source) {
  const count = source.split(find).length - 1;
  if (count === 1) return source.replace(find, () => replace);
  throw new Error(
    `The mutation '${name}' does not fit any more: in ${file} its text stands ${count} times, ` +
      `not once. Mend it in test/mutation/mutations. The text:\n${find}`,
  );
}

/** The JS of a file of the runtime, which artifacts take from beside it before they look in dist. */
function emitted(source) {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  return ts.transpileModule(source, { compilerOptions, fileName: 'runtime.mts' }).outputText;
}

/** A copy of the sources with a vitest of its own. */
class Workplace {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'encompile-mutation-'));
    for (const path of COPIED) {
      cpSync(join(ROOT, path), join(this.folder, path), { recursive: true });
    }
    for (const path of LINKED) symlinkSync(join(ROOT, path), join(this.folder, path));
    writeFileSync(join(this.folder, 'vitest.config.mjs'), CONFIG);
    writeFileSync(join(this.folder, 'gpu-setup.ts'), SETUP);
  }

  /** Runs tests; gives the names of those that failed, how many there are, and whether all passed. */
  async run(tests) {
    const report = join(this.folder, 'report.json');
    rmSync(report, { force: true });
    const vitest = join(this.folder, 'node_modules', 'vitest', 'vitest.mjs');
    const flags = ['run', '--bail', '1', '--reporter', 'json', '--outputFile', report];
    const output = await end([vitest, ...flags, ...tests], this.folder);
    try {
      const { numTotalTests, success, testResults } = JSON.parse(readFileSync(report, 'utf8'));
      const all = testResults.flatMap((file) => file.assertionResults);
      const failed = all.filter(({ status }) => status === 'failed');
      const names = failed.map(({ fullName }) => fullName);
      return { count: numTotalTests, success, failed: names, output };
    } catch {
      return { count: 0, success: false, failed: [], output };
    }
  }

  async try(mutation) {
    const path = join(this.folder, mutation.file);
    const source = readFileSync(path, 'utf8');
    const broken = mutate(mutation, source);
    writeFileSync(path, broken);
    const script = mutation.file.startsWith('src/runtime/') ? path.replace(/mts$/, 'mjs') : null;
    if (script !== null) writeFileSync(script, emitted(broken));
    try {
      return await this.run(mutation.tests);
    } finally {
      writeFileSync(path, source);
      if (script !== null) rmSync(script);
    }
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs Node; gives what it printed. */
function end(args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env: ENVIRONMENT });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        printed += text;
      });
    }
    child.on('error', reject);
    child.on('close', () => resolve(printed));
  });
}

/** Whether the tests pass as long as nothing is broken; else no failure would mean anything. */
async function expectSound(workplace, chosen) {
  const tests = [...new Set(chosen.flatMap((mutation) => mutation.tests))];
  const { count, success, failed, output } = await workplace.run(tests);
  if (count > 0 && success) return;
  throw new Error(`The tests fail before anything is broken: ${failed.join(', ')}\n${output}`);
}

function doAllFit(chosen) {
  for (const mutation of chosen) {
    try {
      mutate(mutation, readFileSync(join(ROOT, mutation.file), 'utf8'));
    } catch (error) {
      console.error(error.message);
      process.exitCode = 1;
    }
  }
  return process.exitCode !== 1;
}

function verdictOf({ success, failed }) {
  if (failed.length > 0) return 'caught';
  return success ? 'MISSED' : 'BROKEN';
}

async function main() {
  const chosen = mutations.filter(({ name }) => name.includes(options.only ?? ''));
  if (!doAllFit(chosen)) return;
  if (options.check) {
    console.log(`${chosen.length} mutations fit the sources.`);
    return;
  }
  const jobs = Math.max(1, Math.min(Number(options.jobs), chosen.length));
  const workplaces = Array.from({ length: jobs }, () => new Workplace());
  try {
    await expectSound(workplaces[0], chosen);
    const verdicts = new Map();
    const open = [...chosen];
    const width = Math.max(...chosen.map(({ name }) => name.length));
    const work = async (workplace) => {
      for (let mutation = open.shift(); mutation !== undefined; mutation = open.shift()) {
        const result = await workplace.try(mutation);
        const verdict = verdictOf(result);
        verdicts.set(mutation, verdict);
        const seen = verdict === 'caught' ? `by: ${result.failed[0]}` : mutation.tests.join(' ');
        console.log(`${verdict}  ${mutation.name.padEnd(width)}  ${seen}`);
        if (verdict === 'BROKEN') console.log(result.output);
      }
    };
    await Promise.all(workplaces.map(work));
    const caught = [...verdicts.values()].filter((verdict) => verdict === 'caught').length;
    console.log(`\n${caught} of ${chosen.length} mutations caught`);
    if (caught < chosen.length) process.exitCode = 1;
  } finally {
    for (const workplace of workplaces) workplace.remove();
  }
}

await main();
