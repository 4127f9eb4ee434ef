/** Events as the two forms in which Postgres takes many rows in one message. */
import { OPTIONAL_TEXTS, type SluiceEvent } from '@sluice/event/event';

/** The columns of `events` that a worker fills, in the order of a COPY line. */
const COLUMNS = [
  'id',
  'site_id',
  'event_type',
  'path',
  'timestamp',
  'received_at',
  ...OPTIONAL_TEXTS,
  'properties',
] as const;

export const COPY_STATEMENT = `COPY events (${COLUMNS.join(', ')}) FROM STDIN`;

/** `$1` is the JSON text of jsonRows. Rows that are there already are passed over. */
export const INSERT_STATEMENT = `INSERT INTO events (${COLUMNS.join(', ')})
SELECT ${COLUMNS.join(', ')} FROM json_to_recordset($1::text::json) AS row (
  id uuid, site_id text, event_type text, path text, timestamp timestamptz, received_at timestamptz,
  ${OPTIONAL_TEXTS.map((column) => `${column} text`).join(', ')}, properties jsonb)
ON CONFLICT DO NOTHING`;

/** COPY's text form: a line a row, tabs between columns, `\N` for null. */
export function copyRows(events: readonly SluiceEvent[]): string {
  let rows = '';
  for (const event of events) {
    rows += `${event.id}\t${escaped(event.site_id)}\t${escaped(event.event_type)}\t${escaped(event.path)}\t${iso(event.timestamp)}\t${iso(event.received_at)}`;
    for (const column of OPTIONAL_TEXTS) {
      const value = event[column];
      rows += value === undefined ? '\t\\N' : `\t${escaped(value)}`;
    }
    rows += event.properties === undefined ? '\t\\N\n' : `\t${escaped(event.properties)}\n`;
  }
  return rows;
}

/** A JSON array for INSERT_STATEMENT. */
export function jsonRows(events: readonly SluiceEvent[]): string {
  return `[${events.map(jsonRow).join(',')}]`;
}

function jsonRow(event: SluiceEvent): string {
  const { properties, timestamp, received_at, ...texts } = event;
  const row = JSON.stringify({ ...texts, timestamp: iso(timestamp), received_at: iso(received_at) });
  return properties === undefined ? row : `${row.slice(0, -1)},"properties":${properties}}`;
}

const NEEDS_ESCAPE = /[\\\t\n\r]/;
const ESCAPES: { readonly [character: string]: string } = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};

function escaped(text: string): string {
  return NEEDS_ESCAPE.test(text)
    ? text.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] as string)
    : text;
}

/** The second of the last time written, and its text up to the milliseconds. */
let lastSecond = Number.NaN;
let lastText = '';

/**
 * As toISOString, which costs a µs, where the times of a batch are mostly of the same seconds.
 * Years outside 0–9999 come out in a form that Postgres refuses, as it should.
 */
function iso(epochMs: number): string {
  const time = Math.trunc(epochMs);
  const second = Math.floor(time / 1_000);
  if (second !== lastSecond) {
    lastText = new Date(second * 1_000).toISOString().slice(0, -4);
    lastSecond = second;
  }
  const ms = time - second * 1_000;
  return `${lastText}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
}
