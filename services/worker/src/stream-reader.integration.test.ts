import { GROUP } from '@sluice/event/stream';
import { connected, counters, newKeys } from '@sluice/event/testing/stream';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { isReply, StreamReader } from './stream-reader.ts';
import { append, type OwnStream, ownStream } from './testing/stream.ts';

/** An entry that says it has `n` events; a reader doesn't look inside. */
const entry = (n: number) => ({ n, events: `${n} events` });
const ofSize = (...sizes: number[]) => sizes.map(entry);

let stream: OwnStream;
beforeEach(async () => {
  stream = await ownStream();
});

describe('createGroup', () => {
  it('makes the stream and the group where they are missing, and what was added before is read', async () => {
    const client = await connected();
    const keys = newKeys();
    await client.append(keys, 100, ofSize(1));
    const reader = new StreamReader({
      reading: client,
      control: client,
      keys,
      consumer: 'a',
      claimMinIdleMs: 1,
    });
    await reader.createGroup();
    await reader.createGroup();
    expect(await reader.read(10, undefined)).toHaveLength(1);
  });

  it('says why it can’t', async () => {
    await stream.client.set(`${stream.keys.stream}:text`, 'no stream');
    const keys = { ...stream.keys, stream: `${stream.keys.stream}:text` };
    await expect((await stream.reader({ keys })).createGroup()).rejects.toThrow(/^WRONGTYPE/);
  });
});

describe('read', () => {
  it('gives new entries in their order, each to one consumer, up to as many as asked for', async () => {
    const ids = await append(stream, ...ofSize(1, 2, 3));
    const [one, other] = [
      await stream.reader({ consumer: 'one' }),
      await stream.reader({ consumer: 'other' }),
    ];
    expect(await one.read(2, undefined)).toEqual([
      { id: ids[0], fields: { n: '1', events: '1 events' }, deliveries: 1 },
      { id: ids[1], fields: { n: '2', events: '2 events' }, deliveries: 1 },
    ]);
    expect(await other.read(2, undefined)).toMatchObject([{ id: ids[2], deliveries: 1 }]);
    expect((await stream.pending()).map(({ consumer }) => consumer)).toEqual(['one', 'one', 'other']);
  });

  it('answers at once when there is nothing and it may not wait', async () => {
    expect(await (await stream.reader()).read(10, undefined)).toEqual([]);
  });

  it('waits for the first entry as long as it may, and holds nobody up meanwhile', async () => {
    const reader = await stream.reader();
    expect(await reader.read(10, 50)).toEqual([]);
    const reading = reader.read(10, 10_000);
    expect(await reader.reclaim()).toEqual({ deliveries: [], vanished: [] });
    const [id] = await append(stream, entry(1));
    expect(await reading).toMatchObject([{ id }]);
  });

  it('rejects with NOGROUP when the group is gone', async () => {
    const reader = await stream.reader();
    await stream.client.xGroupDestroy(stream.keys.stream, GROUP);
    const failure = await reader.read(10, undefined).catch((error: unknown) => error);
    expect(isReply(failure, 'NOGROUP')).toBe(true);
  });
});

