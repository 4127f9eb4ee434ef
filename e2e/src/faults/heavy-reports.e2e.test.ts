/** Fault 35: fifty reports at once that would read for minutes, as of a year of a large site. */
import { expect, it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

const REPORTS = 50;
const DEADLINE_MS = 2_000;
/** A statement that runs when its report is given up runs on to its own time-out, which is 5 s. */
const AT_WORK_WITHIN_MS = 8_000;
const TODAY = new Date().toISOString().slice(0, 10);

/** Stats finds a table in which the site `year` takes minutes to be read, and all others what they took. */
async function makeHeavy(system: System): Promise<void> {
  await system.asOwner((sql) =>
    sql.unsafe(`
      CREATE SCHEMA heavy;
      CREATE VIEW heavy.daily_paths AS
        SELECT site_id, day, path, views FROM public.daily_paths
        UNION ALL
        SELECT 'year', '${TODAY}', '/', count(*)
        FROM generate_series(1, 1000000) AS a, generate_series(1, 1000000) AS b;
      GRANT USAGE ON SCHEMA heavy TO sluice_stats;
      GRANT SELECT ON heavy.daily_paths TO sluice_stats;
      ALTER ROLE sluice_stats SET search_path = heavy, public`),
  );
}

it('fault 35: fifty heavy reports at once → 503 by their time-out, and ingest and workers go on', async () => {
  const system = await givenSystem({ env: { stats: { REPORT_DEADLINE_MS: String(DEADLINE_MS) } } });
  await makeHeavy(system);
  await system.stats();
  const load = startLoad(system, { random: seededRandom(), connections: 20, rate: 300 });
  await until('some are stored', 20_000, async () =>
    (await system.backlog()).settled > 0 ? undefined : 'none',
  );

  const before = await system.backlog();
  const startedAt = performance.now();
  const reports = await Promise.all(Array.from({ length: REPORTS }, () => system.report('year', TODAY)));
  const tookMs = performance.now() - startedAt;
  expect(reports.filter(({ status }) => status !== 503)).toEqual([]);
  expect(tookMs).toBeLessThan(2 * DEADLINE_MS);
  expect((await system.backlog()).settled).toBeGreaterThan(before.settled + 200);

  // Nobody waits for them any more, so they must not be worked on one after the other.
  await until('reports again', AT_WORK_WITHIN_MS, async () => {
    const { status, body } = await system.report('site-1', TODAY);
    return status === 200 ? undefined : body;
  });
  await load.stop();
  expect(Object.keys(load.statuses)).toEqual(['204']);
  const p99 = load.latencyMs(204, 0.99);
  console.log(`${REPORTS} reports ended in ${Math.round(tookMs)} ms; ingest's p99 was ${p99} ms`);
  expect(p99).toBeLessThan(1_000);
  await assertNothingLostOrDoubled(system, load);
});
