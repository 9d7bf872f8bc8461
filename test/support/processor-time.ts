/**
 * How long something takes, in milliseconds of this process's processor: what other work on the machine
 * changes little, so that a bound on it can be kept. Threads of the engine count, too.
 */

/** Starts a clock, which says what has passed since. */
export function processorClock(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}