describe('reclaim', () => {
  it('takes over only what was idle for the claim time, and counts the delivery', async () => {
    const claimMinIdleMs = 300;
    const ids = await append(stream, ...ofSize(1, 2));
    const [dead, living] = [
      await stream.reader({ consumer: 'one' }),
      await stream.reader({ consumer: 'other', claimMinIdleMs }),
    ];
    await dead.read(10, undefined);
    const readAt = performance.now();
    const deliveries = await vi.waitUntil(async () => {
      const taken = (await living.reclaim()).deliveries;
      return taken.length > 0 && taken;
    }, 10_000);
    // A clock of milliseconds may round either end.
    expect(performance.now() - readAt).toBeGreaterThan(claimMinIdleMs - 5);
    expect(deliveries).toEqual([
      { id: ids[0], fields: { n: '1', events: '1 events' }, deliveries: 2 },
      { id: ids[1], fields: { n: '2', events: '2 events' }, deliveries: 2 },
    ]);
    expect(await stream.pending()).toEqual([
      { id: ids[0], consumer: 'other', deliveries: 2 },
      { id: ids[1], consumer: 'other', deliveries: 2 },
    ]);
  });

  it('leaves alone what its holder has renewed, which counts no delivery', async () => {
    const ids = await append(stream, ...ofSize(1, 1));
    await stream.killedHolding(ids);
    const holder = await stream.reader({ consumer: 'dead' });
    expect(await holder.renew(ids)).toEqual([]);
    expect((await (await stream.reader({ claimMinIdleMs: 60_000 })).reclaim()).deliveries).toEqual([]);
    expect(await stream.pending()).toMatchObject([{ deliveries: 1 }, { deliveries: 1 }]);
  });

  it('goes through more than it takes at a time, and ends', async () => {
    const ids = await append(stream, ...ofSize(...Array.from({ length: 150 }, () => 1)));
    await stream.killedHolding(ids);
    const reader = await stream.reader();
    const taken: string[] = [];
    do {
      const { deliveries } = await reader.reclaim();
      taken.push(...deliveries.map(({ id }) => id));
    } while (reader.hasClaimed);
    expect(taken).toEqual(ids);
    expect((await reader.reclaim()).deliveries).toEqual([]);
  });

  it('hands out alone, from its third delivery on, what may be what kills', async () => {
    const ids = await append(stream, ...ofSize(1, 2, 3, 4, 5));
    await stream.killedHolding(ids);
    await stream.killedHolding([ids[1] as string, ids[2] as string], 2);
    const reader = await stream.reader();
    const rounds: unknown[] = [];
    do {
      const { deliveries } = await reader.reclaim(true);
      rounds.push(deliveries.map(({ id, deliveries: times }) => [ids.indexOf(id), times]));
    } while (reader.hasClaimed);
    expect(rounds).toEqual([
      [[0, 2]],
      [[1, 3]],
      [[2, 3]],
      [
        [3, 2],
        [4, 2],
      ],
    ]);
  });

  it('keeps such an entry back, uncounted, as long as anything else is under way', async () => {
    const ids = await append(stream, ...ofSize(1, 2));
    await stream.killedHolding(ids);
    await stream.killedHolding(ids.slice(1), 2);
    const reader = await stream.reader({ consumer: 'living' });
    expect(reader.meetsSuspect).toBe(false);
    expect((await reader.reclaim()).deliveries).toMatchObject([{ id: ids[0], deliveries: 2 }]);
    expect(reader.meetsSuspect).toBe(true);
    expect((await reader.reclaim()).deliveries).toEqual([]);
    expect(await stream.pending()).toMatchObject([{ deliveries: 2 }, { consumer: 'living', deliveries: 2 }]);
    expect((await reader.reclaim(true)).deliveries).toMatchObject([{ id: ids[1], deliveries: 3 }]);
    expect(reader.meetsSuspect).toBe(false);
  });

  it('counts a delivery only of what it hands out', async () => {
    const ids = await append(stream, ...ofSize(1, 2, 3));
    await stream.killedHolding(ids, 2);
    const reader = await stream.reader({ consumer: 'living' });
    expect((await reader.reclaim(true)).deliveries).toMatchObject([{ id: ids[0], deliveries: 3 }]);
    expect(await stream.pending()).toMatchObject([
      { consumer: 'living', deliveries: 3 },
      { consumer: 'living', deliveries: 2 },
      { consumer: 'living', deliveries: 2 },
    ]);
  });

  it('names what is gone from the stream, once', async () => {
    const ids = await append(stream, ...ofSize(1, 2, 3));
    await stream.killedHolding(ids);
    await stream.client.xDel(stream.keys.stream, ids[1] as string);
    const reader = await stream.reader();
    const { deliveries, vanished } = await reader.reclaim();
    expect(deliveries.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    expect(vanished).toEqual([ids[1]]);
    expect(await stream.pending()).toHaveLength(2);
    expect(await reader.reclaim()).toEqual({ deliveries: [], vanished: [] });
  });

  describe('what was taken over and is kept back', () => {
    /** A reader that has claimed two entries and handed out neither. */
    async function keepingBack() {
      const ids = await append(stream, ...ofSize(1, 2));
      await stream.killedHolding(ids, 2);
      const reader = await stream.reader({ consumer: 'living' });
      expect((await reader.reclaim()).deliveries).toEqual([]);
      expect(reader.claimed.map(({ id }) => id)).toEqual(ids);
      return { ids, reader };
    }

    it('is not stolen back from who took it over since', async () => {
      const { ids, reader } = await keepingBack();
      const [first = ''] = ids;
      await stream.client.xClaim(stream.keys.stream, GROUP, 'other', 0, first);
      expect(await reader.reclaim(true)).toEqual({ deliveries: [], vanished: [] });
      expect((await reader.reclaim(true)).deliveries).toMatchObject([{ id: ids[1], deliveries: 3 }]);
      expect(await stream.pending()).toEqual([
        { id: ids[0], consumer: 'other', deliveries: 3 },
        { id: ids[1], consumer: 'living', deliveries: 3 },
      ]);
    });

    it('is named when it was deleted since', async () => {
      const { ids, reader } = await keepingBack();
      await stream.client.xDel(stream.keys.stream, ids[0] as string);
      expect(await reader.reclaim(true)).toEqual({ deliveries: [], vanished: [ids[0]] });
      expect((await reader.reclaim(true)).vanished).toEqual([]);
    });
  });
});

describe('settle', () => {
  it('acknowledges, deletes and counts', async () => {
    await append(stream, ...ofSize(2, 3));
    const reader = await stream.reader();
    const [first] = await reader.read(1, undefined);
    expect(await reader.settle([{ id: first?.id ?? '', n: 2 }])).toEqual({ settled: 2, lost: 0 });
    expect(await stream.pending()).toEqual([]);
    expect(await stream.client.xLen(stream.keys.stream)).toBe(1);
    expect(await counters(stream.client, stream.keys)).toEqual({ accepted: 5, settled: 2, lost: 0 });
  });
});

describe('a consumer', () => {
  it('that leaves is gone when it holds nothing, and stays when it holds something', async () => {
    const reader = await stream.reader({ consumer: 'one' });
    const [id] = await append(stream, entry(1));
    await reader.read(1, undefined);
    await reader.leave();
    expect(await stream.pending()).toMatchObject([{ id, consumer: 'one' }]);
    await reader.settle([{ id: id as string, n: 1 }]);
    await reader.leave();
    expect(await stream.consumers()).toEqual([]);
  });

  /** A consumer that read and settled one entry: Redis 7.0 knows none that never had any. */
  async function idleConsumer(consumer: string) {
    const reader = await stream.reader({ consumer });
    const [id = ''] = await append(stream, entry(1));
    await reader.read(1, undefined);
    await reader.settle([{ id, n: 1 }]);
    return reader;
  }

  it('that was silent for long and holds nothing is removed by the others; who holds something is not', async () => {
    await idleConsumer('empty');
    await stream.killedHolding(await append(stream, entry(1)));
    const living = await idleConsumer('living');
    await living.removeDeadConsumers(60_000);
    expect(await stream.consumers()).toEqual(['dead', 'empty', 'living']);
    await vi.waitFor(async () => {
      await living.removeDeadConsumers(50);
      expect(await stream.consumers()).toEqual(['dead', 'living']);
    }, 10_000);
    expect(await stream.pending()).toMatchObject([{ consumer: 'dead' }]);
  });

  it('never removes itself, however long it was silent', async () => {
    const reader = await idleConsumer('living');
    await vi.waitFor(async () => {
      const [silent] = await stream.client.xInfoConsumers(stream.keys.stream, GROUP);
      expect(silent?.idle).toBeGreaterThan(5);
    }, 10_000);
    await reader.removeDeadConsumers(0);
    expect(await stream.consumers()).toEqual(['living']);
  });
});

it('a reply is known by its code', () => {
  expect(isReply(new Error('BUSYGROUP Consumer Group name already exists'), 'BUSYGROUP')).toBe(true);
  expect(isReply(new Error('ERR no'), 'BUSYGROUP')).toBe(false);
  expect(isReply('BUSYGROUP', 'BUSYGROUP')).toBe(false);
});
