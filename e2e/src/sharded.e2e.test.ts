/** The stream in shards, all of them on one Redis. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { backlogOf, streamsOf, withRedis } from './backlog.ts';
import { givenSystem } from './given-system.ts';
import { startLoad } from './load.ts';
import { assertNothingLostOrDoubled } from './oracle.ts';
import { seededRandom } from './seed.ts';

it('three shards on one Redis, which is killed under load → all of them are used, nothing is lost or doubled', async () => {
  const random = seededRandom();
  const system = await givenSystem({ ingests: 2, shards: 3 });
  const load = startLoad(system, { random, connections: 30, resend: true });
  await sleep(500);
  await system.redis.kill();
  await system.redis.restart();
  await sleep(1_000);
  await load.stop();
  expect(load.unknown.size).toBe(0);
  await assertNothingLostOrDoubled(system, load);
  await withRedis(system.redisUrl, async (client) => {
    for (const stream of streamsOf(3)) expect((await backlogOf(client, stream)).accepted).toBeGreaterThan(0);
  });
});
