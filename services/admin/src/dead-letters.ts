/** The dead letters, for the one who has to decide about them. */
import { isUtf8 } from 'node:buffer';
import { MAX_ENTRY_EVENTS, readEntry } from '@sluice/event/entry';
import type { NewEntry } from '@sluice/event/stream-scripts';
import type postgres from 'postgres';

/** One row of `dead_letters`. */
export interface Letter {
  /** SHA-256 of the payload, in hexadecimal. */
  readonly fingerprint: string;
  readonly reason: string;
  readonly sqlstate: string | null;
  readonly times: number;
  readonly first_seen: Date;
  readonly last_seen: Date;
  /** UTF-8 text as a rule; what isn't shows as U+FFFD. */
  readonly payload: string;
}

/** Thrown when a fingerprint means no letter, or more than one. */
export class NoSuchLetterError extends Error {}

/** The newest letters. */
export async function listLetters(sql: postgres.Sql, limit: number): Promise<Letter[]> {
  return (await lettersWhere(sql, sql`true`, limit)).map(({ letter }) => letter);
}

/** @param fingerprint its first digits, at least four. @throws {NoSuchLetterError} */
export async function findLetter(sql: postgres.Sql, fingerprint: string): Promise<Letter> {
  const found = await lettersWhere(sql, sql`encode(fingerprint, 'hex') LIKE ${`${fingerprint}%`}`, 2);
  const [first, second] = found;
  if (first === undefined) throw new NoSuchLetterError(`no dead letter ${fingerprint}`);
  if (second !== undefined)
    throw new NoSuchLetterError(`more than one dead letter begins with ${fingerprint}`);
  return first.letter;
}

/** @param fingerprint whole, or `undefined` for all. @returns how many were dropped. */
export async function dropLetters(sql: postgres.Sql, fingerprint: string | undefined): Promise<number> {
  const { count } = fingerprint
    ? await sql`DELETE FROM dead_letters WHERE fingerprint = decode(${fingerprint}, 'hex')`
    : await sql`DELETE FROM dead_letters`;
  return count;
}

/** What replaying did. */
export interface Replayed {
  readonly replayed: number;
  /** Letters that hold no event, so that there is nothing to send: not JSON, no id, cut off. */
  readonly unreadable: number;
}

const PAGE_LETTERS = MAX_ENTRY_EVENTS;

/**
 * Sends letters through the stream again, as the events that they hold, and takes them out.
 *
 * An event keeps its id, so one that was stored after all isn't stored twice. A letter is deleted in
 * the transaction during which it is appended: a crash in between leaves it, and replaying it again
 * is harmless. What still can't be stored becomes a letter again.
 */
export async function replayLetters(
  sql: postgres.Sql,
  append: (entry: NewEntry) => Promise<void>,
  fingerprint: string | undefined,
): Promise<Replayed> {
  let replayed = 0;
  let unreadable = 0;
  let after = '';
  for (;;) {
    const which =
      fingerprint === undefined
        ? sql`encode(fingerprint, 'hex') > ${after}`
        : sql`encode(fingerprint, 'hex') = ${fingerprint} AND ${after} = ''`;
    const page = await sql.begin(async (transaction) => {
      const letters = await transaction<{ fingerprint: string; payload: Buffer }[]>`
        SELECT encode(fingerprint, 'hex') AS fingerprint, payload FROM dead_letters WHERE ${which} ORDER BY fingerprint LIMIT ${PAGE_LETTERS} FOR UPDATE`;
      const readable = letters.filter(({ payload }) => isEvents(payload));
      if (readable.length > 0) {
        await transaction`DELETE FROM dead_letters
          WHERE fingerprint = ANY (SELECT decode(hex, 'hex') FROM unnest(${readable.map((l) => l.fingerprint)}::text[]) AS hex)`;
        for (const { payload } of readable) {
          const events = payload.toString('utf8');
          await append({ n: events.split('\n').length, events });
        }
      }
      return { letters, readable: readable.length };
    });
    replayed += page.readable;
    unreadable += page.letters.length - page.readable;
    after = page.letters.at(-1)?.fingerprint ?? '';
    if (page.letters.length < PAGE_LETTERS) return { replayed, unreadable };
  }
}

/** Whether every line of a payload is an event that a worker can read. */
function isEvents(payload: Buffer): boolean {
  if (!isUtf8(payload)) return false;
  const { events, broken } = readEntry({ n: '1', events: payload.toString('utf8') });
  return events.length > 0 && events.length <= MAX_ENTRY_EVENTS && broken.length === 0;
}

async function lettersWhere(
  sql: postgres.Sql,
  which: postgres.PendingQuery<postgres.Row[]>,
  limit: number,
): Promise<{ letter: Letter }[]> {
  const rows = await sql<(Omit<Letter, 'payload'> & { payload: Buffer })[]>`
    SELECT encode(fingerprint, 'hex') AS fingerprint, reason, sqlstate, times, first_seen, last_seen, payload
    FROM dead_letters WHERE ${which} ORDER BY last_seen DESC, fingerprint LIMIT ${limit}`;
  return rows.map((row) => ({ letter: { ...row, payload: Buffer.from(row.payload).toString('utf8') } }));
}
