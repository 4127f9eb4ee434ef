/**
 * From events to rows, whatever is wrong with some of them.
 *
 * What is delivered for the first time goes in by COPY, sorted by id: writers that insert the same
 * ids in different orders deadlock. When a row is there already, the batch was stored before or a
 * client sent an event twice, and it goes in by INSERT … ON CONFLICT DO NOTHING. When a row can't be
 * stored at all, the batch is halved until that row stands alone, which becomes a dead letter.
 */
import { encodeEvent } from '@sluice/event/entry';
import type { SluiceEvent } from '@sluice/event/event';
import { COPY_STATEMENT, copyRows } from './copy-rows.ts';
import type { Database } from './database.ts';
import type { DeadLetter, DeadLetters } from './dead-letters.ts';
import { faultOf, sqlstateOf } from './postgres-fault.ts';
import { INSERT_STATEMENT, jsonRows } from './rows.ts';

/** What became of a batch's events; the three add up to all of them. */
export interface Stored {
  inserted: number;
  duplicates: number;
  deadLettered: number;
}

/**
 * What is known to be committed of a batch by all attempts to store it so far. An INSERT whose answer was
 * lost isn't: its rows are there at the next attempt, and count as duplicates.
 */
export interface Progress {
  inserted: number;
}

export class Writer {
  readonly #database: Database;
  readonly #deadLetters: DeadLetters;

  constructor(database: Database, deadLetters: DeadLetters) {
    this.#database = database;
    this.#deadLetters = deadLetters;
  }

  /**
   * Stores events so that storing them again has no effect. When it resolves, all are committed.
   *
   * @param redelivered whether some of them may have been stored before.
   * @param progress kept by who tries again after a failure, which may come when some rows are committed
   *   already: they were inserted, by an earlier attempt, and are no duplicates.
   * @throws what Postgres said, when the batch as a whole could not be stored now; see faultOf.
   */
  async store(
    events: readonly SluiceEvent[],
    redelivered: boolean,
    progress: Progress = { inserted: 0 },
  ): Promise<Stored> {
    const rows = sortedById(events);
    const before = progress.inserted;
    const stored: Stored = { inserted: 0, duplicates: events.length - rows.length, deadLettered: 0 };
    try {
      const isCopied = rows.length === 0 || (!redelivered && (await this.#copy(rows, stored)));
      if (!isCopied) await this.#insert(rows, stored);
    } finally {
      progress.inserted += stored.inserted;
    }
    const duplicates = Math.max(0, stored.duplicates - before);
    return { ...stored, inserted: progress.inserted, duplicates };
  }

  /** @returns false when some row needs the INSERT's care. */
  async #copy(rows: readonly SluiceEvent[], stored: Stored): Promise<boolean> {
    try {
      stored.inserted += await this.#database.copy(COPY_STATEMENT, copyRows(rows));
      return true;
    } catch (error) {
      const fault = faultOf(error);
      if (fault === 'duplicate' || fault === 'data') return false;
      throw error;
    }
  }

  async #insert(rows: readonly SluiceEvent[], stored: Stored): Promise<void> {
    try {
      const inserted = await this.#database.run(INSERT_STATEMENT, [jsonRows(rows)]);
      stored.inserted += inserted;
      stored.duplicates += rows.length - inserted;
    } catch (error) {
      if (faultOf(error) !== 'data') throw error;
      const [first] = rows;
      if (rows.length === 1 && first !== undefined) {
        await this.#deadLetters.keep([letterOf(first, error)]);
        stored.deadLettered += 1;
        return;
      }
      const middle = Math.ceil(rows.length / 2);
      await this.#insert(rows.slice(0, middle), stored);
      await this.#insert(rows.slice(middle), stored);
    }
  }
}

/** Ascending by id, each id once: what two clients' retries brought into one batch. */
function sortedById(events: readonly SluiceEvent[]): SluiceEvent[] {
  const sorted = events.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return sorted.filter((event, at) => at === 0 || event.id !== sorted[at - 1]?.id);
}

/** The message names the type and the place at fault; the server's `detail`, with the value, stays out. */
function letterOf(event: SluiceEvent, error: unknown): DeadLetter {
  return {
    payload: encodeEvent(event),
    reason: error instanceof Error ? error.message : String(error),
    sqlstate: sqlstateOf(error),
  };
}
