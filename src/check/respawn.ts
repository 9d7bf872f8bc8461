/**
 * Starts the running command again with a Vulkan driver in its environment, where the machine has
 * none of its own.
 *
 * Guarantees: at most one child, with this process's arguments, flags and standard streams; signals
 * reach the child; this process ends as the child ended.
 */
import { spawn } from 'node:child_process';
import { vulkanEnvironment } from './webgpu-node.ts';

const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Returns at once when this process can already use WebGPU, or when no software driver can help.
 * Otherwise runs the same command in a child process that has the driver and exits with the child's
 * status, so that nothing after the call runs here.
 */
export async function respawnWithVulkan(): Promise<void> {
  const environment = await vulkanEnvironment();
  if (environment === null) return;

  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child.kill(signal));

  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, by) => resolve([code, by]));
    },
  );
  if (signal !== null) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  process.exit(status ?? 1);
}
