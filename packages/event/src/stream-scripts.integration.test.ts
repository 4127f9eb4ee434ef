import assert from 'node:assert/strict';
import { describe, expect, it, vi } from 'vitest';
import { GROUP, type StreamKeys, streamKeys } from './stream.ts';
import type { StreamClient } from './stream-client.ts';
import type { NewEntry } from './stream-scripts.ts';
import {
  connected,
  counters,
  newKeys,
  openStream,
  ownRedis,
  readAll,
  unconnected,
} from './testing/stream.ts';

const NO_LIMIT = 1_000_000;
/** An entry that says it has `n` events; no script looks inside. */
const entry = (n: number, events = `${n} events`): NewEntry => ({ n, events });
const idsOf = (entries: { id: string }[]) => entries.map(({ id }) => id);
const pendingOf = (client: StreamClient, { stream }: StreamKeys) =>
  client.xPendingRange(stream, GROUP, '-', '+', 100);

it('the keys of a stream with a hash tag stay on one shard', () => {
  expect(streamKeys('sluice:events:{7}')).toEqual({
    stream: 'sluice:events:{7}',
    accepted: 'sluice:events:{7}:accepted',
    settled: 'sluice:events:{7}:settled',
    lost: 'sluice:events:{7}:lost',
  });
});

describe('append', () => {
  it('adds entries in their order and counts their events', async () => {
    const { client, keys } = await openStream();
    expect(await client.append(keys, NO_LIMIT, [entry(2), entry(3)])).toEqual({
      added: true,
      accepted: 5,
      settled: 0,
    });
    expect(await client.xRange(keys.stream, '-', '+')).toMatchObject([
      { message: { n: '2', events: '2 events' } },
      { message: { n: '3', events: '3 events' } },
    ]);
  });

  it('fills the backlog up to the limit, and adds nothing of what would pass it', async () => {
    const { client, keys } = await openStream();
    expect(await client.append(keys, 10, [entry(5), entry(6)])).toMatchObject({ added: false, accepted: 0 });
    expect(await client.xLen(keys.stream)).toBe(0);
    expect(await client.append(keys, 10, [entry(4), entry(6)])).toMatchObject({ added: true, accepted: 10 });
    expect(await client.append(keys, 10, [entry(1)])).toEqual({ added: false, accepted: 10, settled: 0 });
    expect(await client.xLen(keys.stream)).toBe(2);
  });

  it('has room again for as many events as were settled', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, 10, [entry(4), entry(6)]);
    const [first] = await readAll(client, keys, 'a');
    await client.settle(keys, first === undefined ? [] : [first]);
    expect(await client.append(keys, 10, [entry(5)])).toMatchObject({ added: false });
    expect(await client.append(keys, 10, [entry(4)])).toEqual({ added: true, accepted: 14, settled: 4 });
  });

  it('counts exactly and keeps the limit when many append at once', async () => {
    const { client, keys } = await openStream();
    const other = await connected();
    const sizes = Array.from({ length: 200 }, (_, at) => (at % 7) + 1);
    const replies = await Promise.all(
      sizes.map((n, at) => (at % 2 === 0 ? client : other).append(keys, 500, [entry(n)])),
    );
    const added = sizes.filter((_, at) => replies[at]?.added).reduce((sum, n) => sum + n, 0);
    expect(added).toBeGreaterThan(500 - 7);
    expect(added).toBeLessThanOrEqual(500);
    expect(await counters(client, keys)).toEqual({ accepted: added, settled: 0, lost: 0 });
    const entries = await client.xRange(keys.stream, '-', '+');
    expect((entries ?? []).reduce((sum, { message }) => sum + Number(message['n']), 0)).toBe(added);
  });
});

