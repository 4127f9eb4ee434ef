/**
 * What a consumer works on next: what dead consumers left, else new entries, up to a batch.
 *
 * Where several shards share the writers, each reads ahead only its part of a batch, and fills that up
 * when it is its turn: however many shards there are, what waits in memory is one batch, and what is
 * written at once are whole ones.
 */

import type { Delivery } from '@sluice/event/stream-scripts';
import type { Log } from '@sluice/service/log';
import { faultOf } from './postgres-fault.ts';
import type { StreamReader } from './stream-reader.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

/** A stop waits at most this long for a read that blocks; new entries end it at once. */
export const BLOCK_MS = 1_000;
const MAX_READ_ENTRIES = 256;
/** JSON text of one batch; with two batches and their copies this stays far under 300 MiB. */
const MAX_BATCH_BYTES = 8 * 1_024 * 1_024;

export interface BatchReaderOptions {
  readonly stream: StreamReader;
  readonly metrics: WorkerMetrics;
  readonly log: Log;
  readonly batchMaxEvents: number;
  /** How many share the writers. */
  readonly shards: number;
  readonly claimMinIdleMs: number;
}

export class BatchReader {
  readonly #options: BatchReaderOptions;
  #lastReclaimAt = Number.NEGATIVE_INFINITY;
  /** Averages over the entries of the last reads, to ask for as many as fit a batch. */
  #eventsPerEntry = 100;
  #bytesPerEntry = 32 * 1_024;
  #isBehind = false;

  constructor(options: BatchReaderOptions) {
    this.#options = options;
  }

  /** Whether the last read left new entries in the stream, for all that it knows. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Whether next() has nothing more to give before suspect() was called. */
  get meetsSuspect(): boolean {
    return this.#options.stream.meetsSuspect;
  }

  /** The one entry that may be what kills workers; for when nothing else is under way in this process. */
  suspect(): Promise<Delivery[]> {
    return this.#reclaimed(true);
  }

  /** Waits for something up to BLOCK_MS. @returns all that is there, up to this shard's part of a batch. */
  async next(): Promise<Delivery[]> {
    const { batchMaxEvents, shards } = this.#options;
    const reclaimed = await this.#reclaimed();
    if (reclaimed.length > 0 || this.meetsSuspect) return reclaimed;
    const deliveries: Delivery[] = [];
    await this.#readNew(deliveries, Math.ceil(batchMaxEvents / shards), MAX_BATCH_BYTES / shards);
    return deliveries;
  }

  /** Makes new entries a whole batch, if there are more. What can't be read now is met again by the next read. */
  async fillUp(deliveries: Delivery[]): Promise<void> {
    if (deliveries.some(({ deliveries: times }) => times > 1)) return;
    const { batchMaxEvents, metrics } = this.#options;
    try {
      await this.#readNew(deliveries, batchMaxEvents, MAX_BATCH_BYTES);
    } catch (error) {
      metrics.failed('read', faultOf(error), error);
    }
  }

  async #reclaimed(alone = false): Promise<Delivery[]> {
    const { stream, metrics, log, claimMinIdleMs } = this.#options;
    const interval = Math.min(1_000, claimMinIdleMs / 2);
    if (!stream.hasClaimed && performance.now() - this.#lastReclaimAt < interval) return [];
    this.#lastReclaimAt = performance.now();
    const { deliveries, vanished } = await stream.reclaim(alone);
    if (vanished.length > 0) {
      metrics.vanished(vanished.length);
      log.error({ entries: vanished.length }, 'entries were deleted before they were stored');
    }
    if (deliveries.length === 0) return [];
    metrics.reclaimed(deliveries.length);
    log.info({ entries: deliveries.length }, 'took over entries of a dead consumer');
    return deliveries;
  }

  /** Adds new entries to `into` until it has these sizes; waits for the first one, if there is none yet. */
  async #readNew(into: Delivery[], maxEvents: number, maxBytes: number): Promise<void> {
    let { events, bytes } = sizeOf(into);
    while (events < maxEvents && bytes < maxBytes) {
      const count = this.#entriesFor(maxEvents - events, maxBytes - bytes);
      const read = await this.#options.stream.read(count, into.length === 0 ? BLOCK_MS : undefined);
      const size = sizeOf(read);
      for (const delivery of read) into.push(delivery);
      if (read.length > 0) {
        this.#eventsPerEntry = Math.max(1, size.events / read.length);
        this.#bytesPerEntry = Math.max(1, size.bytes / read.length);
      }
      events += size.events;
      bytes += size.bytes;
      this.#isBehind = read.length === count;
      if (!this.#isBehind) break;
    }
  }

  #entriesFor(events: number, bytes: number): number {
    const fitting = Math.min(events / this.#eventsPerEntry, bytes / this.#bytesPerEntry);
    return Math.max(1, Math.min(MAX_READ_ENTRIES, Math.floor(fitting)));
  }
}

/** What deliveries bring, without looking into them. */
function sizeOf(deliveries: readonly Delivery[]): { events: number; bytes: number } {
  let events = 0;
  let bytes = 0;
  for (const { fields } of deliveries) {
    events += Number(fields['n']) || 1;
    bytes += fields['events']?.length ?? 0;
  }
  return { events, bytes };
}
