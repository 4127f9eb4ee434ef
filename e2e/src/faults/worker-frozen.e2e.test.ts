/** Fault 4: a worker is stopped with SIGSTOP for longer than its claims hold, and goes on afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { PAUSED_IN_COPY, pausedInCopy } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';

/** Twice the claim time. */
const FROZEN_MS = 8_000;

it('fault 4: a worker frozen at any moment → its entries are taken over, and it changes nothing afterwards', async () => {
  const system = await givenSystem();
  const load = startLoad(system, { random: seededRandom(), connections: 20, rate: 500 });
  await sleep(1_000);
  system.worker.freeze();
  await sleep(FROZEN_MS);
  system.worker.thaw();
  await sleep(1_000);
  await load.stop();
  await assertNothingLostOrDoubled(system, load, { mayExit: ['worker'] });
});

it('fault 4: a worker frozen in the middle of its COPY → the reclaimer is blocked no longer than its lock time-out', async () => {
  const system = await givenSystem({ workers: 0 });
  const load = startLoad(system, { random: seededRandom(), connections: 20, count: 2_000 });
  await load.done;
  const frozen = await system.spawn('worker', { rewrites: [pausedInCopy(1, 500)] });
  await frozen.logged('that it is in mid-COPY', ({ msg }) => msg === PAUSED_IN_COPY);
  frozen.freeze();
  await system.add('worker');
  await system.drain(15_000);
  frozen.thaw();
  const figures = await assertNothingLostOrDoubled(system, load, { mayExit: ['worker'] });
  expect(figures.stored).toBe(2_000);
});
