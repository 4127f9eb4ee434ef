/**
 * What the load sends: events of every kind that a client may send, and what each must look like
 * once it is stored.
 *
 * The expectation is written down beside the choice, from the rules of the API and without any of
 * the product's code, so that a defect there can't excuse itself here.
 */
import { parseJson } from '@sluice/event/json';
import type { Random } from './seed.ts';

/** An event as a client has it, and the row that it must become. */
export interface SentEvent {
  readonly eventId: string;
  /** The request's body, ready to be sent. */
  readonly json: string;
  readonly expected: ExpectedRow;
}

/** A row but for its id and `received_at`. `timestamp` in epoch milliseconds, or as ingest's clock had it. */
export interface ExpectedRow {
  readonly site_id: string;
  readonly event_type: string;
  readonly path: string;
  readonly timestamp: number | 'receipt';
  readonly properties: unknown;
  /** user_id, event_id, url, referrer, title, hostname, language, screen; null when absent. */
  readonly texts: Readonly<Record<string, string | null>>;
}

const DAY_MS = 86_400_000;
/** A path's longest, in bytes. */
const LONGEST_PATH_BYTES = 2_000;

/** Whatever COPY's text form, JSON or SQL could trip over. */
const NASTY = [
  'a|b',
  'tab\there',
  'new\nline',
  'cr\r\nlf',
  'back\\slash',
  'trailing\\',
  `quotes "' \`\${}`,
  '\\N',
  '\\.',
  '\\t\\n\\x41\\101',
  'emoji 🦆👩‍👩‍👧',
  'ümläut é e\u0301',
  '\u2028\u0001\u007f',
  "'; DROP TABLE events; --",
  '{"a":1}',
  'null',
  ' spaces ',
] as const;
const SITES = ['site-1', 'site-2', 'shop.example', 'odd|\\N\t"site"', '🦆'] as const;
const TYPES = ['page_view', 'page_view', 'page_view', 'click', 'sign up', '\\.', 'a|b\tc'] as const;
const LONG_PATHS = [
  '/'.padEnd(LONGEST_PATH_BYTES, 'x'),
  '🦆'.repeat(LONGEST_PATH_BYTES / 4),
  '\\'.repeat(LONGEST_PATH_BYTES),
] as const;
const TEXTS = ['url', 'referrer', 'title', 'hostname', 'language', 'screen'] as const;
/** Values that must come back from jsonb as they went in. */
const VALUES = [0, -1, 1.5, 1e300, 5e-324, 9_007_199_254_740_991, true, false, null, '', [], {}] as const;

/**
 * The `index`-th event of a run. Deterministic but for the times in it, which are near now.
 *
 * @param run keeps the ids of two loads apart.
 */
export function createEvent(random: Random, run: string, index: number): SentEvent {
  const eventId = idOf(random, `${run}-${index}`);
  const [time, timestamp] = timeOf(random);
  const path = pathOf(random);
  const body: Record<string, unknown> & { event_id: string } = {
    site_id: random.pick(SITES),
    event_type: random.pick(TYPES),
    event_id: eventId,
    ...optional('path', path),
    ...optional('timestamp', time),
    ...optional('user_id', userOf(random)),
    ...optional('properties', random.chance(0.3) ? propertiesOf(random) : undefined),
  };
  for (const field of TEXTS) if (random.chance(0.1)) body[field] = textOf(random, field);
  return sentEvent(body, timestamp);
}

/** As large as most events ever get, of characters that UTF-16 and UTF-8 take several units for. */
export function createHeavyEvent(random: Random, run: string, index: number): SentEvent {
  const text = (characters: number) => 'x'.repeat(random.between(0, 3)) + '🦆é'.repeat(characters / 2 - 3);
  const body = {
    site_id: random.pick(SITES),
    event_type: random.pick(TYPES),
    event_id: `${run}-${index}`,
    path: 'y'.repeat(random.between(0, 3)) + '🦆'.repeat(499),
    url: text(2_000),
    title: text(500),
    properties: { note: text(3_000) },
  };
  return sentEvent(body, 'receipt');
}

/**
 * An event of a test's own making.
 *
 * @param body what is sent as JSON; valid, or the expectation is worth nothing.
 * @param timestamp what the one in `body` must be stored as.
 */
