/**
 * The worker's loop over one shard of the stream: read a batch, store it, settle it, for as long as
 * the process lives. Several of them share the writers.
 *
 * An entry read ends stored, dead-lettered, or still pending; nothing is settled before its commit.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery } from '@sluice/event/stream-scripts';
import { backoffMs } from '@sluice/service/backoff';
import type { Log } from '@sluice/service/log';
import { type Batch, batchOf } from './batch.ts';
import { BatchReader, BLOCK_MS } from './batch-reader.ts';
import { ClaimRenewal, type Held } from './claim-renewal.ts';
import { ConsumerMode, type Mode } from './consumer-mode.ts';
import type { DeadLetters } from './dead-letters.ts';
import { faultOf, sqlstateOf } from './postgres-fault.ts';
import { isReply, type StreamReader } from './stream-reader.ts';
import type { WorkerMetrics } from './worker-metrics.ts';
import type { WriteSlots } from './write-slots.ts';
import type { Writer } from './writer.ts';

const RETRY_FIRST_MS = 50;
/** Transient faults are looked at this often at least, so that work resumes within seconds. */
const RETRY_MAX_MS = 2_000;
const HALTED_RETRY_MS = 5_000;
/** lock_not_available: somebody holds what a batch needs. */
const LOCK_TIMEOUT = '55P03';

export interface ConsumerOptions {
  readonly stream: StreamReader;
  readonly writer: Writer;
  readonly deadLetters: DeadLetters;
  /** Resolves once Redis has been reached; waiting for it is no fault. */
  readonly connected: Promise<unknown>;
  /** Resolves when Postgres can store events: reachable, migrated, with partitions. */
  readonly prepare: () => Promise<void>;
  /** Ends what frozen workers left blocking in Postgres. @returns how many. */
  readonly unblock: () => Promise<number>;
  readonly metrics: WorkerMetrics;
  readonly log: Log;
  /** Batches that may be under way at once here. */
  readonly writers: number;
  /** The writers, for all shards together. */
  readonly slots: WriteSlots;
  /** How many share them: what each reads ahead of its turn is that part of a batch. */
  readonly shards: number;
  readonly batchMaxEvents: number;
  readonly claimMinIdleMs: number;
  readonly maxDeliveries: number;
}

