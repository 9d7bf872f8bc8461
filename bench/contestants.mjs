// The processes in which contenders run.

import { fork } from 'node:child_process';
import { join } from 'node:path';

const SCRIPT = join(import.meta.dirname, 'contestant.mjs');
const NOTES_KEPT = 2000;

/** A process under the Node at `execPath`, in which `script` answers one request after another. */
export function startContestant(execPath, script = SCRIPT) {
  // Some runtimes greet on stdout, which carries the report.
  const child = fork(script, {
    execPath,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let notes = '';
  child.stderr.on('data', (chunk) => {
    notes = (notes + chunk).slice(-NOTES_KEPT);
  });
  const ask = (request, given = {}) =>
    new Promise((resolve, reject) => {
      const settle = (act) => {
        child.off('message', onMessage);
        child.off('exit', onExit);
        act();
      };
      const onMessage = ({ answer, error }) => {
        settle(() => (error === undefined ? resolve(answer) : reject(new Error(error))));
      };
      const onExit = (code, signal) => {
        settle(() => reject(new Error(`its process ended (${signal ?? code}): ${notes.trim()}`)));
      };
      if (child.exitCode !== null || child.signalCode !== null) {
        reject(new Error(`its process has ended: ${notes.trim()}`));
        return;
      }
      child.on('message', onMessage);
      child.on('exit', onExit);
      child.send({ request, ...given });
    });
  const stop = () =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) {
        resolve();
        return;
      }
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  return { ask, stop };
}
