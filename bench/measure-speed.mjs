// Time of a run, in rounds: every contender has its turn once a round, so that what slows the machine
// for a while slows all alike, and ratios are taken within rounds. Before, its output is compared with
// the oracle's, and it runs until its compilers have finished.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { disagreement } from './agreement.mjs';
import { BASELINE, CONTENDERS, contenderOf, missingFor, ORACLE } from './contenders/index.mjs';
import { startContestant } from './contestants.mjs';
import { LIMITS } from './limits/index.mjs';
import { ratiosByRound, summary } from './statistics.mjs';
import { tokensOf } from './workloads.mjs';

/** Threads of the contender before may still spin while they wait for work. */
const SETTLE_MS = 50;
const TURN_MS = 150;
const WARM_UP_MS = 1500;
const WARM_UP_CALLS = 4;
/** A run that takes longer than this takes part in every third round. */
const SLOW_MS = 1500;
const SLOW_STRIDE = 3;

/** Measures one model under one Node; the rows of all workloads. */
export async function measureSpeed({ model, folder, node, ids, workloads, settings, onProgress }) {
  const field = await openAll({ model, folder, node, ids, onProgress });
  const rows = [];
  try {
    for (const workload of workloads) {
      const say = (text) => onProgress(`${workload.title}: ${text}`);
      const ready = await compareAll(field, { model, folder, workload, settings, rows, say });
      await warmUp([...ready, ...field.limits], say);
      await runRounds([...ready, ...field.limits], settings, say);
      rows.push(...evaluate({ field, ready, model, workload, settings }));
    }
  } finally {
    await Promise.all([...field.contenders, ...field.limits].map(({ stop }) => stop()));
  }
  return rows;
}

async function openAll({ model, folder, node, ids, onProgress }) {
  // The oracle answers even where nobody asked for its time.
  const wanted = CONTENDERS.filter(({ id }) => ids.includes(id) || id === ORACLE);
  const contenders = [];
  const limits = [];
  for (const { id, name } of [...LIMITS, ...wanted]) {
    onProgress(`opening ${name}`);
    const isLimit = LIMITS.some((limit) => limit.id === id);
    const missing = isLimit ? null : missingFor(contenderOf(id), node.version);
    if (missing !== null) {
      contenders.push({ id, isTimed: ids.includes(id), failure: `not run: ${missing}`, stop() {} });
      continue;
    }
    const contestant = startContestant(node.path);
    const entry = { id, ...contestant, failure: null, speed: null };
    try {
      const opened = await contestant.ask('open', { contender: id, model: model.id, folder });
      Object.assign(entry, { note: opened.note, flops: opened.flops, missing: opened.missing });
    } catch (error) {
      entry.failure = `did not open: ${error.message}`;
    }
    if (!isLimit) contenders.push({ ...entry, isTimed: ids.includes(id) });
    else if (entry.missing || entry.failure !== null) await contestant.stop();
    else limits.push({ ...entry, isTimed: true });
  }
  return { contenders, limits };
}

/** The contenders that agree with the oracle; of the others, a row that says why not. */
async function compareAll(field, { model, folder, workload, settings, rows, say }) {
  const flops = model.flops(workload.lengths);
  const oracleFile = join(folder, `oracle-${workload.id}.f32`);
  const oracle = field.contenders.find(({ id }) => id === ORACLE);
  if (oracle.failure !== null) throw new Error(`${contenderOf(ORACLE).name} ${oracle.failure}`);
  say(`oracle, ${contenderOf(ORACLE).name}`);
  await oracle.ask('check', { workload, output: oracleFile });
  const ready = [];
  for (const entry of field.contenders) {
    if (!entry.isTimed) continue;
    const { name, agreement } = contenderOf(entry.id);
    const refuse = (why) => rows.push({ contender: entry.id, workload: workload.id, failure: why });
    // A contender whose process failed once stays out.
    if (entry.failure !== null) {
      refuse(entry.failure);
      continue;
    }
    const expected = entry.speed === null ? 0 : flops / entry.speed;
    if (expected > settings.patience * 1e3) {
      refuse(`not run: about ${Math.round(expected / 1e3)} s a run`);
      continue;
    }
    say(`comparing ${name}`);
    try {
      const checked = await entry.ask('check', { workload, oracle: oracleFile });
      const wrong = disagreement(checked, agreement);
      if (wrong !== null) {
        refuse(wrong);
        continue;
      }
      Object.assign(entry, { workload, work: flops, difference: checked });
      entry.milliseconds = checked.milliseconds;
      ready.push(entry);
    } catch (error) {
      entry.failure = error.message;
      refuse(error.message);
    }
  }
  for (const entry of field.limits) Object.assign(entry, { work: entry.flops, milliseconds: 1 });
  return ready;
}

