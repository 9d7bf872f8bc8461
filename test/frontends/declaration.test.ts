import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EncompileError } from '../../src/errors.ts';
import { loadDeclaration } from '../../src/frontends/declaration.ts';
import { loadModel } from '../../src/frontends/load.ts';
import { writeSafetensors } from '../../src/frontends/safetensors.ts';
import { printGraph } from '../../src/ir/print.ts';
import { repositoryRoot } from '../support/build-dist.ts';
import { expectGolden } from '../support/golden.ts';
import { leftBehindBy } from '../support/temporary-files.ts';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const fixture = (name: string) => join(fixtures, name);

async function errorOf(promise: Promise<unknown>): Promise<EncompileError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof EncompileError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
const refusal = async (path: string) => (await errorOf(loadDeclaration(path))).message;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'declared-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A file outside of this repository, where nothing is installed. */
function put(name: string, ...lines: readonly string[]): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

describe('a model file', () => {
  test('is checked, run and built; its values know their lines', async () => {
    const graph = await loadDeclaration(fixture('two-layers.ts'));
    expect(printGraph(graph)).toContain('%tanh = tanh %matmul : f32[batch, seq, 32]');
    const places = graph.nodes.map(({ op, origin }) => `${op} ${origin.location()}`);
    expect(places).toEqual([
      `gather ${fixture('two-layers.ts')}:9:15`,
      `matmul ${fixture('two-layers.ts')}:11:27`,
      `tanh ${fixture('two-layers.ts')}:11:20`,
      `reshape ${fixture('two-layers.ts')}:12:21`,
      `constant ${fixture('two-layers.ts')}:13:22`,
      `select ${fixture('two-layers.ts')}:13:22`,
    ]);
  });

  test('imports packages, files of its own and JSON, and knows where it lies', async () => {
    const graph = await loadDeclaration(fixture('imports.ts'));
    expect(JSON.parse(graph.name)).toEqual({
      url: pathToFileURL(fixture('imports.ts')).href,
      filename: fixture('imports.ts'),
      dirname: fixtures,
      resolved: pathToFileURL(fixture('parts/sizes.json')).href,
      distance: 1,
      isSelf: true,
      kind: 'wide',
      plain: 'plain',
      missing: expect.stringMatching(/Error/),
    });
    expect(graph.nodes.map(({ op }) => op)).toEqual([
      'linear',
      ...['constant', 'mul', 'constant', 'mul', 'constant', 'mul'],
    ]);
    const doubled = graph.nodes.find(({ op }) => op === 'mul');
    expect(doubled?.origin.location()).toBe(`${fixture('parts/doubled.ts')}:4:12`);
  });

  test('may be plain JavaScript, which is not checked', async () => {
    const path = put(
      'plain.mjs',
      "import { f32, model } from 'encompile';",
      "import { twice } from './twice.js';",
      "export default model('plain', (g) => ({ y: twice(g, g.input('x', f32(4))) }));",
    );
    put('twice.js', 'export const twice = (g, x) => g.mul(x, 2);');
    const graph = await loadDeclaration(path);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['constant', 'mul']);
    expect(graph.nodes[1]?.origin.location()).toBe(`${join(folder, 'twice.js')}:1:34`);
  });

  test.each([
    ['a promise', "Promise.resolve(model('m', build))"],
    ['a function', "() => model('m', build)"],
    ['an asynchronous function', "async () => model('m', build)"],
  ])('may export %s of a model', async (_, exported) => {
    const path = put(
      'exported.mjs',
      "import { f32, model } from 'encompile';",
      "const build = (g) => ({ y: g.exp(g.input('x', f32(4))) });",
      `export default ${exported};`,
    );
    expect((await loadDeclaration(path)).nodes).toHaveLength(1);
  });

  test('reads weights from beside itself', async () => {
    const declare = (source: string) =>
      put(
        'weights.mjs',
        "import { f32, model, safetensors } from 'encompile';",
        "const build = (g) => ({ w: g.weight('w', f32(2)) });",
        `export default model('m', build, { weights: ${source} });`,
      );
    const data = Float32Array.of(1, 2);
    const tensors = new Map([['w', { dtype: 'f32', shape: [2], data } as const]]);
    await writeSafetensors(join(folder, 'w.safetensors'), tensors);
    for (const source of [
      "safetensors('w.safetensors')",
      "safetensors(new URL('./w.safetensors', import.meta.url))",
      '{ w: [1, 2] }',
    ]) {
      const graph = await loadDeclaration(declare(source));
      expect(graph.parameters[0]?.data?.data).toEqual(data);
    }
    expect(await refusal(declare('{ v: [1, 2] }'))).toContain('(there is "v")');
  });

  test('is told what is being done', async () => {
    const doing: string[] = [];
    await loadDeclaration(fixture('two-layers.ts'), { onProgress: (text) => doing.push(text) });
    expect(doing).toEqual([
      'checking test/frontends/fixtures/two-layers.ts',
      'running test/frontends/fixtures/two-layers.ts',
      'reading the weights of two-layers',
    ]);
  });

  test('leaves nothing behind', async () => {
    const path = put('alone/model.mjs', "export { default } from '../plain.mjs';");
    put(
      'plain.mjs',
      "import { f32, model } from 'encompile';",
      "export default model('plain', (g) => ({ y: g.exp(g.input('x', f32(4))) }));",
    );
    const left = await leftBehindBy(async () => {
      await loadDeclaration(path);
    });
    expect(left).toEqual([]);
    expect(readdirSync(dirname(path))).toEqual(['model.mjs']);
  });
});

