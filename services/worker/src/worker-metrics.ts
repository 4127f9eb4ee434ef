/** What a worker counts, and what it says in its log about trouble. */
import { type Log, throttled } from '@sluice/service/log';
import { createCount, createTally, Histogram, type Registry } from '@sluice/service/metrics';
import type { DeadLetter } from './dead-letters.ts';
import type { Fault } from './postgres-fault.ts';
import type { Stored } from './writer.ts';

const LOG_INTERVAL_MS = 5_000;
const STEPS = ['start', 'read', 'write', 'settle'] as const;
type Step = (typeof STEPS)[number];

export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>;

export function createWorkerMetrics(registry: Registry, log: Log) {
  const count = (name: string, help: string) => createCount(registry, name, help);
  const inserted = count('sluice_stored_events_total', 'Events inserted into Postgres.');
  const duplicates = count(
    'sluice_duplicate_events_total',
    'Events that were stored before: deliveries or requests repeated.',
  );
  const letters = count('sluice_dead_letters_total', 'Events set aside because they can never be stored.');
  const reclaimed = count('sluice_reclaimed_entries_total', 'Entries taken over from dead consumers.');
  const vanished = count(
    'sluice_vanished_entries_total',
    'Entries deleted from the stream before they were stored.',
  );
  const lost = count('sluice_lost_events_total', 'Accepted events found missing from the stream.');
  const groupGone = count('sluice_group_recreated_total', 'Times the consumer group was gone and made anew.');
  const failures = createTally(
    registry,
    'sluice_failures_total',
    'Steps that failed and were tried again.',
    STEPS,
  );
  const seconds = new Histogram({
    name: 'sluice_write_seconds',
    help: 'How long storing a batch took.',
    labelNames: ['delivery'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const size = new Histogram({
    name: 'sluice_batch_events',
    help: 'Events of a stored batch.',
    buckets: [1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000, 20_000],
    registers: [registry],
  });
  let last: { step: Step; fault: Fault; error: unknown };
  const tell = throttled(LOG_INTERVAL_MS, (heldBack) => {
    const { step, fault, error } = last;
    const line = { step, fault, heldBack, err: error };
    if (fault === 'operator') log.error(line, 'a step failed and needs an operator');
    else log.warn(line, 'a step failed and is tried again');
  });
  return {
    stored(result: Stored, redelivered: boolean, took: number): void {
      inserted.value += result.inserted;
      duplicates.value += result.duplicates;
      seconds.observe({ delivery: redelivered ? 'again' : 'first' }, took);
      size.observe(result.inserted + result.duplicates + result.deadLettered);
    },
    deadLettered(kept: readonly DeadLetter[]): void {
      letters.value += kept.length;
      const [first] = kept;
      log.error({ events: kept.length, reason: first?.reason, sqlstate: first?.sqlstate }, 'dead-lettered');
    },
    reclaimed(entries: number): void {
      reclaimed.value += entries;
    },
    vanished(entries: number): void {
      vanished.value += entries;
    },
    /** @param events negative when some that were counted turned up after all. */
    lost(events: number): void {
      lost.value = Math.max(0, lost.value + events);
    },
    groupGone(): void {
      groupGone.value += 1;
      log.error('the consumer group was gone: the stream was deleted, or Redis emptied');
    },
    failed(step: Step, fault: Fault, error: unknown): void {
      failures[step] += 1;
      last = { step, fault, error };
      tell();
    },
  };
}

/**
 * The same metrics for one shard of several, which also count by shard.
 *
 * @returns by the shards' names.
 */
export function createShardMetrics(
  registry: Registry,
  metrics: WorkerMetrics,
  shards: readonly string[],
): ReadonlyMap<string, WorkerMetrics> {
  const tally = (name: string, help: string) => createTally(registry, name, help, shards, 'shard');
  const inserted = tally('sluice_shard_stored_events_total', 'Events of the shard inserted into Postgres.');
  const reclaimed = tally('sluice_shard_reclaimed_entries_total', 'Entries of the shard taken over.');
  const lost = tally('sluice_shard_lost_events_total', 'Accepted events found missing from the shard.');
  const failures = tally(
    'sluice_shard_failures_total',
    'Steps of the shard that failed and were tried again.',
  );
  const add = (counts: Record<string, number>, shard: string, by: number) => {
    counts[shard] = Math.max(0, (counts[shard] ?? 0) + by);
  };
  const of = (shard: string): WorkerMetrics => ({
    ...metrics,
    stored: (result, redelivered, took) => {
      add(inserted, shard, result.inserted);
      metrics.stored(result, redelivered, took);
    },
    reclaimed: (entries) => {
      add(reclaimed, shard, entries);
      metrics.reclaimed(entries);
    },
    lost: (events) => {
      add(lost, shard, events);
      metrics.lost(events);
    },
    failed: (step, fault, error) => {
      add(failures, shard, 1);
      metrics.failed(step, fault, error);
    },
  });
  return new Map(shards.map((shard) => [shard, of(shard)]));
}
