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

const DAY_MS = 86_400_000;
/** The parts of a time of day by their number: `T12:00`, `:00.` and `000Z`. */
const MINUTES = Array.from({ length: 24 * 60 }, (_, minute) => isoPart(minute * 60_000, 10, 16));
const SECONDS = Array.from({ length: 60 }, (_, second) => isoPart(second * 1_000, 16, 20));
const MILLISECONDS = Array.from({ length: 1_000 }, (_, ms) => isoPart(ms, 20, 24));

function isoPart(epochMs: number, from: number, to: number): string {
  return new Date(epochMs).toISOString().slice(from, to);
}

/** The last day written, and its text. Nearly all times are of the same few days. */
let lastDay = Number.NaN;
let lastText = '';

/**
 * As toISOString, which takes a µs, and that twice an event.
 * Years outside 0–9999 come out in a form that Postgres refuses, as it should.
 */
function iso(epochMs: number): string {
  const time = Math.trunc(epochMs);
  const day = Math.floor(time / DAY_MS);
  if (day !== lastDay) {
    lastText = new Date(day * DAY_MS).toISOString().slice(0, -'T00:00:00.000Z'.length);
    lastDay = day;
  }
  const ofDay = time - day * DAY_MS;
  const ofMinute = ofDay % 60_000;
  return `${lastText}${MINUTES[Math.trunc(ofDay / 60_000)]}${SECONDS[Math.trunc(ofMinute / 1_000)]}${MILLISECONDS[ofMinute % 1_000]}`;
}