export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #stop = new AbortController();
  readonly #reader: BatchReader;
  readonly #underWay = new Map<Batch, Promise<void>>();
  /** What waits for a writer. */
  #waiting: Held | undefined;
  readonly #mode: ConsumerMode;
  readonly #renewal: ClaimRenewal;
  /** Rejects when a batch met something that no retry is for. */
  readonly #defect = Promise.withResolvers<never>();
  /** What is under way may kill the process, and is the only thing under way. */
  #alone = false;
  /** By performance.now(), when the loop last turned: what the watchdog looks at. */
  lastTurnAt = performance.now();

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#reader = new BatchReader(options);
    this.#mode = new ConsumerMode(options.log);
    this.#renewal = new ClaimRenewal({ ...options, held: () => this.#held() });
  }

  get mode(): Mode {
    return this.#mode.current;
  }

  /** Why it isn't storing, `undefined` while it is. */
  get problem(): string | undefined {
    return this.#mode.problem;
  }

  /** Whether more waits in the stream than fits a batch. */
  get isBehind(): boolean {
    return this.#reader.isBehind;
  }

  /**
   * Works until stop(). Rejects only on a defect, and at once: the process must end then. What it holds
   * stays pending, and an entry that the defect is about is set aside when it was delivered too often.
   */
  async run(): Promise<void> {
    this.#renewal.start();
    try {
      await Promise.race([this.#loop(), this.#defect.promise]);
    } finally {
      this.#renewal.stop();
      // After a defect a turn may be under way still: let it be the last.
      this.#stop.abort();
    }
    this.#mode.enter('STOPPED', 'stopped');
  }

  /** Reads no more and lets run() end. */
  stop(): void {
    if (this.#stopping) return;
    this.#mode.enter('DRAINING', 'stopping');
    this.#stop.abort();
  }

  get #stopped(): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  async #loop(): Promise<void> {
    await Promise.race([this.#options.connected, this.#stopped]);
    await this.#untilDone('start', async () => {
      await this.#options.stream.createGroup();
      await this.#options.prepare();
    });
    if (!this.#stopping) this.#mode.enter('READING', undefined);
    while (!this.#stopping) await this.#turn();
    await Promise.all(this.#underWay.values());
  }

  async #turn(): Promise<void> {
    this.lastTurnAt = performance.now();
    const { meetsSuspect } = this.#reader;
    const isFull = this.#underWay.size >= (meetsSuspect ? 1 : this.#options.writers);
    if (isFull || this.#alone || this.mode === 'HALTED') {
      await Promise.race([...this.#underWay.values(), this.#pause(BLOCK_MS)]);
      return;
    }
    if (meetsSuspect) {
      await this.#turnToSuspect();
      return;
    }
    let deliveries: Delivery[] = [];
    await this.#untilDone('read', async () => {
      deliveries = await this.#reader.next();
    });
    if (deliveries.length === 0) return;
    await this.#takeSlots(1, deliveries);
    if (this.#options.shards > 1) await this.#reader.fillUp(deliveries);
    this.#begin(deliveries, 1);
  }

  /**
   * Looks at what may kill the process while no shard has anything else under way. It is fetched only then,
   * because that counts its delivery. (What another shard has stored but couldn't settle yet can still be
   * killed with it; to wait for that would let one Redis node hold up all shards.)
   */
  async #turnToSuspect(): Promise<void> {
    const { slots } = this.#options;
    let deliveries: Delivery[] = [];
    await this.#untilDone('read', async () => {
      await this.#takeSlots(slots.size, []);
      try {
        if (!this.#stopping) deliveries = await this.#reader.suspect();
      } finally {
        if (deliveries.length === 0) slots.giveBack(slots.size);
      }
    });
    if (deliveries.length === 0) return;
    this.#alone = true;
    this.#begin(deliveries, slots.size);
  }

  #begin(deliveries: readonly Delivery[], places: number): void {
    const batch = batchOf(deliveries, this.#options.maxDeliveries);
    const work = this.#work(batch, places);
    this.#underWay.set(batch, work);
    const ended = () => {
      this.#underWay.delete(batch);
      this.#alone = false;
    };
    work.finally(ended).catch(this.#defect.reject);
  }

  /** Waits for writers, as long as the other shards need them; what is held meanwhile is renewed. */
  async #takeSlots(places: number, deliveries: readonly Delivery[]): Promise<void> {
    const taken = this.#options.slots.take(places);
    this.#waiting = { entries: deliveries, readAt: performance.now() };
    for (let mine = false; !mine; ) {
      this.lastTurnAt = performance.now();
      mine = await within(taken, BLOCK_MS);
    }
    this.#waiting = undefined;
  }

  /** Stores and settles one batch, however long it takes; leaves it pending when told to stop. */
  async #work(batch: Batch, taken: number): Promise<void> {
    const { writer, deadLetters, stream, slots, metrics } = this.#options;
    let redelivered = batch.redelivered;
    const progress = { inserted: 0 };
    let tried = false;
    let places = taken;
    const goOnBeside = () => {
      slots.giveBack(places - 1);
      places = 1;
      this.#alone = false;
    };
    const stored = await this.#untilDone('write', async () => {
      const startedAt = performance.now();
      const again = redelivered;
      // After a failure nobody knows whether it was committed.
      redelivered = true;
      // It was tried and didn't kill: however long it waits now, the others needn't wait for it.
      if (tried) goOnBeside();
      tried = true;
      const result = await writer.store(batch.events, again, progress);
      await deadLetters.keep(batch.broken);
      metrics.stored(result, again, (performance.now() - startedAt) / 1_000);
      this.#mode.recover();
    });
    // Settling needs no writer: a shard whose Redis is away holds up none of the others.
    slots.giveBack(places);
    if (!stored) return;
    await this.#untilDone('settle', async () => {
      const { lost } = await stream.settle(batch.entries);
      if (lost !== 0) this.#lost(lost);
    });
  }

  #lost(events: number): void {
    this.#options.metrics.lost(events);
    if (events > 0) this.#options.log.error({ events }, 'accepted events vanished from the stream');
  }

  /**
   * Runs `step` until it succeeds, with growing pauses.
   *
   * @returns false when told to stop before it did.
   */
  async #untilDone(what: 'start' | 'read' | 'write' | 'settle', step: () => Promise<void>): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      // Work in hand is tried once even then: a stop finishes what it can.
      if (this.#stopping && (attempt > 1 || what === 'start')) return false;
      try {
        await step();
        return true;
      } catch (error) {
        await this.#handle(what, error, attempt);
      }
    }
  }

  /** Says what went wrong, enters the mode that it asks for, and waits before the next try. */
  async #handle(what: 'start' | 'read' | 'write' | 'settle', error: unknown, attempt: number): Promise<void> {
    const { metrics, stream } = this.#options;
    const fault = faultOf(error);
    metrics.failed(what, fault, error);
    if (isReply(error, 'NOGROUP')) {
      metrics.groupGone();
      await stream.createGroup().catch(() => undefined);
    }
    if (sqlstateOf(error) === LOCK_TIMEOUT) await this.#unblock();
    const halting = fault === 'operator' && (what === 'write' || what === 'start');
    if (!this.#stopping) {
      if (what === 'start') this.#mode.enter('STARTING', describe(error));
      if (what === 'write') this.#mode.enter(halting ? 'HALTED' : 'WAITING', describe(error));
    }
    await this.#pause(halting ? HALTED_RETRY_MS : backoffMs(attempt, RETRY_FIRST_MS, RETRY_MAX_MS));
    this.lastTurnAt = performance.now();
  }

  async #unblock(): Promise<void> {
    const ended = await this.#options.unblock().catch(() => 0);
    if (ended > 0) this.#options.log.warn({ copies: ended }, 'ended COPYs of workers that went silent');
  }

  #held(): readonly Held[] {
    return [
      ...this.#underWay.keys(),
      ...(this.#waiting === undefined ? [] : [this.#waiting]),
      // Not asked how old: it is a claim's worth of entries at most.
      { entries: this.#options.stream.claimed, readAt: Number.NEGATIVE_INFINITY },
    ];
  }

  /** Waits, but not past a stop. */
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

/** Whether `promise` resolved within `ms`. */
async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
