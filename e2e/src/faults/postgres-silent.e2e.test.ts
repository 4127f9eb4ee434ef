/** Fault 19: a Postgres that says nothing: one backend is frozen, or the network swallows everything. */
import { expect, it } from 'vitest';
import { workerBackends } from '../backends.ts';
import { PAUSED_IN_COPY, pausedInCopy } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import { keepRunning } from '../keep-running.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import type { ServiceProcess } from '../service-process.ts';
import { until } from '../until.ts';

/** A worker's deadline for a statement is 3 s here. */
const ENDS_WITHIN_MS = 12_000;
const STARTS_OVER = 'Postgres does not answer: starting over';

async function endsAsItMust(worker: ServiceProcess): Promise<void> {
  const { code } = await worker.ended(ENDS_WITHIN_MS);
  expect(code).toBe(1);
  expect(worker.log.map(({ msg }) => msg)).toContain(STARTS_OVER);
}

/** It may end once more meanwhile, by a statement of before. */
async function untilAtWork(worker: ServiceProcess): Promise<void> {
  await until(`at work: ${worker.label}`, 20_000, async () => {
    const { status, body } = await worker.probe('/readyz');
    return status === 200 ? undefined : body;
  });
}

it('fault 19: a backend frozen in the middle of a COPY → the deadline fires, the worker exits, others go on', async () => {
  const random = seededRandom();
  const system = await givenSystem({ workers: 0 });
  const before = startLoad(system, { random, connections: 20, count: 1_000 });
  await before.done;
  const hindered = await system.spawn('worker', { rewrites: [pausedInCopy(1, 500)], env: { WRITERS: '1' } });
  await hindered.logged('that it is in mid-COPY', ({ msg }) => msg === PAUSED_IN_COPY);
  const backends = await system.asOwner(workerBackends);
  for (const pid of backends) process.kill(pid, 'SIGSTOP');
  await endsAsItMust(hindered);

  for (const pid of backends) process.kill(pid, 'SIGCONT');
  await system.add('worker');
  const after = startLoad(system, { random, connections: 20, count: 1_000 });
  await after.done;
  expect([before.statuses, after.statuses]).toEqual([{ 204: 1_000 }, { 204: 1_000 }]);
  await assertNothingLostOrDoubled(system, [before, after], { mayExit: ['worker'] });
});

it('fault 19: Postgres blackholed → each worker exits at its deadline, and is at work again when it is back', async () => {
  const system = await givenSystem({ proxied: true });
  const load = startLoad(system, { random: seededRandom(), connections: 20, rate: 300 });
  await until('some are stored', 20_000, async () =>
    (await system.backlog()).settled > 0 ? undefined : 'none',
  );
  system.proxies.workerPostgres.blackhole();
  const stopKeeping = keepRunning(system.workers);
  const met = system.workers.map((each) => each.logged('its deadline', ({ msg }) => msg === STARTS_OVER));
  await Promise.all(met);
  system.proxies.workerPostgres.pass();
  await Promise.all(system.workers.map((worker) => untilAtWork(worker)));
  await stopKeeping();
  await load.stop();
  expect(Object.keys(load.statuses)).toEqual(['204']);
  await assertNothingLostOrDoubled(system, load, { mayExit: ['worker'] });
});
