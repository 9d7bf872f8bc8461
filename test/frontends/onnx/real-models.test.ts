/**
 * Published models from npm against ONNX Runtime's numbers, several sizes from one import. An error is
 * that of the largest output of a case, in parts of the larger of 1 and its largest number.
 */
import { describe, expect, it } from 'vitest';
import type { RunBackend } from '../../../src/cli/run-backends.ts';
import { MODELS } from '../../oracles/real-models.mjs';
import { errorsOf, importReal, isInstalled } from '../../support/real-models.ts';

/** Float32 against float32, summed in another order; the states of an LSTM sum over steps, too. */
const TOLERANCE = 2e-5;

const COMPILED = ['js', 'wasm'] as const;

/** Pictures take the interpreter and the emulator minutes, and what is alike one case tells of. */
const ALSO: readonly (readonly [RegExp, readonly RunBackend[]])[] = [
  [/^Silero VAD|melspectrogram|^[a-z_]+$/, ['interpreter']],
  [/half|rate of a run|melspectrogram|hey_jarvis|timer/, ['emulator-wgsl']],
];

function backendsOf(name: string): readonly RunBackend[] {
  return [...COMPILED, ...ALSO.flatMap(([names, backends]) => (names.test(name) ? backends : []))];
}

for (const model of MODELS) {
  describe.skipIf(!isInstalled(model))(model.name, () => {
    it.each(backendsOf(model.name))('on %s', { timeout: 240_000 }, async (backend) => {
      const errors = await errorsOf(model, await importReal(model), backend);
      expect(errors).toHaveLength(model.cases.length);
      expect(Math.max(...errors), errors.join(', ')).toBeLessThan(TOLERANCE);
    });
  });
}
