#!/usr/bin/env node
/**
 * The `encompile` command. Exit status: 0 fine; 1 a check failed, or the model or its data is wrong;
 * 2 the call was wrong. Standard output carries results alone, standard error the rest.
 */
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../version.ts';
import { defineBench } from './bench.ts';
import { defineCheck } from './check.ts';
import { defineCompile } from './compile.ts';
import { defineDump } from './dump.ts';
import { defineExplain } from './explain.ts';
import { definePasses } from './passes.ts';
import { describeError } from './report-error.ts';
import { defineRun } from './run.ts';
import { printNote } from './standard-output.ts';

const COMMANDS = [
  defineCompile,
  defineDump,
  defineRun,
  defineCheck,
  defineExplain,
  defineBench,
  definePasses,
];

const isVerbose = process.argv.includes('--verbose');

async function main(): Promise<void> {
  // A reader that has seen enough, such as `head`, closes the pipe; that is no error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  process.once('uncaughtException', (error) => {
    fail(error);
    process.exit();
  });
  try {
    await program().parseAsync();
  } catch (error) {
    fail(error);
  }
}

function program(): Command {
  const program = new Command('encompile')
    .description('Compiles encoder models to small ES modules with readable JS and WGSL kernels.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .option('--verbose', 'show the stack trace of an error')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .addHelpText('after', HELP);
  for (const define of COMMANDS) define(program);
  return program;
}

const HELP = `
<model> is a TypeScript or JavaScript file with a model as its default export, a Hugging Face folder
(config.json and model.safetensors), an .onnx file, or an .ir dump.

Examples:
  encompile compile model.ts -o out          write an artifact with JS and WGSL kernels
  encompile explain model.ts                 what was fused, what was not, and why
  encompile dump model.ts --all -o dumps     the graph after every pass
  encompile check model.ts                   compare every kernel with the interpreter

Exit status: 0 fine; 1 a check failed, or the model or its data is wrong; 2 the call was wrong.`;

function fail(error: unknown): void {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  const { message, exitCode } = describeError(error, isVerbose);
  if (message !== '') printNote(message);
  process.exitCode = exitCode;
}

await main();
