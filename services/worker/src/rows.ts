/** The columns that a worker fills, and events as rows for an INSERT; for a COPY see copy-rows.ts. */
import { OPTIONAL_TEXTS, type SluiceEvent } from '@sluice/event/event';

/** Of `events`, in the order of a row in a COPY. */
export const COLUMNS = [
  'id',
  'site_id',
  'event_type',
  'path',
  'timestamp',
  'received_at',
  ...OPTIONAL_TEXTS,
  'properties',
] as const;

/** `$1` is the JSON text of jsonRows. Rows that are there already are passed over. */
export const INSERT_STATEMENT = `INSERT INTO events (${COLUMNS.join(', ')})
SELECT ${COLUMNS.join(', ')} FROM json_to_recordset($1::text::json) AS row (
  id uuid, site_id text, event_type text, path text, timestamp timestamptz, received_at timestamptz,
  ${OPTIONAL_TEXTS.map((column) => `${column} text`).join(', ')}, properties jsonb)
ON CONFLICT DO NOTHING`;

/** A JSON array for INSERT_STATEMENT. */
export function jsonRows(events: readonly SluiceEvent[]): string {
  return `[${events.map(jsonRow).join(',')}]`;
}

function jsonRow(event: SluiceEvent): string {
  const { properties, timestamp, received_at, ...texts } = event;
  const row = JSON.stringify({ ...texts, timestamp: iso(timestamp), received_at: iso(received_at) });
  return properties === undefined ? row : `${row.slice(0, -1)},"properties":${properties}}`;
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
