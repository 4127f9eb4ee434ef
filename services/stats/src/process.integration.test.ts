import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@sluice/stack/free-port';
import type { Server } from '@sluice/stack/launch';
import { startPostgres } from '@sluice/stack/postgres';
import { cloneDatabase, createTemplate } from '@sluice/stack/template';
import type postgres from 'postgres';
import { expect, it, onTestFinished, vi } from 'vitest';
import { mutableProxy } from './testing/mutable-proxy.ts';
import { holdReports, ownDatabase, ownStats, startMain } from './testing/stats-process.ts';

const DAY = '2026-03-01';
const QUESTION = `/stats?site_id=site-1&date=${DAY}`;

/** Stores events of one day as a worker does; the path and the user of each are given. */
async function store(owner: postgres.Sql, rows: readonly { path: string; user: string | null }[], day = DAY) {
  await owner`INSERT INTO events (id, site_id, event_type, path, user_id, timestamp, received_at)
    SELECT gen_random_uuid(), 'site-1', 'page_view', path, "user", ${day}::timestamp AT TIME ZONE 'UTC', now()
    FROM json_to_recordset(${JSON.stringify(rows)}::text::json) AS row (path text, "user" text)`;
}

it('reports what is stored: all events, the users that have a name, the ten most viewed paths', async () => {
  const { owner, statsUrl } = await ownDatabase();
  const rows = Array.from({ length: 12 }, (_, at) =>
    Array.from({ length: at < 2 ? 5 : 12 - at }, (__, user) => ({ path: `/${at}`, user: `user-${user}` })),
  ).flat();
  const odd = [
    { path: '', user: null },
    { path: '/2', user: '' },
    { path: '🎈"\\\n', user: 'user-0' },
  ];
  await store(owner, [...rows, ...odd]);
  await store(owner, [{ path: '/other-day', user: 'user-x' }], '2026-03-02');
  const { get } = await ownStats(statsUrl);
  const { status, body } = await get(QUESTION);
  expect(status).toBe(200);
  expect(body).toEqual({
    site_id: 'site-1',
    date: DAY,
    total_views: rows.length + 3,
    unique_users: 10,
    top_paths: [
      { path: '/2', views: 11 },
      { path: '/3', views: 9 },
      { path: '/4', views: 8 },
      { path: '/5', views: 7 },
      { path: '/6', views: 6 },
      { path: '/0', views: 5 },
      { path: '/1', views: 5 },
      { path: '/7', views: 5 },
      { path: '/8', views: 4 },
      { path: '/9', views: 3 },
    ],
  });
});

it('a site that nobody has heard of has zeros', async () => {
  const { statsUrl } = await ownDatabase();
  const { get } = await ownStats(statsUrl);
  expect(await get(QUESTION)).toMatchObject({
    status: 200,
    body: { site_id: 'site-1', date: DAY, total_views: 0, unique_users: 0, top_paths: [] },
  });
});

it('opens its connections and plans its question before anybody asks', async () => {
  const { owner, statsUrl } = await ownDatabase();
  await ownStats(statsUrl, { CONNECTIONS: '3' });
  const planned = async () => {
    const [row] = await owner<{ count: number }[]>`SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'sluice-stats' AND query LIKE '%daily_paths%'`;
    return row?.count;
  };
  await vi.waitFor(async () => expect(await planned()).toBe(3), 10_000);
});

it('never reads the events themselves', async () => {
  const { owner, statsUrl } = await ownDatabase();
  await store(owner, [{ path: '/', user: 'user-1' }]);
  await owner`REVOKE SELECT ON events FROM sluice_stats`;
  const { get } = await ownStats(statsUrl);
  expect(await get(QUESTION)).toMatchObject({ status: 200, body: { total_views: 1 } });
});

