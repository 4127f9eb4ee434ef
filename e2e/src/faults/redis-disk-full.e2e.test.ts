/** Fault 12: the disk that holds Redis' append-only file is full. */
import { expect, it } from 'vitest';
import { FullAppendOnlyFile } from '../full-append-only-file.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import { until } from '../until.ts';

const NO_ROOM = 'its last write to disk failed';

it('fault 12: no room for the append-only file, appendfsync always → Redis exits, no success until it has room', async () => {
  const random = seededRandom();
  const system = await givenSystem();
  const before = startLoad(system, { random, connections: 20, rate: 500 });
  await until('under load', 20_000, () =>
    before.acked.size > 200 ? undefined : `${before.acked.size} acked`,
  );
  const disk = await FullAppendOnlyFile.of(system.redisUrl);
  await system.redis.ended();
  await before.stop();
  const meanwhile = startLoad(system, { random, connections: 20, rate: 200 });
  // The first write ends it again, if it gets as far as being ready.
  await system.redis.restart().then(
    () => system.redis.ended(),
    () => undefined,
  );
  await meanwhile.stop();
  expect(Object.keys(meanwhile.statuses)).toEqual(['503']);
  await disk.freeDead();
  await system.redis.restart();
  await system.ingest.ready();
  const after = startLoad(system, { random, connections: 20, count: 200 });
  await after.done;
  expect(Object.keys(after.statuses)).toEqual(['204']);
  await assertNothingLostOrDoubled(system, [before, meanwhile, after]);
});

it('fault 12: no room for the append-only file, appendfsync everysec → MISCONF, no success until it has room', async () => {
  const random = seededRandom();
  const system = await givenSystem({ redisSettings: { appendfsync: 'everysec' } });
  const load = startLoad(system, { random, connections: 20, rate: 500 });
  await until('under load', 20_000, () => (load.acked.size > 200 ? undefined : `${load.acked.size} acked`));
  const disk = await FullAppendOnlyFile.of(system.redisUrl);
  await until('noticed', 10_000, async () => {
    const { status, body } = await system.ingest.probe('/readyz');
    return status === 503 && body.includes(NO_ROOM) ? undefined : body;
  });
  const meanwhile = startLoad(system, { random, connections: 20, count: 200 });
  await meanwhile.done;
  expect(Object.keys(meanwhile.statuses)).toEqual(['503']);
  await disk.freeLive();
  await system.ingest.ready();
  const before = load.acked.size;
  await until('success again', 10_000, () =>
    load.acked.size > before ? undefined : JSON.stringify(load.statuses),
  );
  await load.stop();
  await assertNothingLostOrDoubled(system, [load, meanwhile]);
});
