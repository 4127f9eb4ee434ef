/** Rows of `events`, and the three ways in which a worker brings them. */
import { randomBytes } from 'node:crypto';
import type postgres from 'postgres';

export interface EventRow {
  readonly id: string;
  readonly site_id: string;
  readonly event_type: string;
  readonly path: string;
  readonly user_id: string | null;
  readonly timestamp: string;
}

export const DAY_MS = 86_400_000;
const COLUMNS = 'id, site_id, event_type, path, user_id, timestamp, received_at';

/** An id whose first 48 bits are this time. */
export function idAt(epochMs: number): string {
  const hex = epochMs.toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

/** An event of now, but for what is said. */
export function eventRow(row: Partial<EventRow> & { at?: number } = {}): EventRow {
  const { at = Date.now(), ...given } = row;
  return {
    id: idAt(at),
    site_id: 'site-1',
    event_type: 'page_view',
    path: '/',
    user_id: null,
    timestamp: new Date(at).toISOString(),
    ...given,
  };
}

/** As workers send them: two writers that sort never deadlock on ids. */
export function sortedById(rows: readonly EventRow[]): EventRow[] {
  return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** One statement that stops at the first row that is there. */
export async function insertRows(sql: postgres.Sql, rows: readonly EventRow[]): Promise<void> {
  await sql.unsafe(`INSERT INTO events (${COLUMNS}) ${FROM_JSON}`, [JSON.stringify(rows)]);
}

/** One statement that passes over rows that are there. @returns how many went in. */
export async function insertNewRows(sql: postgres.Sql, rows: readonly EventRow[]): Promise<number> {
  const json = JSON.stringify(rows);
  const result = await sql.unsafe(`INSERT INTO events (${COLUMNS}) ${FROM_JSON} ON CONFLICT DO NOTHING`, [
    json,
  ]);
  return result.count;
}

const FROM_JSON = `SELECT id, site_id, event_type, path, user_id, timestamp, now() FROM json_to_recordset($1::text::json)
  AS row (id uuid, site_id text, event_type text, path text, user_id text, timestamp timestamptz)`;

/** One COPY. Only for texts without tab, newline and backslash. */
export async function copyRows(sql: postgres.Sql, rows: readonly EventRow[]): Promise<void> {
  const lines = rows.map((row) =>
    [row.id, row.site_id, row.event_type, row.path, row.user_id ?? '\\N', row.timestamp, row.timestamp].join(
      '\t',
    ),
  );
  const stream = await sql.unsafe(`COPY events (${COLUMNS}) FROM STDIN`).writable();
  const ended = new Promise<void>((resolve, reject) => stream.on('finish', resolve).on('error', reject));
  stream.end(`${lines.join('\n')}\n`);
  await ended;
}
