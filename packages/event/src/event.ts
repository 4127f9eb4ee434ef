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
export type Parsed =
  | { readonly ok: true; readonly event: SluiceEvent }
  | { readonly ok: false; readonly refusal: Refusal; readonly field: string; readonly error: string };

/** The words of the service that this one replaces; its users match on them. */
export const MISSING_REQUIRED = 'site_id and event_type required';

const MAX_NAME_CHARACTERS = 64;
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
/** In characters: names as 253 and language tags as 35 in their RFCs, the rest what browsers send and no more. */
const MAX_CHARACTERS: { readonly [Field in OptionalText]: number } = {
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
 */
export function parseEvent(input: object, receivedAt: number, oldest: number): Parsed {
  const given = input as { readonly [field: string]: unknown };
  if (isAbsent(given['site_id']) || isAbsent(given['event_type'])) {
    const field = isAbsent(given['site_id']) ? 'site_id' : 'event_type';
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
  for (const field of ['site_id', 'event_type'] as const) {
    const problem = takeText(event, field, given[field], MAX_NAME_CHARACTERS);
    if (problem !== undefined) return invalid(field, problem);
  }
  const pathProblem = takePath(event, given['path']);
  if (pathProblem !== undefined) return invalid('path', pathProblem);
  for (const field of OPTIONAL_TEXTS) {
    if (isAbsent(given[field])) continue;
    const problem = takeText(event, field, given[field], MAX_CHARACTERS[field]);
    if (problem !== undefined) return invalid(field, problem);
  }
  const time = parseTimestamp(given['timestamp'], receivedAt, oldest);
  if (!time.ok) return { ok: false, refusal: time.refusal, field: 'timestamp', error: time.error };
  event.timestamp = time.timestamp;
  if (given['properties'] !== undefined && given['properties'] !== null) {
    const properties = checkProperties(given['properties']);
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

function invalid(field: string, problem: string): Parsed {
  return { ok: false, refusal: 'invalid_field', field, error: `${field} ${problem}` };
}

/** Puts a text into the draft, or says what is wrong with it. */
function takeText(
  event: Draft,
  field: 'site_id' | 'event_type' | OptionalText,
  value: unknown,
  maxCharacters: number,
): string | undefined {
  if (typeof value !== 'string') return 'must be a string';
  // Counting code points is slow, and only a text with more UTF-16 units than allowed needs it.
  if (
    value.length > maxCharacters &&
    (value.length > 2 * maxCharacters || Array.from(value).length > maxCharacters)
  ) {
    return `must have at most ${maxCharacters} characters`;
  }
  if (value.includes('\0')) return 'must not contain a NUL character';
  event[field] = value.toWellFormed();
  return undefined;
}

function takePath(event: Draft, value: unknown): string | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'string') return 'must be a string';
  if (value.length * 3 > MAX_PATH_BYTES && Buffer.byteLength(value) > MAX_PATH_BYTES) {
    return `must have at most ${MAX_PATH_BYTES} bytes`;
  }
  if (value.includes('\0')) return 'must not contain a NUL character';
  event.path = value.toWellFormed();
  return undefined;
}
