/** How the command answers calls as such: help, versions, mistakes, closed pipes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encompile, folderWith, LINEAR_IR, LINEAR_WEIGHTS, shell } from './command.ts';

/** Takes no more than four positions. */
const SHORT_IR = `graph @short(%x: f32[seq, 3]) {
  param %table: f32[4, 3]
  %positions = slice %table {starts = [0, 0], ends = [seq, 3], steps = []} : f32[seq, 3]
  %sum = add %x, %positions : f32[seq, 3]
  return %sum
}
`;

const folder = folderWith({
  'linear.ir': LINEAR_IR,
  'linear.safetensors': LINEAR_WEIGHTS,
  'short.ir': SHORT_IR,
});
const COMMANDS = ['compile', 'dump', 'run', 'check', 'explain', 'bench', 'passes'];

describe('help', () => {
  it('lists every command', async () => {
    const { status, stdout, stderr } = await encompile(folder, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  });

  it.each(COMMANDS)('of %s has an example', async (command) => {
    const { status, stdout, stderr } = await encompile(folder, command, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/Examples?:\n {2}encompile /);
    expect(stdout).toContain('--verbose');
  });

  it('stands on stderr, with status 2, where no command is given', async () => {
    const { status, stdout, stderr } = await encompile(folder);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: encompile/);
  });
});

it('prints its version', async () => {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  expect(await encompile(folder, '--version')).toEqual({
    status: 0,
    stdout: `${version}\n`,
    stderr: '',
  });
});

describe('a wrong call', () => {
  const SEE = 'Run it with --help to see how it is called.';

  it.each([
    [['complie', 'linear.ir'], `Unknown command 'complie'. Did you mean compile? ${SEE}`],
    [['compile'], `Missing required argument 'model'. ${SEE}`],
    [['explain', 'linear.ir', '--jsn'], `Unknown option '--jsn'. Did you mean --json? ${SEE}`],
    [
      ['compile', 'linear.ir', 'out'],
      `Too many arguments for 'compile'. Expected 1 argument but got 2. ${SEE}`,
    ],
    [['run', 'linear.ir'], `Required option '--inputs <file>' not specified. ${SEE}`],
    [
      ['explain', 'linear.ir', '--dim', 'batch'],
      "Option '--dim <symbol=size>' argument 'batch' is invalid. Write a symbol and its size, as " +
        `in --dim seq=128; several sizes as --dim seq=16,128. ${SEE}`,
    ],
    [
      ['explain', 'linear.ir', '--dim', 'bacth=2'],
      "--dim gives a size to 'bacth', but the model 'linear' has the symbols batch. Did you mean 'batch'?",
    ],
    [
      ['compile', 'linear.ir', '--target', 'wasm-relaxed'],
      expect.stringMatching(/^There is no target 'wasm-relaxed'\. Choose from js, wasm, wgsl\b/),
    ],
    [
      ['check', 'linear.ir', '--backend', 'wgls'],
      "There is no backend 'wgls'. Choose from js, wasm, wgsl, wasm-relaxed, emulator, emulator-js, " +
        "emulator-wasm, emulator-wasm-relaxed, emulator-wgsl. Did you mean 'wgsl'?",
    ],
    [
      ['bench', 'linear.ir', '--threads', '4'],
      '--threads 4 asks for several threads, but js has none to share the work: add wasm to --backend, or ' +
        'leave --threads out.',
    ],
    [
      ['explain', 'short.ir', '--dim', 'seq=5'],
      "--dim gives 'seq' the size 5, but the model 'short' takes only sizes at which seq is at most 4. " +
        'Give another size.',
    ],
    [
      ['dump', 'linear.ir', '--after', 'fuse-atention'],
      expect.stringMatching(
        /^There is no pass 'fuse-atention'. Choose from declared, .* Did you mean 'fuse-attention'\?$/,
      ),
    ],
    [['dump', 'linear.ir', '--all'], '--all writes a file a pass: say into which folder with -o.'],
    [
      ['dump', 'linear.ir', '--stage', 'plan', '--format', 'svg'],
      "The stage 'plan' has no format 'svg': only graphs are drawn. Choose text or json, or --stage " +
        'graph.',
    ],
  ])('%j has status 2 and one paragraph', async (args, message) => {
    const { status, stdout, stderr } = await encompile(folder, ...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.replace(/^error: |\n$/g, '')).toEqual(message);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});

describe('errors', () => {
  it('show a stack with --verbose alone, before or after the command', async () => {
    const silent = await encompile(folder, 'explain', 'absent.ir');
    const after = await encompile(folder, 'explain', 'absent.ir', '--verbose');
    const before = await encompile(folder, '--verbose', 'explain', 'absent.ir');
    expect(silent.stderr).not.toMatch(/\n\s+at /);
    expect(after.stderr).toMatch(/\n\s+at /);
    expect(before.stderr).toBe(after.stderr);
  });
});

describe('a closed pipe', () => {
  // `true` is gone long before the command writes, as `head` is when it has seen enough.
  it.each(['head -c 1', 'true'])('to %s ends the command quietly', async (reader) => {
    const line = `encompile dump linear.ir --stage source | ${reader}`;
    const { status, stderr } = await shell(folder, line);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
