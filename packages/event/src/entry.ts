/**
 * An entry of the stream: one to 500 events in the fields `n` (how many) and `events` (JSON lines).
 *
 * A line's `properties` is the client's object again, inside the line; `readEntry` hands it on as
 * text, as `SluiceEvent` has it.
 */
import { OPTIONAL_TEXTS, type OptionalText, type SluiceEvent } from './event.ts';
import { parseJson } from './json.ts';

/** Redis handles an entry whole; 500 events keep its commands under a millisecond. */
export const MAX_ENTRY_EVENTS = 500;
/** In UTF-16 units, which are cheap to count: up to three times as many bytes. A worker's memory is bounded by it. */
export const MAX_ENTRY_CHARACTERS = 256 * 1_024;

/** One event as a line without its newline. */
export function encodeEvent(event: SluiceEvent): string {
  return encode(event, escaped);
}

/** The same for an event out of a plain text (see isPlain), in half the time. */
export function encodePlainEvent(event: SluiceEvent): string {
  return encode(event, asItIs);
}

/** Names each field: to look them up by a list took as long as all the rest. */
function encode(event: SluiceEvent, written: (text: string) => string): string {
  const optional = (field: OptionalText, text: string | undefined) =>
    text === undefined ? '' : `,"${field}":"${written(text)}"`;
  return `{"id":"${event.id}","site_id":"${written(event.site_id)}","event_type":"${written(event.event_type)}","path":"${written(event.path)}","timestamp":${event.timestamp},"received_at":${event.received_at}${optional('user_id', event.user_id)}${optional('event_id', event.event_id)}${optional('url', event.url)}${optional('referrer', event.referrer)}${optional('title', event.title)}${optional('hostname', event.hostname)}${optional('language', event.language)}${optional('screen', event.screen)}${event.properties === undefined ? '' : `,"properties":${event.properties}`}}`;
}

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);
const asItIs = (text: string): string => text;

/** What an entry holds: its events, and the lines that are none with what is wrong with them. */
export interface ReadEntry {
  /** As the field says; 0 when it is missing or not a count, as in an entry that somebody added by hand. */
  readonly n: number;
  readonly events: SluiceEvent[];
  readonly broken: { readonly payload: string; readonly problem: string }[];
}

/** Reads an entry's fields; whatever they hold, it answers. */
export function readEntry(fields: { readonly [name: string]: string }): ReadEntry {
  const n = Number(fields['n']);
  const entry: ReadEntry = {
    n: Number.isInteger(n) && n > 0 && n <= MAX_ENTRY_EVENTS ? n : 0,
    events: [],
    broken: [],
  };
  const lines = fields['events'];
  if (lines === undefined) {
    entry.broken.push({ payload: JSON.stringify(fields), problem: 'entry has no field events' });
    return entry;
  }
  for (const line of lines.split('\n')) {
    const event = readLine(line);
    if (typeof event === 'string') entry.broken.push({ payload: line, problem: event });
    else entry.events.push(event);
  }
  return entry;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The event in a line, or what is wrong with it. Ingest checked all this; an entry added by hand may differ. */
function readLine(line: string): SluiceEvent | string {
  let value: unknown;
  try {
    value = parseJson(line);
  } catch {
    return 'not JSON';
  }
  if (typeof value !== 'object' || value === null) return 'not an object';
  const event = value as { properties?: unknown } & { [Field in keyof SluiceEvent]: unknown };
  if (typeof event.id !== 'string' || !UUID.test(event.id)) return 'id is not a UUID';
  for (const field of ['site_id', 'event_type', 'path'] as const) {
    const problem = problemInText(event[field]);
    if (problem !== undefined) return `${field} ${problem}`;
  }
  for (const field of ['timestamp', 'received_at'] as const) {
    if (!isTime(event[field])) return `${field} is not a time`;
  }
  for (const field of OPTIONAL_TEXTS) {
    const problem = event[field] === undefined ? undefined : problemInText(event[field]);
    if (problem !== undefined) return `${field} ${problem}`;
  }
  return withPropertiesAsText(event);
}

/** With a lone surrogate one row would have two forms: a COPY stores U+FFFD, an INSERT is refused. */
function problemInText(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'is not a string';
  return value.isWellFormed() ? undefined : 'is not well-formed';
}

/** The last millisecond that both Date and Postgres' timestamptz hold. */
const MAX_TIME_MS = 8_640_000_000_000_000;

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Math.abs(value) <= MAX_TIME_MS;
}

function withPropertiesAsText(event: { properties?: unknown }): SluiceEvent | string {
  if (event.properties === undefined) return event as SluiceEvent;
  try {
    event.properties = JSON.stringify(event.properties);
  } catch {
    return 'properties are nested too deeply';
  }
  return event as SluiceEvent;
}
