/** Fault 11: Redis reaches its maxmemory while no worker runs; then workers are started. */
import { expect, it } from 'vitest';
import { withRedis } from '../backlog.ts';
import { sendBatch } from '../batch-send.ts';
import { createHeavyEvent } from '../contents.ts';
import { lookingOnce } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import type { Rewrite } from '../instrument.ts';
import { type Load, startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { System } from '../system.ts';
import { until } from '../until.ts';

/** A thousand heavy events and some. */
const MAX_MEMORY = '24mb';

/** Half of what is stored then. */
const FULL_MEMORY = '10mb';

/** No worker, no group, and a line that is no event at the head of the stream. */
async function givenFillingSystem(rewrites: readonly Rewrite[] = []): Promise<System> {
  const system = await givenSystem({ ingests: 0, workers: 0, redisSettings: { maxmemory: MAX_MEMORY } });
  await system.add('ingest', { env: { REDIS_MEMORY_HIGH_PERCENT: '60' }, rewrites });
  await withRedis(system.redisUrl, (client) =>
    client
      .multi()
      .xAdd('sluice:events', '*', { n: '1', events: 'not json' })
      .incr('sluice:events:accepted')
      .exec(),
  );
  return system;
}

async function untilShed(load: Load): Promise<void> {
  await until('shed', 30_000, () =>
    (load.statuses['503'] ?? 0) > 20 ? undefined : JSON.stringify(load.statuses),
  );
  await load.stop();
  expect(Object.keys(load.statuses).toSorted()).toEqual(['202', '503']);
}

/** How often Redis refused a command for want of memory. */
async function refusedByRedis(system: System): Promise<number> {
  const stats = await withRedis(system.redisUrl, (client) => client.info('errorstats'));
  return Number(/errorstat_OOM:count=(\d+)/.exec(stats)?.[1] ?? 0);
}

async function assertDrains(system: System, full: Load): Promise<void> {
  await Promise.all([system.add('worker'), system.add('worker')]);
  await system.drain();
  await system.ingest.ready();
  const after = startLoad(system, { random: seededRandom(), connections: 20, count: 200 });
  await after.done;
  expect(Object.keys(after.statuses)).toEqual(['204']);
  expect(await assertNothingLostOrDoubled(system, [full, after])).toMatchObject({ deadLettered: 1 });
}

const HEAVY = { send: sendBatch, create: createHeavyEvent, batch: 20, connections: 10 };

it('fault 11: Redis filling up without workers → 503 before it is full; then it drains, the dead letter too', async () => {
  const system = await givenFillingSystem();
  const load = startLoad(system, { ...HEAVY, random: seededRandom(), rate: 300 });
  await untilShed(load);
  expect(await refusedByRedis(system)).toBe(0);
  await assertDrains(system, load);
});

it('fault 11: Redis full before anybody noticed, and no worker was ever there → 503; then it drains all the same', async () => {
  const system = await givenFillingSystem([lookingOnce]);
  const load = startLoad(system, { ...HEAVY, random: seededRandom() });
  await untilShed(load);
  expect(await refusedByRedis(system)).toBeGreaterThan(0);
  // What the connections had buffered is free again; so that Redis is still full when the workers come:
  await withRedis(system.redisUrl, (client) => client.configSet('maxmemory', FULL_MEMORY));
  await assertDrains(system, load);
});
