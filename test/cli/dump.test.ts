/** `encompile dump`: every stage and format, and graphs that are models again. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseGraph } from '../../src/ir/parse.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { encompile, folderWith, LINEAR_INPUTS, LINEAR_IR, LINEAR_WEIGHTS } from './command.ts';

const folder = folderWith({
  'linear.ir': LINEAR_IR,
  'linear.safetensors': LINEAR_WEIGHTS,
  'in.safetensors': LINEAR_INPUTS,
});

async function dump(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await encompile(folder, 'dump', 'linear.ir', ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('a graph', () => {
  it('is printed as declared, after a pass, and after all', async () => {
    expect(await dump('--after', 'declared')).toBe(LINEAR_IR);
    expect(await dump('--after', 'remove-dead')).toBe(LINEAR_IR);
    const optimised = await dump();
    expect(optimised).toContain('fused %x, %weight, %bias');
    expect(parseGraph(optimised).nodes).toHaveLength(1);
  });

  it('is printed as JSON, DOT and SVG', async () => {
    expect(JSON.parse(await dump('--format', 'json'))).toMatchObject({ name: 'linear' });
    expect(await dump('--format', 'dot')).toMatch(/^digraph "linear" \{/);
    expect(await dump('--format', 'svg')).toMatch(/<svg[\s\S]*<\/svg>/);
  });

  it('written to a file is a model with its weights', async () => {
    await dump('-o', 'optimised.ir');
    const args = ['--inputs', 'in.safetensors', '--backend', 'interpreter', '--json'];
    const [declared, optimised] = await Promise.all([
      encompile(folder, 'run', 'linear.ir', ...args),
      encompile(folder, 'run', 'optimised.ir', ...args),
    ]);
    expect(optimised.stderr).toBe('');
    expect(JSON.parse(optimised.stdout).outputs).toEqual(JSON.parse(declared.stdout).outputs);
  });

  it('is written alone with --no-weights, and in other formats', async () => {
    await dump('-o', 'bare.ir', '--no-weights');
    await dump('-o', 'drawn.svg', '--format', 'svg');
    expect(readFileSync(join(folder, 'bare.ir'), 'utf8')).toBe(await dump());
    expect(existsSync(join(folder, 'bare.safetensors'))).toBe(false);
    expect(existsSync(join(folder, 'drawn.safetensors'))).toBe(false);
  });

  it('is written after every pass with --all', async () => {
    expect(await dump('--all', '-o', 'dumps')).toBe(
      `Wrote ${pipeline.length + 1} graphs to dumps\n`,
    );
    const names = ['declared', ...pipeline.map(({ name }) => name)];
    const files = names.map((name, i) => `${`${i}`.padStart(2, '0')}-${name}.ir`);
    expect(readdirSync(join(folder, 'dumps'))).toEqual(files);
    expect(readFileSync(join(folder, 'dumps', '00-declared.ir'), 'utf8')).toBe(LINEAR_IR);
    expect(readFileSync(join(folder, 'dumps', files.at(-1) ?? ''), 'utf8')).toBe(await dump());
  });
});

describe('--all', () => {
  it('replaces its own files, and no others', async () => {
    await dump('--all', '-o', 'again', '--format', 'dot');
    await dump('--all', '-o', 'again');
    const entries = readdirSync(join(folder, 'again'));
    expect(entries.filter((entry) => entry.endsWith('.dot'))).toEqual([]);
    writeFileSync(join(folder, 'again', 'notes.txt'), 'mine');
    const { status, stderr } = await encompile(folder, 'dump', 'linear.ir', '--all', '-o', 'again');
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^error: The folder again would be replaced as a whole, but it holds files that encompile did/,
    );
    expect(readFileSync(join(folder, 'again', 'notes.txt'), 'utf8')).toBe('mine');
  });
});

describe('later stages', () => {
  it('are printed for every target', async () => {
    expect(await dump('--stage', 'loops')).toMatch(/^kernel matmul_add_tanh\n/);
    expect(await dump('--stage', 'loops', '--target', 'wgsl')).toContain('for workgroup');
    expect(await dump('--stage', 'plan')).toMatch(/^plan @linear js \{/);
    expect(await dump('--stage', 'source')).toContain('export function matmul_add_tanh(');
    expect(await dump('--stage', 'source', '--target', 'wgsl')).toContain('@compute');
    for (const target of ['wasm', 'wasm-relaxed']) {
      expect(await dump('--stage', 'plan', '--target', target)).toContain(`@linear ${target} {`);
      const source = await dump('--stage', 'source', '--target', target);
      expect(source).toContain('(func $matmul_add_tanh ');
      expect(source.includes('f32x4.relaxed_madd')).toBe(target === 'wasm-relaxed');
    }
  });

  it('are exact with --exact, but graphs are the same', async () => {
    expect(await dump('--stage', 'source', '--exact')).toContain('Math.fround(');
    const loops = ['--stage', 'loops', '--target', 'wasm'];
    expect(await dump(...loops)).toContain('multiply_add(');
    expect(await dump(...loops, '--exact')).not.toContain('multiply_add(');
    const { status, stderr } = await encompile(folder, 'dump', 'linear.ir', '--exact');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: --exact is about loops, plan and source;/);
  });

  it.each(['loops', 'plan', 'source'])('%s is JSON with --format json', async (stage) => {
    const data = JSON.parse(await dump('--stage', stage, '--format', 'json'));
    expect(data.target).toBe('js');
  });
});

describe('what cannot be written', () => {
  it('is one paragraph, and leaves nothing behind', async () => {
    const before = readdirSync(folder);
    const { status, stderr } = await encompile(folder, 'dump', 'linear.ir', '-o', 'no/such/x.ir');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: no\/such\/x\.ir could not be written: ENOENT.*\n$/);
    expect(readdirSync(folder)).toEqual(before);
  });
});
