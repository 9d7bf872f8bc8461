/** Errors as the user reads them: one paragraph, and the exit status that goes with it. */
import { CommanderError } from 'commander';
import { EncompileError } from '../errors.ts';

export interface ReportedError {
  /** Empty where everything has been said. */
  readonly message: string;
  readonly exitCode: 1 | 2;
}

/** @param isVerbose whether the stack is wanted too */
export function describeError(error: unknown, isVerbose: boolean): ReportedError {
  if (error instanceof CommanderError) return describeUsage(error);
  const stack = isVerbose && error instanceof Error ? `\n${stackOf(error)}` : '';
  if (error instanceof EncompileError) {
    return { message: `error: ${error.message}${stack}`, exitCode: error.exitCode };
  }
  const said = (error instanceof Error ? error.message : String(error)).trim();
  const sentence = said.replace(/\s*\n\s*/g, ' ').replace(/[^.!?]$/, '$&.');
  const verbose = isVerbose ? '' : ', and what the same command prints under --verbose';
  return {
    message:
      'error: This is no fault of yours, but a bug in encompile. What failed: ' +
      `${sentence} Please report it with the model if you can${verbose}.${stack}`,
    exitCode: 1,
  };
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}

/** `error: unknown option '--taret'\n(Did you mean --target?)` as one paragraph. */
function describeUsage({ code, message }: CommanderError): ReportedError {
  // Without a command, the help has been printed.
  if (code === 'commander.help') return { message: '', exitCode: 2 };
  const [fault = '', suggestion = ''] = message.replace(/^error: /, '').split('\n');
  const sentence = fault.replace(/^./, (first) => first.toUpperCase()).replace(/[^.!?]$/, '$&.');
  const hint = suggestion.replace(/^\((.*)\)$/, ' $1');
  return {
    message: `error: ${sentence}${hint} Run it with --help to see how it is called.`,
    exitCode: 2,
  };
}