describe('settle', () => {
  it('acknowledges, deletes and counts', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(2), entry(3), entry(4)]);
    const [first, second] = await readAll(client, keys, 'a');
    expect(
      await client.settle(
        keys,
        [first, second].filter((read) => read !== undefined),
      ),
    ).toEqual({
      settled: 5,
      lost: 0,
    });
    expect(await client.xLen(keys.stream)).toBe(1);
    expect(await pendingOf(client, keys)).toHaveLength(1);
    expect(await counters(client, keys)).toEqual({ accepted: 9, settled: 5, lost: 0 });
  });

  it('counts each entry once when two settle it at once', async () => {
    const { client, keys } = await openStream();
    const other = await connected();
    await client.append(
      keys,
      NO_LIMIT,
      Array.from({ length: 50 }, () => entry(3)),
    );
    const entries = await readAll(client, keys, 'a');
    const replies = await Promise.all(
      entries.flatMap((read) => [client.settle(keys, [read]), other.settle(keys, [read])]),
    );
    expect(replies.map(({ settled }) => settled).sort()).toEqual([
      ...Array(50).fill(0),
      ...Array(50).fill(3),
    ]);
    expect(await counters(client, keys)).toEqual({ accepted: 150, settled: 150, lost: 0 });
  });

  it('counts an entry that was trimmed while it was pending, once', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(3), entry(4)]);
    const entries = await readAll(client, keys, 'a');
    await client.xTrim(keys.stream, 'MAXLEN', 0);
    expect(await client.settle(keys, entries)).toEqual({ settled: 7, lost: 0 });
    expect(await client.settle(keys, entries)).toEqual({ settled: 0, lost: 0 });
    expect(await counters(client, keys)).toEqual({ accepted: 7, settled: 7, lost: 0 });
  });

  it('counts what vanished unread as lost, once, so that no backlog is left', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(3), entry(4)]);
    await client.xTrim(keys.stream, 'MAXLEN', 0);
    expect(await client.settle(keys, [])).toEqual({ settled: 0, lost: 7 });
    expect(await client.settle(keys, [])).toEqual({ settled: 0, lost: 0 });
    expect(await counters(client, keys)).toEqual({ accepted: 7, settled: 7, lost: 7 });
  });

  it('counts the stream deleted with its group as lost, and goes on with a new one', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(3)]);
    const held = await readAll(client, keys, 'a');
    await client.del(keys.stream);
    expect(await client.settle(keys, [])).toEqual({ settled: 0, lost: 3 });
    expect(await client.settle(keys, held)).toEqual({ settled: 0, lost: 0 });
    expect(await client.append(keys, NO_LIMIT, [entry(5)])).toEqual({ added: true, accepted: 8, settled: 3 });
  });

  it('takes back from the lost what a holder settles later', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(3), entry(4)]);
    const held = await readAll(client, keys, 'a');
    await client.append(keys, NO_LIMIT, [entry(5)]);
    await client.xTrim(keys.stream, 'MAXLEN', 0);
    expect(await client.settle(keys, [])).toEqual({ settled: 0, lost: 12 });
    expect(await client.settle(keys, held)).toEqual({ settled: 7, lost: -7 });
    expect(await counters(client, keys)).toEqual({ accepted: 12, settled: 12, lost: 5 });
  });
});

it('when Redis is out of memory nothing is appended, and all else goes on', async () => {
  const redis = await ownRedis();
  const { client, keys } = await openStream(redis.url);
  await client.append(keys, NO_LIMIT, [entry(3), entry(4)]);
  await client.configSet('maxmemory', '100kb');
  await expect(client.append(keys, NO_LIMIT, [entry(5)])).rejects.toThrow(/^OOM/);
  const held = await readAll(client, keys, 'a');
  await expect(client.createGroup(keys)).rejects.toThrow(/^BUSYGROUP/);
  expect(await client.createGroup(newKeys())).toBe('OK');
  expect(await client.renew(keys, 'a', idsOf(held))).toEqual([]);
  expect((await client.deliver(keys, 'a', idsOf(held))).deliveries).toHaveLength(2);
  expect(await client.settle(keys, held)).toEqual({ settled: 7, lost: 0 });
  expect(await client.removeConsumer(keys, 'a')).toBe(true);
  expect(await counters(client, keys)).toEqual({ accepted: 7, settled: 7, lost: 0 });
  await client.configSet('maxmemory', '0');
  expect(await client.append(keys, NO_LIMIT, [entry(5)])).toMatchObject({ added: true });
});

