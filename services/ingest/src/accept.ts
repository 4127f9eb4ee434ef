/**
 * From a request's body to events that may be appended, or a refusal with its reason.
 *
 * Every refusal is a value from a closed set, with one counter each.
 */
import { encodeEvent, encodePlainEvent } from '@sluice/event/entry';
import { parseEvent, type Refusal } from '@sluice/event/event';
import { isPlain, parseJson } from '@sluice/event/json';

/** Why events or requests were refused, each a label of `sluice_refused_total`. */
export const REFUSALS = [
  'invalid_json',
  'missing_required',
  'invalid_field',
  'invalid_timestamp',
  'too_old',
  'empty_batch',
  'too_many_events',
  'too_large',
  'cut_off',
  'unsupported_type',
  'busy',
  'backlog_full',
  'unavailable',
] as const;
export type RefusalReason = (typeof REFUSALS)[number];

/** Events that one batch may have. */
const MAX_BATCH_EVENTS = 5_000;

/** The answer to a body that holds no event that can be taken. */
interface Refused {
  readonly ok: false;
  readonly reason: Refusal | 'invalid_json';
  readonly error: string;
  readonly field?: string;
}

export type Accepted = { readonly ok: true; readonly line: string } | Refused;

/** The words of the service that this one replaces. */
const INVALID_JSON: Refused = { ok: false, reason: 'invalid_json', error: 'invalid json' };

const DAY_MS = 86_400_000;

/** What the caller knows of every event of a request. */
export interface Receipt {
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** The oldest timestamp to take, in epoch milliseconds. */
  readonly oldest: number;
}

/** @param retentionDays 0 for no limit. */
export function receiptOf(receivedAt: number, retentionDays: number): Receipt {
  return { receivedAt, oldest: retentionDays === 0 ? 0 : receivedAt - retentionDays * DAY_MS };
}

/**
 * One event.
 *
 * @param body JSON text of one object.
 * @returns the event as a line of a stream entry.
 */
export function acceptEvent(body: string, receipt: Receipt): Accepted {
  let value: unknown;
  try {
    value = parseJson(body);
  } catch {
    return INVALID_JSON;
  }
  return acceptValue(value, receipt, isPlain(body));
}

/** A batch: the lines of the events that were taken, and the others by their place, from 0. */
export type AcceptedBatch =
  | { readonly ok: true; readonly lines: string[]; readonly rejected: Rejected[] }
  | { readonly ok: false; readonly reason: RefusalReason; readonly error: string };

/** An event of a batch that was not taken. */
type Rejected = Refused & { readonly index: number };

/**
 * Many events: a JSON array of objects, or one object a line (NDJSON, with blank lines passed over).
 * Which of the two, the first character tells. One bad event costs the others nothing.
 */
export function acceptBatch(body: string, receipt: Receipt): AcceptedBatch {
  const start = body.search(/\S/);
  if (start === -1) return EMPTY_BATCH;
  return body[start] === '[' ? acceptArray(body, receipt) : acceptLines(body, receipt);
}

const EMPTY_BATCH = { ok: false, reason: 'empty_batch', error: 'batch has no events' } as const;
const TOO_MANY_EVENTS = {
  ok: false,
  reason: 'too_many_events',
  error: `batch must have at most ${MAX_BATCH_EVENTS} events`,
} as const;

function acceptArray(body: string, receipt: Receipt): AcceptedBatch {
  let values: unknown[];
  try {
    values = parseJson(body) as unknown[];
  } catch {
    return INVALID_JSON;
  }
  if (values.length === 0) return EMPTY_BATCH;
  if (values.length > MAX_BATCH_EVENTS) return TOO_MANY_EVENTS;
  const plain = isPlain(body);
  return sorted(values.map((value) => acceptValue(value, receipt, plain)));
}

function acceptLines(body: string, receipt: Receipt): AcceptedBatch {
  const lines = body.split('\n').filter((line) => line.trim() !== '');
  if (lines.length > MAX_BATCH_EVENTS) return TOO_MANY_EVENTS;
  return sorted(lines.map((line) => acceptEvent(line, receipt)));
}

function sorted(all: readonly Accepted[]): AcceptedBatch {
  const lines: string[] = [];
  const rejected: Rejected[] = [];
  for (const [index, accepted] of all.entries()) {
    if (accepted.ok) lines.push(accepted.line);
    else rejected.push({ index, ...accepted });
  }
  return { ok: true, lines, rejected };
}

function acceptValue(value: unknown, { receivedAt, oldest }: Receipt, plain: boolean): Accepted {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return INVALID_JSON;
  const parsed = parseEvent(value, receivedAt, oldest, plain);
  if (!parsed.ok) return { ok: false, reason: parsed.refusal, error: parsed.error, field: parsed.field };
  return { ok: true, line: plain ? encodePlainEvent(parsed.event) : encodeEvent(parsed.event) };
}
