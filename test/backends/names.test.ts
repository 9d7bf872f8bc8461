/** Text from models cannot leave the identifiers, comments and strings that it is put in. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commentText, quote } from '../../src/backends/escape.ts';
import { JS_RESERVED, Names, WGSL_RESERVED } from '../../src/backends/identifiers.ts';
import { jsBackend } from '../../src/backends/js/module.ts';
import { jsLiteral } from '../../src/backends/js-data.ts';
import { wgslBackend } from '../../src/backends/wgsl/module.ts';
import { type NodeGpu, requestNodeDevice } from '../../src/check/webgpu-node.ts';
import { constant, index, type Kernel, letOf, load, loop, store } from '../../src/loops/nodes.ts';
import { emulate, oneStep, runPrinted } from './kernel-runs.ts';
import { parameter } from './programs.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom('*/', '/*', '//', '\n', '\r', '\u2028', '\u2029', '\u0085', '\v', '\f', '`'),
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(...'"\'\\<>$'.split(''), '</script>', '<!--', '-->', '\u202E', '\uD800', '\0'),
);

describe('identifiers', () => {
  it('are ASCII words that no target reserves, one a name', () => {
    const reserved = new Set([...JS_RESERVED, ...WGSL_RESERVED]);
    fc.assert(
      fc.property(fc.uniqueArray(fc.oneof(anyText, fc.constantFrom(...reserved))), (list) => {
        const names = new Names(reserved);
        const identifiers = list.map((name) => names.identifierFor(name));
        expect(new Set(identifiers).size).toBe(list.length);
        for (const identifier of identifiers) {
          expect(identifier).toMatch(/^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*$/);
          expect(reserved.has(identifier)).toBe(false);
          expect(identifier.length).toBeLessThan(60);
        }
        expect(list.map((name) => names.identifierFor(name))).toEqual(identifiers);
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  it('read like the names they stand for', () => {
    const names = new Names(JS_RESERVED);
    const given = ['layer.0.attention.query', 'layer 0 attention query', 'in', '2nd', '', 'é'];
    expect(given.map((name) => names.identifierFor(name))).toEqual([
      'layer_0_attention_query',
      'layer_0_attention_query_2',
      'in_2',
      'v2nd',
      'v',
      'v_2',
    ]);
  });

  it('do not take what a scope around has', () => {
    const outer = new Names(new Set());
    outer.identifierFor('erf');
    expect(new Names(new Set(), outer).identifierFor('erf')).toBe('erf_2');
  });
});

describe('comments', () => {
  it('end where their line ends, in JS and in WGSL', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = commentText(text);
        expect(shown).not.toMatch(
          /[\n\r\v\f\u0085\u2028\u2029]|\*\/|\/\*|<\/|<!|\p{Cc}|\p{Cs}|\p{Cf}/u,
        );
      }),
      { seed: 4, numRuns: 2000 },
    );
  });
});

describe('string literals', () => {
  it('read back as the text, as JS and as JSON, and hold nothing that ends a script', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const literal = quote(text);
        expect(JSON.parse(literal)).toBe(text);
        expect(new Function(`return ${literal};`)()).toBe(text);
        expect(literal).not.toMatch(/<[/!]|[\n\r\u2028\u2029]/);
      }),
      { seed: 5, numRuns: 2000 },
    );
  });

  it('make data that reads back, whatever the keys', () => {
    const data = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        anyText,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('value')),
        fc.dictionary(fc.oneof(anyText, fc.constantFrom('__proto__', 'in', 'a')), tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(data, (value) => {
        const text = jsLiteral(value as Parameters<typeof jsLiteral>[0]);
        const back: unknown = new Function(
          `return ${text.startsWith('{') ? `(${text})` : text};`,
        )();
        expect(JSON.stringify(back)).toBe(JSON.stringify(value));
      }),
      { seed: 6, numRuns: 1000 },
    );
  });
});

describe('kernels', () => {
  let node: NodeGpu;
  beforeAll(async () => {
    node = await requestNodeDevice();
  });
  afterAll(() => node.release());

  const INPUT = { x: Float32Array.of(1, 2, 3, 4) };

  /** Each word is a kernel's local, its buffer, its loop variable or its symbol in turn. */
  function kernelNamed(words: readonly string[], target: 'js' | 'wgsl'): Kernel {
    const lets = words.map((word, i) => letOf(word, index(i)));
    const sum = words.map((word) => word).join('+');
    const body = [
      ...lets,
      store('out', 'lane', load('x', 'lane')),
      store('sum', 'lane', index(sum)),
    ];
    return {
      name: 'kernel',
      summary: [],
      symbols: [],
      buffers: [
        parameter('x', 'read', 4),
        parameter('out', 'write', 4),
        parameter('sum', 'write', 4, 'i32'),
      ],
      body:
        target === 'js'
          ? [loop('serial', 'lane', 4, body)]
          : [loop('workgroup', 'g', 1, [loop('invocation', 'lane', 4, body)])],
    };
  }

  it.each(['js', 'wgsl'] as const)('for %s may call their values by any word', async (target) => {
    const dimWords = ['floor', 'max', 'min'];
    const taken = [...dimWords, 'x', 'out', 'sum', 'lane', 'g'];
    const words = [...JS_RESERVED, ...WGSL_RESERVED, 'erf', 'kernel', 'kernel_x', 'Symbols_2'];
    const usable = [...new Set(words)].filter((word) => !taken.includes(word));
    const kernel = kernelNamed(usable, target);
    expect(await runPrinted(kernel, target, INPUT, {}, node)).toEqual(
      emulate(kernel, target, INPUT, {}),
    );
  });

  it.each([
    'erf',
    'round_half_even',
    'float_bits',
    'kernel_tile',
    'tanh_f32',
    'symbols',
    'fn',
    'var',
  ])('may themselves be called %s', async (name) => {
    for (const target of ['js', 'wgsl'] as const) {
      const kernel = { ...kernelNamed(['a'], target), name };
      expect(await runPrinted(kernel, target, INPUT, {}, node)).toEqual(
        emulate(kernel, target, INPUT, {}),
      );
    }
  });

  it('show their summary as comment lines, line by line', () => {
    const summary = ['%a = matmul %b\n*/ process.exit()', '\u2028alert(1)', '</script>'];
    const kernel = { ...kernelNamed(['a'], 'js'), summary, body: [store('out', 0, constant(1))] };
    const { text } = jsBackend.print(oneStep(kernel, 'js'));
    const comments = [
      '// %a = matmul %b',
      '// *\\/ process.exit()',
      '// \\u{2028}alert(1)',
      '// <\\/script>',
      'export function kernel(x, out, sum) {',
    ].join('\n');
    expect(text).toContain(comments);
    const gpu = wgslBackend.print(oneStep({ ...kernelNamed(['a'], 'wgsl'), summary }, 'wgsl'));
    expect(gpu.text).toContain(comments.split('\n').slice(0, 4).join('\n'));
  });
});
