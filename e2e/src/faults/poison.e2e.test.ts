/** Fault 25: an entry that kills the worker that reads it. */
import { expect, it } from 'vitest';
import { createEvent } from '../contents.ts';
import { failingAfterCommit, killedByEntry } from '../failpoints.ts';
import { givenSystem } from '../given-system.ts';
import { Ledger } from '../ledger.ts';
import { startLoad } from '../load.ts';
import { assertNothingLostOrDoubled } from '../oracle.ts';
import { seededRandom } from '../seed.ts';
import { sendOne } from '../send.ts';
import { until } from '../until.ts';

it('fault 25: an entry that kills the worker that reads it → dead-lettered after N deliveries, the rest flows', async () => {
  const random = seededRandom();
  const system = await givenSystem({ workers: 0, env: { worker: { MAX_DELIVERIES: '3' } } });
  const before = startLoad(system, { random, connections: 20, count: 500 });
  await before.done;
  const poison = new Ledger();
  const event = createEvent(random, 'poison', 1);
  const sentAt = Date.now();
  poison.record(
    [event],
    await sendOne([event], { url: system.ingest.url, answerWithinMs: 5_000 }),
    sentAt,
    Date.now(),
  );
  const after = startLoad(system, { random, connections: 20, count: 500 });
  await after.done;

  const worker = await system.spawn('worker', { rewrites: [killedByEntry('"event_id":"poison-1')] });
  for (let deaths = 0; deaths < 3; deaths += 1) {
    await worker.dies();
    await worker.start();
  }
  await until('drained', 20_000, async () => {
    const { entries } = await system.backlog();
    return entries === 0 ? undefined : `${entries} entries`;
  });
  const figures = await assertNothingLostOrDoubled(system, [before, poison, after]);
  expect(figures).toMatchObject({ stored: 1_000, deadLettered: 1 });
});

it('a batch that meets a defect of the worker → it ends with 1, and what it held is taken over', async () => {
  const random = seededRandom();
  const system = await givenSystem({ workers: 0 });
  const load = startLoad(system, { random, connections: 20, count: 500 });
  await load.done;
  const worker = await system.spawn('worker', { rewrites: [failingAfterCommit(1)] });
  expect(await worker.dies()).toMatchObject({ code: 1 });
  expect(worker.log.at(-1)).toMatchObject({ level: 'fatal', msg: 'the consumer failed' });
  const { pending, settled } = await system.backlog();
  expect([pending > 0, settled]).toEqual([true, 0]);
  await system.add('worker');
  await system.drain();
  await assertNothingLostOrDoubled(system, load);
});
