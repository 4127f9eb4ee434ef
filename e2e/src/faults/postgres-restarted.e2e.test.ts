/** Fault 16: Postgres is stopped at once, as by `pg_ctl -m immediate`, and started again, ten times. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';

it('fault 16: Postgres restarted ten times with -m immediate → back to work within 5 s', async () => {
  const random = seededRandom();
  const system = await givenSystem();
  const load = startLoad(system, { random, connections: 20, rate: 500 });
  for (let restarts = 0; restarts < 10; restarts += 1) {
    await sleep(random.between(200, 800));
    await system.postgres.kill('SIGQUIT');
    await system.postgres.restart();
  }
  await load.stop();
  expect(Object.keys(load.statuses)).toEqual(['204']);
  await assertNothingLostOrDoubled(system, load, { drainWithinMs: 5_000 });
});
