// Random weights, the same in every run: matrices normally distributed with variance 1 / fan-in, tables
// with variance 1, vectors near 1 (gamma) or 0.

/** Collects weights by the names that encompile's declarations give them. */
export function randomWeights() {
  const next = normal(1);
  const weights = new Map();
  const add = (name, shape, center, deviation) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    for (let i = 0; i < data.length; i++) data[i] = center + deviation * next();
    weights.set(name, { dtype: 'f32', shape, data });
  };
  return {
    weights,
    table: (name, rows, width) => add(name, [rows, width], 0, 1),
    linear(name, from, to) {
      add(`${name}.weight`, [from, to], 0, 1 / Math.sqrt(from));
      add(`${name}.bias`, [to], 0, 0.1);
    },
    norm(name, width) {
      add(`${name}.gamma`, [width], 1, 0.1);
      add(`${name}.beta`, [width], 0, 0.1);
    },
  };
}

/** Normally distributed numbers by Box and Muller's method. */
function normal(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
