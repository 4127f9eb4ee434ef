/**
 * From a request's body to events that may be appended, or a refusal with its reason.
 *
 * Every refusal is a value from a closed set, with one counter each.
 */
import { encodeEvent } from '@sluice/event/entry';
import { parseEvent, type Refusal } from '@sluice/event/event';

/** Why events or requests were refused, each a label of `sluice_refused_total`. */
export const REFUSALS = [
  'invalid_json',
  'missing_required',
  'invalid_field',
  'invalid_timestamp',
  'too_old',
  'too_large',
  'cut_off',
  'backlog_full',
  'unavailable',
] as const;
export type RefusalReason = (typeof REFUSALS)[number];

/** The answer to a body that holds no event that can be taken. */
export interface Refused {
  readonly ok: false;
  readonly reason: Refusal | 'invalid_json';
  readonly error: string;
  readonly field?: string;
}

export type Accepted = { readonly ok: true; readonly line: string } | Refused;

/** The words of the service that this one replaces. */
const INVALID_JSON: Refused = { ok: false, reason: 'invalid_json', error: 'invalid json' };

const DAY_MS = 86_400_000;

/**
 * One event.
 *
 * @param body JSON text of one object.
 * @param receivedAt epoch milliseconds.
 * @param retentionDays 0 for no limit.
 * @returns the event as a line of a stream entry.
 */
export function acceptEvent(body: string, receivedAt: number, retentionDays: number): Accepted {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return INVALID_JSON;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return INVALID_JSON;
  const parsed = parseEvent(value, receivedAt, retentionDays === 0 ? 0 : receivedAt - retentionDays * DAY_MS);
  if (!parsed.ok) return { ok: false, reason: parsed.refusal, error: parsed.error, field: parsed.field };
  return { ok: true, line: encodeEvent(parsed.event) };
}
