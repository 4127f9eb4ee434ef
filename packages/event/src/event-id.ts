/**
 * The id of an event: the key by which storing it again has no effect.
 *
 * Its first 48 bits are a time in epoch milliseconds, in a UUIDv7 as in a UUIDv8, and choose the
 * partition. Nothing in it is computed after ingest, so a redelivered entry keeps its ids; and with
 * an `event_id` nothing in it depends on the attempt, so a client's retry gets the same id.
 */
import { hash, randomFillSync } from 'node:crypto';

const DAY_MS = 86_400_000;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/**
 * @param clientEventId the client's own id, `undefined` when it sent none.
 * @param asSent the client's timestamp in epoch milliseconds before any correction.
 * @param receivedAt in epoch milliseconds.
 * @returns a UUID in lower case.
 */
export function eventId(
  siteId: string,
  clientEventId: string | undefined,
  asSent: number | undefined,
  receivedAt: number,
): string {
  if (clientEventId === undefined) return uuidV7(receivedAt);
  return uuidV8(timeOf(clientEventId, asSent, receivedAt), siteId, clientEventId);
}

/** The time in a UUIDv7 `event_id`, else the one sent, else the start of the day of receipt. */
function timeOf(clientEventId: string, asSent: number | undefined, receivedAt: number): number {
  const latest = receivedAt + DAY_MS;
  if (UUID_V7.test(clientEventId)) {
    const time = Number.parseInt(clientEventId.slice(0, 8) + clientEventId.slice(9, 13), 16);
    if (time <= latest) return time;
  }
  if (asSent !== undefined && asSent <= latest && asSent >= 0) return asSent;
  return receivedAt - (receivedAt % DAY_MS);
}

/** 48 bits of time and 74 of a hash over site and event_id, so that no site can meet another's id. */
function uuidV8(timeMs: number, siteId: string, clientEventId: string): string {
  // Neither part can contain a NUL, so the pair can be read in one way only.
  const digest = hash('sha256', `${siteId}\0${clientEventId}`, 'hex');
  return `${timePart(timeMs)}-8${digest.slice(0, 3)}-${variant(digest.charCodeAt(3))}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}

/** Random bits for 1,024 ids are drawn at once, as the hexadecimal digits that go into them. */
const POOL_BYTES = 8 * 1_024;
const DIGITS_AN_ID = 16;
const pool = Buffer.allocUnsafe(POOL_BYTES);
let digits = '';
let digitsAt = 0;
let lastMs = 0;
let lastTime = '';
let sequence = 0;

/** 12 bits count within the millisecond, so that ids of one process mostly ascend; 62 bits are random. */
function uuidV7(timeMs: number): string {
  if (timeMs === lastMs) {
    sequence = (sequence + 1) & 0xfff;
  } else {
    sequence = 0;
    lastMs = timeMs;
    lastTime = timePart(timeMs);
  }
  if (digitsAt === digits.length) {
    digits = randomFillSync(pool).toString('hex');
    digitsAt = 0;
  }
  const from = digitsAt;
  digitsAt += DIGITS_AN_ID;
  return `${lastTime}-${(0x7000 + sequence).toString(16)}-${variant(digits.charCodeAt(from))}${digits.slice(from + 1, from + 4)}-${digits.slice(from + 4, digitsAt)}`;
}

/** The hexadecimal digit whose upper two bits are the UUID variant `10`, from any digit's character code. */
function variant(code: number): string {
  return '89ab'[code & 3] as string;
}

/** The 48 bits of time, with their hyphen. */
function timePart(timeMs: number): string {
  const time = timeMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}`;
}