it('a report that takes longer than Postgres allows is 503, and the next one is well', async () => {
  const { owner, statsUrl } = await ownDatabase();
  const name = new URL(statsUrl).pathname.slice(1);
  await owner.unsafe(`ALTER ROLE sluice_stats IN DATABASE ${name} SET statement_timeout = '200ms'`);
  const { get, logged } = await ownStats(statsUrl);
  const release = await holdReports(owner);
  const { status, headers, body } = await get(QUESTION);
  expect([status, body]).toEqual([503, { error: 'reports are not available now' }]);
  expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await logged('a report failed')).toMatchObject({ err: { code: '57014' } });
  await release();
  expect(await get(QUESTION)).toMatchObject({ status: 200 });
});

it('heals by itself when Postgres comes back, and says meanwhile what is wrong', async () => {
  const { server, dir } = await ownPostgres();
  const { statsUrl } = await cloneDatabase(server.url, await createTemplate(server.url));
  const { get, answers } = await ownStats(statsUrl);
  await answers('/readyz', 200);
  expect(await get(QUESTION)).toMatchObject({ status: 200 });

  server.kill('SIGQUIT');
  await server.exited;
  expect(await get(QUESTION)).toMatchObject({ status: 503 });
  await answers('/readyz', 503);
  expect(await get('/readyz')).toMatchObject({ body: { ready: false, missing: { postgres: /./ } } });
  expect(await get('/livez')).toMatchObject({ status: 200 });

  await ownPostgres(dir, server.port);
  await answers(QUESTION, 200);
  await answers('/readyz', 200);
});

it('starts before Postgres does, and is ready when it is there', async () => {
  const port = await freePort();
  const { get, answers } = await ownStats(`postgres://postgres:x@127.0.0.1:${port}/postgres`);
  expect(await get('/livez')).toMatchObject({ status: 200 });
  expect(await get(QUESTION)).toMatchObject({ status: 503 });
  await answers('/readyz', 503);
});

it('finds another way when its connections fall silent', async () => {
  const { owner, statsUrl } = await ownDatabase();
  await store(owner, [{ path: '/', user: 'user-1' }]);
  const url = new URL(statsUrl);
  const proxy = await mutableProxy(Number(url.port));
  url.port = String(proxy.port);
  const { get, answers, logged } = await ownStats(url.href, { REPORT_DEADLINE_MS: '500', CONNECTIONS: '1' });
  await answers(QUESTION, 200);
  proxy.mute();
  expect(await get(QUESTION)).toMatchObject({ status: 503 });
  await answers(QUESTION, 200);
  expect(await logged('Postgres does not answer; connecting anew')).toBeDefined();
});

it('answers the report under way at SIGTERM, and ends with 0', async () => {
  const { owner, statsUrl } = await ownDatabase();
  const { get, answers, logged, kill, exited } = await ownStats(statsUrl);
  await answers('/readyz', 200);
  const release = await holdReports(owner);
  const report = get(QUESTION);
  await vi.waitUntil(async () => {
    const waiting = await owner`SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND usename = 'sluice_stats' AND wait_event_type = 'Lock'`;
    return waiting.length > 0;
  });
  kill('SIGTERM');
  await logged('stopping');
  await release();
  expect(await report).toMatchObject({ status: 200 });
  expect(await exited).toMatchObject({ code: 0 });
});

it('says which setting is missing, and ends with 1', async () => {
  const { lines, exited } = await startMain({});
  expect(await exited).toMatchObject({ code: 1 });
  expect(JSON.stringify(lines)).toContain('DATABASE_URL is required');
});

/** A server of one's own, to be broken; gone with its folder when the test is. */
async function ownPostgres(dir?: string, port?: number): Promise<{ server: Server; dir: string }> {
  const folder = dir ?? (await mkdtemp(join(tmpdir(), 'sluice-stats-')));
  const server = await startPostgres({
    dir: folder,
    durable: false,
    ...(port === undefined ? {} : { port }),
  });
  onTestFinished(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return { server, dir: folder };
}
