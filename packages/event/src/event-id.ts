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
  return layout(
    timeMs,
    `8${digest.slice(0, 3)}`,
    variant(digest.charCodeAt(3)) + digest.slice(4, 7),
    digest.slice(7, 19),
  );
}

const POOL_BYTES = 8 * 1_024;
const pool = Buffer.allocUnsafe(POOL_BYTES);
let poolAt = POOL_BYTES;
let lastMs = 0;
let sequence = 0;

/** 12 bits count within the millisecond, so that ids of one process mostly ascend; 62 bits are random. */
function uuidV7(timeMs: number): string {
  sequence = timeMs === lastMs ? (sequence + 1) & 0xfff : 0;
  lastMs = timeMs;
  if (poolAt + 8 > POOL_BYTES) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const random = pool.toString('hex', poolAt, poolAt + 8);
  poolAt += 8;
  return layout(
    timeMs,
    (0x7000 + sequence).toString(16),
    variant(random.charCodeAt(0)) + random.slice(1, 4),
    random.slice(4, 16),
  );
}

/** The hexadecimal digit whose upper two bits are the UUID variant `10`, from any digit's character code. */
function variant(code: number): string {
  return '89ab'[code & 3] as string;
}

function layout(timeMs: number, versioned: string, varianted: string, node: string): string {
  const time = timeMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-${versioned}-${varianted}-${node}`;
}
