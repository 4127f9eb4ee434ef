/** Fault 28 with a Redis whose own clock is wrong. Needs libfaketime; Debian's package is `faketime`. */
import { expect, it } from 'vitest';
import { withRedis } from '../backlog.ts';
import { restartWithClock } from '../clocks.ts';
import { givenSystem } from '../given-system.ts';
import { type Load, startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

const HOUR_S = 3_600;

const SUBJECTS = [
  { offset: '+1d', aheadS: 24 * HOUR_S },
  { offset: '-1h', aheadS: -HOUR_S },
  { offset: '+0', aheadS: 0 },
];

// The jumps come when nothing is pending: by a clock that jumped back, what was delivered before is young
// for as long as the jump was, and would be taken over from a dead worker only then.
it('fault 28: the clock of Redis a day ahead, an hour behind, and right → no loss, dead workers reclaimed from', async () => {
  const random = seededRandom();
  const system = await givenSystem();
  const loads: Load[] = [];
  for (const { offset, aheadS } of SUBJECTS) {
    await system.redis.kill();
    await restartWithClock(system.redis, offset);
    expect(Math.abs((await redisAheadS(system)) - aheadS)).toBeLessThan(60);
    await system.ingest.ready();
    const load = startLoad(system, { random, connections: 20, rate: 400, count: 2_000 });
    loads.push(load);
    await until('under way', 20_000, () => (load.sent > 500 ? undefined : `${load.sent} sent`));
    await system.worker.restart('SIGKILL');
    await load.done;
    expect(load.statuses).toEqual({ 204: 2_000 });
    await system.drain();
  }
  await assertNothingLostOrDoubled(system, loads);
});

async function redisAheadS(system: System): Promise<number> {
  const [seconds] = await withRedis(system.redisUrl, (client) => client.sendCommand<string[]>(['TIME']));
  return Number(seconds) - Date.now() / 1_000;
}
