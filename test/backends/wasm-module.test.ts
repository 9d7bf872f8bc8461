/** What the WebAssembly module promises its host, and what reaches its text. */
import { describe, expect, it } from 'vitest';
import {
  LOWEST_ADDRESS,
  scratchBytes,
  wasmBackend,
  wasmRelaxedBackend,
} from '../../src/backends/wasm/module.ts';
import { floorDivide } from '../../src/ir/dims.ts';
import {
  binary,
  index,
  type Kernel,
  letOf,
  load,
  loop,
  multiplyAdd,
  type Statement,
  store,
} from '../../src/loops/nodes.ts';
import { verifyProgram } from '../../src/loops/verify-program.ts';
import { oneStep } from './kernel-runs.ts';
import { buffer, emptyProgram, io, parameter, step } from './programs.ts';
import { float, INPUTS, kernelOf, register, scratch } from './wasm-bodies.ts';
import { emulateProgram, printWat, runWasm } from './wasm-runs.ts';

describe('kernels in WebAssembly', () => {
  it('reach far beyond what an offset may hold', async () => {
    const far = LOWEST_ADDRESS / 4;
    const kernel: Kernel = {
      ...kernelOf([]),
      symbols: [],
      buffers: [parameter('x', 'read', 2 * far), parameter('out', 'write', 16)],
      body: [
        loop('serial', 'a', 8, [
          store('out', 'a', load('x', `${far + 7}-a`)),
          store('out', 'a+8', load('x', `${far}-a`)),
        ]),
      ],
    };
    const program = oneStep(kernel, 'wasm');
    const x = Float32Array.from({ length: 2 * far }, (_, i) => i);
    const { outputs, text } = await runWasm(program, { x, size: new Int32Array(1) }, {});
    expect(outputs).toEqual(emulateProgram(program, { x, size: new Int32Array(1) }, {}));
    expect(text).toContain(`offset=${LOWEST_ADDRESS}`);
    expect(text).not.toContain(`offset=${LOWEST_ADDRESS + 28}`);
  });

  it('refuses workgroups, workgroup memory and barriers', () => {
    const print = (body: readonly Statement[]) =>
      printWat(oneStep({ ...kernelOf([]), body }, 'wasm'));
    const inside = (body: readonly Statement[]) => [
      loop('workgroup', 'g', 1, [loop('invocation', 'i', 4, body)]),
    ];
    expect(() => print(inside([]))).toThrow('WebAssembly has no workgroup loops');
    expect(() => print(inside([{ tag: 'barrier' }]))).toThrow('WebAssembly has no workgroup loops');
  });
});

describe('scratch memory', () => {
  it('is as large as the most demanding kernel, each alloc at a multiple of 16 bytes', () => {
    const small = { ...kernelOf([scratch('a', 5), scratch('b', 1)]), name: 'small' };
    const large = {
      ...kernelOf([
        scratch('a', 16),
        loop('serial', 'i', 2, [scratch('b', 3), register('tile', 100)]),
        loop('serial', 'i', 2, [scratch('b', 9)]),
      ]),
      name: 'large',
    };
    expect(scratchBytes(emptyProgram([small], 'wasm'))).toBe(32 + 16);
    expect(scratchBytes(emptyProgram([small, large], 'wasm'))).toBe(64 + 16 + 48);
    expect(scratchBytes(emptyProgram([], 'wasm'))).toBe(0);
  });
});

