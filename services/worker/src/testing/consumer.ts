/** A worker without a process: the real consumer on a stream and a database of its own. */
import { createLog } from '@sluice/service/log';
import { Registry } from '@sluice/service/metrics';
import type { FileDatabase } from '@sluice/stack/testing/file-database';
import { onTestFinished, vi } from 'vitest';
import { Consumer, type ConsumerOptions } from '../consumer.ts';
import type { Mode } from '../consumer-mode.ts';
import { DeadLetters } from '../dead-letters.ts';
import { ensurePartitions } from '../upkeep.ts';
import { createWorkerMetrics } from '../worker-metrics.ts';
import { WriteSlots } from '../write-slots.ts';
import { Writer } from '../writer.ts';
import { connectedTo } from './database.ts';
import type { OwnStream } from './stream.ts';

/** A fault for an operator is looked at every five seconds. */
const WITHIN_MS = 20_000;

export interface StartOptions extends Partial<ConsumerOptions> {
  readonly name?: string;
  /** That run() rejects is what the test is about. */
  readonly fails?: boolean;
  /** Of a statement. */
  readonly deadlineMs?: number;
}

export interface RunningConsumer {
  readonly consumer: Consumer;
  /** Resolves when run() has. */
  readonly ended: Promise<void>;
  /** Waits until it is in this mode. */
  readonly enters: (mode: Mode) => Promise<void>;
  /** A counter's value, by its name with the labels. */
  readonly counted: (name: string) => Promise<number>;
}

/** Starts it as the worker's role; it has stopped when the test is finished. */
export async function startConsumer(
  stream: OwnStream,
  { workerUrl }: FileDatabase,
  { name = 'living', fails = false, deadlineMs = 20_000, ...options }: StartOptions = {},
): Promise<RunningConsumer> {
  const database = connectedTo(workerUrl, { connections: 3, deadlineMs });
  const log = createLog('worker');
  log.level = 'silent';
  const registry = new Registry();
  const metrics = createWorkerMetrics(registry, log);
  const deadLetters = new DeadLetters(database, metrics.deadLettered);
  const { claimMinIdleMs = 30_000 } = options;
  const consumer = new Consumer({
    stream: await stream.reader({ consumer: name, claimMinIdleMs }),
    writer: new Writer(database, deadLetters),
    deadLetters,
    connected: Promise.resolve(),
    prepare: () => ensurePartitions(database),
    unblock: () => database.endStalledCopies(),
    metrics,
    log,
    writers: 2,
    slots: new WriteSlots(2),
    shards: 1,
    batchMaxEvents: 10_000,
    claimMinIdleMs,
    maxDeliveries: 5,
    ...options,
  });
  const ended = consumer.run();
  onTestFinished(async () => {
    consumer.stop();
    await (fails ? Promise.allSettled([ended]) : ended);
  });
  const enters = async (mode: Mode) => {
    await vi.waitUntil(() => consumer.mode === mode, { timeout: WITHIN_MS, interval: 5 });
  };
  const counted = async (name: string) => {
    const line = (await registry.metrics()).split('\n').find((text) => text.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  };
  return { consumer, ended, enters, counted };
}