export function sentEvent(
  body: Record<string, unknown> & { readonly event_id: string },
  timestamp: ExpectedRow['timestamp'],
): SentEvent {
  return { eventId: body.event_id, json: JSON.stringify(body), expected: expectedRow(body, timestamp) };
}

function expectedRow(body: Record<string, unknown>, timestamp: number | 'receipt'): ExpectedRow {
  const texts: Record<string, string | null> = {};
  for (const field of ['user_id', 'event_id', ...TEXTS]) {
    const value = body[field];
    texts[field] = typeof value === 'string' && value !== '' ? value.toWellFormed() : null;
  }
  const properties = body['properties'];
  return {
    site_id: String(body['site_id']),
    event_type: String(body['event_type']),
    path: typeof body['path'] === 'string' ? body['path'].toWellFormed() : '',
    timestamp,
    properties: isEmpty(properties) ? null : parseJson(JSON.stringify(properties)),
    texts,
  };
}

function isEmpty(properties: unknown): boolean {
  return properties === undefined || properties === null || Object.keys(properties).length === 0;
}

function optional(field: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [field]: value };
}

/** Most ids are any text, some hold characters that need care, some are UUIDv7 with a time of their own. */
function idOf(random: Random, plain: string): string {
  if (random.chance(0.02)) return `${plain} ${random.pick(NASTY)}`;
  if (!random.chance(0.1)) return plain;
  const hex = (digits: number) =>
    random
      .between(0, 16 ** digits - 1)
      .toString(16)
      .padStart(digits, '0');
  const time = (Date.now() - random.between(0, DAY_MS)).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-a${hex(3)}-${hex(6)}${hex(6)}`;
}

/** What is sent as `timestamp`, and what it must be stored as. */
function timeOf(random: Random): readonly [unknown, number | 'receipt'] {
  const nowMs = Date.now() - random.between(0, 5_000);
  switch (random.between(0, 9)) {
    case 0:
      return [new Date(nowMs).toISOString(), nowMs];
    case 1:
      return [nowMs, nowMs];
    case 2:
      return [withOffset(nowMs), nowMs];
    case 3:
      return [new Date(nowMs - DAY_MS).toISOString(), nowMs - DAY_MS];
    case 4: {
      const leapDay = Date.UTC(2020, 1, 29, 23, 59, 59, random.between(0, 999));
      return [new Date(leapDay).toISOString(), leapDay];
    }
    case 5:
      return [nowMs + 2 * DAY_MS, 'receipt'];
    case 6:
      return [random.pick(['', null]), 'receipt'];
    default:
      return [undefined, 'receipt'];
  }
}

/** The same moment as seen from +05:30. */
function withOffset(epochMs: number): string {
  return new Date(epochMs + 5.5 * 3_600_000).toISOString().replace('Z', '+05:30');
}

function pathOf(random: Random): string | undefined {
  const kind = random.next();
  if (kind < 0.05) return undefined;
  if (kind < 0.07) return '';
  if (kind < 0.08) return random.pick(LONG_PATHS);
  if (kind < 0.3) return `/${random.pick(NASTY)}`;
  if (kind < 0.33) return random.pick(NASTY);
  if (kind < 0.34) return `/lone \ud800 surrogate`;
  return `/page/${random.between(1, 40)}`;
}

function userOf(random: Random): string | undefined {
  const kind = random.next();
  if (kind < 0.2) return undefined;
  if (kind < 0.25) return '';
  if (kind < 0.3) return random.pick(NASTY);
  return `user-${random.between(1, 300)}`;
}

function textOf(random: Random, field: (typeof TEXTS)[number]): string {
  if (field === 'language') return random.pick(['en', 'de-AT', '🦆']);
  if (field === 'screen') return random.pick(['1920x1080', '\\N']);
  return random.pick(NASTY);
}

function propertiesOf(random: Random): unknown {
  const properties: [string, unknown][] = [];
  for (let left = random.between(0, 4); left > 0; left -= 1) {
    properties.push([random.pick(['plan', '__proto__', 'constructor', '', ...NASTY]), anyValue(random, 2)]);
  }
  // Keeps an own `__proto__` a plain key.
  return Object.fromEntries(properties);
}

function anyValue(random: Random, levels: number): unknown {
  if (levels === 0 || random.chance(0.5)) return random.pick(VALUES);
  if (random.chance(0.5)) return random.pick(NASTY);
  return [anyValue(random, levels - 1), { deep: anyValue(random, levels - 1) }];
}
