// Medians with their spread.

/** Median and quartiles, by linear interpolation between the two nearest values. */
export function summary(values) {
  const sorted = [...values].sort((p, q) => p - q);
  const at = (share) => {
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.ceil(place);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  };
  if (sorted.length === 0) return null;
  return { median: at(0.5), quartiles: [at(0.25), at(0.75)], count: sorted.length };
}

/** Of two series by round, the ratios of the rounds in which both took part. */
export function ratiosByRound(above, below) {
  return above.flatMap((value, round) => {
    const other = below[round];
    return value === undefined || other === undefined ? [] : [value / other];
  });
}
