/** Fault 28: clocks that are a day ahead or an hour behind. Redis' own, really wrong, is in the slow set. */
import { expect, it } from 'vitest';
import { continueFrom } from '../backlog.ts';
import { clockAhead } from '../clocks.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const subjects = [
  { name: 'a day ahead', aheadMs: DAY_MS },
  { name: 'an hour behind', aheadMs: -HOUR_MS },
];

it.each(subjects)(
  'fault 28: the clocks of ingest and workers $name → no loss, no missing partition, 204 or 400',
  async ({ aheadMs }) => {
    const system = await givenSystem({ ingests: 0, workers: 0 });
    await system.add('ingest', { rewrites: [clockAhead('ingest', aheadMs)], env: { RETENTION_DAYS: '3' } });
    for (let workers = 0; workers < 2; workers += 1) {
      await system.add('worker', { rewrites: [clockAhead('worker', aheadMs)] });
    }
    const load = await loadWithAKill(system);
    // What the client calls the past can be out of the retention by ingest's clock.
    expect(Object.keys(load.statuses)).toEqual(['204', '400']);
    await assertNothingLostOrDoubled(system, load, { ingestAheadMs: aheadMs });
    expect(await missed(system)).toBe(0);
  },
);

it('fault 28: the clock of Redis was a day ahead and is right again → no loss', async () => {
  const system = await givenSystem();
  await continueFrom(system.redisUrl, Date.now() + DAY_MS);
  const load = await loadWithAKill(system);
  expect(Object.keys(load.statuses)).toEqual(['204']);
  await assertNothingLostOrDoubled(system, load);
  expect(await missed(system)).toBe(0);
});

/** So that claims, which are a matter of time, matter. */
async function loadWithAKill(system: System) {
  const load = startLoad(system, { random: seededRandom(), connections: 20, rate: 500, count: 1_500 });
  await until('in full swing', 20_000, () => (load.sent > 500 ? undefined : `${load.sent} sent`));
  await system.worker.restart('SIGKILL');
  await load.done;
  return load;
}

async function missed(system: System): Promise<number> {
  const [row] = await system.asOwner((sql) => sql`SELECT count(*)::int AS rows FROM events_missed`);
  return row?.['rows'] as number;
}
