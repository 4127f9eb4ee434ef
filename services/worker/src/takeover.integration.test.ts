/** What a consumer does with entries of dead ones, of which some may be what killed them. */
import { encodeEvent } from '@sluice/event/entry';
import { counters } from '@sluice/event/testing/stream';
import { beforeEach, expect, it, vi } from 'vitest';
import { startConsumer } from './testing/consumer.ts';
import { lettersIn, lockEvents, lockRow, storedIds, workerDatabase } from './testing/database.ts';
import { entryOf, eventOf, eventsOf } from './testing/events.ts';
import { expectStored, idsOf, staysPending, WITHIN } from './testing/expect.ts';
import { append, type OwnStream, ownStream } from './testing/stream.ts';
import { WriteSlots } from './write-slots.ts';

const database = workerDatabase();
let stream: OwnStream;
beforeEach(async () => {
  stream = await ownStream();
});

it('what a dead consumer held is taken over, and what it had stored is not stored twice', async () => {
  const [stored, unstored] = [eventsOf(5), eventsOf(5)];
  await append(stream, entryOf(...stored));
  const first = await startConsumer(stream, database(), { name: 'first' });
  await expectStored(stream, database(), stored);
  first.consumer.stop();
  await first.ended;
  await stream.killedHolding(await append(stream, entryOf(...stored), entryOf(...unstored)));
  const { counted } = await startConsumer(stream, database(), { claimMinIdleMs: 1_000 });
  await expectStored(stream, database(), [...stored, ...unstored]);
  expect(await counted('sluice_reclaimed_entries_total')).toBe(2);
  expect(await counted('sluice_duplicate_events_total')).toBe(5);
  expect(await counted('sluice_stored_events_total')).toBe(5);
});

it('an entry that was delivered too often is set aside unread, and what came with it is stored', async () => {
  const [suspect, innocent] = [eventsOf(2), eventsOf(2)];
  const [poisoned = '', good = ''] = await append(stream, entryOf(...suspect), entryOf(...innocent));
  await stream.killedHolding([poisoned], 5);
  await stream.killedHolding([good], 4);
  await startConsumer(stream, database(), { maxDeliveries: 5 });
  await expectStored(stream, database(), innocent);
  expect(await lettersIn(database())).toMatchObject([
    {
      payload: suspect.map(encodeEvent).join('\n'),
      reason: 'delivered 6 times without being stored',
      entry_id: poisoned,
    },
  ]);
  expect(await counters(stream.client, stream.keys)).toEqual({ accepted: 4, settled: 4, lost: 0 });
});

it('two entries that may be what kills are not looked at at once', async () => {
  const suspects = [eventsOf(1), eventsOf(1)];
  const ids = await append(stream, ...suspects.map((events) => entryOf(...events)));
  await stream.killedHolding(ids, 2);
  const letGo = await lockEvents(database());
  const { enters } = await startConsumer(stream, database());
  await enters('WAITING');
  await staysPending(stream, [{ deliveries: 3 }, { deliveries: 2 }]);
  await letGo();
  await expectStored(stream, database(), suspects.flat());
  expect(await lettersIn(database())).toEqual([]);
});

it('an entry that may be what kills holds nobody up once it was tried', async () => {
  const { enters } = await startConsumer(stream, database(), { claimMinIdleMs: 500 });
  await enters('READING');
  const [suspect, free] = [eventOf(), eventsOf(10)];
  const letGo = await lockRow(database(), suspect);
  await stream.killedHolding(await append(stream, entryOf(suspect)), 2);
  await enters('WAITING');
  await append(stream, entryOf(...free));
  await vi.waitFor(async () => expect(await storedIds(database())).toEqual(idsOf(free)), WITHIN);
  await letGo();
  await expectStored(stream, database(), [suspect, ...free]);
});

it('an entry that it took over and can’t look at yet is not taken over from it', async () => {
  const claimMinIdleMs = 1_000;
  const suspects = [eventsOf(1), eventsOf(1)];
  const ids = await append(stream, ...suspects.map((events) => entryOf(...events)));
  await stream.killedHolding(ids, 2);
  const letGo = await lockEvents(database());
  const { enters } = await startConsumer(stream, database(), { claimMinIdleMs });
  await enters('WAITING');
  const other = await stream.reader({ consumer: 'other', claimMinIdleMs });
  const since = performance.now();
  await vi.waitUntil(async () => {
    await other.reclaim();
    expect(other.claimed).toEqual([]);
    return performance.now() - since > 2 * claimMinIdleMs;
  }, WITHIN);
  await letGo();
  await expectStored(stream, database(), suspects.flat());
});

it('an entry that may be what kills waits for what other shards have under way', async () => {
  const suspects = eventsOf(1);
  await stream.killedHolding(await append(stream, entryOf(...suspects)), 2);
  const [other, elsewhere] = [await ownStream(), eventsOf(1)];
  await append(other, entryOf(...elsewhere));
  const letGo = await lockEvents(database());
  const shared = { slots: new WriteSlots(2), shards: 2 };
  const neighbour = await startConsumer(other, database(), shared);
  await neighbour.enters('WAITING');
  await startConsumer(stream, database(), { ...shared, name: 'living' });
  await vi.waitFor(
    async () => expect(await stream.pending()).toMatchObject([{ consumer: 'living' }]),
    WITHIN,
  );
  await staysPending(stream, [{ deliveries: 2 }]);
  await letGo();
  await expectStored(stream, database(), [...elsewhere, ...suspects]);
});

it('entries that were deleted unstored are counted as vanished, and their events as lost', async () => {
  const ids = await append(stream, entryOf(...eventsOf(3)), entryOf(...eventsOf(4)));
  await stream.killedHolding(ids);
  await stream.client.xTrim(stream.keys.stream, 'MAXLEN', 0);
  const { counted } = await startConsumer(stream, database());
  await vi.waitFor(async () => expect(await counted('sluice_vanished_entries_total')).toBe(2), WITHIN);
  const later = eventsOf(1);
  await append(stream, entryOf(...later));
  await expectStored(stream, database(), later);
  await vi.waitFor(async () => expect(await counted('sluice_lost_events_total')).toBe(7), WITHIN);
});
