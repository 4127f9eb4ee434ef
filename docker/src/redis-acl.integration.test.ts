import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GROUP, type StreamKeys, streamKeys } from '@sluice/event/stream';
import { createStreamClient, type StreamClient } from '@sluice/event/stream-client';
import { freePort } from '@sluice/stack/free-port';
import { launch, type Server } from '@sluice/stack/launch';
import { startRedis } from '@sluice/stack/redis';
import { findRedis } from '@sluice/stack/redis-binary';
import { tempDir } from '@sluice/stack/testing/temp-dir';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { aclFile, REDIS_USERS, type RedisUser } from './redis-acl.ts';

const NO_LIMIT = 1_000_000;
const FORBIDDEN = /NOPERM|can't run this command|no permission/i;
const passwords = Object.fromEntries(REDIS_USERS.map((user) => [user, randomUUID()])) as Record<
  RedisUser,
  string
>;
let redis: Server;
let keys: StreamKeys;

beforeAll(async () => {
  redis = await startRedis({ dir: await mkdtemp(join(tmpdir(), 'sluice-acl-')) });
});
afterAll(async () => {
  await redis.stop();
  await rm(redis.dir, { recursive: true });
});

/** A stream of its own for a test, with the users' rules over it. */
async function givenUsers(): Promise<Record<RedisUser, StreamClient>> {
  const stream = `test:${randomUUID()}`;
  keys = streamKeys(stream);
  const owner = await connected(redis.url);
  for (const line of aclFile(passwords, stream).trim().split('\n')) {
    const [, user = '', ...rules] = line.match(/\([^)]*\)|\S+/g) ?? [];
    // The test's own way in stays open.
    if (user !== 'default') await owner.aclSetUser(user, ['reset', ...rules]);
  }
  const clients = await Promise.all(
    REDIS_USERS.map((user) => connected(redis.url.replace('//', `//${user}:${passwords[user]}@`))),
  );
  return Object.fromEntries(REDIS_USERS.map((user, at) => [user, clients[at]])) as Record<
    RedisUser,
    StreamClient
  >;
}

async function connected(url: string): Promise<StreamClient> {
  const client = createStreamClient({ url, name: 'test', socketTimeoutMs: 5_000, pingIntervalMs: 500 });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.destroy());
  return client;
}

it('an entry goes from ingest through a worker, and each can do its part', async () => {
  const { ingest, worker } = await givenUsers();
  await worker.createGroup(keys);
  expect(await ingest.append(keys, NO_LIMIT, [{ n: 2, events: 'a\nb' }])).toMatchObject({ added: true });
  expect(await ingest.mGet([keys.accepted, keys.settled, keys.lost])).toEqual(['2', null, null]);
  expect(await ingest.info()).toContain('used_memory');
  expect(await ingest.configGet('appendfsync')).toEqual({ appendfsync: 'always' });

  const read = await worker.xReadGroup(GROUP, 'a', { key: keys.stream, id: '>' }, { COUNT: 10, BLOCK: 10 });
  const [{ messages }] = read as unknown as [{ messages: { id: string }[] }];
  const ids = messages.map(({ id }) => id);
  const [id = ''] = ids;
  expect(await worker.renew(keys, 'a', ids)).toEqual([]);
  expect((await worker.xAutoClaimJustId(keys.stream, GROUP, 'b', 0, '0-0')).messages).toEqual(ids);
  expect(await worker.xPendingRange(keys.stream, GROUP, id, id, 1)).toHaveLength(1);
  expect(await worker.deliver(keys, 'b', ids)).toMatchObject({ deliveries: [{ id }], vanished: [] });
  expect(await worker.xPending(keys.stream, GROUP)).toMatchObject({ pending: 1 });
  expect(await worker.xInfoConsumers(keys.stream, GROUP)).toHaveLength(2);
  expect(await worker.settle(keys, [{ id, n: 2 }])).toEqual({ settled: 2, lost: 0 });
  expect(await worker.removeConsumer(keys, 'a')).toBe(true);
});

it('a worker counts what vanished', async () => {
  const { ingest, worker, operator } = await givenUsers();
  await worker.createGroup(keys);
  await ingest.append(keys, NO_LIMIT, [{ n: 3, events: 'x' }]);
  await operator.xTrim(keys.stream, 'MAXLEN', 0);
  expect(await worker.settle(keys, [])).toEqual({ settled: 0, lost: 3 });
});

