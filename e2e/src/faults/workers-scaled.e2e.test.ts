/** Fault 5: every worker is told to stop under load, and their number changes: 1 → 4 → 0 → 2. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { readConsumers } from '../backlog.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';

/** Starts or stops workers until so many run; the stopped exited with 0 and in time. */
async function scale(system: System, wanted: number): Promise<void> {
  const running = system.workers.filter(({ isRunning }) => isRunning);
  const started = Array.from({ length: Math.max(0, wanted - running.length) }, () => system.add('worker'));
  const ends = await Promise.all(running.slice(wanted).map((worker) => worker.stop()));
  expect(ends.map(({ code }) => code)).toEqual(ends.map(() => 0));
  await Promise.all(started);
}

it('fault 5: workers scaled 1 → 4 → 0 → 2 under load → clean exits, nothing to reclaim, no dead consumers', async () => {
  const random = seededRandom();
  const system = await givenSystem({ workers: 1 });
  const load = startLoad(system, { random, connections: 20, rate: 500 });
  for (const wanted of [4, 0, 2, 0]) {
    await sleep(random.between(200, 1_000));
    await scale(system, wanted);
    if (wanted > 0) continue;
    expect((await system.backlog()).pending).toBe(0);
    expect(await readConsumers(system.redisUrl)).toEqual([]);
  }
  await scale(system, 2);
  await load.stop();
  expect(Object.keys(load.statuses)).toEqual(['204']);
  expect(await assertNothingLostOrDoubled(system, load)).toMatchObject({ redelivered: 0 });
});
