// Source of a packed matmul for any register tile and index style, so that the styles can be
// compared. `matmul-384x1536.mjs` shows by hand what the default options give.

const range = (n) => [...Array(n).keys()];
const plus = (base, offset) => (offset === 0 ? base : `${base} + ${offset}`);

/** How an offset is written: what V8 can know of its range, or nothing. */
const indexStyles = {
  masked: { base: (e) => `(${e}) & 0x3fffffff`, step: (e) => e },
  unsigned: { base: (e) => `(${e}) >>> 0`, step: (e) => e },
  int32: { base: (e) => `(${e}) | 0`, step: (e) => `(${e}) | 0` },
  plain: { base: (e) => e, step: (e) => e },
};

function tile(rows, { columns, unroll, paired, style, loop, k, n, store }) {
  const { base, step } = indexStyles[style];
  const steps = range(unroll);
  const lines = [];
  const panelOffset = (offset) => step(plus('w', offset));
  const rowOffset = (i, t) =>
    loop === 'pointers' ? step(plus(`a${i}`, t)) : step(plus(`a${i} + k`, t));
  const row = (i) => (i === 0 ? 'i' : `(i + ${i})`);
  for (const i of range(rows)) {
    lines.push(
      `${loop === 'pointers' ? 'let' : 'const'} a${i} = ${base(`aBase + ${row(i)} * ${k}`)};`,
    );
    for (const j of range(columns)) lines.push(`let c${i}${j} = 0;`);
  }
  if (loop === 'pointers') lines.push('let w = panel;');
  lines.push(`for (let k = 0; k < ${k}; k += ${unroll}) {`);
  if (loop === 'counter') lines.push(`const w = ${step(`panel + k * ${columns}`)};`);
  for (const group of paired ? [steps] : steps.map((t) => [t])) {
    for (const t of group)
      for (const i of range(rows)) lines.push(`const x${i}${t} = a[${rowOffset(i, t)}];`);
    for (const j of range(columns)) {
      for (const t of group)
        lines.push(`const w${j}${t} = weights[${panelOffset(t * columns + j)}];`);
      for (const i of range(rows))
        lines.push(`c${i}${j} += ${group.map((t) => `x${i}${t} * w${j}${t}`).join(' + ')};`);
    }
  }
  if (loop === 'pointers') {
    for (const i of range(rows)) lines.push(`a${i} = ${step(`a${i} + ${unroll}`)};`);
    lines.push(`w = ${step(`w + ${unroll * columns}`)};`);
  }
  lines.push('}');
  for (const i of range(rows)) {
    lines.push(`const o${i} = ${base(`outBase + ${row(i)} * ${n} + j`)};`);
    for (const j of range(columns))
      lines.push(`out[${plus(`o${i}`, j)}] = ${store(`c${i}${j} + weights[${plus('bias', j)}]`)};`);
  }
  return lines;
}

/**
 * A function expression `(out, outBase, a, aBase, weights, panelsBase, biasBase, rows, K, N)`.
 * k and n are literals, or the names 'K' and 'N' for a function that serves every shape.
 */
export function matmulSource({
  k = 384,
  n = 1536,
  rows = 2,
  columns = 3,
  unroll = 2,
  paired = true,
  style = 'masked',
  loop = 'counter',
  rowBlock = 64,
  store = (e) => e,
} = {}) {
  const options = { columns, unroll, paired, style, loop, k, n, store };
  const { base } = indexStyles[style];
  const panels = [
    `for (let j = 0; j < ${n}; j += ${columns}) {`,
    `const panel = ${base(`panelsBase + j * ${k}`)};`,
    `const bias = ${base('biasBase + j')};`,
  ];
  const body =
    rowBlock === 'rows outside'
      ? [
          `let i = 0; for (; i + ${rows} <= rows; i += ${rows}) {`,
          ...panels,
          ...tile(rows, options),
          '}} for (; i < rows; i++) {',
          ...panels,
          ...tile(1, options),
          '}}',
        ]
      : [
          rowBlock === 'panels outside'
            ? '{ const start = 0; const end = rows;'
            : `for (let start = 0; start < rows; start += ${rowBlock}) { const end = Math.min(rows, start + ${rowBlock});`,
          ...panels,
          `let i = start; for (; i + ${rows} <= end; i += ${rows}) {`,
          ...tile(rows, options),
          '} for (; i < end; i++) {',
          ...tile(1, options),
          '}}}',
        ];
  return [
    '(function matmul(out, outBase, a, aBase, weights, panelsBase, biasBase, rows, K, N) {',
    ...body,
    '})',
  ].join('\n');
}

let compiled = 0;

/**
 * Compiles `matmulSource`; each call gives code of its own, with type feedback of its own.
 * `own` is what the option `store` may refer to by that name.
 */
export function compileMatmul(options, own) {
  compiled++;
  return new Function('own', `// ${compiled}\nreturn ${matmulSource(options)};`)(own);
}
