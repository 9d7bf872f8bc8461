import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EncompileError } from '../../src/errors.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph } from '../../src/ir/print.ts';
import { f32, i32 } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { expectGolden } from '../support/golden.ts';
import { graphData } from '../support/graph-data.ts';
import { processorClock } from '../support/processor-time.ts';
import { attentionBlock, randomGraph, withRegions } from '../support/sample-graphs.ts';

function messageOf(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    if (error instanceof EncompileError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const block = (...lines: readonly string[]) =>
  ['graph @g(%x: f32[n, 4], %w: f32[4, 4]) {', ...lines, '  return %x', '}'].join('\n');
const errorOf = (...lines: readonly string[]) =>
  messageOf(() => parseGraph(block(...lines), { origin: 'g.ir' }));

describe('print', () => {
  test('a declared block reads as declared', () => {
    expectGolden('ir/attention-block.ir', printGraph(attentionBlock()));
  });

  test('bodies are nested with indentation', () => {
    expectGolden('ir/attention-block-regions.ir', printGraph(withRegions(attentionBlock())));
  });

  test('names of other characters are JSON strings, which cannot steer a terminal', () => {
    const graph = buildGraph('a b', (g) => ({ 'o\n"': g.exp(g.input('\u202e%x: f32[]', f32(4))) }));
    expect(printGraph(graph)).toBe(
      [
        'graph @"a b"(%"\\u202e%x: f32[]": f32[4]) {',
        '  %exp = exp %"\\u202e%x: f32[]" : f32[4]',
        '  return "o\\n\\"" = %exp',
        '}',
        '',
      ].join('\n'),
    );
  });
});

describe('round trip', () => {
  test('parse(print(g)) equals g, and prints the same text', () => {
    fc.assert(
      fc.property(randomGraph(), (graph) => {
        const text = printGraph(graph);
        const parsed = parseGraph(text);
        expect(graphData(parsed)).toEqual(graphData(graph));
        expect(printGraph(parsed)).toBe(text);
        verifyGraph(parsed);
      }),
      { numRuns: 300 },
    );
  });

  test('random graphs are worth it: regions, optional operands, several results', () => {
    const texts = fc.sample(randomGraph(), { numRuns: 200, seed: 1 }).map(printGraph);
    for (const part of ['body @', ', _, %', ' = add_norm', 'constant', 'axes = ', ': bool[']) {
      expect(texts.filter((text) => text.includes(part)).length, part).toBeGreaterThan(10);
    }
  });

  test('deep dims, as of many transposed and strided convolutions, survive', () => {
    let dim = 'n';
    for (let i = 0; i < 8; i++) dim = `floor((3*${dim}+1)/2)`;
    const text = `graph @g(%x: f32[${dim}]) {\n  return %x\n}\n`;
    expect(printGraph(parseGraph(text))).toBe(text);
  });

  test('every number survives', () => {
    fc.assert(
      fc.property(fc.array(fc.double(), { minLength: 1 }), (value) => {
        const graph = buildGraph('g', (g) => ({
          y: g.constant({ value, dtype: 'f32', shape: [value.length] }),
        }));
        expect(graphData(parseGraph(printGraph(graph)))).toEqual(graphData(graph));
      }),
    );
  });
});

describe('parse', () => {
  test('fills in attributes left out, and reads any layout and comments', () => {
    const graph = parseGraph(
      '// by hand\ngraph @g(%x :f32[n,4]){%y=softmax %x :f32[ n , 4 ]// a comment\nreturn %y}',
    );
    expect(printGraph(graph)).toContain('%y = softmax %x {axis = -1} : f32[n, 4]');
  });

  test('normalises dims', () => {
    const graph = parseGraph('graph @g(%x: f32[1 + n, b*a]) { return %x }');
    expect(graph.values.get(graph.inputs[0] ?? (0 as never))?.shape).toEqual(['n+1', 'a*b']);
  });

  test('a node knows its line', () => {
    const graph = parseGraph(block('  %y = exp %x : f32[n, 4]'), { origin: 'dir/g.ir' });
    expect(graph.nodes[0]?.origin.location()).toBe('dir/g.ir:2:3');
    expect(graph.nodes[0]?.origin.names).toEqual(['y']);
  });

  test('an error shows place, expectation and source line', () => {
    expect(errorOf('  %y = matmul %x, ) : f32[n, 4]')).toBe(
      'g.ir:2:19: expected an operand (%name, or \'_\' for one left out), but found ")".\n' +
        '2   %y = matmul %x, ) : f32[n, 4]\n' +
        '                    ~',
    );
    expect(messageOf(() => parseGraph(''))).toBe(
      "graph text:1:1: expected 'graph', but the text ends.\n1 \n  ~",
    );
  });

  test.each([
    ['an unknown value', ['%y = exp %z : f32[n, 4]'], '2:10: %z is not defined before this line'],
    ['a value of a later line', ['%y = exp %z : f32[n]', '%z = exp %x : f32[n]'], '%z is not defi'],
    ['a second definition', ['%x = exp %x : f32[n, 4]'], '2:1: the name %x is defined twice'],
    ['a name given twice', ['%y, %y = exp %x : f32[n, 4]'], '2:5: the name %y is given twice'],
    ['an unknown op', ['%y = expp %x : f32[n, 4]'], "2:6: there is no op 'expp'. Ops: "],
    ['__proto__ for an op', ['%y = __proto__ %x : f32[n]'], "there is no op '__proto__'"],
    ['a wrong type', ['%y = exp %x : f32[n, 5]'], '2:15: exp of these operands gives f32[n, 4].'],
    ['a type too many', ['%y = exp %x : f32[n, 4], f32[4]'], 'exp of these operands gives f32'],
    ['a name too many', ['%y, %z = exp %x : f32[n, 4]'], '2:1: exp gives 1 results (f32[n, 4]).'],
    ['a constraint', ['%y = matmul %x, %x : f32[n, 4]'], '2:6: matmul_c2: the inner dims differ'],
    ['an operand too many', ['%y = exp %x, %x : f32[n, 4]'], '2:6: exp takes the operands x'],
    ['a missing operand', ['%y = matmul %x : f32[n]'], '2:6: matmul takes the operands a, b'],
    ['an unknown attribute', ['%y = exp %x {e = 1} : f32[n]'], "2:14: exp has no attribute 'e'"],
    ['__proto__', ['%y = exp %x {__proto__ = 1} : f32[n]'], "exp has no attribute '__proto__'"],
    ['an attribute twice', ['%y = softmax %x {axis = 1, axis = 1} : f32[n]'], "'axis' is given tw"],
    ['a missing attribute', ['%y = cast %x : f32[n]'], "2:6: cast needs the attribute 'dtype'"],
    ['a wrong attribute', ['%y = softmax %x {axis = a} : f32[n]'], '2:25: expected an integer'],
    ['an unknown dtype', ['%y = exp %x : f64[n]'], 'expected a dtype (f32, f16, '],
    ['a malformed dim', ['%y = exp %x : f32[n+] '], "2:19: 'n+' is not a dim"],
    ['a negative dim', ['param %v: f32[0-4]'], '2:15: a dim is at least 0'],
    ['an infinite dim', ['param %v: f32[floor(8/0)]'], '2:15: '],
    ['no body', ['%y = fused %x : f32[n, 4]', '%z = exp %x : f32[n, 4]'], "3:1: expected 'body'"],
    ['an open string', ['%"y = exp %x : f32[n, 4]'], "expected a name that ends in '\"'"],
    ['an empty name', ['%"" = exp %x : f32[n, 4]'], 'as a JSON string that is not empty'],
    ['a bad escape', ['%"\\q" = exp %x : f32[n, 4]'], 'as a JSON string that is not empty'],
    ['text behind', ['return %x', '} graph'], '3:3: expected the end of the text'],
    ['an output twice', ['return %x, x = %x }'], "2:12: the output 'x' is given twice"],
    ['an output that is no value', ['return %q }'], '2:8: %q is not defined'],
  ])('refuses %s', (_, lines, message) => {
    expect(errorOf(...lines)).toContain(message);
  });

  test('an inner name is not visible outside, nor an outer one inside', () => {
    const body = (use: string) => [
      '%y = fused %x : f32[n, 4]',
      `body @b(%a: f32[n, 4]) { %i = exp ${use} : f32[n, 4] return %i }`,
    ];
    expect(() => parseGraph(block(...body('%a')))).not.toThrow();
    expect(errorOf(...body('%x'))).toContain('3:35: %x is not defined');
    expect(errorOf(...body('%a'), '%z = exp %i : f32[n, 4]')).toContain('4:10: %i is not defined');
    expect(errorOf(...body('%a').map((s) => s.replace('{', '{ param %p: f32[]')))).toContain(
      "3:26: a body has no 'param'",
    );
  });
});

describe('hostile text', () => {
  test('any mutilation of a dump is parsed or refused, never a crash', () => {
    const text = printGraph(withRegions(attentionBlock()));
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.nat(40),
        fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('"', '(', '{', '%', '[', '-', '9e9')),
        (start, length, put) => {
          try {
            parseGraph(text.slice(0, start) + put + text.slice(start + length));
          } catch (error) {
            expect(error).toBeInstanceOf(EncompileError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('bodies within bodies are bounded', () => {
    let text = 'graph @g(%x: f32[]) {';
    for (let i = 0; i < 1e5; i++) text += '%y = fused %x : f32[] body @b(%x: f32[]) {';
    expect(messageOf(() => parseGraph(text))).toContain('bodies nest more than 16 deep');
  });

  const million = 1_000_000;
  test.each([
    ['blanks', ' '.repeat(million)],
    ['colons', `graph @${':'.repeat(million)}`],
    ['a name', `graph @${'a'.repeat(million)}`],
    ['an open string', `graph @"${'\\"'.repeat(million)}`],
    ['a dim of parentheses', `graph @g(%x: f32[${'('.repeat(million)}`],
    ['a dim of open parentheses', `graph @g(%x: f32[${'(a+'.repeat(million)}`],
    ['a dim of closed parentheses', `graph @g(%x: f32[${'(a)+'.repeat(million)}(`],
    ['a dim of many symbols', `graph @g(%x: f32[${manySums(20_000)}]`],
    ['a product of sums', `graph @g(%x: f32[${manyFactors(64)}]`],
    ['a number', `graph @g(%x: f32[${'9'.repeat(million)}]`],
    ['numbers', `graph @g() { %c = constant {value = [${'1,'.repeat(million / 4)}`],
    ['inputs', `graph @g(${'%x: f32[], '.repeat(million / 10)}`],
    ['operands', `graph @g(%x: f32[]) { %y = concat ${'%x, '.repeat(million / 4)}`],
    ['one long line', `graph @g(%x: f32[])${' '.repeat(million)}!`],
  ])('%s without end take no time', (_, text) => {
    const elapsed = processorClock();
    expect(messageOf(() => parseGraph(text)).length).toBeLessThan(1000);
    expect(elapsed()).toBeLessThan(3000);
  });

  test('time grows with the length alone', () => {
    const lines = (count: number) => {
      const nodes = Array.from({ length: count }, (_, i) => {
        return `%v${i + 1} = exp %v${i} : f32[n, 4]`;
      });
      return `graph @g(%v0: f32[n, 4]) {\n${nodes.join('\n')}\nreturn %v${count}\n}`;
    };
    const time = (text: string) => {
      const times = [1, 2, 3].map(() => {
        const elapsed = processorClock();
        parseGraph(text);
        return elapsed();
      });
      return Math.min(...times);
    };
    // Quadratic would be a hundredfold.
    expect(time(lines(20_000))).toBeLessThan(50 * Math.max(10, time(lines(2000))));
  });
});

function manySums(count: number): string {
  return Array.from({ length: count }, (_, i) => `a${i}`).join('+');
}

function manyFactors(count: number): string {
  return Array.from({ length: count }, (_, i) => `(a${i}+b${i})`).join('*');
}

test('i32 inputs print as they are typed', () => {
  const graph = buildGraph('g', (g) => ({ ids: g.input('ids', i32('n')) }));
  expect(printGraph(graph)).toBe('graph @g(%ids: i32[n]) {\n  return %ids\n}\n');
});
