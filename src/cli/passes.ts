/** `encompile passes`: the pipeline, in order, with the reason for the order. */
import type { Command } from 'commander';
import { wholePipeline } from '../passes/pipeline.ts';
import { printJson, printText } from './standard-output.ts';

export function definePasses(program: Command): void {
  program
    .command('passes')
    .description('list the passes in the order in which they run, with the reason for it')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  encompile dump model.ts --after fuse-attention')
    .action(({ json }: { readonly json?: boolean }) => {
      const passes = wholePipeline.map(({ name, summary, reason }) => ({
        name,
        summary,
        reason,
      }));
      if (json) printJson({ passes });
      else printText(passes.map(describe).join('\n'));
    });
}

function describe(
  pass: { readonly name: string; readonly summary: string; readonly reason: string },
  i: number,
): string {
  return `${`${i + 1}.`.padEnd(3)} ${pass.name}\n      ${pass.summary}\n      ${pass.reason}\n`;
}
