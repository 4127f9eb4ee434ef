/** Reports from a real streaming replica, and what a reader is told of its staleness. */
import type postgres from 'postgres';
import { expect, it, vi } from 'vitest';
import { replicatedPostgres } from './testing/replicated-postgres.ts';
import { ownStats, type Stats } from './testing/stats-process.ts';

const DAY = '2026-03-01';
const QUESTION = `/stats?site_id=site-1&date=${DAY}`;
const HEADER = 'sluice-staleness-seconds';
/** The replica is looked at every 2 s; the rest is for a busy machine. */
const LOOKED_AT = { timeout: 30_000, interval: 100 };

async function store(owner: postgres.Sql, events: number) {
  await owner`INSERT INTO events (id, site_id, event_type, path, user_id, timestamp, received_at)
    SELECT gen_random_uuid(), 'site-1', 'page_view', '/' || n, 'user-' || n,
      ${DAY}::timestamp AT TIME ZONE 'UTC', now() FROM generate_series(1, ${events}::int) AS n`;
}

/** The metric, in seconds. */
async function stalenessOf({ get }: Stats): Promise<number> {
  const text = String((await get('/metrics')).body);
  return Number(/^sluice_stats_staleness_seconds\{.*\} (.*)$/m.exec(text)?.[1]);
}

it('reports from a replica are those of the primary, and say how old they may be', async () => {
  const { onPrimary, onReplica, primaryUrl, replicaUrl, caughtUp } = await replicatedPostgres();
  await store(onPrimary, 12);
  await caughtUp();
  const fromPrimary = await ownStats(primaryUrl);
  const fromReplica = await ownStats(primaryUrl, { STATS_DATABASE_URL: replicaUrl });
  await Promise.all([fromPrimary.answers('/readyz', 200), fromReplica.answers('/readyz', 200)]);
  const report = await fromPrimary.get(QUESTION);
  expect(report).toMatchObject({ status: 200, body: { total_views: 12, unique_users: 12 } });
  expect(report.headers.get(HEADER)).toBeNull();

  const same = async () => {
    const { headers, body } = await fromReplica.get(QUESTION);
    expect([body, headers.get(HEADER)]).toEqual([(await fromPrimary.get(QUESTION)).body, '0']);
    expect(await stalenessOf(fromReplica)).toBe(0);
    expect((await fromReplica.get('/readyz')).body).toMatchObject({ ready: true, warnings: {} });
  };
  await vi.waitFor(same, LOOKED_AT);

  await onReplica`SELECT pg_wal_replay_pause()`;
  await vi.waitUntil(async () => {
    const [row] = await onReplica`SELECT pg_get_wal_replay_pause_state() AS state`;
    return row?.['state'] === 'paused';
  }, LOOKED_AT);
  await store(onPrimary, 5);
  const atLeast = (seconds: number) =>
    vi.waitFor(async () => {
      const { headers, body } = await fromReplica.get(QUESTION);
      expect(Number(headers.get(HEADER))).toBeGreaterThanOrEqual(seconds);
      expect(body).toEqual(report.body);
    }, LOOKED_AT);
  await atLeast(1);
  await atLeast(5);
  expect(await stalenessOf(fromReplica)).toBeGreaterThan(4);
  const { body } = await fromReplica.get('/readyz');
  expect(body).toMatchObject({
    ready: true,
    warnings: { replica: expect.stringMatching(/^reports may be \d+ s behind what is stored$/) },
  });
  expect((await fromPrimary.get(QUESTION)).body).toMatchObject({ total_views: 17 });

  await onReplica`SELECT pg_wal_replay_resume()`;
  await vi.waitFor(same, LOOKED_AT);
  expect((await fromReplica.get(QUESTION)).body).toMatchObject({ total_views: 17 });
});

it('a replica whose primary is gone goes on reporting, and its staleness grows', async () => {
  const { primary, onPrimary, replicaUrl, caughtUp } = await replicatedPostgres();
  await store(onPrimary, 3);
  await caughtUp();
  const stats = await ownStats(replicaUrl);
  await vi.waitFor(async () => expect((await stats.get(QUESTION)).headers.get(HEADER)).toBe('0'), LOOKED_AT);
  primary.kill('SIGQUIT');
  await primary.exited;
  await vi.waitFor(async () => {
    const { status, headers, body } = await stats.get(QUESTION);
    expect([status, body]).toMatchObject([200, { total_views: 3 }]);
    expect(Number(headers.get(HEADER))).toBeGreaterThanOrEqual(3);
  }, LOOKED_AT);
});
