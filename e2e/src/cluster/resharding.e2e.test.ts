/** Slots that move from primary to primary while events come in. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';

it('a shard moved to another primary and on, under load → nothing lost or doubled, nobody restarted', async () => {
  const random = seededRandom();
  const system = await givenSystem({ cluster: { shards: 6 }, ingests: 2 });
  const { cluster } = system;
  if (cluster === undefined) throw new Error('no cluster');
  const load = startLoad(system, { random, connections: 30, resend: true });
  await sleep(500);
  const stream = random.pick(cluster.streams);
  for (let moves = 0; moves < 4; moves += 1) {
    const { slot, primary } = await cluster.placeOf(stream);
    const others = (await cluster.nodes()).filter(({ slots, id }) => slots.length > 0 && id !== primary.id);
    await cluster.moveSlot(slot, primary, random.pick(others));
    await sleep(500);
  }
  await sleep(1_000);
  await load.stop();
  expect(load.unknown.size).toBe(0);
  await assertNothingLostOrDoubled(system, load);
});