describe('names from models in WebAssembly text', () => {
  const HOSTILE = ['") (unreachable', ';)\n(start $run)', '\u2028\0\u202E;;', '$x', 'memory'];

  it('cannot leave their comments', async () => {
    const kernel: Kernel = {
      ...kernelOf([{ tag: 'comment', text: HOSTILE.join('\n') }]),
      summary: [...HOSTILE, HOSTILE.join('\r')],
    };
    const program = oneStep(kernel, 'wasm');
    const [input, output] = ['x', 'out'];
    const renamed = verifyProgram({
      ...program,
      name: HOSTILE.join('\n'),
      inputs: program.inputs.map((entry) =>
        entry.buffer === input ? { ...entry, buffer: HOSTILE[0] ?? '' } : entry,
      ),
      outputs: program.outputs.map((entry) =>
        entry.buffer === output ? { ...entry, buffer: HOSTILE[1] ?? '' } : entry,
      ),
      buffers: program.buffers.map((entry) => ({
        ...entry,
        name: { x: HOSTILE[0], out: HOSTILE[1] }[entry.name] ?? entry.name,
      })),
      steps: program.steps.map((entry) => ({
        ...entry,
        arguments: [HOSTILE[0] ?? '', 'ids', HOSTILE[1] ?? '', 'numbers'],
        provenance: { ...entry.provenance, node: HOSTILE.join('\n') },
      })),
    });
    const { outputs, text } = await runWasm(
      renamed,
      { ...INPUTS, size: new Int32Array(1) },
      { n: 1 },
    );
    expect(Array.from(outputs.out ?? [])).toEqual(Array.from({ length: 64 }, () => 0));
    const code = text.split('\n').map((line) => line.replace(/;;.*/, ''));
    expect(code.join('\n')).not.toMatch(/unreachable|start/);
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
  });

  it('may be those of what the module has itself', async () => {
    const words = ['run', 'table', 'scratch', 'memory', 'exp_f32', 'floor_divide', 'host', 'kept'];
    const kernels = words.map((name, i): Kernel => {
      const own = words.map((word, k) => letOf(word, index(k + i)));
      return {
        name,
        summary: [],
        symbols: [],
        buffers: [parameter('x', 'read', 4), parameter('out', 'write', 4)],
        body: [
          ...own,
          scratch('scratch_2', 4),
          store('scratch_2', 0, load('x', 0, 'f32', 4)),
          loop('serial', 'i', 4, [
            letOf('floored', index(floorDivide('i-2', 3))),
            store(
              'out',
              'i',
              binary('add', load('scratch_2', 'i'), float([...words, 'floored'].join('+'))),
            ),
          ]),
        ],
      };
    });
    const program = verifyProgram({
      ...emptyProgram(kernels, 'wasm'),
      inputs: [io('x', 'f32', [4], 'x')],
      outputs: words.map((word) => io(word, 'f32', [4], `${word}.out`)),
      buffers: [
        buffer('x', 'input', 'f32', [4]),
        ...words.map((word) => buffer(`${word}.out`, 'output', 'f32', [4])),
      ],
      steps: words.map((word) => step(word, 'x', `${word}.out`)),
    });
    const inputs = { x: Float32Array.of(1, 2, 3, 4) };
    const { outputs } = await runWasm(program, inputs, {});
    expect(outputs).toEqual(emulateProgram(program, inputs, {}));
    const { kernels: printed } = wasmBackend.print(program);
    expect(printed.map(({ entry }) => entry).filter((entry) => words.includes(entry))).toEqual([
      'memory',
      'host',
      'kept',
    ]);
  });
});

describe('relaxed SIMD', () => {
  const fused = (lanes: 1 | 4) => {
    const x = load('x', '4*a', 'f32', lanes);
    return loop('serial', 'a', 16, [store('out', '4*a', multiplyAdd(x, x, x))]);
  };

  it('multiplies and adds four lanes in one instruction, in its own module alone', () => {
    const body = [fused(4), fused(1)];
    const relaxed = wasmRelaxedBackend.print(oneStep(kernelOf(body), 'wasm-relaxed'));
    expect(relaxed.path).toBe('kernels/kernels.relaxed.wat');
    expect(relaxed.text.match(/f32x4\.relaxed_madd/g)?.length).toBe(1);
    expect(relaxed.text).toContain('(f32.add');
    const plain = wasmBackend.print(oneStep(kernelOf(body), 'wasm'));
    expect(plain.path).toBe('kernels/kernels.wat');
    expect(plain.text).not.toContain('relaxed');
  });
});
