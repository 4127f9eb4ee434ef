/** Events, stored as a worker stores them or refused as letters. */
import { createHash, randomUUID } from 'node:crypto';
import type { SluiceEvent } from '@sluice/event/event';
import type postgres from 'postgres';

export const DAY = '2026-03-01';

/** An event with an id of its own, at noon of DAY unless `fields` say otherwise. */
export function eventOf(fields: Partial<SluiceEvent> = {}): SluiceEvent {
  const noon = Date.parse(`${DAY}T12:00:00Z`);
  return {
    id: randomUUID(),
    site_id: 'site-1',
    event_type: 'page_view',
    path: '/',
    timestamp: noon,
    received_at: noon,
    ...fields,
  };
}

/** Stores them in one statement. */
export async function store(sql: postgres.Sql, events: readonly SluiceEvent[]): Promise<void> {
  const rows = JSON.stringify(events.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
  await sql`INSERT INTO events (id, site_id, event_type, path, user_id, "timestamp", received_at)
    SELECT id, site_id, event_type, path, user_id, to_timestamp("timestamp" / 1000.0), to_timestamp(received_at / 1000.0)
    FROM json_to_recordset(${rows}::text::json) AS row (id uuid, site_id text, event_type text, path text,
      user_id text, "timestamp" bigint, received_at bigint)`;
}

/** Keeps a dead letter. @returns its fingerprint. */
export async function keep(
  sql: postgres.Sql,
  payload: string | Buffer,
  { reason = 'no', lastSeen = new Date() } = {},
): Promise<string> {
  const bytes = Buffer.from(payload);
  const fingerprint = createHash('sha256').update(bytes).digest();
  await sql`INSERT INTO dead_letters (fingerprint, payload, reason, sqlstate, last_seen)
    VALUES (${fingerprint}, ${bytes}, ${reason}, '22021', ${lastSeen})`;
  return fingerprint.toString('hex');
}

/** The fingerprints of the letters that are left, in order. */
export async function lettersLeft(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql<{ fingerprint: string }[]>`
    SELECT encode(fingerprint, 'hex') AS fingerprint FROM dead_letters ORDER BY 1`;
  return rows.map(({ fingerprint }) => fingerprint);
}
