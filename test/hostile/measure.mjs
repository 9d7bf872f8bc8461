/** Preloaded into a command: says at its end what it took, as the last line of standard error. */
import { readFileSync } from 'node:fs';

process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  const time = Math.round((user + system) / 1000);
  process.stderr.write(`\n${JSON.stringify({ megabytes: Math.round(peak() / 1024), time })}\n`);
});

/** Kilobytes. The usage that the system reports begins with that of the process which started this one. */
function peak() {
  try {
    const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (found !== null) return Number(found[1]);
  } catch {
    // other systems than Linux
  }
  return process.resourceUsage().maxRSS;
}