describe('renew', () => {
  const idleOf = async (client: StreamClient, keys: StreamKeys) =>
    (await pendingOf(client, keys)).map(({ millisecondsSinceLastDelivery }) => millisecondsSinceLastDelivery);

  it('makes a claim young again and leaves the delivery count alone', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(1), entry(1)]);
    const ids = idsOf(await readAll(client, keys, 'a'));
    await vi.waitFor(async () => expect(Math.min(...(await idleOf(client, keys)))).toBeGreaterThan(200));
    expect(await client.renew(keys, 'a', ids)).toEqual([]);
    expect(Math.max(...(await idleOf(client, keys)))).toBeLessThan(200);
    expect(await pendingOf(client, keys)).toMatchObject([
      { consumer: 'a', deliveriesCounter: 1 },
      { consumer: 'a', deliveriesCounter: 1 },
    ]);
  });

  it('names what it no longer holds: taken over or settled', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(1), entry(1), entry(1)]);
    const [kept, taken, settled] = idsOf(await readAll(client, keys, 'a'));
    assert(kept && taken && settled);
    await client.xClaim(keys.stream, GROUP, 'b', 0, taken);
    await client.settle(keys, [{ id: settled, n: 1 }]);
    expect(await client.renew(keys, 'a', [kept, taken, settled])).toEqual([taken, settled]);
    expect(await pendingOf(client, keys)).toMatchObject([
      { id: kept, consumer: 'a' },
      { id: taken, consumer: 'b' },
    ]);
  });

  it('still holds what was trimmed, so that settling it counts', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(3)]);
    const held = await readAll(client, keys, 'a');
    await client.xTrim(keys.stream, 'MAXLEN', 0);
    expect(await client.renew(keys, 'a', idsOf(held))).toEqual([]);
    expect(await client.settle(keys, held)).toEqual({ settled: 3, lost: 0 });
  });
});

describe('deliver', () => {
  it('fetches what the consumer holds, and counts a delivery of it', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(1), entry(2), entry(3)]);
    const [first, second] = idsOf(await readAll(client, keys, 'a'));
    assert(first && second);
    expect(await client.deliver(keys, 'a', [first, second])).toEqual({
      deliveries: [
        { id: first, fields: { ...entry(1), n: '1' }, deliveries: 2 },
        { id: second, fields: { ...entry(2), n: '2' }, deliveries: 2 },
      ],
      vanished: [],
    });
    expect((await client.deliver(keys, 'a', [first])).deliveries).toMatchObject([
      { id: first, deliveries: 3 },
    ]);
    expect((await pendingOf(client, keys)).map(({ deliveriesCounter }) => deliveriesCounter)).toEqual([
      3, 2, 1,
    ]);
  });

  it('leaves alone what another consumer has taken over, and what is settled', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(1), entry(1)]);
    const [taken, settled] = idsOf(await readAll(client, keys, 'a'));
    assert(taken && settled);
    await client.xClaim(keys.stream, GROUP, 'b', 0, taken);
    await client.settle(keys, [{ id: settled, n: 1 }]);
    expect(await client.deliver(keys, 'a', [taken, settled])).toEqual({ deliveries: [], vanished: [] });
    expect(await pendingOf(client, keys)).toMatchObject([{ id: taken, consumer: 'b', deliveriesCounter: 2 }]);
  });

  it('names what is gone from the stream, once', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(1), entry(1)]);
    const [gone, kept] = idsOf(await readAll(client, keys, 'a'));
    assert(gone && kept);
    await client.xDel(keys.stream, gone);
    expect(await client.deliver(keys, 'a', [gone, kept])).toMatchObject({
      deliveries: [{ id: kept }],
      vanished: [gone],
    });
    expect(await client.deliver(keys, 'a', [gone])).toEqual({ deliveries: [], vanished: [] });
  });

  it('says so when the group is gone', async () => {
    const { client, keys } = await openStream();
    await client.xGroupDestroy(keys.stream, GROUP);
    await expect(client.deliver(keys, 'a', ['1-1'])).rejects.toThrow(/^NOGROUP/);
  });

  it('keeps a field by any name', async () => {
    const { client, keys } = await openStream();
    const id = await client.xAdd(keys.stream, '*', { a: '1' });
    await client.sendCommand(['XADD', keys.stream, '*', '__proto__', 'x', 'toString', 'y']);
    const [, odd = ''] = idsOf(await readAll(client, keys, 'a'));
    const [delivery] = (await client.deliver(keys, 'a', [id, odd])).deliveries.slice(1);
    expect(Object.entries(delivery?.fields ?? {})).toEqual([
      ['__proto__', 'x'],
      ['toString', 'y'],
    ]);
  });
});

