import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { GROUP } from '@sluice/event/stream';
import { ownRedis } from '@sluice/event/testing/stream';
import { type NodeProcess, startNode } from '@sluice/service/testing/node-process';
import { freePort } from '@sluice/stack/free-port';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { storedIds, workerDatabase } from './testing/database.ts';
import { entryOf, eventsOf } from './testing/events.ts';
import { append, ownStream } from './testing/stream.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
/** A restart takes about a second, on a busy machine several. */
const WITHIN = { timeout: 20_000, interval: 20 };

const database = workerDatabase();

interface Worker extends NodeProcess {
  readonly get: (path: string) => Promise<{ status: number; text: string }>;
}

/** The real worker, gone when the test is. */
async function ownWorker(settings: Record<string, string> = {}): Promise<Worker> {
  const running = await startNode([MAIN], {
    PORT: '0',
    REDIS_URL: inject('redisUrl'),
    STREAM_KEY: `test:${randomUUID()}`,
    DATABASE_URL: database().workerUrl,
    ...settings,
  });
  onTestFinished(() => running.stop());
  const get = async (path: string) => {
    const { port } = await running.logged('listening');
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return { ...running, get };
}

const isReady = (worker: Worker) =>
  vi.waitFor(async () => expect(await worker.get('/readyz')).toMatchObject({ status: 200 }), WITHIN);

describe('a worker', () => {
  it('stores what is in the stream, says that it is ready, and counts', async () => {
    const stream = await ownStream();
    const events = eventsOf(20);
    await append(stream, entryOf(...events));
    const worker = await ownWorker({ STREAM_KEY: stream.keys.stream });
    await isReady(worker);
    await vi.waitFor(async () => expect(await storedIds(database())).toHaveLength(20), WITHIN);
    expect(await worker.get('/livez')).toMatchObject({ status: 200 });
    await vi.waitFor(async () => {
      expect((await worker.get('/metrics')).text).toMatch(/^sluice_stored_events_total\S* 20$/m);
    }, WITHIN);
    expect(await worker.get('/event')).toMatchObject({ status: 404 });
  });

  it('tells how old the oldest entry is that somebody holds, and how full the disk is', async () => {
    const stream = await ownStream();
    const [id = ''] = await append(stream, entryOf(...eventsOf(1)));
    await stream.client.xReadGroup(GROUP, 'slow', { key: stream.keys.stream, id: '>' });
    const worker = await ownWorker({ STREAM_KEY: stream.keys.stream });
    await isReady(worker);
    const figure = async (name: string) => {
      const { text } = await worker.get('/metrics');
      return Number(new RegExp(`^${name}\\S* (\\S+)$`, 'm').exec(text)?.[1]);
    };
    const age = await figure('sluice_oldest_pending_seconds');
    expect(age).toBeGreaterThan(0);
    expect(age).toBeLessThanOrEqual((Date.now() - Number.parseInt(id, 10)) / 1_000);
    await stream.client.settle(stream.keys, [{ id, n: 1 }]);
    expect(await figure('sluice_oldest_pending_seconds')).toBe(0);
    expect(await figure('sluice_disk_free_ratio')).toBeGreaterThan(0);
    expect(await figure('sluice_disk_free_ratio')).toBeLessThan(1);
  });

  it('told to stop leaves nothing pending and no consumer, and exits with 0', async () => {
    const stream = await ownStream();
    const worker = await ownWorker({ STREAM_KEY: stream.keys.stream, CONSUMER: 'own' });
    await isReady(worker);
    for (let at = 0; at < 50; at += 1) await append(stream, entryOf(...eventsOf(20)));
    worker.kill('SIGTERM');
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(worker.lines.at(-1)).toMatchObject({ msg: 'stopped', clean: true });
    expect(await stream.pending()).toEqual([]);
    expect(await stream.consumers()).not.toContain('own');
    const left = (await stream.client.xRange(stream.keys.stream, '-', '+')) ?? [];
    expect((await storedIds(database())).length + 20 * left.length).toBe(1_000);
  });

  it('waits for Redis, lives without it, and goes on when it is there', async () => {
    const port = await freePort();
    const worker = await ownWorker({ REDIS_URL: `redis://127.0.0.1:${port}` });
    expect(await worker.get('/livez')).toMatchObject({ status: 200 });
    expect(await worker.get('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringContaining('"redis":"not connected"'),
    });
    await ownRedis({ port });
    await isReady(worker);
  });

  it('waits for Postgres, lives without it, and says what is missing', async () => {
    const url = new URL(database().workerUrl);
    url.port = String(await freePort());
    const worker = await ownWorker({ DATABASE_URL: url.href });
    await vi.waitFor(
      async () =>
        expect(await worker.get('/readyz')).toMatchObject({
          status: 503,
          text: expect.stringContaining('ECONNREFUSED'),
        }),
      WITHIN,
    );
    expect(await worker.get('/livez')).toMatchObject({ status: 200 });
    worker.kill('SIGTERM');
    expect(await worker.exited).toEqual({ code: 0, signal: null });
  });

  it('with a wrong password for Postgres says so and stores nothing, without showing it', async () => {
    const url = new URL(database().workerUrl);
    url.password = 'hunter2';
    const worker = await ownWorker({ DATABASE_URL: url.href });
    await worker.logged('a step failed and needs an operator');
    const { status, text } = await worker.get('/readyz');
    expect([status, text]).toEqual([503, expect.stringContaining('password authentication failed')]);
    expect(JSON.stringify(worker.lines)).not.toContain('hunter2');
  });

  it('with a wrong password for Redis ends', async () => {
    const redis = await ownRedis({ settings: { requirepass: 'right' } });
    const worker = await ownWorker({ REDIS_URL: `redis://:hunter2@127.0.0.1:${redis.port}` });
    expect(await worker.exited).toMatchObject({ code: 1 });
    expect(worker.lines.at(-1)).toMatchObject({ level: 'fatal' });
    expect(JSON.stringify(worker.lines)).not.toContain('hunter2');
  });

  it('with settings that don’t fit together ends with one plain line', async () => {
    const worker = await ownWorker({ CLAIM_MIN_IDLE_MS: '5000', WRITE_DEADLINE_MS: '5000' });
    expect(await worker.exited).toMatchObject({ code: 1 });
    expect(worker.lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['fatal', expect.stringContaining('CLAIM_MIN_IDLE_MS (5000) must be above WRITE_DEADLINE_MS (5000)')],
    ]);
  });
});
