/** Fault 17: the workers' backends are ended with pg_terminate_backend, one after the other, at random. */
import { expect, it } from 'vitest';
import { terminateBackends } from '../backends.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';

const FOR_MS = 12_000;

it('fault 17: random backends terminated every 15 to 75 ms for 12 s → no hang, no uncaught error', async () => {
  const random = seededRandom();
  const system = await givenSystem();
  const load = startLoad(system, { random, connections: 20, rate: 500 });
  const terminated = await terminateBackends(system, random, FOR_MS);
  await load.stop();
  console.log(`${terminated} backends terminated`);
  expect(terminated).toBeGreaterThan(50);
  expect(Object.keys(load.statuses)).toEqual(['204']);
  // A worker that hung or met an uncaught error would have ended: invariant 5.
  const { deadLettered } = await assertNothingLostOrDoubled(system, load);
  expect(deadLettered).toBe(0);
});
