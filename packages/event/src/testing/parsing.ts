/** Short ways for the tests to ask what becomes of an event. */
import assert from 'node:assert/strict';
import { type Parsed, parseEvent, type SluiceEvent } from '../event.ts';

/** Noon UTC, far from the turn of a day. */
export const RECEIVED_AT = Date.UTC(2026, 10, 22, 12);
export const DAY_MS = 86_400_000;

/** `fields` on top of an event that has only what is required. */
export function parse(fields: object, { receivedAt = RECEIVED_AT, oldest = 0 } = {}): Parsed {
  return parseEvent({ site_id: 'site-1', event_type: 'page_view', ...fields }, receivedAt, oldest);
}

/** The event; fails the test when it was refused. */
export function accepted(fields: object, times?: { receivedAt?: number; oldest?: number }): SluiceEvent {
  const parsed = parse(fields, times);
  assert(parsed.ok, `refused: ${parsed.ok ? '' : parsed.error}`);
  return parsed.event;
}

/** The refusal with its field and words, `undefined` when the event was taken. */
export function refused(fields: object, times?: { receivedAt?: number; oldest?: number }) {
  const parsed = parse(fields, times);
  if (parsed.ok) return undefined;
  const { refusal, field, error } = parsed;
  return { refusal, field, error };
}
