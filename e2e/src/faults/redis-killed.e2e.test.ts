/** Fault 8: redis-server is killed with -9 and started again, six times under load. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';

it('fault 8: redis-server killed six times under load → 503, then success, nothing lost', async () => {
  const random = seededRandom();
  const system = await givenSystem({ ingests: 2 });
  const load = startLoad(system, { random, connections: 50 });
  for (let kills = 0; kills < 6; kills += 1) {
    await sleep(random.between(200, 1_000));
    await system.redis.kill();
    await system.redis.restart();
  }
  await sleep(1_000);
  await load.stop();
  expect(Object.keys(load.statuses).toSorted()).toEqual(['204', '503']);
  await assertNothingLostOrDoubled(system, load);
});
