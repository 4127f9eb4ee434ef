/** Fault 28 with a Redis whose own clock is wrong. Needs libfaketime; Debian's package is `faketime`. */
import { expect, it } from 'vitest';
import { withRedis } from '../backlog.ts';
import { restartWithClock } from '../clocks.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

const HOUR_S = 3_600;

it('fault 28: the clock of Redis a day ahead, an hour behind, and right → no loss, dead workers reclaimed from', async () => {
  const random = seededRandom();
  const system = await givenSystem();
  const load = startLoad(system, { random, connections: 20, rate: 400 });
  for (const [offset, aheadS] of [
    ['+1d', 24 * HOUR_S],
    ['-1h', -HOUR_S],
    ['+0', 0],
  ] as const) {
    await system.redis.kill();
    await restartWithClock(system.redis, offset);
    expect(Math.abs((await redisAheadS(system)) - aheadS)).toBeLessThan(60);
    const sent = load.sent;
    await until('under way', 20_000, () => (load.sent > sent + 1_000 ? undefined : `${load.sent - sent}`));
    await system.worker.restart('SIGKILL');
    await until('goes on', 20_000, () => (load.sent > sent + 4_000 ? undefined : `${load.sent - sent}`));
  }
  await load.stop();
  await assertNothingLostOrDoubled(system, load);
});

async function redisAheadS(system: System): Promise<number> {
  const [seconds] = await withRedis(system.redisUrl, (client) => client.sendCommand<string[]>(['TIME']));
  return Number(seconds) - Date.now() / 1_000;
}
