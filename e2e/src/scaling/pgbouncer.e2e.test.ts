/** Workers and stats behind pgbouncer in transaction mode. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { pausedInCopy } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import { until } from '../until.ts';
import { givenPgbouncer } from './pgbouncer.ts';

/** Three workers have nine connections to pgbouncer, and stats nine: more than it has to Postgres. */
const POOL_SIZE = 4;
/** Debian's pgbouncer 1.18 doesn't keep track of prepared statements, as 1.21 and later can. */
const UNPREPARED = { PREPARED_STATEMENTS: 'off' };

it('a worker killed with -9 and pgbouncer restarted under load, fewer connections than clients → nothing lost or doubled', async () => {
  const random = seededRandom();
  const system = await givenSystem({ workers: 0 });
  const pgbouncer = await givenPgbouncer(system, POOL_SIZE);
  const env = { DATABASE_URL: pgbouncer.workerUrl };
  const workers = await Promise.all([1, 2, 3].map(() => system.add('worker', { env })));
  const stats = await system.add('stats', { env: { DATABASE_URL: pgbouncer.statsUrl, ...UNPREPARED } });
  const load = startLoad(system, { random, connections: 20, rate: 500 });

  let reports = askingReports(stats.url);
  await sleep(random.between(1_000, 2_000));
  await random.pick(workers).restart('SIGKILL');
  await sleep(random.between(500, 1_500));
  expect([...(await reports.stop()).keys()]).toEqual([200]);

  reports = askingReports(stats.url);
  await pgbouncer.process.kill();
  await sleep(500);
  await pgbouncer.process.restart();
  await stats.ready();
  const meanwhile = await reports.stop();
  expect([...meanwhile.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([]);

  reports = askingReports(stats.url);
  await sleep(2_000);
  await load.stop();
  const afterwards = await reports.stop();
  expect([...afterwards.keys()]).toEqual([200]);
  expect(afterwards.get(200)).toBeGreaterThan(10);

  expect(Object.keys(load.statuses)).toEqual(['204']);
  const figures = await assertNothingLostOrDoubled(system, load);
  expect(figures.stored).toBe(load.acked.size);

  const servers = await system.asOwner(
    (sql) => sql`SELECT usename, count(*)::int AS connections FROM pg_stat_activity
      WHERE usename IN ('sluice_worker', 'sluice_stats') GROUP BY usename`,
  );
  expect(servers).toHaveLength(2);
  for (const { connections } of servers) expect(connections).toBeLessThanOrEqual(POOL_SIZE);
  // What is prepared by name stays with a connection that somebody else has next.
  expect(await pgbouncer.preparedStatements()).toBe(0);
});

it("the roles' own settings and the services' names arrive at Postgres", async () => {
  const system = await givenSystem({ workers: 0 });
  const pgbouncer = await givenPgbouncer(system, POOL_SIZE);
  await system.add('worker', { env: { DATABASE_URL: pgbouncer.workerUrl } });
  await system.add('stats', { env: { DATABASE_URL: pgbouncer.statsUrl, ...UNPREPARED } });
  const names = await system.asOwner(
    (sql) => sql`SELECT DISTINCT usename, application_name FROM pg_stat_activity
      WHERE usename IN ('sluice_worker', 'sluice_stats') ORDER BY usename`,
  );
  expect(names.map(({ usename, application_name }) => [usename, application_name])).toEqual([
    ['sluice_stats', 'sluice-stats'],
    ['sluice_worker', 'sluice-worker'],
  ]);
  await system.asOwner(async (owner) => {
    // The lock_timeout of the worker's role is 2 s: without it the worker would wait and end at its deadline of 3 s.
    const load = startLoad(system, { random: seededRandom(), connections: 4, count: 100 });
    await owner.begin(async (sql) => {
      await sql`LOCK TABLE events IN ACCESS EXCLUSIVE MODE`;
      await load.done;
      await system.worker.logged(
        'a lock time-out',
        ({ err }) => (err as { code?: string })?.code === '55P03',
      );
    });
    await assertNothingLostOrDoubled(system, load);
  });
});

it('a worker frozen in its COPY → another ends that COPY through pgbouncer, and stores its events', async () => {
  const system = await givenSystem({ workers: 0 });
  const pgbouncer = await givenPgbouncer(system, POOL_SIZE);
  const env = { DATABASE_URL: pgbouncer.workerUrl };
  const load = startLoad(system, { random: seededRandom(), connections: 20, count: 2_000 });
  await load.done;
  const frozen = await system.spawn('worker', { env, rewrites: [pausedInCopy(1, 500)] });
  await frozen.logged('paused in COPY', ({ msg }) => msg === 'failpoint: paused in COPY');
  frozen.freeze();
  const heir = await system.add('worker', { env });
  await until('stored by the heir', 30_000, async () => {
    const { settled } = await system.backlog();
    return settled === load.acked.size ? undefined : `${settled} settled`;
  });
  expect(heir.log.some(({ msg }) => msg === 'ended COPYs of workers that went silent')).toBe(true);
  frozen.thaw();
  await assertNothingLostOrDoubled(system, load, { mayExit: ['worker'] });
});

/** Asks for reports, some at once. `stop` says how often each status was answered. */
function askingReports(url: string): { stop: () => Promise<ReadonlyMap<number, number>> } {
  const answers = new Map<number, number>();
  const day = new Date().toISOString().slice(0, 10);
  let asking = true;
  const askers = Array.from({ length: 2 * POOL_SIZE }, async () => {
    while (asking) {
      const { status } = await fetch(`${url}/stats?site_id=site-1&date=${day}`);
      answers.set(status, (answers.get(status) ?? 0) + 1);
      await sleep(20);
    }
  });
  return {
    stop: async () => {
      asking = false;
      await Promise.all(askers);
      return answers;
    },
  };
}
