/**
 * The emulator: runs any kernel of the loop IR, workgroups and barriers included, and reports what it
 * must not do: access out of bounds, read what nothing has written, race, meet barriers apart, leave
 * outputs unwritten. It needs no verified kernel, so that planted faults can run, and shares no code
 * with lowering or backends.
 *
 * Accesses are concurrent when they are made in different iterations of a parallel or workgroup
 * loop, or by different invocations between two barriers; concurrent accesses of one element, one of
 * them a store, are a race whether or not this run's order made a difference.
 */
import { evaluateDim } from '../ir/dims.ts';
import type { BufferParameter, Kernel } from '../loops/nodes.ts';
import { printBuffer } from '../loops/print.ts';
import { runSteps } from './code.ts';
import { compileBlock } from './compile-statement.ts';
import type { Fault } from './faults.ts';
import { type Memory, newShadow } from './memory.ts';
import { bind, type Scope } from './scope.ts';
import { BEFORE } from './strands.ts';
import { type Precision, Unit } from './unit.ts';

export type Numbers = Float32Array | Int32Array;

export interface RunOptions {
  readonly symbols: Readonly<Record<string, number>>;
  /** By parameter name; what the kernel stores is stored here. */
  readonly buffers: Readonly<Record<string, Numbers>>;
  /**
   * 'f32' rounds every f32 result, as WGSL does; 'f64' rounds only what is stored in memory, as
   * JS does. Default 'f32'.
   */
  readonly precision?: Precision;
  /**
   * Which elements are written before the kernel runs, 1 an element; brought up to date. A buffer
   * without one is all written if it is declared read, not at all if it is declared write.
   */
  readonly written?: Readonly<Record<string, Uint8Array>>;
  /** Write parameters that this kernel need not complete. */
  readonly partial?: ReadonlySet<string>;
  /** Statements whose faults are kept; 100. */
  readonly maxFaults?: number;
  /** Called once for each kind of fault of a statement, when it first happens. */
  readonly onFault?: (fault: Fault) => void;
}

/**
 * Runs a kernel on buffers. Gives the faults in the order of their first occurrence, each statement
 * once a kind. Throws where the kernel or the call makes no sense: unknown names, missing symbols,
 * buffers of a wrong type or too short, a written buffer that overlaps another.
 */
export function runKernel(kernel: Kernel, options: RunOptions): readonly Fault[] {
  const { symbols, precision = 'f32', maxFaults = 100, onFault } = options;
  const unit = new Unit({ kernel: kernel.name, symbols, precision, maxFaults, onFault });
  checkOverlaps(kernel, options);
  let scope: Scope = {
    bindings: new Map(),
    loops: [],
    enclosing: [],
    concurrency: 0,
    invocation: null,
  };
  const memories = kernel.buffers.map((buffer) => parameterMemory(unit, buffer, options));
  for (const memory of memories) scope = bind(scope, memory.name, memory);
  const code = compileBlock(unit, kernel.body, scope);
  if (code.tag === 'coroutine') throw new Error(`kernel '${kernel.name}' has a stray barrier`);
  runSteps(code.steps, unit.layout.create());
  kernel.buffers.forEach((buffer, i) => {
    const memory = memories[i];
    if (buffer.access === 'write' && memory !== undefined) finish(unit, buffer, memory, options);
  });
  return unit.log.faults;
}

function parameterMemory(unit: Unit, buffer: BufferParameter, options: RunOptions): Memory {
  const { name, type, access } = buffer;
  const data = options.buffers[name];
  const size = evaluateDim(buffer.size, options.symbols);
  const holds = data instanceof Float32Array ? 'f32' : 'i32';
  if (data === undefined || holds !== type || data.length < size) {
    const given = data === undefined ? 'nothing' : `${holds}[${data.length}]`;
    throw new Error(`kernel '${unit.kernel}': '${name}' is ${type}[${size}], but got ${given}`);
  }
  const written = options.written?.[name];
  const shadow = access === 'read' && written === undefined ? null : newShadow(size);
  written?.forEach((isWritten, i) => {
    if (isWritten === 1 && shadow !== null) shadow.writers[i] = BEFORE;
  });
  const [born, offset] = [unit.layout.constant(BEFORE), unit.layout.constant(0)];
  return { tag: 'memory', name, type, size, data, shadow, born, offset, concurrency: 0 };
}

/** Reports what nothing has written, and tells the caller what is. */
function finish(unit: Unit, buffer: BufferParameter, memory: Memory, options: RunOptions): void {
  const { name, size, shadow } = memory;
  const written = options.written?.[name];
  let index = -1;
  let count = 0;
  shadow?.writers.forEach((stamp, i) => {
    if (written !== undefined) written[i] = stamp >= BEFORE ? 1 : 0;
    if (stamp >= BEFORE) return;
    if (count === 0) index = i;
    count++;
  });
  if (count === 0 || options.partial?.has(name)) return;
  unit.log.report(`unwritten-output ${name}`, () => ({
    kind: 'unwritten-output',
    kernel: unit.kernel,
    buffer: name,
    index,
    size,
    at: {},
    where: printBuffer(buffer),
    other: null,
    count,
    message:
      `Kernel '${unit.kernel}' ends, and nothing has written ${count} of the ${size} elements ` +
      `of ${name}; the first is ${name}[${index}].`,
  }));
}

function checkOverlaps(kernel: Kernel, { buffers }: RunOptions): void {
  for (const { name, access } of kernel.buffers) {
    const other = kernel.buffers.find(
      (parameter) => parameter.name !== name && overlap(buffers[name], buffers[parameter.name]),
    );
    if (access === 'write' && other !== undefined) {
      throw new Error(
        `kernel '${kernel.name}': '${name}' is written, but overlaps '${other.name}'`,
      );
    }
  }
}

function overlap(a: Numbers | undefined, b: Numbers | undefined): boolean {
  if (a === undefined || b === undefined || a.buffer !== b.buffer) return false;
  return a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;
}
