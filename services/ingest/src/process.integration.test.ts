import { GROUP } from '@sluice/event/stream';
import { connected, ownRedis, readAll } from '@sluice/event/testing/stream';
import { serving } from '@sluice/service/testing/http';
import { freePort } from '@sluice/stack/free-port';
import { describe, expect, inject, it, vi } from 'vitest';
import { eventsIn, type Ingest, ownIngest, startMain } from './testing/ingest-process.ts';
import { startLoad } from './testing/load.ts';

const EVENT = { site_id: 'site-1', event_type: 'page_view' };
/** How long a heal may take on a busy machine; it takes about a second. */
const HEALED = { timeout: 15_000, interval: 20 };

/** Waits until ingest answers an event with this status. */
const answers = (ingest: Ingest, status: number) =>
  vi.waitFor(async () => expect(await ingest.post(EVENT)).toMatchObject({ status }), HEALED);

/** What ingest says of itself, parsed. */
async function readiness(ingest: Ingest) {
  const { status, text } = await ingest.get('/readyz');
  return { status, ...(JSON.parse(text) as object) };
}
const READY = { status: 200, ready: true, missing: {} };

describe('while Redis is killed and until it is back', () => {
  it('ingest answers 503 at once, and then 204 again without a restart; what it acknowledged is there', async () => {
    const redis = await ownRedis();
    const ingest = await ownIngest(redis.url);
    for (let at = 0; at < 10; at += 1) await ingest.post({ ...EVENT, event_id: `before-${at}` });
    redis.kill('SIGKILL');
    await redis.exited;
    const tookMs: number[] = [];
    for (let at = 0; at < 21; at += 1) {
      const reply = await ingest.post(EVENT);
      expect(reply).toMatchObject({ status: 503, text: '{"error":"failed to push to queue"}' });
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      tookMs.push(reply.tookMs);
    }
    expect(tookMs.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
    expect(await readiness(ingest)).toMatchObject({ status: 503, missing: { redis: 'not connected' } });

    const back = await ownRedis({ dir: redis.dir, port: redis.port });
    await answers(ingest, 204);
    await vi.waitFor(async () => expect(await readiness(ingest)).toMatchObject({ status: 200 }), HEALED);
    const events = await eventsIn(await connected(back.url), ingest.keys);
    expect(events.map(({ event_id }) => event_id).slice(0, 10)).toEqual(
      Array.from({ length: 10 }, (_, at) => `before-${at}`),
    );
    // At most one line in five seconds, however many requests met it.
    expect(ingest.lines.filter(({ msg }) => msg === 'trouble with Redis').length).toBeLessThan(5);
  });
});

describe('while Redis is stopped', () => {
  it('ingest answers 503 by its deadline, and 204 again when Redis goes on', async () => {
    const redis = await ownRedis();
    const ingest = await ownIngest(redis.url, { APPEND_DEADLINE_MS: '500' });
    await answers(ingest, 204);
    redis.kill('SIGSTOP');
    const first = await ingest.post(EVENT);
    expect(first).toMatchObject({ status: 503 });
    expect(first.tookMs).toBeGreaterThan(400);
    expect(first.tookMs).toBeLessThan(2_000);
    // The append is still open, so the next is not even tried.
    expect(await ingest.post(EVENT)).toMatchObject({ status: 503 });
    await vi.waitFor(async () => expect(await readiness(ingest)).toMatchObject({ status: 503 }), HEALED);
    expect(await ingest.get('/livez')).toMatchObject({ status: 200 });
    redis.kill('SIGCONT');
    await answers(ingest, 204);
  });
});

describe('the start', () => {
  it('does not wait for Redis: 503 until it is there', async () => {
    const port = await freePort();
    const ingest = await ownIngest(`redis://127.0.0.1:${port}`);
    expect(await ingest.post(EVENT)).toMatchObject({ status: 503 });
    expect(await readiness(ingest)).toMatchObject({ status: 503, missing: { redis: 'not connected' } });
    await ownRedis({ port });
    await answers(ingest, 204);
  });

  it('fails loudly with a wrong password, without showing it', async () => {
    const redis = await ownRedis({ settings: { requirepass: 'right' } });
    const ingest = await ownIngest(`redis://:hunter2@127.0.0.1:${redis.port}`);
    expect(await ingest.exited).toMatchObject({ code: 1 });
    expect(ingest.lines.at(-1)).toMatchObject({ level: 'fatal' });
    expect(JSON.stringify(ingest.lines)).toContain('Redis refuses the credentials in REDIS_URL');
    expect(JSON.stringify(ingest.lines)).not.toContain('hunter2');
  });

  it('fails with one plain line when settings are wrong', async () => {
    const ingest = await startMain({ PORT: 'http', REDIS_URL: 'http://:hunter2@localhost' });
    expect(await ingest.exited).toMatchObject({ code: 1 });
    expect(ingest.lines.map(({ level, msg }) => [level, msg])).toEqual([
      [
        'fatal',
        'wrong settings:\n  PORT must be a whole number from 0 to 65535\n' +
          '  REDIS_URL must be a URL starting with redis:// or rediss://',
      ],
    ]);
  });

  it('fails when the port is taken, and says so', async () => {
    const { port } = await serving({}, (_, response) => void response.end());
    const ingest = await startMain({ PORT: String(port), REDIS_URL: inject('redisUrl') });
    expect(await ingest.exited).toMatchObject({ code: 1 });
    expect(JSON.stringify(ingest.lines)).toContain(`port ${port} is taken`);
  });
});

describe('SIGTERM', () => {
  it('under load: every request is answered, what was acknowledged is there, and the exit is clean', async () => {
    const ingest = await ownIngest(inject('redisUrl'));
    const load = startLoad(ingest.port, 50);
    await vi.waitUntil(() => load.acked.length > 500, HEALED);
    ingest.kill('SIGTERM');
    expect(await ingest.exited).toEqual({ code: 0, signal: null });
    await load.ended;
    expect(
      Object.keys(load.met).filter((outcome) => !['204', '503', 'ECONNREFUSED'].includes(outcome)),
    ).toEqual([]);
    const events = await eventsIn(await connected(), ingest.keys);
    expect(events.map(({ event_id }) => event_id)).toEqual(expect.arrayContaining(load.acked));
    expect(ingest.lines.at(-1)).toMatchObject({ msg: 'stopped', clean: true });
  });

  it('while Redis is away ends as cleanly', async () => {
    const ingest = await ownIngest(`redis://127.0.0.1:${await freePort()}`);
    expect(await ingest.post(EVENT)).toMatchObject({ status: 503 });
    ingest.kill('SIGTERM');
    expect(await ingest.exited).toEqual({ code: 0, signal: null });
  });

  it('while Redis is stopped answers what is under way, and ends', async () => {
    const redis = await ownRedis();
    const ingest = await ownIngest(redis.url);
    await answers(ingest, 204);
    redis.kill('SIGSTOP');
    const answer = ingest.post(EVENT);
    // When two that came later are answered, that one is under way.
    for (let later = 0; later < 2; later += 1) await ingest.get('/livez');
    ingest.kill('SIGTERM');
    expect(await answer).toMatchObject({ status: 503 });
    expect(await ingest.exited).toEqual({ code: 0, signal: null });
    redis.kill('SIGCONT');
  });
});

it('a Redis that can lose what it accepts is told of, until its settings are mended', async () => {
  const redis = await ownRedis({ settings: { appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' } });
  const client = await connected(redis.url);
  const ingest = await ownIngest(redis.url);
  expect(await ingest.logged('Redis can lose accepted events with these settings')).toMatchObject({
    level: 'warn',
    risks: [expect.stringContaining('appendonly is off'), expect.stringContaining('policy is allkeys-lru')],
  });
  expect((await ingest.get('/metrics')).text).toMatch(/^sluice_durability_risks\S* 2$/m);

  const warns = (durability: unknown) =>
    vi.waitFor(
      async () => expect(await readiness(ingest)).toEqual({ ...READY, warnings: { durability } }),
      HEALED,
    );
  await client.configSet({ appendonly: 'yes', appendfsync: 'everysec', 'maxmemory-policy': 'noeviction' });
  await warns(expect.stringMatching(/^appendfsync is everysec: [^;]+$/));
  await client.configSet({ appendfsync: 'no' });
  await warns(expect.stringMatching(/^appendfsync is no: [^;]+$/));
  await client.configSet({ appendfsync: 'always' });
  await ingest.logged('Redis keeps what it accepts');
  expect(await readiness(ingest)).toEqual({ ...READY, warnings: {} });
});

describe('the high-water mark', () => {
  it('of the backlog refuses what would pass it, until enough is settled', async () => {
    const ingest = await ownIngest(inject('redisUrl'), { BACKLOG_HIGH_EVENTS: '10' });
    const client = await connected();
    await client.xGroupCreate(ingest.keys.stream, GROUP, '0', { MKSTREAM: true });
    const statuses: number[] = [];
    for (let at = 0; at < 12; at += 1) statuses.push((await ingest.post(EVENT)).status);
    expect(statuses).toEqual([...Array(10).fill(204), 503, 503]);
    expect(await readiness(ingest)).toMatchObject({
      status: 503,
      missing: { room: 'backlog above its high-water mark' },
    });
    const entries = await readAll(client, ingest.keys, 'a');
    await client.settle(ingest.keys, entries.slice(0, 5));
    await answers(ingest, 204);
  });

  it('of memory refuses before Redis does, and takes up again when there is room', async () => {
    const redis = await ownRedis();
    const ingest = await ownIngest(redis.url);
    const client = await connected(redis.url);
    await answers(ingest, 204);
    const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
    await client.configSet('maxmemory', String(Math.ceil(used * 1.1)));
    await vi.waitFor(
      async () =>
        expect(await readiness(ingest)).toMatchObject({
          status: 503,
          missing: { room: 'redis memory above its high-water mark' },
        }),
      HEALED,
    );
    await answers(ingest, 503);
    expect((await ingest.post(EVENT)).headers.get('retry-after')).toBe('10');
    await client.configSet('maxmemory', '100mb');
    await answers(ingest, 204);
  });
});

it('a Redis that has become a replica is 503 and not ready, until it is a master again', async () => {
  const redis = await ownRedis();
  const ingest = await ownIngest(redis.url);
  const client = await connected(redis.url);
  await answers(ingest, 204);
  await client.replicaOf('127.0.0.1', await freePort());
  await answers(ingest, 503);
  await vi.waitFor(
    async () => expect(await readiness(ingest)).toMatchObject({ missing: { redis: 'read-only replica' } }),
    HEALED,
  );
  await client.sendCommand(['REPLICAOF', 'NO', 'ONE']);
  await answers(ingest, 204);
});
