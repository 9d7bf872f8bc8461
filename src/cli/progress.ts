/**
 * What long work is doing, on stderr, and only where stderr is a terminal: one line that is
 * overwritten, and cleared before anything else is written.
 */

/** Lines change at most this often. */
const INTERVAL_MS = 50;

export interface Progress {
  /** Shows what is being done; later text takes its place. */
  show(text: string): void;
  /** Takes the line away. */
  clear(): void;
}

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export function makeProgress(stream: Terminal = process.stderr): Progress {
  if (stream.isTTY !== true) return { show: () => {}, clear: () => {} };
  let isShown = false;
  let last = 0;
  return {
    show(text) {
      const now = performance.now();
      if (isShown && now - last < INTERVAL_MS) return;
      [isShown, last] = [true, now];
      stream.write(`\r\u001b[K${text.slice(0, (stream.columns ?? 80) - 1)}`);
    },
    clear() {
      if (isShown) stream.write('\r\u001b[K');
      isShown = false;
    },
  };
}

/** The progress line of this process: there is one terminal. */
export const progress: Progress = makeProgress();
