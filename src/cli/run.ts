/** `encompile run`: one run of a model on the tensors of a file. */
import type { Command } from 'commander';
import { respawnWithVulkan } from '../check/respawn.ts';
import type { Quantization } from '../compile.ts';
import { writeSafetensors } from '../frontends/safetensors.ts';
import type { WeightStorage } from '../weight-storage.ts';
import { EXACT_FLAG, EXACT_MEANING, readList } from './arguments.ts';
import { readInputTensors } from './input-tensors.ts';
import { addModelFlags, type ModelOptions } from './model-flags.ts';
import { readStorage, WEIGHTS_FLAG, WEIGHTS_MEANING } from './modes.ts';
import { openModel } from './open-model.ts';
import { QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization } from './quantization.ts';
import { RUN_BACKENDS, runOn } from './run-backends.ts';
import { atSizes } from './sizes.ts';
import { printJson, printText } from './standard-output.ts';
import { printSummary } from './tensor-summary.ts';

interface Options extends ModelOptions {
  readonly inputs: string;
  readonly backend: string;
  readonly exact?: boolean;
  readonly quantize?: Quantization;
  readonly weights?: WeightStorage;
  readonly output?: string;
  readonly json?: boolean;
}

export function defineRun(program: Command): void {
  addModelFlags(
    program
      .command('run')
      .argument('<model>', 'a model file or folder')
      .description('run a model once, on the tensors of a safetensors file'),
  )
    .requiredOption('--inputs <file>', 'safetensors file with a tensor for each input, by name')
    .option('--backend <backend>', `one of ${RUN_BACKENDS.join(', ')}`, 'js')
    .option(EXACT_FLAG, EXACT_MEANING)
    .option(QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization)
    .option(WEIGHTS_FLAG, WEIGHTS_MEANING, readStorage)
    .option('--output <file>', 'write every output to a safetensors file')
    .option('--json', 'print the outputs as JSON, with all their numbers')
    .addHelpText('after', HELP)
    .action(run);
}

const HELP = `
Without --output a summary of every output is printed. The interpreter runs the model as declared, in
float64 (with --quantize or --weights f16 as these leave it); the emulators run the compiled kernels one element at a time and report races, accesses out
of bounds and reads of unwritten memory ("emulator" is emulator-wgsl); js, wasm and wgsl run what
"encompile compile" writes. Python's safetensors package writes such files, and so does writeSafetensors of
encompile/compiler; tensors that are no inputs are left alone.

Examples:
  encompile run model.ts --inputs in.safetensors
  encompile run model.ts --inputs in.safetensors --backend wgsl --output out.safetensors`;

async function run(path: string, options: Options): Promise<void> {
  const [backend = 'js'] = readList('backend', options.backend, RUN_BACKENDS);
  if (backend === 'wgsl') await respawnWithVulkan();
  const { graph } = await openModel(path, options, { needsNumbers: true });
  const inputs = await readInputTensors(graph, options.inputs);
  const outputs = await atSizes(inputs.sizes, () => runOn(backend, graph, inputs, options));
  if (options.output !== undefined) await writeSafetensors(options.output, outputs);
  if (options.json) {
    const listed = [...outputs].map(([name, { dtype, shape, data }]) => [
      name,
      { dtype, shape, data },
    ]);
    printJson({
      model: graph.name,
      backend,
      sizes: inputs.sizes,
      outputs: Object.fromEntries(listed),
    });
    return;
  }
  if (options.output === undefined) {
    printText([...outputs].map(([name, tensor]) => printSummary(name, tensor)).join(''));
  } else {
    const names = [...outputs.keys()].join(', ');
    printText(`Wrote ${names} to ${options.output}`);
  }
}
