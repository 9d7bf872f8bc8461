/** `encompile explain`: what was fused, what was not and why, and what each kernel costs. */
import type { Command } from 'commander';
import { compiledFor, compileGraph, type Quantization } from '../compile.ts';
import type { Sizes } from '../ir/sizes.ts';
import { withLargestCounts } from '../ir/symbol-counts.ts';
import type { Target } from '../loops/program.ts';
import { ledgerToJson } from '../passes/ledger.ts';
import { checkExact, compileTargetOf, PROGRAM_TARGETS } from '../targets.ts';
import type { WeightStorage } from '../weight-storage.ts';
import {
  DIM_FLAG,
  type DimSizes,
  EXACT_FLAG,
  EXACT_MEANING,
  readDim,
  readList,
  singleSizes,
  WITHOUT_KERNELS,
} from './arguments.ts';
import { computingOps, type KernelCost, kernelCosts, stepCosts, total } from './kernel-costs.ts';
import { commonNames, groupLedger, printLedgerGroups } from './ledger-summary.ts';
import { displayLocation } from './locations.ts';
import { addModelFlags, type ModelOptions } from './model-flags.ts';
import { modesOf, readStorage, WEIGHTS_FLAG, WEIGHTS_MEANING } from './modes.ts';
import { openModel } from './open-model.ts';
import { progress } from './progress.ts';
import { byteCount, counted, flopCount, percent, significant } from './quantities.ts';
import { QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization } from './quantization.ts';
import { printSizes } from './sizes.ts';
import { printJson, printText } from './standard-output.ts';
import { indentLines, printTable } from './tables.ts';

interface Options extends ModelOptions {
  readonly target?: string;
  readonly exact?: boolean;
  readonly quantize?: Quantization;
  readonly weights?: WeightStorage;
  readonly dim?: DimSizes;
  readonly json?: boolean;
}

export function defineExplain(program: Command): void {
  addModelFlags(
    program
      .command('explain')
      .argument('<model>', 'a model file or folder')
      .description('show what was fused, what was not and why, and what each kernel costs'),
  )
    .option(
      '--target <target>',
      `whose kernels: ${PROGRAM_TARGETS.join(', ')} (default: js; with --quantize wasm)`,
    )
    .option(QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization)
    .option(WEIGHTS_FLAG, WEIGHTS_MEANING, readStorage)
    .option(EXACT_FLAG, EXACT_MEANING)
    .option(DIM_FLAG, 'the size of a symbol, for the costs; repeat for more', readDim)
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(explain);
}

const HELP = `
"matched" names a fusion that was made, "refused" one that was not, with the value that stopped it.
What repeats from layer to layer is shown once, with a count. Symbols without --dim count as 128, or as
the most that the model takes, and a symbol named batch as 1.

Examples:
  encompile explain model.ts
  encompile explain model.ts --dim batch=1 --dim seq=512 --target wgsl`;

async function explain(path: string, options: Options): Promise<void> {
  const { quantize } = options;
  const wanted = options.target ?? (quantize === undefined ? 'js' : 'wasm');
  const [target = 'js'] = readList('target', wanted, PROGRAM_TARGETS, WITHOUT_KERNELS);
  if (options.exact) checkExact(target);
  const { graph } = await openModel(path, options, { needsNumbers: false });
  const sizes = singleSizes(graph, options.dim);
  const compilation = compileGraph(graph, {
    targets: [compileTargetOf(target)],
    ...modesOf(options),
    onProgress: progress.show,
  });
  const { program } = compiledFor(compilation, target);
  const costs = stepCosts(program, withLargestCounts(program.counts ?? [], sizes));
  if (options.json) {
    const ledger = ledgerToJson(compilation.ledger);
    printJson({ model: graph.name, ledger, target, sizes, steps: costs });
    return;
  }
  const ledger = printLedgerGroups(groupLedger(compilation.ledger));
  printText(`${ledger}\n\n${printCosts(target, sizes, kernelCosts(costs))}`);
}

function printCosts(target: Target, sizes: Sizes, kernels: readonly KernelCost[]): string {
  const flops = total(kernels.map((kernel) => kernel.flops));
  const bytes = total(kernels.map((kernel) => kernel.bytes));
  const runs = total(kernels.map(({ steps }) => steps.length));
  const at = printSizes(sizes);
  const head =
    `${counted(runs, 'kernel call')} of ${counted(kernels.length, 'kernel')} for ${target}: ` +
    `${flopCount(flops)}, ${byteCount(bytes)}${at === '' ? '' : ` at ${at}`}`;
  const table = printTable(
    [
      { title: 'kernel' },
      { title: 'calls', align: 'right' },
      { title: 'FLOP', align: 'right' },
      { title: 'share', align: 'right' },
      { title: 'bytes', align: 'right' },
      { title: 'FLOP/byte', align: 'right' },
      { title: 'ops' },
    ],
    kernels.map((kernel) => [
      kernel.kernel,
      `${kernel.steps.length}`,
      flopCount(kernel.flops),
      percent(flops === 0 ? 0 : kernel.flops / flops),
      byteCount(kernel.bytes),
      kernel.bytes === 0 ? '-' : significant(kernel.flops / kernel.bytes),
      computingOps(kernel.steps[0]?.ops ?? []).join(' '),
    ]),
  );
  return `${head}\n\n${indentLines(table)}\nwhere they come from\n${kernels.map(printSource).join('')}`;
}

/** Names shown of a kernel's. */
const SHOWN_NAMES = 6;

function printSource({ kernel, steps }: KernelCost): string {
  const names = commonNames([...new Set(steps.flatMap((step) => step.names))]);
  const shown = names.slice(0, SHOWN_NAMES).map((name) => `%${name}`);
  if (names.length > shown.length) shown.push(`and ${names.length - shown.length} more`);
  const locations = new Set(steps.flatMap(({ location }) => (location === null ? [] : [location])));
  const [first, ...others] = locations;
  const more = others.length > 0 ? ` and ${counted(others.length, 'other place')}` : '';
  const from = names.length === 0 ? '' : `: ${shown.join(', ')}`;
  return `  ${kernel}${from}${first === undefined ? '' : ` (${displayLocation(first)}${more})`}\n`;
}
