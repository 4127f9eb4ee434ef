/**
 * What can't be stored as an event is kept in Postgres with its reason, byte for byte. Not in Redis:
 * that would fail just when Redis is full.
 */
import { hash } from 'node:crypto';
import type { Database } from './database.ts';

export interface DeadLetter {
  /** The line, or the whole entry, as it was found. */
  readonly payload: string;
  /** One sentence. */
  readonly reason: string;
  readonly sqlstate?: string | undefined;
  readonly entryId?: string;
}

/** The same payload again is the same letter, seen once more. */
const KEEP_STATEMENT = `INSERT INTO dead_letters (fingerprint, payload, reason, sqlstate, entry_id)
VALUES (decode($1, 'hex'), decode($2, 'base64'), $3, nullif($4, ''), nullif($5, ''))
ON CONFLICT (fingerprint) DO UPDATE SET times = dead_letters.times + 1, last_seen = now(),
  entry_id = coalesce(excluded.entry_id, dead_letters.entry_id)`;

/** A reason is for people; what a server adds to one has no bound. */
const MAX_REASON_CHARACTERS = 500;

export class DeadLetters {
  readonly #database: Database;
  readonly #kept: (letters: readonly DeadLetter[]) => void;

  /** @param kept told of letters after their commit. */
  constructor(database: Database, kept: (letters: readonly DeadLetter[]) => void) {
    this.#database = database;
    this.#kept = kept;
  }

  /** Resolves when all are committed; keeping one again is harmless. */
  async keep(letters: readonly DeadLetter[]): Promise<void> {
    for (const { payload, reason, sqlstate, entryId } of letters) {
      const bytes = Buffer.from(payload, 'utf8');
      const printable = reason.replaceAll('\0', '').toWellFormed().slice(0, MAX_REASON_CHARACTERS);
      await this.#database.run(KEEP_STATEMENT, [
        hash('sha256', bytes, 'hex'),
        bytes.toString('base64'),
        printable,
        sqlstate ?? '',
        entryId ?? '',
      ]);
    }
    if (letters.length > 0) this.#kept(letters);
  }
}
