/** Fault 17 in both its lengths: the workers' backends are ended one after the other, at random. */
import { expect } from 'vitest';
import { terminateBackends } from '../backends.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import type { Random } from '../seed.ts';

export async function backendsTerminated(forMs: number, random: Random): Promise<void> {
  const system = await givenSystem();
  const load = startLoad(system, { random, connections: 20, rate: 500 });
  const terminated = await terminateBackends(system, random, forMs);
  await load.stop();
  console.log(`${terminated} backends terminated`);
  expect(terminated).toBeGreaterThan(forMs / 500);
  expect(Object.keys(load.statuses)).toEqual(['204']);
  // A worker that hung or met an uncaught error would have ended: invariant 5.
  const { deadLettered } = await assertNothingLostOrDoubled(system, load);
  expect(deadLettered).toBe(0);
}
