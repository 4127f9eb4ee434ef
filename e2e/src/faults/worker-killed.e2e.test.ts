/** Faults 1 to 3: workers that are killed with -9, at any moment and at the worst ones. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { killedAfterCommit, killedInCopy } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';

it('fault 1: a worker killed at random again and again, three replicas → all is reclaimed', async () => {
  const random = seededRandom();
  const system = await givenSystem({ workers: 3 });
  const load = startLoad(system, { random, connections: 20, rate: 500 });
  for (let kills = 0; kills < 5; kills += 1) {
    await sleep(random.between(200, 1_000));
    await random.pick(system.workers).restart('SIGKILL');
  }
  await load.stop();
  expect(Object.keys(load.statuses)).toEqual(['204']);
  await assertNothingLostOrDoubled(system, load);
});

it('fault 2: a worker killed in the middle of its COPY → no partial batch', async () => {
  const system = await givenSystem({ workers: 0 });
  const load = startLoad(system, { random: seededRandom(), connections: 20, count: 3_000 });
  await load.done;
  const doomed = await system.spawn('worker', { rewrites: [killedInCopy(1)] });
  await doomed.dies();
  expect(await system.asOwner((sql) => sql`SELECT FROM events`)).toHaveLength(0);
  await system.add('worker');
  await assertNothingLostOrDoubled(system, load);
});

it('fault 3: a worker killed between its commit and its acknowledgement → duplicates are counted, none stored', async () => {
  const system = await givenSystem({ workers: 0 });
  const load = startLoad(system, { random: seededRandom(), connections: 20, count: 3_000 });
  await load.done;
  const doomed = await system.spawn('worker', { rewrites: [killedAfterCommit(1)] });
  await doomed.dies();
  const [committed] = await system.asOwner((sql) => sql`SELECT count(*)::int AS rows FROM events`);
  const heir = await system.add('worker');
  await assertNothingLostOrDoubled(system, load);
  expect(await heir.metric('sluice_duplicate_events_total')).toBe(committed?.['rows']);
});