describe('the mistakes that are made most', () => {
  test.each(['wrong-matmul', 'unknown-dim', 'missing-return', 'wrong-attribute', 'no-default'])(
    '%s',
    async (name) => {
      expectGolden(`declaration/${name}.txt`, `${await refusal(fixture(`${name}.ts`))}\n`);
    },
  );
});

describe('type errors', () => {
  test('are shown all at once, of all files, up to ten', async () => {
    put('wrong/a-part.ts', 'export const part: number = "part";');
    const path = put(
      'wrong/model.ts',
      "import { part } from './a-part.ts';",
      ...Array.from({ length: 11 }, (_, i) => `export const a${i}: string = part;`),
    );
    const message = await refusal(path);
    expect(message).toContain('model.ts was not run, because its types have 12 errors:');
    expect(message.match(/error TS2322/g)).toHaveLength(10);
    expect(message).toContain(
      `${folder}/wrong/a-part.ts:1:14 - error TS2322: Type 'string' is not`,
    );
    expect(message).toMatch(/\n\nand 2 more\.$/);
  });

  test('are those of the nearest tsconfig.json, and strict where there is none', async () => {
    const lines = ['export const f = (x) => x;', 'export default 3;'];
    expect(await refusal(put('loose/model.ts', ...lines))).toContain("'x' implicitly has an 'any'");
    put('loose/tsconfig.json', '{ "compilerOptions": { "strict": false, } } // loosely');
    expect(await refusal(put('loose/model.ts', ...lines))).toContain('The default export of');
    put('loose/base.json', '{ "compilerOptions": { "strict": true } }');
    put('loose/tsconfig.json', '{ "extends": "./base.json" }');
    expect(await refusal(put('loose/model.ts', ...lines))).toContain("'x' implicitly has an 'any'");
    put('loose/tsconfig.json', '{ "compilerOptions": ');
    expect(await refusal(put('loose/model.ts', ...lines))).toContain('tsconfig.json, by which the');
  });

  test('paths of the tsconfig.json lead to files that are checked and run', async () => {
    put('paths/tsconfig.json', '{ "compilerOptions": { "paths": { "#*": ["./library/*.ts"] } } }');
    put('paths/library/three.ts', 'export const three = 3;');
    const path = put(
      'paths/model.ts',
      "import { f32, model } from 'encompile';",
      "import { three } from '#three';",
      "export default model('m', (g) => ({ y: g.exp(g.input('x', f32(three))) }));",
    );
    expect(printGraph(await loadDeclaration(path))).toContain('%x: f32[3]');
  });

  test('where nothing is installed, Node is there without its types', async () => {
    const path = put(
      'bare.ts',
      "import { readFileSync } from 'node:fs';",
      "import { dims, f32, model } from 'encompile';",
      "import { linear } from 'encompile/models';",
      "const { n } = dims('n');",
      'const text = readFileSync(new URL(import.meta.url));',
      "console.log(process.env.NONE ?? '', text.length > 0 ? '' : 'empty');",
      "export default model('bare', (g) => ({ y: linear(g, g.input('x', f32(n, 4)), { width: 8 }) }));",
    );
    expect(printGraph(await loadDeclaration(path))).toContain('f32[n, 8]');
  });
});

