/** The worker's side of a stream of its own, and what Redis says of the group. */
import { randomUUID } from 'node:crypto';
import { GROUP, type StreamKeys } from '@sluice/event/stream';
import type { StreamClient } from '@sluice/event/stream-client';
import { connected, openStream } from '@sluice/event/testing/stream';
import { StreamReader, type StreamReaderOptions } from '../stream-reader.ts';

export interface OwnStream {
  readonly client: StreamClient;
  readonly keys: StreamKeys;
  /** A consumer of the stream, with connections of its own. */
  readonly reader: (options?: Partial<StreamReaderOptions>) => Promise<StreamReader>;
  /** What is delivered and not acknowledged: its holder, and how often it was delivered. */
  readonly pending: () => Promise<Pending[]>;
  readonly consumers: () => Promise<string[]>;
  /** Delivers the entries to a consumer that is dead, as often as said, the last time long ago. */
  readonly killedHolding: (ids: readonly string[], deliveries?: number) => Promise<void>;
}

export interface Pending {
  readonly id: string;
  readonly consumer: string;
  readonly deliveries: number;
}

/** Longer than any test waits. */
const LONG_AGO_MS = 3_600_000;

/** A stream with its group, gone from nobody's way. */
export async function ownStream(): Promise<OwnStream> {
  const { client, keys } = await openStream();
  const reader: OwnStream['reader'] = async (options = {}) =>
    new StreamReader({
      reading: await connected(),
      control: await connected(),
      keys,
      consumer: randomUUID(),
      claimMinIdleMs: LONG_AGO_MS / 2,
      ...options,
    });
  const pending = async () =>
    (await client.xPendingRange(keys.stream, GROUP, '-', '+', 1_000)).map(
      ({ id, consumer, deliveriesCounter: deliveries }) => ({ id, consumer, deliveries }),
    );
  const consumers = async () =>
    (await client.xInfoConsumers(keys.stream, GROUP)).map(({ name }) => name).sort();
  const killedHolding = async (ids: readonly string[], deliveries = 1) => {
    await client.xReadGroup(GROUP, 'dead', { key: keys.stream, id: '>' });
    await client.xClaim(keys.stream, GROUP, 'dead', 0, [...ids], {
      IDLE: LONG_AGO_MS,
      RETRYCOUNT: deliveries,
    });
  };
  return { client, keys, reader, pending, consumers, killedHolding };
}

/** Adds entries as ingest does. @returns their ids. */
export async function append({ client, keys }: OwnStream, ...entries: Parameters<StreamClient['append']>[2]) {
  await client.append(keys, Number.MAX_SAFE_INTEGER, entries);
  const all = (await client.xRange(keys.stream, '-', '+')) ?? [];
  return all.slice(-entries.length).map(({ id }) => id);
}