describe('removeConsumer', () => {
  it('keeps a consumer as long as it has something pending', async () => {
    const { client, keys } = await openStream();
    await client.append(keys, NO_LIMIT, [entry(1)]);
    const held = await readAll(client, keys, 'a');
    expect(await client.removeConsumer(keys, 'a')).toBe(false);
    expect(await pendingOf(client, keys)).toHaveLength(1);
    await client.settle(keys, held);
    expect(await client.removeConsumer(keys, 'a')).toBe(true);
    expect(await client.xInfoConsumers(keys.stream, GROUP)).toEqual([]);
  });

  it('answers that nothing was removed when the stream is gone, or has no group', async () => {
    const client = await connected();
    const keys = newKeys();
    expect(await client.removeConsumer(keys, 'a')).toBe(false);
    await client.append(keys, NO_LIMIT, [entry(1)]);
    expect(await client.removeConsumer(keys, 'a')).toBe(false);
  });

  it('says so when the key is no stream', async () => {
    const client = await connected();
    const keys = newKeys();
    await client.set(keys.stream, 'text');
    await expect(client.removeConsumer(keys, 'a')).rejects.toThrow(/^WRONGTYPE/);
  });
});

describe('the client', () => {
  it.each([
    ['a wrong password', ':wrong@'],
    ['a wrong user', 'nobody:secret@'],
    ['no password', ''],
  ])('rejects connect() for good with %s, without showing it', async (_, credentials) => {
    const redis = await ownRedis({ settings: { requirepass: 'secret' } });
    const client = unconnected(`redis://${credentials}127.0.0.1:${redis.port}`);
    const terminated = vi.fn();
    client.on('terminated', terminated);
    const failure = await client.connect().catch((error: unknown) => error);
    expect(String(failure)).toContain('Redis refuses the credentials in REDIS_URL');
    expect(String(failure)).not.toMatch(/wrong|secret/);
    await vi.waitFor(() => expect(terminated).toHaveBeenCalled());
  });

  it('refuses commands at once while it has no connection, and finds a Redis that is back', async () => {
    const redis = await ownRedis();
    const { client, keys } = await openStream(redis.url);
    await client.append(keys, NO_LIMIT, [entry(1)]);
    redis.kill('SIGKILL');
    await redis.exited;
    await vi.waitFor(() => expect(client.isReady).toBe(false));
    await expect(client.append(keys, NO_LIMIT, [entry(2)])).rejects.toThrow('offline');
    await ownRedis({ dir: redis.dir, port: redis.port });
    await vi.waitFor(() => expect(client.isReady).toBe(true), 10_000);
    expect(await client.append(keys, NO_LIMIT, [entry(4)])).toMatchObject({ added: true, accepted: 5 });
  });

  it('gives up a connection that says nothing, and comes back when it speaks again', async () => {
    const redis = await ownRedis();
    const { client, keys } = await openStream(redis.url);
    redis.kill('SIGSTOP');
    const stuck = client.append(keys, NO_LIMIT, [entry(1)]).catch((error: unknown) => error);
    expect(await stuck).toBeInstanceOf(Error);
    redis.kill('SIGCONT');
    await vi.waitFor(() => expect(client.isReady).toBe(true), 10_000);
    expect(await client.append(keys, NO_LIMIT, [entry(1)])).toMatchObject({ added: true });
  });
});
