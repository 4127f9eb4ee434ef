/**
 * The worker's side of the stream: reading new entries, taking over those of dead consumers, renewing
 * claims, settling.
 *
 * Two connections: an XREADGROUP that blocks would hold up every command behind it, so everything
 * else goes over `control`.
 */
import type { StreamCommands } from '@sluice/event/cluster-client';
import { GROUP, type StreamKeys } from '@sluice/event/stream';
import type { Delivery } from '@sluice/event/stream-scripts';

/** Entries claimed at a time from dead consumers; small, since none of them can be trusted. */
const RECLAIM_COUNT = 64;
/** From this delivery on an entry is handed out alone: if it kills again, it kills alone. */
const SUSPECT_FROM_DELIVERY = 3;

export interface StreamReaderOptions {
  readonly reading: StreamCommands;
  readonly control: StreamCommands;
  readonly keys: StreamKeys;
  readonly consumer: string;
  readonly claimMinIdleMs: number;
}

/** An entry that is claimed, but whose content hasn't been fetched: that counts a delivery. */
interface Claimed {
  readonly id: string;
  readonly deliveredBefore: number;
}

export class StreamReader {
  readonly #options: StreamReaderOptions;
  #claimed: Claimed[] = [];
  /** Found gone from the stream, and not told yet. */
  #vanished: string[] = [];
  #cursor = '0-0';

  constructor(options: StreamReaderOptions) {
    this.#options = options;
  }

  /** Makes the group, and with it the stream, where they don't exist. From the start: nothing is skipped. */
  async createGroup(): Promise<void> {
    const { control, keys } = this.#options;
    try {
      await control.createGroup(keys);
    } catch (error) {
      if (!isReply(error, 'BUSYGROUP')) throw error;
    }
  }

  /** Up to `count` new entries; waits for the first one up to `blockMs`, or not at all. */
  async read(count: number, blockMs: number | undefined): Promise<Delivery[]> {
    const { reading, keys, consumer } = this.#options;
    const options = blockMs === undefined ? { COUNT: count } : { COUNT: count, BLOCK: blockMs };
    const reply = await reading.xReadGroup(GROUP, consumer, { key: keys.stream, id: '>' }, options);
    const [stream] = (reply ?? []) as { messages: { id: string; message: Delivery['fields'] }[] }[];
    return (stream?.messages ?? []).map(({ id, message }) => ({ id, fields: message, deliveries: 1 }));
  }

  /**
   * Entries whose consumer hasn't renewed its claim in time, now this one's.
   *
   * @param alone nothing else is under way in this process, so a suspect may be handed out: see meetsSuspect.
   * @returns them, and the ids of those that were pending but are gone from the stream.
   */
  async reclaim(alone = false): Promise<{ deliveries: Delivery[]; vanished: readonly string[] }> {
    if (this.#claimed.length === 0) await this.#claim();
    const deliveries = this.meetsSuspect && !alone ? [] : await this.#deliver();
    const vanished = this.#vanished;
    this.#vanished = [];
    return { deliveries, vanished };
  }

  /** The next of what is claimed: one suspect, or all up to the first. */
  async #deliver(): Promise<Delivery[]> {
    const { control, keys, consumer } = this.#options;
    const suspect = this.#claimed.findIndex(isSuspect);
    const taken = this.#claimed.splice(
      0,
      suspect === 0 ? 1 : suspect === -1 ? this.#claimed.length : suspect,
    );
    if (taken.length === 0) return [];
    const ids = taken.map(({ id }) => id);
    const { deliveries, vanished } = await control.deliver(keys, consumer, ids);
    this.#vanished.push(...vanished);
    return deliveries;
  }

  /** What is claimed and waits to be handed out. Its claims must be renewed like those of what is worked on. */
  get claimed(): readonly { readonly id: string }[] {
    return this.#claimed;
  }

  /**
   * Whether the next to be taken over may be what killed those that had it. What is under way beside it
   * would be killed with it, be delivered as often in the end, and be given up though nothing is wrong with it.
   */
  get meetsSuspect(): boolean {
    const [next] = this.#claimed;
    return next !== undefined && isSuspect(next);
  }

  /** Whether reclaim() has more to hand out at once. */
  get hasClaimed(): boolean {
    return this.#claimed.length > 0 || this.#cursor !== '0-0';
  }

  /** How long ago the oldest entry was added that is read and not settled, by anyone; 0 without any. */
  async oldestPendingSeconds(): Promise<number> {
    const { control, keys } = this.#options;
    const [oldest] = await control.xPendingRange(keys.stream, GROUP, '-', '+', 1);
    // An id begins with Redis' time in milliseconds.
    return oldest === undefined ? 0 : Math.max(0, (Date.now() - Number.parseInt(oldest.id, 10)) / 1_000);
  }

  /** @returns the ids that another consumer has taken over. */
  renew(ids: readonly string[]): Promise<string[]> {
    const { control, keys, consumer } = this.#options;
    return control.renew(keys, consumer, ids);
  }

  /** Acknowledges, deletes and counts entries whose events are committed. */
  settle(entries: readonly { id: string; n: number }[]): Promise<{ settled: number; lost: number }> {
    return this.#options.control.settle(this.#options.keys, entries);
  }

  /** Takes this consumer out of the group, if it holds nothing. */
  async leave(): Promise<void> {
    await this.#options.control.removeConsumer(this.#options.keys, this.#options.consumer);
  }

  /** Takes consumers out of the group that have been silent for `silentMs` and hold nothing. */
  async removeDeadConsumers(silentMs: number): Promise<void> {
    const { control, keys, consumer: own } = this.#options;
    for (const { name, idle, pending } of await control.xInfoConsumers(keys.stream, GROUP)) {
      if (name !== own && pending === 0 && idle > silentMs) await control.removeConsumer(keys, name);
    }
  }

  /** JUSTID: taking over counts no delivery; only fetching an entry does, right before it is worked on. */
  async #claim(): Promise<void> {
    const { control, keys, consumer, claimMinIdleMs } = this.#options;
    const reply = await control.xAutoClaimJustId(keys.stream, GROUP, consumer, claimMinIdleMs, this.#cursor, {
      COUNT: RECLAIM_COUNT,
    });
    this.#cursor = reply.nextId;
    // Redis names them this once; what fails from here on must not lose them.
    this.#vanished.push(...reply.deletedMessages);
    this.#claimed = await Promise.all(
      reply.messages.map(async (id) => {
        const [pending] = await control.xPendingRange(keys.stream, GROUP, id, id, 1);
        return { id, deliveredBefore: pending?.deliveriesCounter ?? 1 };
      }),
    );
  }
}

function isSuspect({ deliveredBefore }: Claimed): boolean {
  return deliveredBefore >= SUSPECT_FROM_DELIVERY - 1;
}

/** Whether Redis answered with this error code. */
export function isReply(error: unknown, code: string): boolean {
  return error instanceof Error && error.message.startsWith(code);
}
