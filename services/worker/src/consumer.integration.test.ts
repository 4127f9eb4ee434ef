import { encodeEvent } from '@sluice/event/entry';
import type { SluiceEvent } from '@sluice/event/event';
import { GROUP } from '@sluice/event/stream';
import { counters } from '@sluice/event/testing/stream';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { COPY_STATEMENT, copyRows } from './copy-rows.ts';
import { startConsumer } from './testing/consumer.ts';
import {
  frozenCopy,
  lettersIn,
  lockEvents,
  lockRow,
  revoke,
  storedIds,
  workerDatabase,
} from './testing/database.ts';
import { entryOf, eventOf, eventsOf, LONG_PATH } from './testing/events.ts';
import { expectStored, idsOf, WITHIN } from './testing/expect.ts';
import { append, type OwnStream, ownStream } from './testing/stream.ts';
import { WriteSlots } from './write-slots.ts';

const database = workerDatabase();
let stream: OwnStream;
beforeEach(async () => {
  stream = await ownStream();
});

const unstorable = () => eventOf({ path: LONG_PATH });

describe('while it is READING', () => {
  it('every event is stored, and its entry is gone from the stream', async () => {
    const before = eventsOf(10);
    await append(stream, entryOf(...before));
    const { consumer, enters, counted } = await startConsumer(stream, database());
    await enters('READING');
    expect(consumer.problem).toBeUndefined();
    const after = Array.from({ length: 20 }, () => eventsOf(5));
    for (const events of after) await append(stream, entryOf(...events));
    await expectStored(stream, database(), [...before, ...after.flat()]);
    expect(await counters(stream.client, stream.keys)).toEqual({ accepted: 110, settled: 110, lost: 0 });
    expect(await counted('sluice_stored_events_total')).toBe(110);
  });

  it('more than fits a batch is stored in several', async () => {
    const entries = Array.from({ length: 50 }, () => eventsOf(10));
    await append(stream, ...entries.map((events) => entryOf(...events)));
    const { counted } = await startConsumer(stream, database(), { batchMaxEvents: 100 });
    await expectStored(stream, database(), entries.flat());
    expect(await counted('sluice_batch_events_count')).toBeGreaterThanOrEqual(5);
  });

  it('it is behind while more waits than fits its batches, and no longer', async () => {
    const letGo = await lockEvents(database());
    const { consumer, enters } = await startConsumer(stream, database(), { batchMaxEvents: 100 });
    await enters('READING');
    expect(consumer.isBehind).toBe(false);
    const entries = Array.from({ length: 50 }, () => eventsOf(10));
    await append(stream, ...entries.map((events) => entryOf(...events)));
    await vi.waitFor(() => expect(consumer.isBehind).toBe(true), WITHIN);
    await letGo();
    await expectStored(stream, database(), entries.flat());
    await vi.waitFor(() => expect(consumer.isBehind).toBe(false), WITHIN);
  });

  it('what is no event is set aside, once, beside the good ones', async () => {
    const [good, bad] = [eventsOf(3), unstorable()];
    const lines = [encodeEvent(bad), 'poison', ...good.map(encodeEvent)];
    const [id] = await append(stream, { n: 5, events: lines.join('\n') });
    await stream.client.xAdd(stream.keys.stream, '*', { hello: 'world' });
    const { counted } = await startConsumer(stream, database());
    await expectStored(stream, database(), good);
    expect(await lettersIn(database())).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          payload: '{"hello":"world"}',
          reason: 'entry has no field events',
          times: 1,
        }),
        expect.objectContaining({ payload: 'poison', reason: 'not JSON', entry_id: id, times: 1 }),
        expect.objectContaining({ payload: encodeEvent(bad), sqlstate: '23514', times: 1 }),
      ]),
    );
    expect(await counted('sluice_dead_letters_total')).toBe(3);
  });

  it.each([
    ['the group', () => stream.client.xGroupDestroy(stream.keys.stream, GROUP)],
    ['the whole stream', () => stream.client.del(stream.keys.stream)],
  ])('it makes %s anew when somebody deleted it, and goes on', async (_, destroy) => {
    const { consumer, enters, counted } = await startConsumer(stream, database());
    await enters('READING');
    await destroy();
    const events = eventsOf(3);
    await append(stream, entryOf(...events));
    await expectStored(stream, database(), events);
    expect(await counted('sluice_group_recreated_total')).toBeGreaterThanOrEqual(1);
    expect(consumer.mode).toBe('READING');
  });
});

