/** Events as a worker gets them out of the stream. */
import { randomUUID } from 'node:crypto';
import { encodeEvent } from '@sluice/event/entry';
import type { SluiceEvent } from '@sluice/event/event';
import type { NewEntry } from '@sluice/event/stream-scripts';

export const RECEIVED_AT = Date.UTC(2026, 10, 22, 12);

/** Longer than ingest takes, and than a CHECK of the table. */
export const LONG_PATH = `/${'x'.repeat(2_400)}`;

/** An event with an id of its own, good unless `fields` say otherwise. */
export function eventOf(fields: Partial<SluiceEvent> = {}): SluiceEvent {
  return {
    id: randomUUID(),
    site_id: 'site-1',
    event_type: 'page_view',
    path: '/',
    timestamp: RECEIVED_AT,
    received_at: RECEIVED_AT,
    ...fields,
  };
}

export function eventsOf(count: number, fields: Partial<SluiceEvent> = {}): SluiceEvent[] {
  return Array.from({ length: count }, () => eventOf(fields));
}

/** The entry that carries these events. */
export function entryOf(...events: readonly SluiceEvent[]): NewEntry {
  return { n: events.length, events: events.map(encodeEvent).join('\n') };
}
