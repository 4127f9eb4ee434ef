import { createHash } from 'node:crypto';
import { encodeEvent, readEntry } from '@sluice/event/entry';
import type { StreamKeys } from '@sluice/event/stream';
import type { StreamClient } from '@sluice/event/stream-client';
import { connected, counters, newKeys } from '@sluice/event/testing/stream';
import { freePort } from '@sluice/stack/free-port';
import { fileDatabase } from '@sluice/stack/testing/file-database';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { eventOf, keep, lettersLeft } from './testing/events.ts';
import { sluice } from './testing/sluice.ts';

const database = fileDatabase();
let keys: StreamKeys;
let client: StreamClient;
beforeEach(async () => {
  keys = newKeys();
  client = await connected();
});

const run = (verb: string, args: readonly string[] = [], env: Record<string, string> = {}) =>
  sluice(['dead-letters', verb, ...args], {
    DATABASE_URL: database().url,
    REDIS_URL: inject('redisUrl'),
    STREAM_KEY: keys.stream,
    ...env,
  });

/** What is in the stream, as a worker reads it. */
async function entries() {
  return ((await client.xRange(keys.stream, '-', '+')) ?? []).map(({ message }) => readEntry(message));
}

/** Two payloads whose fingerprints begin with the same four digits. */
function alike(): [string, string] {
  const seen = new Map<string, string>();
  for (let at = 0; ; at += 1) {
    const payload = `payload ${at}`;
    const begin = createHash('sha256').update(payload).digest('hex').slice(0, 4);
    const other = seen.get(begin);
    if (other !== undefined) return [other, payload];
    seen.set(begin, payload);
  }
}

describe('list', () => {
  it('shows letters, the newest first, one a line', async () => {
    const { sql } = database();
    const older = await keep(sql, 'older', { reason: 'not JSON', lastSeen: new Date(0) });
    const newer = await keep(sql, `newer\n${'x'.repeat(200)}`, { reason: 'too deep' });
    const { code, out } = await run('list');
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(newer.slice(0, 12));
    expect(lines[0]).toContain('×1  22021  too deep  "newer\\nxxx');
    expect(lines[0]?.length).toBeLessThan(200);
    expect(lines[1]).toBe(`${older.slice(0, 12)}  1970-01-01T00:00:00.000Z  ×1  22021  not JSON  "older"`);
  });

  it('shows as many as asked for, and all of a letter as JSON', async () => {
    const { sql } = database();
    await keep(sql, 'older', { lastSeen: new Date(0) });
    const fingerprint = await keep(sql, 'newer é😀', { reason: 'not JSON' });
    const { code, out } = await run('list', ['--limit', '1', '--json']);
    expect(code).toBe(0);
    const seen = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);
    expect(JSON.parse(out)).toEqual([
      {
        fingerprint,
        payload: 'newer é😀',
        reason: 'not JSON',
        sqlstate: '22021',
        times: 1,
        first_seen: seen,
        last_seen: seen,
      },
    ]);
  });

  it('says that there is none, in words or as JSON', async () => {
    expect(await run('list')).toEqual({ code: 0, out: '', err: 'no dead letters\n' });
    expect(await run('list', ['--json'])).toEqual({ code: 0, out: '[]\n', err: '' });
  });
});

describe('show', () => {
  it('shows a letter by the beginning of its fingerprint', async () => {
    const fingerprint = await keep(database().sql, 'poison\0');
    await keep(database().sql, 'other');
    const { code, out } = await run('show', [fingerprint.slice(0, 10)]);
    expect([code, JSON.parse(out)]).toEqual([
      0,
      expect.objectContaining({ fingerprint, payload: 'poison\0' }),
    ]);
  });

  it('refuses a beginning that more than one has, and one that none has', async () => {
    const payloads = alike();
    const [fingerprint = ''] = await Promise.all(payloads.map((payload) => keep(database().sql, payload)));
    const begin = fingerprint.slice(0, 4);
    for (const verb of ['show', 'drop']) {
      expect(await run(verb, [begin])).toEqual({
        code: 2,
        out: '',
        err: `more than one dead letter begins with ${begin}\n`,
      });
    }
    expect(await lettersLeft(database().sql)).toHaveLength(2);
    const none = 'f'.repeat(64);
    expect(await run('show', [none])).toEqual({ code: 2, out: '', err: `no dead letter ${none}\n` });
  });
});