describe('while it is STARTING', () => {
  it('nothing is read until the schema is there', async () => {
    const { sql } = database();
    await sql`ALTER SCHEMA public RENAME TO hidden`;
    const { consumer, enters } = await startConsumer(stream, database());
    const events = eventsOf(3);
    await append(stream, entryOf(...events));
    await vi.waitFor(() => expect(consumer.problem).toMatch(/ensure_partitions\(\) does not exist/), WITHIN);
    expect(consumer.mode).toBe('STARTING');
    expect(await stream.pending()).toEqual([]);
    await sql`ALTER SCHEMA hidden RENAME TO public`;
    await enters('READING');
    await expectStored(stream, database(), events);
  });

  it('a stop ends it', async () => {
    const never = new Promise<never>(() => undefined);
    for (const options of [{ connected: never }, { prepare: () => Promise.reject(new Error('not yet')) }]) {
      const { consumer, ended } = await startConsumer(stream, database(), options);
      consumer.stop();
      await ended;
      expect(consumer.mode).toBe('STOPPED');
    }
  });
});

describe('while it is WAITING', () => {
  it('for a lock no delivery is counted, nothing taken over, nothing set aside', async () => {
    // A claim is renewed three times within this; it must outlive the lock's time-out.
    const claimMinIdleMs = 1_500;
    const { consumer, enters } = await startConsumer(stream, database(), { claimMinIdleMs, writers: 1 });
    await enters('READING');
    const letGo = await lockEvents(database());
    const events = eventsOf(10);
    const [held] = await append(stream, entryOf(...events));
    await enters('WAITING');
    expect(consumer.problem).toMatch(/lock timeout/);
    const unread = eventsOf(10);
    await append(stream, entryOf(...unread));

    const other = await stream.reader({ consumer: 'other', claimMinIdleMs });
    const lockedAt = performance.now();
    await vi.waitUntil(async () => {
      expect((await other.reclaim()).deliveries).toEqual([]);
      return performance.now() - lockedAt > 2 * claimMinIdleMs;
    }, WITHIN);
    expect(consumer.mode).toBe('WAITING');
    expect(await stream.pending()).toEqual([{ id: held, consumer: 'living', deliveries: 1 }]);
    await letGo();
    await enters('READING');
    expect(consumer.problem).toBeUndefined();
    await expectStored(stream, database(), [...events, ...unread]);
    expect(await lettersIn(database())).toEqual([]);
  });

  it('for a row that somebody else is writing, the other writers go on', async () => {
    const { enters } = await startConsumer(stream, database(), { writers: 2 });
    await enters('READING');
    const [blocked, free] = [eventOf(), eventsOf(10)];
    const letGo = await lockRow(database(), blocked);
    const [held] = await append(stream, entryOf(blocked));
    await enters('WAITING');
    await append(stream, entryOf(...free));
    await vi.waitFor(async () => expect(await storedIds(database())).toEqual(idsOf(free)), WITHIN);
    expect(await stream.pending()).toMatchObject([{ id: held, deliveries: 1 }]);
    await letGo();
    await expectStored(stream, database(), [blocked, ...free]);
  });

  it('for a row in the COPY of a worker that is frozen, it ends that COPY', async () => {
    const deadlineMs = 1_000;
    const { enters } = await startConsumer(stream, database(), { deadlineMs });
    await enters('READING');
    const event = eventOf();
    const frozen = await frozenCopy(database().workerUrl, COPY_STATEMENT, copyRows([event]));
    await append(stream, entryOf(event));
    await expectStored(stream, database(), [event]);
    expect(await frozen.ended).toBeInstanceOf(Error);
  });

  it('a stop leaves what it holds pending, for the next one', async () => {
    const first = await startConsumer(stream, database(), { name: 'first' });
    await first.enters('READING');
    const letGo = await lockEvents(database());
    const events = eventsOf(10);
    await append(stream, entryOf(...events));
    await first.enters('WAITING');
    first.consumer.stop();
    await first.ended;
    expect(first.consumer.mode).toBe('STOPPED');
    expect(await stream.pending()).toMatchObject([{ consumer: 'first', deliveries: 1 }]);
    await letGo();
    await startConsumer(stream, database(), { name: 'next', claimMinIdleMs: 500 });
    await expectStored(stream, database(), events);
  });
});