it('the sluice command can send dead letters again', async () => {
  const { admin } = await givenUsers();
  expect(await admin.append(keys, NO_LIMIT, [{ n: 1, events: 'a' }])).toMatchObject({ added: true });
});

describe('with the whole file', () => {
  it('nobody gets in without a password, but to ask for health', async () => {
    const { url } = await startWithFile(tempDir(), 'events');
    const client = await connected(url('probe'));
    expect(await client.ping()).toBe('PONG');
    await expect(client.get('events')).rejects.toThrow(FORBIDDEN);
    const nobody = createStreamClient({
      url: url(),
      name: 'test',
      socketTimeoutMs: 5_000,
      pingIntervalMs: 500,
    });
    nobody.on('error', () => undefined);
    await expect(nobody.connect()).rejects.toThrow();
  });

  it('all that was written is there after kill -9', async () => {
    const dir = tempDir();
    const own = streamKeys('events');
    const first = await startWithFile(dir, own.stream);
    const client = await connected(first.url('ingest'));
    await client.append(own, NO_LIMIT, [
      { n: 2, events: 'a' },
      { n: 3, events: 'b' },
    ]);
    first.kill('SIGKILL');
    await first.exited;
    const second = await startWithFile(dir, own.stream);
    const operator = await connected(second.url('operator'));
    expect(await operator.xLen(own.stream)).toBe(2);
    expect(await operator.get(own.accepted)).toBe('5');
  });
});

/** A Redis with the file as it is, the default user's line too. */
async function startWithFile(dir: string, stream: string) {
  const found = await findRedis();
  if (!found.ok) throw new Error('there is no redis-server');
  await writeFile(join(dir, 'users.acl'), aclFile(passwords, stream));
  const port = await freePort();
  const settings = {
    port,
    dir,
    bind: '127.0.0.1',
    appendonly: 'yes',
    appendfsync: 'always',
    aclfile: 'users.acl',
  };
  const running = await launch({
    command: found.program,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    cwd: dir,
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
  });
  onTestFinished(() => running.stop());
  const url = (user?: RedisUser | 'probe') =>
    user === undefined
      ? `redis://127.0.0.1:${port}`
      : `redis://${user}:${user === 'probe' ? 'any' : passwords[user]}@127.0.0.1:${port}`;
  return { ...running, url };
}

describe('ingest may not', () => {
  it.each<[string, (client: StreamClient) => Promise<unknown>]>([
    ['read entries', (client) => client.xRange(keys.stream, '-', '+')],
    ['delete entries', (client) => client.xDel(keys.stream, '1-1')],
    ['trim the stream', (client) => client.xTrim(keys.stream, 'MAXLEN', 0)],
    ['delete the stream', (client) => client.del(keys.stream)],
    ['count events as settled', (client) => client.incrBy(keys.settled, 1)],
    ['settle', (client) => client.settle(keys, [{ id: '1-1', n: 1 }])],
    [
      'delete entries by a script',
      (client) => client.eval("return redis.call('XDEL', KEYS[1], '1-1')", { keys: [keys.stream] }),
    ],
    ['write elsewhere', (client) => client.xAdd('elsewhere', '*', { n: '1' })],
    ['change settings', (client) => client.configSet('appendfsync', 'no')],
    ['see users', (client) => client.aclList()],
    ['empty Redis', (client) => client.flushAll()],
  ])('%s', async (_, attempt) => {
    const { ingest } = await givenUsers();
    await expect(attempt(ingest)).rejects.toThrow(FORBIDDEN);
  });
});

describe('a worker may not', () => {
  it.each<[string, (client: StreamClient) => Promise<unknown>]>([
    ['add entries', (client) => client.xAdd(keys.stream, '*', { n: '1' })],
    ['append', (client) => client.append(keys, NO_LIMIT, [{ n: 1, events: 'a' }])],
    ['trim the stream', (client) => client.xTrim(keys.stream, 'MAXLEN', 0)],
    ['delete the group', (client) => client.xGroupDestroy(keys.stream, GROUP)],
    ['count events as accepted', (client) => client.incrBy(keys.accepted, 1)],
    ['read elsewhere', (client) => client.get('elsewhere')],
    ['read settings', (client) => client.configGet('*')],
    ['empty Redis', (client) => client.flushAll()],
  ])('%s', async (_, attempt) => {
    const { worker } = await givenUsers();
    await expect(attempt(worker)).rejects.toThrow(FORBIDDEN);
  });
});
