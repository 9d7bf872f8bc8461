/** `encompile/compiler`: the compiler's parts, for tools that drive it step by step. */
export { artifactFiles } from './artifact-files.ts';
export { toOnnx } from './backends/onnx/export.ts';
export { writeArtifact } from './backends/write-artifact.ts';
export { checkCompilation } from './check/check.ts';
export { type CheckBackend, type CheckReport, printReport } from './check/report.ts';
export { respawnWithVulkan } from './check/respawn.ts';
export { type NodeGpu, requestNodeDevice } from './check/webgpu-node.ts';
export { groupLedger, printLedgerGroups } from './cli/ledger-summary.ts';
export { type Compilation, type CompileGraphOptions, compileGraph } from './compile.ts';
export { type LoadedModel, loadModel } from './frontends/load.ts';
export { readSafetensors, writeSafetensors } from './frontends/safetensors.ts';
export { interpret } from './interpreter/interpreter.ts';
export { graphToSvg } from './ir/dump.ts';
export type { NdArray } from './ir/nd-array.ts';
export { parseGraph } from './ir/parse.ts';
export { printGraph } from './ir/print.ts';
export { printKernels } from './loops/print.ts';
export { countPrimitives } from './primitive-count.ts';
