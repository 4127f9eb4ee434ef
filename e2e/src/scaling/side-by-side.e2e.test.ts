/** What workers cost each other on the one Postgres: waits for locks, and CPU for each event. */
import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';
import { expect, it } from 'vitest';
import { cpuSeconds } from '../cpu-time.ts';
import { givenSystem } from '../given-system.ts';
import type { System } from '../system.ts';
import { addBacklog } from './hand-made-backlog.ts';

const BACKLOG = { entries: 400, eventsAnEntry: 500 };
/** For each worker before it is measured: until then much of its CPU is the compiler's. */
const WARM_UP = { entries: 60, eventsAnEntry: 500 };
const SAMPLE_EVERY_MS = 10;
/** Of the moments at which a worker's backend was seen at work: waiting for another's row, */
const MOST_ROW_WAITS = 0.0075;
/** or for whatever is locked; a table that grows is for a moment. */
const MOST_LOCK_WAITS = 0.1;
/** Between the number of workers that is cheapest and the one that is dearest, with other work on the machine. */
const MOST_CPU_RATIO = 1.5;
/** As in production: on a busy machine a batch may take longer than what tests of faults allow. */
const PATIENT = { WRITE_DEADLINE_MS: '20000', CLAIM_MIN_IDLE_MS: '30000' };

const DRAINED_WITHIN_MS = 120_000;
const EMPTY_TABLES =
  'TRUNCATE events, hourly_counts, unfolded, folded_paths, folded_visitors, folded_visitor_counts';

interface Drain {
  readonly workers: number;
  readonly seconds: number;
  /** Microseconds an event. */
  readonly workerCpu: number;
  readonly postgresCpu: number;
  readonly foldCpu: number;
  /** How often backends of workers were seen at work, by what they waited for. */
  readonly seen: ReadonlyMap<string, number>;
}

it('1, 2 and 4 workers drain a backlog → they hardly wait for locks, never deadlock, and an event costs what it costs', async () => {
  const system = await givenSystem({ ingests: 0, workers: 0, env: { worker: PATIENT } });
  const drains: Drain[] = [];
  for (const workers of [1, 2, 4]) drains.push(await drain(system, workers));
  console.log('workers | events/s | worker µs | Postgres µs: storing + folding the rest | seen waiting for');
  for (const { workers, seconds, workerCpu, postgresCpu, foldCpu, seen } of drains) {
    const rate = Math.round((BACKLOG.entries * BACKLOG.eventsAnEntry) / seconds);
    const cpu = `${workerCpu.toFixed(1)} | ${postgresCpu.toFixed(1)} + ${foldCpu.toFixed(1)}`;
    const waits = [...seen].map(([event, times]) => `${event} ${times}`).join(', ');
    console.log(`${workers} | ${rate} | ${cpu} | ${waits}`);
  }
  for (const { seen } of drains) {
    expect(shareOf(seen, /^Lock:(transactionid|tuple)$/)).toBeLessThan(MOST_ROW_WAITS);
    expect(shareOf(seen, /^Lock:/)).toBeLessThan(MOST_LOCK_WAITS);
  }
  const [statistics] = await system.asOwner(
    (sql) => sql`SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()`,
  );
  expect(statistics).toEqual({ deadlocks: 0 });
  const costs = drains.map(({ workerCpu, postgresCpu, foldCpu }) => workerCpu + postgresCpu + foldCpu);
  expect(Math.max(...costs) / Math.min(...costs)).toBeLessThan(MOST_CPU_RATIO);
});

/** Lets so many new workers drain the backlog into empty tables. */
async function drain(system: System, count: number): Promise<Drain> {
  const workers = await Promise.all(Array.from({ length: count }, () => system.add('worker')));
  const used = async () => {
    const ofWorkers = await Promise.all(workers.map(({ pid }) => cpuSeconds(pid)));
    return {
      workers: ofWorkers.reduce((sum, seconds) => sum + seconds, 0),
      postgres: await cpuSeconds(system.postgres.pid),
    };
  };
  return system.asOwner(async (sql) => {
    await addBacklog(system.redisUrl, { ...WARM_UP, entries: count * WARM_UP.entries });
    await system.drain(DRAINED_WITHIN_MS);
    await foldAll(sql);
    await sql.unsafe(EMPTY_TABLES);
    const before = await used();
    const startedAt = performance.now();
    const events = await addBacklog(system.redisUrl, BACKLOG);
    const seen = await sampledUntil(sql, system.drain(DRAINED_WITHIN_MS));
    const seconds = (performance.now() - startedAt) / 1_000;
    const stored = await used();
    await Promise.all(workers.map((worker) => worker.stop()));
    await foldAll(sql);
    const foldedAt = await cpuSeconds(system.postgres.pid);
    const [row] = await sql`SELECT count(*)::int AS events FROM events`;
    expect(row).toEqual({ events });
    await sql.unsafe(EMPTY_TABLES);
    const eachUs = (from: number, to: number) => ((to - from) * 1e6) / events;
    return {
      ...{ workers: count, seconds, seen },
      workerCpu: eachUs(before.workers, stored.workers),
      postgresCpu: eachUs(before.postgres, stored.postgres),
      foldCpu: eachUs(stored.postgres, foldedAt),
    };
  });
}

/** What workers do when they have time. */
async function foldAll(sql: postgres.Sql): Promise<void> {
  for (let folded = 1; folded > 0; ) {
    const [row] = await sql`SELECT fold_days(0, 0)::int AS folded`;
    folded = Number(row?.['folded']);
  }
}

/** Looks at what the workers' backends wait for, again and again until `end`. */
async function sampledUntil(sql: postgres.Sql, end: Promise<void>): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>();
  let over = false;
  const ended = end.finally(() => {
    over = true;
  });
  while (!over) {
    const backends = await sql`SELECT coalesce(wait_event_type || ':' || wait_event, 'nothing') AS event
      FROM pg_stat_activity WHERE usename = 'sluice_worker' AND state = 'active'`;
    for (const { event } of backends) seen.set(event, (seen.get(event) ?? 0) + 1);
    await sleep(SAMPLE_EVERY_MS);
  }
  await ended;
  return seen;
}

function shareOf(seen: ReadonlyMap<string, number>, events: RegExp): number {
  const sum = (counts: readonly [string, number][]) => counts.reduce((total, [, times]) => total + times, 0);
  return sum([...seen].filter(([event]) => events.test(event))) / sum([...seen]);
}
