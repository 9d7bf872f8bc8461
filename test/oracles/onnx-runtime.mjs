/** ONNX Runtime with tensors as the interpreter has them. */
import { createRequire } from 'node:module';
import { Float16Array } from '@petamoriken/float16';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';

env.logLevel = 'fatal';

export const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json');

const TYPES = {
  f32: ['float32', (data) => Float32Array.from(data)],
  f16: ['float16', (data) => new Uint16Array(Float16Array.from(data).buffer)],
  i64: ['int64', (data) => BigInt64Array.from(data, BigInt)],
  i32: ['int32', (data) => Int32Array.from(data)],
  i8: ['int8', (data) => Int8Array.from(data)],
  u8: ['uint8', (data) => Uint8Array.from(data)],
  bool: ['bool', (data) => Uint8Array.from(data)],
};

export async function openOnnx(model, optimisation = 'disabled') {
  const session = await InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: optimisation,
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  return {
    run: async (inputs) => {
      const outputs = await session.run(
        Object.fromEntries([...inputs].map(([name, array]) => [name, toTensor(array)])),
      );
      return new Map(Object.entries(outputs).map(([name, tensor]) => [name, toArray(tensor)]));
    },
    release: () => session.release(),
  };
}

function toTensor({ dtype, shape, data }) {
  const [type, convert] = TYPES[dtype];
  return new Tensor(type, convert(data), shape);
}

function toArray({ type, dims, data }) {
  const [dtype] = Object.entries(TYPES).find(([, [name]]) => name === type);
  // Where the platform has it, the runtime gives a Float16Array, else the bits.
  const numbers =
    data instanceof Uint16Array
      ? new Float16Array(data.buffer, data.byteOffset, data.length)
      : data;
  return { dtype, shape: dims, data: Float64Array.from(numbers, Number) };
}
