/**
 * An entry of the stream: one to 500 events in the fields `n` (how many) and `events` (JSON lines).
 *
 * A line's `properties` is the client's object again, inside the line; `readEntry` hands it on as
 * text, as `SluiceEvent` has it.
 */
import type { OptionalText, SluiceEvent } from './event.ts';
import { parseJson } from './json.ts';
import { MAX_EPOCH_MS } from './timestamp.ts';

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
  // One by one: looking the fields up by a list took a sixth of all that reading a line does.
  const problem =
    problemInText('site_id', event.site_id) ??
    problemInText('event_type', event.event_type) ??
    problemInText('path', event.path) ??
    problemInTime('timestamp', event.timestamp) ??
    problemInTime('received_at', event.received_at) ??
    problemInOptional('user_id', event.user_id) ??
    problemInOptional('event_id', event.event_id) ??
    problemInOptional('url', event.url) ??
    problemInOptional('referrer', event.referrer) ??
    problemInOptional('title', event.title) ??
    problemInOptional('hostname', event.hostname) ??
    problemInOptional('language', event.language) ??
    problemInOptional('screen', event.screen);
  return problem ?? withPropertiesAsText(event);
}

/** With a lone surrogate one row would have two forms: a COPY stores U+FFFD, an INSERT is refused. */
function problemInText(field: keyof SluiceEvent, value: unknown): string | undefined {
  if (typeof value !== 'string') return `${field} is not a string`;
  return value.isWellFormed() ? undefined : `${field} is not well-formed`;
}

function problemInOptional(field: OptionalText, value: unknown): string | undefined {
  return value === undefined ? undefined : problemInText(field, value);
}

/** The year 1, the first that every form of a time can say: a row's fate mustn't hang on how it is sent to Postgres. */
const MIN_EPOCH_MS = Date.parse('0001-01-01T00:00:00.000Z');

function problemInTime(field: keyof SluiceEvent, value: unknown): string | undefined {
  const isTime = typeof value === 'number' && value >= MIN_EPOCH_MS && value <= MAX_EPOCH_MS;
  return isTime ? undefined : `${field} is not a time`;
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