describe('while it is HALTED', () => {
  it('by a right that was taken away it says so, sets nothing aside, and goes on when it is back', async () => {
    const { consumer, enters, counted } = await startConsumer(stream, database(), { writers: 1 });
    await enters('READING');
    const grant = await revoke(database(), 'INSERT ON events');
    const events = [...eventsOf(10), unstorable()];
    const [held] = await append(stream, entryOf(...events));
    await enters('HALTED');
    expect(consumer.problem).toMatch(/permission denied for table events/);
    const unread = eventsOf(10);
    await append(stream, entryOf(...unread));
    expect(await stream.pending()).toEqual([{ id: held, consumer: 'living', deliveries: 1 }]);
    expect(await lettersIn(database())).toEqual([]);
    await grant();
    await enters('READING');
    await expectStored(stream, database(), [...events.slice(0, 10), ...unread]);
    expect(await counted('sluice_failures_total{reason="write"}')).toBeGreaterThanOrEqual(1);
  });

  it('by dead letters that can’t be kept nothing is settled', async () => {
    const { consumer, enters, counted } = await startConsumer(stream, database());
    await enters('READING');
    const grant = await revoke(database(), 'INSERT ON dead_letters');
    const good = eventsOf(3);
    await append(stream, { n: 4, events: ['poison', ...good.map(encodeEvent)].join('\n') });
    await enters('HALTED');
    expect(consumer.problem).toMatch(/permission denied for table dead_letters/);
    expect(await stream.pending()).toMatchObject([{ deliveries: 1 }]);
    await grant();
    await enters('READING');
    await expectStored(stream, database(), good);
    expect(await lettersIn(database())).toMatchObject([{ payload: 'poison', times: 1 }]);
    expect(await counted('sluice_stored_events_total')).toBe(3);
    expect(await counted('sluice_duplicate_events_total')).toBe(0);
  });
});

describe('a defect of ours', () => {
  it('ends it at once, and leaves pending what it was about', async () => {
    const defect = new TypeError('a defect');
    const slots = Object.assign(new WriteSlots(2), {
      giveBack: () => {
        throw defect;
      },
    });
    const { ended, enters } = await startConsumer(stream, database(), { slots, fails: true });
    await enters('READING');
    const [id] = await append(stream, entryOf(...eventsOf(3)));
    await expect(ended).rejects.toBe(defect);
    expect(await stream.pending()).toMatchObject([{ id }]);
    expect(await counters(stream.client, stream.keys)).toMatchObject({ settled: 0 });
  });
});

describe('a stop under load', () => {
  it('ends what is under way and leaves nothing pending; what was not read is still there', async () => {
    const { consumer, enters, ended } = await startConsumer(stream, database(), { batchMaxEvents: 50 });
    await enters('READING');
    const sent: SluiceEvent[] = [];
    while (consumer.mode === 'READING') {
      const events = eventsOf(20);
      sent.push(...events);
      await append(stream, entryOf(...events));
      if (sent.length === 1_000) consumer.stop();
    }
    expect(consumer.mode).toMatch(/DRAINING|STOPPED/);
    await ended;
    expect(consumer.mode).toBe('STOPPED');
    expect(await stream.pending()).toEqual([]);
    const stored = await storedIds(database());
    const left = (await stream.client.xRange(stream.keys.stream, '-', '+')) ?? [];
    const unread = left.flatMap(({ message }) => (message['events'] ?? '').split('\n'));
    expect(stored.length + unread.length).toBe(sent.length);
    expect(await counters(stream.client, stream.keys)).toMatchObject({ settled: stored.length });
    await startConsumer(stream, database());
    await expectStored(stream, database(), sent);
  });

  it('told twice is one stop', async () => {
    const { consumer, ended, enters } = await startConsumer(stream, database());
    await enters('READING');
    consumer.stop();
    consumer.stop();
    await ended;
    consumer.stop();
    expect(consumer.mode).toBe('STOPPED');
  });
});
