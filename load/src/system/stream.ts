/** The stream as a scenario sees and fills it. */
import { encodeEvent } from '@sluice/event/entry';
import type { SluiceEvent } from '@sluice/event/event';
import { GROUP, streamKeys } from '@sluice/event/stream';
import { createStreamClient, type StreamClient } from '@sluice/event/stream-client';

/** Where services look unless told otherwise. */
export const STREAM_KEY = 'sluice:events';
const KEYS = streamKeys(STREAM_KEY);
/** What group commit makes of 100 connections. */
const ENTRY_EVENTS = 100;
/** Entries that one command adds; more would only make it longer. */
const COMMAND_ENTRIES = 50;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

export interface Counts {
  readonly accepted: number;
  readonly settled: number;
}

export class Stream implements AsyncDisposable {
  readonly #client: StreamClient;

  private constructor(client: StreamClient) {
    this.#client = client;
  }

  static async connect(url: string): Promise<Stream> {
    const client = createStreamClient({
      url,
      name: 'sluice-bench',
      socketTimeoutMs: 60_000,
      pingIntervalMs: 5_000,
    });
    client.on('error', () => undefined);
    await client.connect();
    return new Stream(client);
  }

  /** Events accepted and settled since the last clear(). */
  async counts(): Promise<Counts> {
    const [accepted, settled] = await this.#client.mGet([KEYS.accepted, KEYS.settled]);
    return { accepted: Number(accepted ?? 0), settled: Number(settled ?? 0) };
  }

  /** Empties the whole server, which is the bench's own. */
  async clear(): Promise<void> {
    await this.#client.flushAll('SYNC');
  }

  /** Changes a setting of the server, from now on. */
  async set(name: string, value: string): Promise<void> {
    await this.#client.configSet(name, value);
  }

  /**
   * Lays a backlog aside, in entries of 100 events, until release().
   *
   * @param progress told how many events are there.
   */
  async prepare(events: Iterable<SluiceEvent>, progress: (events: number) => void): Promise<void> {
    const aside = { ...KEYS, stream: `${STREAM_KEY}:prepared` };
    await this.#client.xGroupCreate(aside.stream, GROUP, '0', { MKSTREAM: true });
    let lines: string[] = [];
    let total = 0;
    const append = async () => {
      const entries = [];
      for (let at = 0; at < lines.length; at += ENTRY_EVENTS) {
        const part = lines.slice(at, at + ENTRY_EVENTS);
        entries.push({ n: part.length, events: part.join('\n') });
      }
      total += lines.length;
      if (entries.length > 0) await this.#client.append(aside, NO_LIMIT, entries);
      lines = [];
      progress(total);
    };
    for (const event of events) {
      lines.push(encodeEvent(event));
      if (lines.length === ENTRY_EVENTS * COMMAND_ENTRIES) await append();
    }
    await append();
  }

  /** Puts the backlog in front of the workers in one step. They may be waiting already. */
  async release(): Promise<void> {
    await this.#client.rename(`${STREAM_KEY}:prepared`, KEYS.stream);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }
}
