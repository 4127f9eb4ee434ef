/**
 * What changes as rows pile up: how fast reports are, beside a scan of the raw rows, and what storing
 * one more event costs. Neither should change.
 */
import type { ClonedDatabase } from '@sluice/stack/template';
import type { Size } from '../bench/options.ts';
import { median } from '../bench/percentile.ts';
import { HIGH_CARDINALITY } from '../bench/population.ts';
import type { Run, Scenario } from '../bench/run.ts';
import { getBytes, startSender } from '../sender/start-sender.ts';
import { type Child, startService } from '../system/child.ts';
import { asOwner } from '../system/servers.ts';
import { drainBacklog } from './drain-backlog.ts';
import { seedRows } from './seed-rows.ts';

const ROWS: Readonly<Record<Size, readonly number[]>> = {
  quick: [100_000, 1_000_000],
  normal: [1_000_000, 10_000_000],
  full: [1_000_000, 10_000_000, 100_000_000],
};
const MANY_ROWS = 100_000_000;
const DAY_MS = 86_400_000;
/** Reports a second while their latency is measured: a dashboard for some hundred people. */
const REPORTS_PER_SECOND = 50;
const WORKERS = 2;
/** Noise of a quiet machine is a tenth; a cost that grew with the rows would double. */
const FLAT_RATIO = 1.25;

export const stored: Scenario = {
  name: 'stored',
  title: 'reports beside scans, and the cost of one more event, at 1, 10 and (--full) 100 million rows',
  run: measure,
};

async function measure(run: Run): Promise<void> {
  const database = await run.servers.database();
  let seeded = 0;
  let firstMicros: { readonly rows: string; readonly micros: number } | undefined;
  try {
    for (const rows of ROWS[run.size]) {
      await seedRows({
        databaseUrl: database.url,
        rows: rows - seeded,
        salt: String(rows),
        progress: (done) =>
          run.progress.now(`stored: ${inMillions(seeded + done)} of ${inMillions(rows)} rows made`),
      });
      seeded = rows;
      await measureReports(run, database, rows);
      const micros = await measureCost(run, database, rows, firstMicros);
      firstMicros ??= { rows: inMillions(rows), micros };
    }
  } finally {
    await database.drop();
  }
}

async function measureReports(run: Run, database: ClonedDatabase, rows: number): Promise<void> {
  await using stats = await startService('stats', { env: { DATABASE_URL: database.statsUrl } });
  run.progress.now(`stored: reports at ${inMillions(rows)} rows`);
  await mixedReports(run, stats, 2);
  const mixed = await mixedReports(run, stats, run.by(3, 15));
  const scenario = 'stored';
  run.figure({
    scenario,
    name: `GET /stats, p99, ${inMillions(rows)} rows`,
    value: mixed.p99Ms,
    unit: 'ms',
    target: { of: 'figure', bound: 'at most', limit: 10 },
    note: `${REPORTS_PER_SECOND} reports a second of Zipf-distributed sites and any of ten days`,
  });
  const largest = await largestSite(run, stats, database.url);
  run.figure({
    scenario,
    name: `GET /stats of the largest site's day, ${inMillions(rows)} rows`,
    value: largest.reportMs,
    unit: 'ms',
    yardstick: {
      name: `a scan of its ${largest.scannedRows.toLocaleString('en-US')} rows`,
      value: largest.scanMs,
    },
    ...(rows >= MANY_ROWS ? { target: { of: 'ratio', bound: 'at most', limit: 0.01 } } : {}),
    note: 'median, one after the other',
  });
  run.point('reports', { rows, p50Ms: mixed.p50Ms, p99Ms: mixed.p99Ms, ...largest });
}

async function mixedReports(
  run: Run,
  stats: Child,
  seconds: number,
): Promise<{ p50Ms: number; p99Ms: number }> {
  const requests = Array.from({ length: 500 }, () => {
    const site = Math.floor(101 ** Math.random());
    return getBytes(`/stats?site_id=site-${site}&date=${dayBefore(Math.floor(Math.random() * 10))}`);
  });
  const pace = {
    port: Number(new URL(stats.url).port),
    requests,
    connections: 8,
    perSecond: REPORTS_PER_SECOND,
    seconds,
  };
  const sent = await (await startSender(run.servers.dir, pace)).done;
  const answered = sent.statuses['200'] ?? 0;
  if (answered !== sent.answered) throw new Error(`reports were answered ${JSON.stringify(sent.statuses)}`);
  return sent;
}

interface Largest {
  /** Of that site and day. */
  readonly scannedRows: number;
  readonly reportMs: number;
  readonly scanMs: number;
}

/** One site's day, from the counts and from the rows, as the service that this one replaces did it. */
async function largestSite(run: Run, stats: Child, databaseUrl: string): Promise<Largest> {
  const day = dayBefore(1);
  const reports = await timed(run.by(10, 50), async () => {
    const response = await fetch(`${stats.url}/stats?site_id=site-1&date=${day}`);
    await response.text();
  });
  return asOwner(databaseUrl, async (sql) => {
    let rows = 0;
    const site = sql`site_id = 'site-1' AND timestamp >= ${`${day}T00:00:00Z`}::timestamptz
      AND timestamp < ${`${day}T00:00:00Z`}::timestamptz + interval '1 day'`;
    const scans = await timed(run.by(2, 5), async () => {
      const [sums] = await sql<{ rows: string }[]>`
        SELECT count(*) AS rows, count(DISTINCT user_id) AS visitors FROM events WHERE ${site}`;
      await sql`SELECT path, count(*) FROM events WHERE ${site} GROUP BY path ORDER BY 2 DESC LIMIT 10`;
      rows = Number(sums?.rows);
    });
    return { scannedRows: rows, reportMs: median(reports), scanMs: median(scans) };
  });
}

async function timed(times: number, work: () => Promise<void>): Promise<number[]> {
  const took: number[] = [];
  for (let left = times; left > 0; left -= 1) {
    const startedAt = performance.now();
    await work();
    took.push(performance.now() - startedAt);
  }
  return took;
}

async function measureCost(
  run: Run,
  database: ClonedDatabase,
  rows: number,
  first: { readonly rows: string; readonly micros: number } | undefined,
): Promise<number> {
  const drained = await drainBacklog(run, `stored: at ${inMillions(rows)} rows`, {
    database,
    workers: WORKERS,
    population: HIGH_CARDINALITY,
    events: run.by(100_000, 300_000),
    seed: rows,
  });
  const micros = drained.workerMicros + drained.postgresMicros + drained.redisMicros;
  run.point('growth', { rows, micros, perSecond: drained.perSecond });
  run.figure({
    scenario: 'stored',
    name: `CPU to store one more event, ${inMillions(rows)} rows`,
    value: micros,
    unit: 'µs',
    ...(first === undefined
      ? {}
      : {
          yardstick: { name: `at ${first.rows} rows`, value: first.micros },
          target: { of: 'ratio', bound: 'at most', limit: FLAT_RATIO },
        }),
    note: 'workers, Postgres and Redis; high cardinality',
  });
  return micros;
}

function dayBefore(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10);
}

function inMillions(rows: number): string {
  return `${Number((rows / 1e6).toFixed(1))} M`;
}
