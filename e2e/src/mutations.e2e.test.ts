/**
 * A suite that can't fail proves nothing: with a safeguard taken out, the oracle must object, and to
 * the same run with the safeguard in place it must not.
 */
import { expect, it } from 'vitest';
import { sendBatch } from './batch-send.ts';
import { createEvent, createHeavyEvent } from './contents.ts';
import { killedAfterCommit, killedInCopy } from './failpoints.ts';
import { givenSystem } from './given-system.ts';
import type { Rewrite } from './instrument.ts';
import { Ledger } from './ledger.ts';
import { startLoad } from './load.ts';
import {
  countRowsBrought,
  dropPrimaryKey,
  forgetsClientIds,
  settlesBeforeStoring,
  swapsTwoColumns,
} from './mutations.ts';
import { assertNothingLostOrDoubled } from './oracle.ts';
import { seededRandom } from './seed.ts';
import { sendOne } from './send.ts';
import type { System } from './system.ts';

/** A backlog, a worker that is killed with its first batch at a failpoint, and one that takes over. */
async function judgedAfterDeath(system: System, rewrites: readonly Rewrite[]) {
  const load = startLoad(system, { random: seededRandom(), connections: 20, count: 1_000 });
  await load.done;
  const doomed = await system.spawn('worker', { rewrites });
  await doomed.dies();
  await system.add('worker');
  return assertNothingLostOrDoubled(system, load);
}

/** Events that a client sends twice, since it lost the first answer. */
async function judgedAfterResending(system: System) {
  const ledger = new Ledger();
  const random = seededRandom();
  for (let index = 0; index < 100; index += 1) {
    const event = createEvent(random, 'twice', index);
    for (let times = 0; times < 2; times += 1) {
      const sentAt = Date.now();
      const answers = await sendOne([event], { url: system.ingest.url, answerWithinMs: 5_000 });
      ledger.record([event], answers, sentAt, Date.now());
    }
  }
  return assertNothingLostOrDoubled(system, ledger);
}

it('is content with a worker killed in mid-COPY, and objects when it settles before it stores', async () => {
  const sound = await judgedAfterDeath(await givenSystem({ workers: 0 }), [killedInCopy(1)]);
  expect(sound.redelivered).toBeGreaterThan(0);
  const mutated = judgedAfterDeath(await givenSystem({ workers: 0 }), [
    settlesBeforeStoring,
    killedInCopy(1),
  ]);
  await expect(mutated).rejects.toThrow(/^I1 accepted events are neither stored nor dead-lettered/m);
});

it('is content with a worker killed after its commit, and objects when the table takes an id twice', async () => {
  const sound = await judgedAfterDeath(await givenSystem({ workers: 0 }), [killedAfterCommit(1)]);
  expect(sound.redelivered).toBeGreaterThan(0);
  const system = await givenSystem({ workers: 0 });
  await dropPrimaryKey(system);
  await expect(judgedAfterDeath(system, [killedAfterCommit(1)])).rejects.toThrow(
    /^I3 events are stored more than once/m,
  );
});

it('objects when counts are kept from the rows brought instead of the rows inserted', async () => {
  const system = await givenSystem({ workers: 0 });
  await countRowsBrought(system);
  await expect(judgedAfterDeath(system, [killedAfterCommit(1)])).rejects.toThrow(
    /^I6 hourly_counts differs from a recount/m,
  );
});

it("is content with events sent twice, and objects when ingest forgets the client's ids", async () => {
  expect(await judgedAfterResending(await givenSystem())).toMatchObject({ accepted: 100, stored: 100 });
  const system = await givenSystem({ ingests: 0 });
  await system.add('ingest', { rewrites: [forgetsClientIds] });
  await expect(judgedAfterResending(system)).rejects.toThrow(/^I3 events are stored more than once/m);
});

it('objects when a worker sends two columns in each other’s place', async () => {
  const system = await givenSystem({ workers: 0 });
  const load = startLoad(system, {
    ...{ random: seededRandom(), connections: 4, count: 400 },
    ...{ create: createHeavyEvent, send: sendBatch, batch: 20 },
  });
  await load.done;
  await system.add('worker', { rewrites: [swapsTwoColumns] });
  await expect(assertNothingLostOrDoubled(system, load)).rejects.toThrow(
    /^I4 rows differ from what was sent/m,
  );
});
