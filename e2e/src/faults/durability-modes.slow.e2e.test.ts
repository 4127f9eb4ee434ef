/** What each of Redis' durability settings loses when redis-server is killed under load; README has the table. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { sendBatch } from '../batch-send.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { seededRandom } from '../seed.ts';

const KILLS = 3;
const MODES = [
  { name: 'appendfsync always', settings: {} },
  { name: 'appendfsync everysec', settings: { appendfsync: 'everysec' } },
  { name: 'appendfsync no', settings: { appendfsync: 'no' } },
  { name: 'appendonly no', settings: { appendonly: 'no' } },
];

it.each(MODES)(
  'redis-server killed three times with $name → what is lost is what the README says',
  async ({ name, settings }) => {
    const system = await givenSystem({ workers: 0, redisSettings: settings });
    const load = startLoad(system, { random: seededRandom(), connections: 40, batch: 20, send: sendBatch });
    for (let kills = 0; kills < KILLS; kills += 1) {
      await sleep(2_500);
      await system.redis.kill();
      await system.redis.restart();
      await sleep(700);
    }
    await load.stop();
    // No worker runs, so whatever Redis still has of the accepted is in its counter.
    const { accepted } = await system.backlog();
    const lost = Math.max(0, load.acked.size - accepted);
    console.log(`${name}: ${load.acked.size} acked, at least ${lost} lost`);
    if (name === 'appendfsync always') expect(lost).toBe(0);
    if (name === 'appendonly no') expect(lost).toBeGreaterThan(0);
  },
);
