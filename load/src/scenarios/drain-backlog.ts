/**
 * Workers behind a backlog: how fast they store it and what that costs.
 *
 * The workers are up and wait before the backlog is put in front of them in one step. Measured is from
 * the moment a tenth is stored to the moment 95 % are: before, code is still being optimised, and at the
 * very end some writers have nothing left to do.
 */
import type { ClonedDatabase } from '@sluice/stack/template';
import { acceptedEvents, type Population } from '../bench/population.ts';
import { countCpu, peakMib } from '../bench/process-tree.ts';
import type { Run } from '../bench/run.ts';
import { type Child, startService } from '../system/child.ts';
import { until } from '../system/until.ts';
import { monotonicMicros } from './cpu-profile.ts';

export interface DrainOptions {
  readonly database: ClonedDatabase;
  readonly workers: number;
  readonly population: Population;
  readonly events: number;
  readonly seed?: number;
  /** Of node, for each worker. */
  readonly nodeArgs?: readonly string[];
}

export interface Drained {
  readonly perSecond: number;
  /** CPU time for each event: of the workers, of all of Postgres, of Redis. */
  readonly workerMicros: number;
  readonly postgresMicros: number;
  readonly redisMicros: number;
  /** Of the worker that had most. */
  readonly peakMib: number;
  /** When the measurement began, by the clock of a profile. */
  readonly fromMicros: number;
}

const FROM_SHARE = 0.1;
const TO_SHARE = 0.95;
const LOOK_EVERY_MS = 10;
/** Slower than a tenth of this something is broken. */
const SLOWEST_PER_SECOND = 2_000;

/** Empties Redis, fills it and lets workers empty it. */
export async function drainBacklog(run: Run, label: string, options: DrainOptions): Promise<Drained> {
  const { database, workers: count, population, events, seed = 1, nodeArgs = [] } = options;
  await run.stream.clear();
  await run.stream.prepare(acceptedEvents(population, seed, events), (ready) => {
    if (ready % 100_000 === 0) run.progress.now(`${label}: ${ready.toLocaleString('en-US')} events prepared`);
  });
  const { url } = await run.servers.redis();
  const env = { REDIS_URL: url, DATABASE_URL: database.workerUrl };
  const workers = await Promise.all(
    Array.from({ length: count }, () => startService('worker', { env, nodeArgs })),
  );
  try {
    run.progress.now(`${label}: ${count} ${count === 1 ? 'worker' : 'workers'}`);
    return await measure(run, workers, events);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

async function measure(run: Run, workers: readonly Child[], events: number): Promise<Drained> {
  const pids = {
    worker: workers.map(({ pid }) => pid),
    postgres: (await run.servers.postgres()).pid,
    redis: (await run.servers.redis()).pid,
  };
  await run.stream.release();
  const from = await settled(run, events * FROM_SHARE, events);
  const fromMicros = monotonicMicros();
  const used = countCpu(pids);
  const to = await settled(run, events * TO_SHARE, events);
  const { worker, postgres, redis } = used();
  const stored = to.settled - from.settled;
  await settled(run, events, events);
  return {
    perSecond: (stored / (to.atMs - from.atMs)) * 1_000,
    workerMicros: (worker / stored) * 1e6,
    postgresMicros: (postgres / stored) * 1e6,
    redisMicros: (redis / stored) * 1e6,
    peakMib: Math.max(...workers.map(({ pid }) => peakMib(pid))),
    fromMicros,
  };
}

async function settled(run: Run, wanted: number, events: number): Promise<{ settled: number; atMs: number }> {
  let found = 0;
  await until('stored', 60_000 + (events / SLOWEST_PER_SECOND) * 1_000, LOOK_EVERY_MS, async () => {
    found = (await run.stream.counts()).settled;
    return found >= wanted;
  });
  return { settled: found, atMs: performance.now() };
}
