/** Numbers for people: three significant digits and a unit. */

const DECIMAL = ['', 'k', 'M', 'G', 'T', 'P'];

/** `2.87 G`, `412`: by powers of a thousand. */
function scaled(value: number): string {
  let rest = value;
  let power = 0;
  while (rest >= 999.5 && power < DECIMAL.length - 1) {
    rest /= 1000;
    power++;
  }
  const digits = significant(rest);
  return power === 0 ? digits : `${digits} ${DECIMAL[power]}`;
}

/** Three significant digits, never in exponent form. */
export function significant(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1000) return `${value}`;
  const size = Math.abs(value);
  const places = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  return value.toFixed(places);
}

/** `2.87 GFLOP`. */
export function flopCount(value: number): string {
  return unit(value, 'FLOP');
}

/** `3.61 MB`, in powers of 1000 as disks and bandwidths are given. */
export function byteCount(value: number): string {
  return unit(value, 'B');
}

function unit(value: number, name: string): string {
  const text = scaled(value);
  return text.includes(' ') ? text + name : `${text} ${name}`;
}

/** `4.31 ms`, `12.0 us`, `1.20 s`, from milliseconds. */
export function duration(milliseconds: number): string {
  if (milliseconds >= 999.5) return `${significant(milliseconds / 1000)} s`;
  if (milliseconds >= 0.9995) return `${significant(milliseconds)} ms`;
  return `${significant(milliseconds * 1000)} us`;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** `1 kernel`, `3 kernels`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** A tensor's element: float32 digits, as few as tell it apart. */
export function element(value: number | bigint): string {
  if (typeof value === 'bigint' || Number.isInteger(value)) return `${value}`;
  return `${Number(value.toPrecision(6))}`;
}
