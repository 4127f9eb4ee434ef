/** Faults 1, 17, 18, 20 and 22 at their full length. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { keepRunning } from '../keep-running.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import { backendsTerminated } from './backends-terminated.ts';
import { eventsOfManyDays } from './many-days.ts';
import { postgresDown } from './postgres-down.ts';
import { eventsLocked } from './postgres-locked.ts';

const KILLS = 60;

it('fault 1: a worker killed every second for a minute, three replicas → reclaimed within min-idle and a tick', async () => {
  const random = seededRandom();
  const system = await givenSystem({ workers: 3 });
  const load = startLoad(system, { random, connections: 20, rate: 500 });
  const stopKeeping = keepRunning(system.workers);
  for (let kills = 0; kills < KILLS; kills += 1) {
    await sleep(1_000);
    const running = system.workers.filter(({ isRunning }) => isRunning);
    if (running.length > 0) await random.pick(running).kill();
  }
  await stopKeeping();
  await load.stop();
  expect(Object.keys(load.statuses)).toEqual(['204']);
  // A claim holds for 4 s here; the rest is for starting and for a look every second or two.
  const figures = await assertNothingLostOrDoubled(system, load, { drainWithinMs: 15_000 });
  expect(figures.redelivered).toBeGreaterThan(0);
});

it('fault 17: random backends terminated every 15 to 75 ms for 12 s → no hang, no uncaught error', async () => {
  await backendsTerminated(12_000, seededRandom());
});

it('fault 18: Postgres down for minutes at full load → accepted up to the high-water mark, then 503; then a fast drain', async () => {
  const load = { random: seededRandom(), connections: 40, rate: 500 };
  await postgresDown({ fullForMs: 60_000, highWaterEvents: 60_000, load });
});

it('fault 20: LOCK TABLE events for 30 s → nothing dead-lettered, no delivery count used up', async () => {
  await eventsLocked(30_000, { random: seededRandom(), connections: 20, rate: 500 });
});

it('fault 22: event times over 10,000 different days → all in the default partition, none is made', async () => {
  await eventsOfManyDays(10_000, seededRandom());
});
