/** The real ingest service as a process of its own, and what its clients and its Redis see of it. */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { readEntry } from '@sluice/event/entry';
import type { SluiceEvent } from '@sluice/event/event';
import { type StreamKeys, streamKeys } from '@sluice/event/stream';
import type { StreamClient } from '@sluice/event/stream-client';
import { type NodeProcess, startNode } from '@sluice/service/testing/node-process';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

export interface Ingest extends NodeProcess {
  readonly port: number;
  readonly url: string;
  readonly keys: StreamKeys;
  readonly post: (body: unknown, init?: RequestInit) => Promise<Reply>;
  readonly get: (path: string) => Promise<Reply>;
}

/** An answer, read to its end. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** From asking to the answer's last byte. */
  readonly tookMs: number;
}

/** Starts it with these settings, whether they are any good or not. */
export function startMain(settings: Record<string, string>): Promise<NodeProcess> {
  return startNode([MAIN], { HOST: '127.0.0.1', ...settings });
}

/** Starts it on a free port and a stream of its own. The caller stops it. */
export async function startIngest(redisUrl: string, settings: Record<string, string> = {}): Promise<Ingest> {
  const key = `test:${randomUUID()}`;
  const running = await startMain({ PORT: '0', REDIS_URL: redisUrl, STREAM_KEY: key, ...settings });
  const { port } = await running.logged('listening');
  const url = `http://127.0.0.1:${port}`;
  return {
    ...running,
    port: Number(port),
    url,
    keys: streamKeys(key),
    post: (body, init) =>
      ask(`${url}/event`, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
      }),
    get: (path) => ask(`${url}${path}`),
  };
}

/** As startIngest, gone when the test is. */
export async function ownIngest(redisUrl: string, settings?: Record<string, string>): Promise<Ingest> {
  const ingest = await startIngest(redisUrl, settings);
  onTestFinished(() => ingest.stop());
  return ingest;
}

async function ask(url: string, init?: RequestInit): Promise<Reply> {
  const startedAt = performance.now();
  const response = await fetch(url, init);
  const text = await response.text();
  const tookMs = performance.now() - startedAt;
  return { status: response.status, headers: response.headers, text, tookMs };
}

/** All events in the stream, in their order. */
export async function eventsIn(client: StreamClient, keys: StreamKeys): Promise<SluiceEvent[]> {
  const entries = (await client.xRange(keys.stream, '-', '+')) ?? [];
  return entries.flatMap(({ message }) => readEntry(message).events);
}
