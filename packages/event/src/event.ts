/**
 * The event: what a client may send, its limits, and what it becomes.
 *
 * `parseEvent` is on the path of every event, so it is written by hand: a valibot schema of the same
 * fields cost 2 µs an event more, measured, where a whole request has about 30.
 */
import { eventId } from './event-id.ts';
import { checkProperties } from './properties.ts';
import { parseTimestamp } from './timestamp.ts';

/** A normalised event, as it travels in the stream and lands in the table `events`. */
export interface SluiceEvent extends OptionalTexts {
  /** A UUIDv7, or a UUIDv8 when the client gave an `event_id`. See event-id.ts. */
  readonly id: string;
  readonly site_id: string;
  readonly event_type: string;
  readonly path: string;
  /** When it happened, in epoch milliseconds. */
  readonly timestamp: number;
  /** When ingest had it whole, in epoch milliseconds. */
  readonly received_at: number;
  /** The client's object as JSON text, which is stored as it is. */
  readonly properties?: string;
}

/** The texts that an event may have; absent when the client sent none, null or "". */
export type OptionalTexts = { readonly [Field in OptionalText]?: string };
export type OptionalText = (typeof OPTIONAL_TEXTS)[number];

/** Why an event was refused: a closed set, each counted by itself. */
export type Refusal = 'missing_required' | 'invalid_field' | 'invalid_timestamp' | 'too_old';

/** An event, or what was wrong with it in a sentence that names the field. */
export type Parsed = { readonly ok: true; readonly event: SluiceEvent } | Refused;

interface Refused {
  readonly ok: false;
  readonly refusal: Refusal;
  readonly field: string;
  readonly error: string;
}

/** The words of the service that this one replaces; its users match on them. */
export const MISSING_REQUIRED = 'site_id and event_type required';

/** Plausible's limit for a URL. Under the 2,704 bytes that a Postgres index takes, with a site's name beside it. */
const MAX_PATH_BYTES = 2_000;
/** In the order of the table's columns. */
export const OPTIONAL_TEXTS = [
  'user_id',
  'event_id',
  'url',
  'referrer',
  'title',
  'hostname',
  'language',
  'screen',
] as const;
type Text = 'site_id' | 'event_type' | OptionalText;
/** In characters: names as 253 and language tags as 35 in their RFCs, the rest what browsers send and no more. */
const MAX_CHARACTERS: { readonly [Field in Text]: number } = {
  site_id: 64,
  event_type: 64,
  user_id: 128,
  event_id: 128,
  url: 2_000,
  referrer: 2_000,
  title: 500,
  hostname: 253,
  language: 35,
  screen: 20,
};

/**
 * The event in `input`, which is a value out of parseJson.
 *
 * Unknown fields are ignored, strings are made well-formed (a lone surrogate becomes U+FFFD), and a
 * NUL is refused, since Postgres can't store one.
 *
 * @param receivedAt when ingest had it, in epoch milliseconds.
 * @param oldest the oldest `timestamp` to take, in epoch milliseconds: the start of the retention.
 * @param plain whether the text that it comes from is known to be plain; see isPlain.
 */
export function parseEvent(input: object, receivedAt: number, oldest: number, plain = false): Parsed {
  const given = input as { readonly [Field in keyof SluiceEvent]?: unknown };
  if (isAbsent(given.site_id) || isAbsent(given.event_type)) {
    const field = isAbsent(given.site_id) ? 'site_id' : 'event_type';
    return { ok: false, refusal: 'missing_required', field, error: MISSING_REQUIRED };
  }
  const event: Draft = {
    id: '',
    site_id: '',
    event_type: '',
    path: '',
    timestamp: receivedAt,
    received_at: receivedAt,
  };
  // One by one: looking the fields up by a list took a tenth of all that an event costs.
  const refused =
    takeText(event, 'site_id', given.site_id, plain) ??
    takeText(event, 'event_type', given.event_type, plain) ??
    takePath(event, given.path, plain) ??
    takeText(event, 'user_id', given.user_id, plain) ??
    takeText(event, 'event_id', given.event_id, plain) ??
    takeText(event, 'url', given.url, plain) ??
    takeText(event, 'referrer', given.referrer, plain) ??
    takeText(event, 'title', given.title, plain) ??
    takeText(event, 'hostname', given.hostname, plain) ??
    takeText(event, 'language', given.language, plain) ??
    takeText(event, 'screen', given.screen, plain);
  if (refused !== undefined) return refused;
  const time = parseTimestamp(given.timestamp, receivedAt, oldest);
  if (!time.ok) return { ok: false, refusal: time.refusal, field: 'timestamp', error: time.error };
  event.timestamp = time.timestamp;
  if (given.properties !== undefined && given.properties !== null) {
    const properties = checkProperties(given.properties);
    if (!properties.ok) return invalid('properties', properties.problem);
    if (properties.json !== '{}') event.properties = properties.json;
  }
  event.id = eventId(event.site_id, event.event_id, time.asSent, receivedAt);
  return { ok: true, event };
}

type Draft = { -readonly [Field in keyof SluiceEvent]: SluiceEvent[Field] };

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function invalid(field: string, problem: string): Refused {
  return { ok: false, refusal: 'invalid_field', field, error: `${field} ${problem}` };
}

/** Puts a text into the draft if there is one, or says what is wrong with it. */
function takeText(event: Draft, field: Text, value: unknown, plain: boolean): Refused | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'string') return invalid(field, 'must be a string');
  const max = MAX_CHARACTERS[field];
  // Counting code points is slow, and only a text with more UTF-16 units than allowed needs it.
  if (value.length > max && (value.length > 2 * max || Array.from(value).length > max)) {
    return invalid(field, `must have at most ${max} characters`);
  }
  if (!plain && value.includes('\0')) return invalid(field, 'must not contain a NUL character');
  event[field] = plain ? value : value.toWellFormed();
  return undefined;
}

function takePath(event: Draft, value: unknown, plain: boolean): Refused | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'string') return invalid('path', 'must be a string');
  if (value.length * 3 > MAX_PATH_BYTES && Buffer.byteLength(value) > MAX_PATH_BYTES) {
    return invalid('path', `must have at most ${MAX_PATH_BYTES} bytes`);
  }
  if (!plain && value.includes('\0')) return invalid('path', 'must not contain a NUL character');
  event.path = plain ? value : value.toWellFormed();
  return undefined;
}
