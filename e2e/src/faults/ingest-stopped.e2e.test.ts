/** Faults 6 and 7: ingest is told to stop, in the middle of everything, and killed with -9. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { PAUSED_IN_START, pausedInStart } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import { until } from '../until.ts';

/** How a request may end at an ingest that isn't there, or is there no more. */
const GONE = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'socket hang up'];

it('fault 6: SIGTERM to ingest under 500 keep-alive connections → what is in flight is answered, exit 0', async () => {
  const system = await givenSystem();
  const load = startLoad(system, { random: seededRandom(), connections: 500 });
  await until('all connections in use', 20_000, () =>
    load.acked.size > 1_500 ? undefined : `${load.acked.size} acked`,
  );
  expect(await system.ingest.stop()).toMatchObject({ code: 0 });
  await load.stop();
  // As behind a balancer: refused is only who connects to where nobody listens any more.
  for (const status of Object.keys(load.statuses)) expect(['204', '503', 'ECONNREFUSED']).toContain(status);
  await assertNothingLostOrDoubled(system, load);
});

it('fault 6: SIGTERM twice → the second changes nothing, exit 0', async () => {
  const system = await givenSystem();
  const load = startLoad(system, { random: seededRandom(), connections: 50 });
  await until('under load', 20_000, () => (load.acked.size > 200 ? undefined : `${load.acked.size} acked`));
  system.ingest.signal('SIGTERM');
  await system.ingest.logged('that it stops', ({ msg }) => msg === 'stopping');
  system.ingest.signal('SIGTERM');
  expect(await system.ingest.ended()).toMatchObject({ code: 0 });
  await load.stop();
  for (const status of Object.keys(load.statuses)) expect(['204', '503', 'ECONNREFUSED']).toContain(status);
  await assertNothingLostOrDoubled(system, load);
});

it('fault 6: SIGTERM while ingest starts → exit 0', async () => {
  const system = await givenSystem({ ingests: 0, workers: 0 });
  const starting = await system.spawn('ingest', { rewrites: [pausedInStart(500)] });
  await starting.logged('that it is starting', ({ msg }) => msg === PAUSED_IN_START);
  expect(await starting.stop()).toMatchObject({ code: 0 });
});

it('fault 7: ingest killed again and again under load → resets, and nothing that was accepted is lost', async () => {
  const random = seededRandom();
  const system = await givenSystem({ ingests: 2 });
  const load = startLoad(system, { random, connections: 50 });
  for (let kills = 0; kills < 4; kills += 1) {
    await sleep(random.between(200, 800));
    await random.pick(system.ingests).restart('SIGKILL');
  }
  await load.stop();
  const statuses = Object.keys(load.statuses);
  for (const status of statuses) expect(['204', ...GONE]).toContain(status);
  expect(statuses.length).toBeGreaterThan(1);
  await assertNothingLostOrDoubled(system, load);
});
