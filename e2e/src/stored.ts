/** What is in Postgres, read as its owner: the rows of events and the dead letters. */
import { parseJson } from '@sluice/event/json';
import type postgres from 'postgres';
import type { ExpectedRow } from './contents.ts';

/** A row of `events`. Times in epoch milliseconds. */
export interface StoredRow extends Omit<ExpectedRow, 'timestamp'> {
  readonly id: string;
  readonly timestamp: number;
  readonly receivedAt: number;
}

export interface Stored {
  readonly rows: readonly StoredRow[];
  readonly deadLetters: readonly DeadLetter[];
}

export interface DeadLetter {
  readonly reason: string;
  /** Of the events that its payload holds, as far as they have one. */
  readonly eventIds: readonly string[];
}

/** Rows that come in one piece: a test's hundred thousand fit into memory, but not into one answer. */
const ROWS_AT_A_TIME = 5_000;

/** Reads everything. */
export async function readStored(sql: postgres.Sql): Promise<Stored> {
  const rows: StoredRow[] = [];
  const query = sql`
    SELECT id::text, site_id, event_type, path, properties::text,
      round(extract(epoch FROM timestamp) * 1000)::float8 AS timestamp_ms,
      round(extract(epoch FROM received_at) * 1000)::float8 AS received_ms,
      user_id, event_id, url, referrer, title, hostname, language, screen
    FROM events`;
  for await (const found of query.cursor(ROWS_AT_A_TIME)) for (const row of found) rows.push(storedRow(row));
  const letters = await sql`SELECT payload, reason FROM dead_letters`;
  return {
    rows,
    deadLetters: letters.map(({ payload, reason }) => ({
      reason,
      eventIds: idsIn(payload.toString('utf8')),
    })),
  };
}

function storedRow(row: postgres.Row): StoredRow {
  const { id, site_id, event_type, path, properties, timestamp_ms, received_ms, ...texts } = row;
  return {
    id,
    site_id,
    event_type,
    path,
    timestamp: timestamp_ms,
    receivedAt: received_ms,
    properties: properties === null ? null : parseJson(properties),
    texts,
  };
}

/** A payload is a line or a whole entry's lines; what isn't JSON has no id. */
function idsIn(payload: string): string[] {
  const ids: string[] = [];
  for (const line of payload.split('\n')) {
    try {
      const { event_id: id } = parseJson(line) as { event_id?: unknown };
      if (typeof id === 'string') ids.push(id);
    } catch {
      // A poison that a test added by hand.
    }
  }
  return ids;
}
