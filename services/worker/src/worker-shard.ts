/** One shard of the stream, as a worker has it: its two connections, its reader and its consumer. */
import { createShardClient, type RedisPlace, type ShardClient } from '@sluice/event/shard-client';
import type { Shard } from '@sluice/event/stream';
import type { Log } from '@sluice/service/log';
import { Consumer, type ConsumerOptions } from './consumer.ts';
import { StreamReader } from './stream-reader.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

/** A Redis that says nothing for so long is taken for dead; it is asked several times meanwhile. */
const REDIS_SILENCE_MS = 2_000;
const REDIS_PING_MS = 500;
/** A read blocks for a second, and a ping waits behind it. */
const READ_SILENCE_MS = 3_000;
const READ_PING_MS = 1_000;

export interface WorkerShardOptions extends Omit<ConsumerOptions, 'stream' | 'connected'> {
  readonly redis: RedisPlace;
  readonly shard: Shard;
  readonly metrics: WorkerMetrics;
  readonly log: Log;
  /** The consumer's name in the group. */
  readonly name: string;
  /** Ends the process: there is nothing to wait for. */
  readonly fail: (reason: string, error?: unknown) => never;
}

export class WorkerShard {
  readonly name: string;
  readonly consumer: Consumer;
  readonly stream: StreamReader;
  readonly #reading: ShardClient;
  readonly #control: ShardClient;

  constructor(options: WorkerShardOptions) {
    const { shard, name: consumer, claimMinIdleMs } = options;
    this.name = shard.name;
    const reading = connect(options, 'sluice-worker-read', READ_SILENCE_MS, READ_PING_MS);
    const control = connect(options, 'sluice-worker', REDIS_SILENCE_MS, REDIS_PING_MS);
    this.#reading = reading.client;
    this.#control = control.client;
    this.stream = new StreamReader({
      reading: reading.client,
      control: control.client,
      keys: shard.keys,
      consumer,
      claimMinIdleMs,
    });
    this.consumer = new Consumer({
      ...options,
      stream: this.stream,
      connected: Promise.all([reading.connected, control.connected]),
    });
  }

  get isConnected(): boolean {
    return this.#reading.isReady && this.#control.isReady;
  }

  /** Takes the consumer out of the group, if it holds nothing and Redis is there. */
  async leave(): Promise<void> {
    if (this.#control.isReady) await this.stream.leave();
  }

  disconnect(): void {
    this.#reading.destroy();
    this.#control.destroy();
  }
}

function connect(
  { redis, shard, metrics, fail }: WorkerShardOptions,
  name: string,
  socketTimeoutMs: number,
  pingIntervalMs: number,
): { readonly client: ShardClient; readonly connected: Promise<unknown> } {
  const client = createShardClient(redis, shard, { name, socketTimeoutMs, pingIntervalMs });
  client.on('error', (error) => metrics.failed('read', 'transient', error));
  client.on('terminated', (error) => fail('Redis refused the connection for good', error));
  const connected = client.connect().catch((error: unknown) => fail('could not connect to Redis', error));
  return { client, connected };
}
