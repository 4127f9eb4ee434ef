/** What a client's `timestamp` means. */

/** The time of the event and the time that the client wrote, or what is wrong with it. */
export type ParsedTimestamp =
  | {
      readonly ok: true;
      /** Epoch milliseconds; the time of receipt when none was sent or the one sent lies ahead. */
      readonly timestamp: number;
      /** Epoch milliseconds before any correction, `undefined` when none was sent. */
      readonly asSent: number | undefined;
    }
  | { readonly ok: false; readonly refusal: 'invalid_timestamp' | 'too_old'; readonly error: string };

/** A client's clock may be this much ahead; an event further ahead happened, at the latest, now. */
const MAX_AHEAD_MS = 60_000;
/** March 1973 in milliseconds, the year 5138 in seconds: a smaller number is surely seconds. */
const MIN_EPOCH_MS = 100_000_000_000;
/** 9999-12-31, the last year that RFC 3339 can write. */
export const MAX_EPOCH_MS = 253_402_300_799_999;
const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/**
 * @param value RFC 3339 text, epoch milliseconds, or absent (`undefined`, `null`, `""`).
 * @param receivedAt in epoch milliseconds.
 * @param oldest the oldest time to take, in epoch milliseconds.
 */
export function parseTimestamp(value: unknown, receivedAt: number, oldest: number): ParsedTimestamp {
  if (value === undefined || value === null || value === '')
    return { ok: true, timestamp: receivedAt, asSent: undefined };
  const asSent = typeof value === 'string' ? fromText(value) : fromNumber(value);
  if (Number.isNaN(asSent)) {
    return {
      ok: false,
      refusal: 'invalid_timestamp',
      error: 'timestamp must be RFC 3339 (2026-01-31T12:00:00Z) or epoch milliseconds',
    };
  }
  if (asSent < oldest)
    return { ok: false, refusal: 'too_old', error: 'timestamp is older than what is kept' };
  return { ok: true, timestamp: asSent > receivedAt + MAX_AHEAD_MS ? receivedAt : asSent, asSent };
}

function fromNumber(value: unknown): number {
  if (typeof value !== 'number' || value < MIN_EPOCH_MS || value > MAX_EPOCH_MS) return Number.NaN;
  return Math.trunc(value);
}

/** What toISOString writes, and so what nearly every client sends: `2026-01-31T12:00:00.000Z`. */
const ISO_LENGTH = 24;
/** Its parts are as many digits, each after these characters. */
const ISO_MARKS = [
  [4, '-'],
  [7, '-'],
  [10, 'T'],
  [13, ':'],
  [16, ':'],
  [19, '.'],
  [23, 'Z'],
] as const;
/** The last day seen in such a text, and its start. Nearly all events are of today. */
let lastDay = 'none';
let lastDayStart = 0;

function fromText(text: string): number {
  const time = text.length === ISO_LENGTH && text.startsWith(lastDay) ? timeOfDay(text) : Number.NaN;
  return Number.isNaN(time) ? fromAnyText(text) : lastDayStart + time;
}

/** The milliseconds since midnight in such a text, NaN when it isn't one. Reading digits costs a tenth of a regular expression. */
function timeOfDay(text: string): number {
  for (const [at, mark] of ISO_MARKS) if (text[at] !== mark) return Number.NaN;
  const hour = digitsAt(text, 11, 2);
  const minute = digitsAt(text, 14, 2);
  const second = digitsAt(text, 17, 2);
  // A leap second is not for here.
  if (!(hour < 24 && minute < 60 && second < 60)) return Number.NaN;
  return ((hour * 60 + minute) * 60 + second) * 1_000 + digitsAt(text, 20, 3);
}

/** The number in `count` digits, NaN when they aren't. */
function digitsAt(text: string, from: number, count: number): number {
  let number = 0;
  for (let at = from; at < from + count; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    number = number * 10 + digit;
  }
  return number;
}

function fromAnyText(text: string): number {
  const match = RFC_3339.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, day] = match;
  // Date.parse takes the 30th of February for the 2nd of March; every month has 28 days.
  if (Number(day) > 28 && Number(day) > daysIn(Number(year), Number(month))) return Number.NaN;
  if (text.length === ISO_LENGTH) {
    lastDay = text.slice(0, 10);
    lastDayStart = Date.parse(lastDay);
  }
  // A leap second has no place in epoch time; it counts as the second before it.
  return Date.parse(match[6] === '60' ? `${text.slice(0, 17)}59${text.slice(19)}` : text);
}

/** @param month from 1; any other number has no days. */
function daysIn(year: number, month: number): number {
  if (month < 1 || month > 12) return 0;
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