describe('drop', () => {
  it('forgets one letter, or all', async () => {
    const { sql } = database();
    const [first, ...rest] = await Promise.all(['a', 'b', 'c'].map((payload) => keep(sql, payload)));
    expect(await run('drop', [first?.slice(0, 8) ?? ''])).toEqual({ code: 0, out: 'dropped 1\n', err: '' });
    expect(await lettersLeft(sql)).toEqual(rest.sort());
    expect(await run('drop', ['--all'])).toMatchObject({ code: 0, out: 'dropped 2\n' });
    expect(await run('drop', ['--all'])).toMatchObject({ code: 0, out: 'dropped 0\n' });
    expect(await lettersLeft(sql)).toEqual([]);
  });
});

describe('replay', () => {
  it('sends an event through the stream again under its own id, and forgets the letter', async () => {
    const { sql } = database();
    const event = eventOf({ title: '"\n😀', properties: '{"a":[1,2]}' });
    const [fingerprint, other] = [
      await keep(sql, encodeEvent(event)),
      await keep(sql, encodeEvent(eventOf())),
    ];
    expect(await run('replay', [fingerprint.slice(0, 12)])).toEqual({
      code: 0,
      out: 'sent 1 again\n',
      err: '',
    });
    expect(await entries()).toEqual([{ n: 1, events: [event], broken: [] }]);
    expect(await counters(client, keys)).toEqual({ accepted: 1, settled: 0, lost: 0 });
    expect(await lettersLeft(sql)).toEqual([other]);
  });

  it('sends an entry that was given up as the events that it held', async () => {
    const events = [eventOf(), eventOf(), eventOf()];
    await keep(database().sql, events.map(encodeEvent).join('\n'));
    expect(await run('replay', ['--all'])).toMatchObject({ code: 0 });
    expect(await entries()).toEqual([{ n: 3, events, broken: [] }]);
    expect(await counters(client, keys)).toMatchObject({ accepted: 3 });
  });

  it('refuses what holds no event, and keeps the letter', async () => {
    const { sql } = database();
    const fingerprint = await keep(sql, 'poison');
    expect(await run('replay', [fingerprint])).toEqual({
      code: 2,
      out: 'sent 0 again\n',
      err: '1 hold no event that could be sent again; show or drop them\n',
    });
    expect(await lettersLeft(sql)).toEqual([fingerprint]);
    expect(await entries()).toEqual([]);
  });

  it('of all sends what can be sent and keeps the rest', async () => {
    const { sql } = database();
    const events = Array.from({ length: 20 }, () => eventOf());
    for (const event of events) await keep(sql, encodeEvent(event));
    const [line = ''] = events.map(encodeEvent);
    const broken = [
      'poison',
      '{"hello":"world"}',
      JSON.stringify({ ...eventOf(), id: undefined }),
      line.slice(0, -5),
      `${line}\npoison`,
      `${line.slice(0, -1)},"path":"\0"}`,
      Buffer.from([0xff, 0xfe, 0x00]),
      '',
    ];
    const kept = await Promise.all(broken.map((payload) => keep(sql, payload)));
    const { code, out, err } = await run('replay', ['--all']);
    expect([code, out]).toEqual([0, 'sent 20 again\n']);
    expect(err).toContain(`${broken.length} hold no event`);
    expect(await lettersLeft(sql)).toEqual(kept.toSorted());
    const ids = (await entries()).flatMap((entry) => entry.events.map(({ id }) => id));
    expect(ids.sort()).toEqual(events.map(({ id }) => id).sort());
  });

  it('of more than a page sends each once', async () => {
    const { sql } = database();
    const events = Array.from({ length: 1_203 }, () => eventOf());
    await sql`INSERT INTO dead_letters (fingerprint, payload, reason)
      SELECT sha256(convert_to(line, 'UTF8')), convert_to(line, 'UTF8'), 'no'
      FROM unnest(${events.map(encodeEvent)}::text[]) AS line`;
    expect(await run('replay', ['--all'])).toMatchObject({ code: 0, out: 'sent 1203 again\n' });
    expect(await lettersLeft(sql)).toEqual([]);
    const ids = (await entries()).flatMap((entry) => entry.events.map(({ id }) => id));
    expect(ids.sort()).toEqual(events.map(({ id }) => id).sort());
  });

  it('keeps every letter when Redis can’t be reached, and says so', async () => {
    const { sql } = database();
    const fingerprint = await keep(sql, encodeEvent(eventOf()));
    const REDIS_URL = `redis://:hunter2@127.0.0.1:${await freePort()}`;
    const { code, err } = await run('replay', ['--all'], { REDIS_URL });
    expect(code).toBe(2);
    expect(err).toContain('Redis');
    expect(err).not.toContain('hunter2');
    expect(await lettersLeft(sql)).toEqual([fingerprint]);
  });
});
