/** Events over the shards of a real Redis Cluster, with nothing in the way. */
import { expect, it } from 'vitest';
import { sendBatch } from '../batch-send.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';

it('two ingests and two workers on six shards of three primaries → every shard is used, every event is stored once', async () => {
  const random = seededRandom();
  const system = await givenSystem({ cluster: { shards: 6 }, ingests: 2 });
  const single = startLoad(system, { random, connections: 30, count: 4_000 });
  const batches = startLoad(system, { random, connections: 4, count: 4_000, batch: 100, send: sendBatch });
  await Promise.all([single.done, batches.done]);
  expect([Object.keys(single.statuses), Object.keys(batches.statuses)]).toEqual([['204'], ['202']]);

  const figures = await assertNothingLostOrDoubled(system, [single, batches]);
  expect(figures).toMatchObject({ accepted: 8_000, stored: 8_000, redelivered: 0 });
  const shards = (await system.cluster?.backlogs()) ?? [];
  for (const { accepted, settled } of shards) {
    expect(accepted).toBeGreaterThan(0);
    expect(settled).toBe(accepted);
  }
});
