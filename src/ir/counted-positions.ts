/**
 * The positions in row-major order of the elements that count, ascending: those that are not 0, and
 * those at the indices `always` of the last axis.
 *
 * @param length of the last axis
 */
export function countedPositions(
  numbers: ArrayLike<number | bigint>,
  length: number,
  always: readonly number[],
): readonly number[] {
  const positions: number[] = [];
  for (let position = 0; position < numbers.length; position++) {
    const isSet = Number(numbers[position]) !== 0;
    if (isSet || always.includes(position % length)) positions.push(position);
  }
  return positions;
}