/** Each by itself until its compilers have finished; says how many calls make a turn. */
export async function warmUp(entries, say) {
  for (const entry of entries) {
    say(`warming up ${entry.id}`);
    let spent = 0;
    for (let calls = 0; spent < WARM_UP_MS || calls < WARM_UP_CALLS; ) {
      const count = Math.max(1, Math.floor(TURN_MS / entry.milliseconds));
      const { clock } = await entry.ask('run', { workload: entry.workload, calls: count });
      entry.milliseconds = clock;
      spent += clock * count;
      calls += count;
      if (clock > SLOW_MS) break;
    }
    entry.calls = Math.max(1, Math.round(TURN_MS / entry.milliseconds));
    entry.speed = entry.work / entry.milliseconds;
    entry.times = { clock: [], processor: [] };
  }
}

/** A turn of each in every round; the times are entries' `times`. */
export async function runRounds(entries, { rounds }, say) {
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`);
    for (const entry of entries) {
      if (entry.milliseconds > SLOW_MS && round % SLOW_STRIDE !== 0) continue;
      await sleep(SETTLE_MS);
      const { workload, calls } = entry;
      const { clock, processor } = await entry.ask('run', { workload, calls });
      entry.times.clock[round] = clock;
      entry.times.processor[round] = processor;
    }
  }
}

function evaluate({ field, ready, model, workload, settings }) {
  const timesOf = (entry) => Array.from(entry.times[settings.clock]);
  const present = (values) => values.filter((value) => value !== undefined);
  const baseline = ready.find(({ id }) => id === BASELINE);
  const speedOf = (entry) => timesOf(entry).map((ms) => ms && entry.work / ms / 1e6);
  const limits = field.limits.map((entry) => {
    const { limit } = LIMITS.find(({ id }) => id === entry.id);
    return { id: entry.id, limit, note: entry.note, speeds: speedOf(entry) };
  });
  const limitFor = (target) =>
    limits
      .filter(({ limit }) => limit === target)
      .reduce(
        (best, next) =>
          best === null || summary(next.speeds).median > summary(best.speeds).median ? next : best,
        null,
      );
  const rows = ready.map((entry) => {
    const { limit: target, threads } = contenderOf(entry.id);
    const limit = limitFor(target);
    const speeds = speedOf(entry);
    return {
      contender: entry.id,
      workload: workload.id,
      tokens: tokensOf(workload),
      flops: model.flops(workload.lengths),
      callsPerTurn: entry.calls,
      difference: entry.difference.largest,
      cosine: entry.difference.cosine,
      clock: summary(present(Array.from(entry.times.clock))),
      processor: summary(present(Array.from(entry.times.processor))),
      gflops: summary(present(speeds)),
      ratio: baseline && summary(ratiosByRound(timesOf(baseline), timesOf(entry))),
      limit: limit?.id ?? null,
      shareOfLimit:
        limit &&
        summary(
          ratiosByRound(
            speeds,
            limit.speeds.map((value) => value && value * threads),
          ),
        ),
    };
  });
  const limitRows = limits.map(({ id, note, speeds }) => {
    return { contender: id, workload: workload.id, note, gflops: summary(present(speeds)) };
  });
  return [...rows, ...limitRows];
}
