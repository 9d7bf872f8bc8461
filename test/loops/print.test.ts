/** Loop IR as text: whole kernels, and the parentheses that expressions need. */
import { describe, expect, it } from 'vitest';
import {
  addOf,
  binary,
  bitcast,
  cast,
  constant,
  type Expression,
  index,
  lane,
  load,
  multiplyOf,
  read,
  select,
  splat,
  store,
  unary,
} from '../../src/loops/nodes.ts';
import {
  printExpression,
  printKernel,
  printKernels,
  printStatement,
} from '../../src/loops/print.ts';
import { addOne, either, isBelow, rowSum, tiledMatmul } from '../emulator/example-kernels.ts';

const lines = (text: string) => `${text.split('\n').slice(1).join('\n').trimEnd()}\n`;

describe('kernels', () => {
  it('a workgroup reduction', () => {
    const [head] = printKernel(rowSum()).split('      if lane < 8');
    expect(head).toBe(
      lines(`
kernel row_sum
  // %y = reduce_sum %x
  symbols rows
  x: f32[70*rows] read
  y: f32[rows] write

  for workgroup row in 0..rows
    alloc workgroup partial: f32[32]
    for invocation lane in 0..32
      var sum = 0.0
      for k in lane..70 step 32
        sum = sum + x[k+70*row]
      partial[lane] = sum
      barrier
      if lane < 16
        partial[lane] = partial[lane] + partial[lane+16]
      barrier
`),
    );
  });

  it('a matmul with four lanes', () => {
    expect(printKernel(tiledMatmul())).toBe(
      lines(`
kernel tiled_matmul
  // %y = matmul %x, %w
  symbols rows
  x: f32[32*rows] read
  w: f32[2048] read
  y: f32[64*rows] write

  for workgroup i in 0..floor((rows+7)/8)
    for workgroup j in 0..2
      alloc workgroup x_tile: f32[64]
      alloc workgroup w_tile: f32[256]
      for invocation lane in 0..64
        alloc register acc: f32[4]
        acc[0..+4] = splat(0.0)
        for t in 0..4
          x_tile[lane] = 0.0
          if floor(lane/8)+8*i < rows
            x_tile[lane] = x[24*floor(lane/8)+256*i+lane+8*t]
          w_tile[4*lane..+4] = w[32*floor(lane/8)+32*j+4*lane+512*t..+4]
          barrier
          for k in 0..8
            acc[0..+4] = acc[0..+4] + splat(x_tile[8*floor(lane/8)+k]) * w_tile[32*k+4*lane-32*floor(lane/8)..+4]
          barrier
        if floor(lane/8)+8*i < rows
          y[32*floor(lane/8)+512*i+32*j+4*lane..+4] = acc[0..+4]
`),
    );
  });

  it('several, an empty line between', () => {
    const text = printKernels([addOne(), addOne()]);
    expect(text).toBe(`${printKernel(addOne())}\n${printKernel(addOne())}`);
    expect(text).toContain('for parallel i in 0..4*floor(n/4) step 4\n    let v = x[i..+4]\n');
  });

  it('a name in a summary cannot leave its comment', () => {
    const text = printKernel({ ...addOne(), summary: ['%a\nbarrier', '%b\u2028x', '%c\r\ny'] });
    expect(text).toContain('  // %a\n  // barrier\n  // %b\n  // x\n  // %c\n  // y\n  symbols');
  });

  it('both arms of an if, and comments', () => {
    const text = printStatement(
      either(
        isBelow('i', 'n'),
        [{ tag: 'comment', text: 'the tail' }, store('y', 'i', constant(1))],
        [{ tag: 'barrier' }],
      ),
    );
    expect(text).toBe('if i < n\n  // the tail\n  y[i] = 1.0\nelse\n  barrier');
  });
});

describe('expressions', () => {
  const [a, b, c] = [read('a'), read('b'), read('c')];
  const isLess = binary('lt', a, b);

  it.each<[string, Expression]>([
    ['a + b * c', addOf(a, multiplyOf(b, c))],
    ['(a + b) * c', multiplyOf(addOf(a, b), c)],
    ['a - b - c', binary('sub', binary('sub', a, b), c)],
    ['a - (b - c)', binary('sub', a, binary('sub', b, c))],
    ['a + (b + c)', addOf(a, addOf(b, c))],
    ['a / b * c', multiplyOf(binary('div', a, b), c)],
    ['a / (b * c)', binary('div', a, multiplyOf(b, c))],
    ['a % b', binary('rem', a, b)],
    ['max(a + b, min(c, 0.5))', binary('max', addOf(a, b), binary('min', c, constant(0.5)))],
    ['pow(a, 2.0)', binary('pow', a, constant(2))],
    ['-a * b', multiplyOf(unary('neg', a), b)],
    ['-(a * b)', unary('neg', multiplyOf(a, b))],
    ['-(-a)', unary('neg', unary('neg', a))],
    ['-(-1.0)', unary('neg', constant(-1))],
    ['a - -1.0', binary('sub', a, constant(-1))],
    ['!(a < b)', unary('not', isLess)],
    ['a < b && b <= c', binary('and', isLess, binary('le', b, c))],
    [
      'a < b || b == c && c != a',
      binary('or', isLess, binary('and', binary('eq', b, c), binary('ne', c, a))),
    ],
    ['(a < b || b == c) && a < b', binary('and', binary('or', isLess, binary('eq', b, c)), isLess)],
    ['(a < b) == (b < a)', binary('eq', isLess, binary('lt', b, a))],
    ['select(a < b, a, exp(b))', select(isLess, a, unary('exp', b))],
    ['f32(4*i+1)', cast('f32', index('4*i+1'))],
    ['4*i+1 < n', binary('lt', index('4*i+1'), index('n'))],
    ['(4*i+1) * i', multiplyOf(index('4*i+1'), index('i'))],
    ['n / (2*i)', binary('div', index('n'), index('2*i'))],
    ['-(-i)', unary('neg', index('-i'))],
    ['bitcast<i32>(a)', bitcast('i32', a)],
    ['splat(a) + x[i..+4]', addOf(splat(a), load('x', 'i', 'f32', 4))],
    ['x[i..+4].z', lane(load('x', 'i', 'f32', 4), 2)],
    ['(v + w).x', lane(addOf(read('v', 'f32', 4), read('w', 'f32', 4)), 0)],
  ])('%s', (text, expression) => {
    expect(printExpression(expression)).toBe(text);
  });

  it.each<[string, Expression]>([
    ['1.0', constant(1)],
    ['1', constant(1, 'i32')],
    ['-0.0', constant(-0)],
    ['1e-12', constant(1e-12)],
    ['1e+30', constant(1e30)],
    ['0.7978845608028654', constant(Math.sqrt(2 / Math.PI))],
    ['-inf', constant(Number.NEGATIVE_INFINITY)],
    ['nan', constant(Number.NaN)],
    ['true', constant(1, 'bool')],
    ['false', constant(0, 'bool')],
  ])('the constant %s', (text, expression) => {
    expect(printExpression(expression)).toBe(text);
  });
});