describe('errors of the running file', () => {
  const header = [
    "import { f32, model } from 'encompile';",
    'const none: { a?: string } = {};',
    '',
  ];

  test('show the line that failed; the error itself is the cause', async () => {
    const path = put('throws.ts', ...header, '  throw new RangeError("too many heads");');
    const error = await errorOf(loadDeclaration(path));
    expect(error.message).toBe(
      `${path}:4:9: the model file failed while it ran: RangeError: too many heads.\n\n` +
        '4   throw new RangeError("too many heads");\n' +
        '          ~~~',
    );
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  test('also within the declaration, and within a file that it imports', async () => {
    put(
      'inner.ts',
      'interface A { b: string }',
      'export const inner = (x: A | null): string =>',
      '  x!.b;',
    );
    const path = put(
      'outer.ts',
      ...header,
      "import { inner } from './inner.ts';",
      "export default model('m', (g) => ({ [inner(null)]: g.input('x', f32(4)) }));",
    );
    expect(await refusal(path)).toMatch(
      /inner\.ts:3:\d+: the model file failed while it ran: TypeError: Cannot read.*\n\n3 {3}x!\.b;\n/,
    );
  });

  test('a constraint that only the running builder sees is placed too', async () => {
    const path = put(
      'open.ts',
      ...header,
      "export default model('m', (g) => {",
      "  const x = g.input('x', f32(...[4, 5].map((size) => size)));",
      "  return { y: g.matmul(x, g.input('w', f32(4, 4))) };",
      '});',
    );
    expect(await refusal(path)).toBe(
      `${path}:6:17: matmul_c2: the inner dims differ: 5 and 4 (operands: f32[4, 5], f32[4, 4]).\n\n` +
        "6   return { y: g.matmul(x, g.input('w', f32(4, 4))) };\n" +
        '                  ~~~~~~',
    );
  });

  test('a thrown value that is no error', async () => {
    expect(await refusal(put('odd.mjs', 'throw "odd";'))).toContain(
      'odd.mjs: the model file failed',
    );
  });

  test('in JavaScript: syntax errors and imports that lead nowhere', async () => {
    expect(await refusal(put('syntax.mjs', 'export default (;'))).toContain(
      'syntax.mjs:1:17 - error TS1109: Expression expected.',
    );
    const message = await refusal(put('lost.mjs', '', "import x from './nowhere.js';"));
    expect(message).toContain("lost.mjs:2:15: nothing is found under './nowhere.js'.");
    expect(await refusal(put('lost.mjs', "import x from 'not-a-package';"))).toContain(
      "lost.mjs:1:15: nothing is found under 'not-a-package'.",
    );
  });

  test.each([
    ['3', 'is 3, where a model was expected'],
    ['undefined', 'is nothing, where'],
    ['{ kind: 1 }', 'is an object with the keys kind, where'],
    ['() => "no"', 'is a function that gives "no", where'],
    ['new Map()', 'is a Map, where'],
  ])('the default export %s is no model', async (exported, message) => {
    expect(await refusal(put('no-model.mjs', `export default ${exported};`))).toContain(message);
  });

  test('no export at all', async () => {
    expect(await refusal(put('empty.ts', ''))).toContain('it exports nothing. Export it so:');
  });
});

describe('any kind of model', () => {
  test('a dump, with the weights beside it', async () => {
    const text = 'graph @g(%x: f32[2]) { param %w: f32[2] %y = add %x, %w : f32[2] return %y }';
    const path = put('dump/g.ir', text);
    const bare = await loadModel(path);
    expect(bare.weights).toBe('none');
    expect(bare.graph.nodes[0]?.origin.location()).toBe(`${path}:1:41`);
    const data = Float32Array.of(1, 2);
    const tensors = new Map([['w', { dtype: 'f32', shape: [2], data } as const]]);
    await writeSafetensors(join(folder, 'dump/g.safetensors'), tensors);
    const bound = await loadModel(path);
    expect(bound.weights).toBe('bound');
    expect(bound.graph.parameters[0]?.data?.data).toEqual(data);
    await writeSafetensors(join(folder, 'dump/g.safetensors'), new Map());
    expect((await errorOf(loadModel(path))).message).toContain('missing: "w", expected f32[2]');
  });

  test('a declaration', async () => {
    expect((await loadModel(fixture('two-layers.ts'))).weights).toBe('none');
  });

  test.each([
    ['none.ts', 2, 'There is nothing at'],
    ['dump', 2, 'has no config.json. A model is a .ts,'],
    ['model.cjs', 2, 'is not a model. A model is a .ts, .mts, .js or .mjs file'],
    ['model.onnx', 1, 'is not an ONNX model'],
  ])('refuses %s with status %i', async (name, exitCode, message) => {
    put('dump/other.txt', '');
    put('model.cjs', '');
    put('model.onnx', '');
    const error = await errorOf(loadModel(join(folder, name)));
    expect(error.message).toContain(message);
    expect(error.exitCode).toBe(exitCode);
  });
});

describe('the built package', () => {
  test('loads a file where nothing is installed, with the same copy of itself', () => {
    // Characters that mean something in URLs, in source maps and in stacks.
    const odd = join(folder, 'odd #1 %41 (ä) ?');
    cpSync(fixture('two-layers.ts'), join(odd, 'two-layers.ts'));
    put('odd #1 %41 (ä) ?/throws.mjs', '', "throw new RangeError('too many heads');");
    put(
      'odd #1 %41 (ä) ?/layers.ts',
      "import { dims, f32, model } from 'encompile';",
      "import { linear } from 'encompile/models';",
      "const { n } = dims('n');",
      "export default model('m', (g) => {",
      "  return { y: linear(g, g.input('x', f32(n, 4)), { width: 8 }) };",
      '});',
    );
    const load = pathToFileURL(join(repositoryRoot, 'dist/frontends/declaration.js')).href;
    const script = `
      import { loadDeclaration } from ${JSON.stringify(load)};
      for (const path of process.argv.slice(1)) {
        const { nodes } = await loadDeclaration(path).catch((e) => ({ nodes: [], e: console.log(e.message) }));
        console.log(nodes.map(({ origin }) => origin.location()).join(' '));
      }`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', script, 'two-layers.ts', 'layers.ts', 'throws.mjs'],
      { cwd: odd, encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    const places = ['9:15', '11:27', '11:20', '12:21', '13:22', '13:22'];
    expect(stdout.split('\n')).toEqual([
      places.map((place) => `${odd}/two-layers.ts:${place}`).join(' '),
      `${odd}/layers.ts:5:15`,
      'throws.mjs:2:7: the model file failed while it ran: RangeError: too many heads.',
      '',
      "2 throw new RangeError('too many heads');",
      '        ~~~',
      '',
      '',
    ]);
  });
});
