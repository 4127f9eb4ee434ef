import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accepted, DAY_MS, RECEIVED_AT } from './testing/parsing.ts';

const V7_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const V8_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TODAY = RECEIVED_AT - (RECEIVED_AT % DAY_MS);

/** The 48 bits of time in an id, in epoch milliseconds. */
const timeIn = (id: string) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
/** The id of an event received at `receivedAt`. */
const idOf = (fields: object, receivedAt = RECEIVED_AT) => accepted(fields, { receivedAt }).id;
/** A UUIDv7 of this time, as a client would make one. */
const uuidV7 = (time: number) =>
  time
    .toString(16)
    .padStart(12, '0')
    .replace(/^(.{8})/, '$1-')
    .concat('-7abc-9def-0123456789ab');

describe('without event_id', () => {
  it('the id is a UUIDv7 of the receipt, even when the event happened earlier', () => {
    const id = idOf({ timestamp: RECEIVED_AT - DAY_MS });
    expect(id).toMatch(V7_ID);
    expect(timeIn(id)).toBe(RECEIVED_AT);
  });

  it('each event gets an id of its own, ascending within a millisecond', () => {
    const ids = Array.from({ length: 4_096 }, () => idOf({}, RECEIVED_AT + 1));
    expect(ids).toEqual(ids.toSorted());
    expect(new Set([...ids, ...Array.from({ length: 4_096 }, () => idOf({}, RECEIVED_AT + 1))]).size).toBe(
      8_192,
    );
  });
});

describe('with event_id', () => {
  const timestamp = RECEIVED_AT - 5_000;

  it('the id is a UUIDv8 of the time as sent', () => {
    const id = idOf({ event_id: 'order-1', timestamp });
    expect(id).toMatch(V8_ID);
    expect(timeIn(id)).toBe(timestamp);
  });

  it('the id stays the same however late the retry comes, across midnight too', () => {
    const first = idOf({ event_id: 'order-1', timestamp });
    for (const later of [1, 60_000, DAY_MS / 2, 40 * DAY_MS])
      expect(idOf({ event_id: 'order-1', timestamp }, RECEIVED_AT + later)).toBe(first);
  });

  it('the id depends on nothing else that a retry may change', () => {
    const retry = { event_id: 'order-1', timestamp: new Date(timestamp).toISOString(), sentAt: 'later' };
    expect(idOf(retry)).toBe(idOf({ event_id: 'order-1', timestamp, path: '/other', sentAt: 'now' }));
  });

  it('a clock up to a day ahead gives the same id on each retry, though the time stored is that of receipt', () => {
    const ahead = RECEIVED_AT + DAY_MS;
    const first = accepted({ event_id: 'order-1', timestamp: ahead });
    expect(first.timestamp).toBe(RECEIVED_AT);
    expect(timeIn(first.id)).toBe(ahead);
    expect(idOf({ event_id: 'order-1', timestamp: ahead }, RECEIVED_AT + 3_600_000)).toBe(first.id);
  });

  it('another site or another event_id gives another id', () => {
    const one = idOf({ event_id: 'order-1', timestamp });
    expect(idOf({ event_id: 'order-1', timestamp, site_id: 'site-2' })).not.toBe(one);
    expect(idOf({ event_id: 'order-2', timestamp })).not.toBe(one);
    // The border between site and event_id counts.
    const shifted = idOf({ site_id: 'a', event_id: 'bc', timestamp });
    expect(idOf({ site_id: 'ab', event_id: 'c', timestamp })).not.toBe(shifted);
  });

  it('a UUIDv7 gives its own time, before the timestamp', () => {
    const minted = RECEIVED_AT - 7_000;
    expect(timeIn(idOf({ event_id: uuidV7(minted), timestamp }))).toBe(minted);
    expect(timeIn(idOf({ event_id: uuidV7(minted).toUpperCase() }))).toBe(minted);
    expect(idOf({ event_id: uuidV7(minted) })).toMatch(V8_ID);
  });

  it.each([
    ['another version', uuidV7(RECEIVED_AT).replace('-7', '-4')],
    ['another variant', uuidV7(RECEIVED_AT).replace('-9', '-c')],
    ['no dashes', uuidV7(RECEIVED_AT).replaceAll('-', '')],
    ['more text behind it', `${uuidV7(RECEIVED_AT)}0`],
    ['a newline behind it', `${uuidV7(RECEIVED_AT)}\n`],
  ])('a UUID with %s gives no time', (_, event_id) => {
    expect(timeIn(idOf({ event_id, timestamp }))).toBe(timestamp);
  });

  it('a time more than a day ahead of the receipt counts as none', () => {
    const latest = RECEIVED_AT + DAY_MS;
    expect(timeIn(idOf({ event_id: uuidV7(latest), timestamp }))).toBe(latest);
    expect(timeIn(idOf({ event_id: uuidV7(latest + 1), timestamp }))).toBe(timestamp);
    expect(timeIn(idOf({ event_id: 'order-1', timestamp: latest }))).toBe(latest);
    expect(timeIn(idOf({ event_id: 'order-1', timestamp: latest + 1 }))).toBe(TODAY);
    expect(timeIn(idOf({ event_id: uuidV7(latest + 1), timestamp: latest + 1 }))).toBe(TODAY);
  });

  it('without any time the id holds all day (UTC), and no longer', () => {
    const first = idOf({ event_id: 'order-1' }, TODAY);
    expect(timeIn(first)).toBe(TODAY);
    expect(idOf({ event_id: 'order-1' }, TODAY + DAY_MS - 1)).toBe(first);
    expect(timeIn(idOf({ event_id: 'order-1' }, TODAY + DAY_MS))).toBe(TODAY + DAY_MS);
  });

  it('an id always is a UUIDv8, whatever the event_id', () => {
    const eventId = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(eventId, fc.string({ minLength: 1, maxLength: 64 }), (event_id, site_id) => {
        expect(idOf({ event_id, site_id, timestamp })).toMatch(V8_ID);
      }),
    );
  });
});
