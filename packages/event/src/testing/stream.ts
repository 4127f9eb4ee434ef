/** A stream of its own for each test, and a Redis of its own where a test breaks it. */
import { randomUUID } from 'node:crypto';
import type { Server } from '@sluice/stack/launch';
import { type RedisOptions, startRedis } from '@sluice/stack/redis';
import type {} from '@sluice/stack/test-servers';
import { tempDir } from '@sluice/stack/testing/temp-dir';
import { inject, onTestFinished } from 'vitest';
import { GROUP, type StreamKeys, streamKeys } from '../stream.ts';
import { createStreamClient, type StreamClient } from '../stream-client.ts';

/** A connected client, gone when the test is. */
export async function connected(url = inject('redisUrl')): Promise<StreamClient> {
  const client = unconnected(url);
  await client.connect();
  return client;
}

export function unconnected(url: string): StreamClient {
  const client = createStreamClient({ url, name: 'test', socketTimeoutMs: 2_000, pingIntervalMs: 500 });
  // A test that stops its Redis expects errors; it looks at what commands answer.
  client.on('error', () => undefined);
  onTestFinished(() => client.destroy());
  return client;
}

export function newKeys(): StreamKeys {
  return streamKeys(`test:${randomUUID()}`);
}

/** A client with a stream of its own and the group in it. */
export async function openStream(url?: string): Promise<{ client: StreamClient; keys: StreamKeys }> {
  const client = await connected(url);
  const keys = newKeys();
  await client.xGroupCreate(keys.stream, GROUP, '0', { MKSTREAM: true });
  return { client, keys };
}

/** A Redis for this test alone. */
export async function ownRedis(options: Partial<RedisOptions> = {}): Promise<Server> {
  const server = await startRedis({ dir: tempDir(), ...options });
  onTestFinished(() => server.stop());
  return server;
}

/** Reads as `consumer` all that is new. @returns ids and `n`, as `settle` wants them. */
export async function readAll(client: StreamClient, keys: StreamKeys, consumer: string) {
  const reply = await client.xReadGroup(GROUP, consumer, { key: keys.stream, id: '>' });
  const [stream] = (reply ?? []) as { messages: { id: string; message: Record<string, string> }[] }[];
  return (stream?.messages ?? []).map(({ id, message }) => ({ id, n: Number(message['n']) }));
}

/** Accepted, settled and lost, as they stand in Redis. */
export async function counters(client: StreamClient, { accepted, settled, lost }: StreamKeys) {
  const values = await client.mGet([accepted, settled, lost]);
  const [a, s, l] = values.map((value) => Number(value ?? 0));
  return { accepted: a, settled: s, lost: l };
}
