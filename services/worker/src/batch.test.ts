import type { SluiceEvent } from '@sluice/event/event';
import type { Delivery } from '@sluice/event/stream-scripts';
import { describe, expect, it } from 'vitest';
import { batchOf } from './batch.ts';
import { entryOf, eventOf } from './testing/events.ts';

const MAX_DELIVERIES = 5;
let next = 0;

/** A delivery of these fields. */
function delivered(fields: Delivery['fields'], deliveries = 1): Delivery {
  next += 1;
  return { id: `${next}-0`, fields, deliveries };
}

/** A delivery of an entry that carries these events. */
function carrying(...events: readonly SluiceEvent[]): Delivery {
  const { n, events: lines } = entryOf(...events);
  return delivered({ n: String(n), events: lines });
}

describe('a batch', () => {
  it('has the events of its entries in their order, and what is to be settled', () => {
    const [first, second, third] = [eventOf(), eventOf(), eventOf()];
    const [one, other] = [carrying(first, second), carrying(third)];
    expect(batchOf([one, other], MAX_DELIVERIES)).toMatchObject({
      entries: [
        { id: one.id, n: 2 },
        { id: other.id, n: 1 },
      ],
      events: [first, second, third],
      broken: [],
      redelivered: false,
    });
  });

  it('was redelivered when one of its entries was', () => {
    const again = { ...carrying(eventOf()), deliveries: 2 };
    expect(batchOf([carrying(eventOf()), again], MAX_DELIVERIES).redelivered).toBe(true);
  });

  it('keeps the good lines beside a broken one, and names the entry that it came from', () => {
    const event = eventOf();
    const { events } = entryOf(event);
    const delivery = delivered({ n: '2', events: `poison\n${events}` });
    expect(batchOf([delivery], MAX_DELIVERIES)).toMatchObject({
      entries: [{ id: delivery.id, n: 2 }],
      events: [event],
      broken: [{ payload: 'poison', reason: 'not JSON', entryId: delivery.id }],
    });
  });

  it('holds an entry that somebody added by hand to be settled, too', () => {
    const delivery = delivered({ hello: 'world' });
    expect(batchOf([delivery], MAX_DELIVERIES)).toMatchObject({
      entries: [{ id: delivery.id, n: 0 }],
      events: [],
      broken: [{ payload: '{"hello":"world"}', reason: 'entry has no field events' }],
    });
  });
});

describe('an entry that was delivered too often', () => {
  it('is not looked into, but kept whole with its reason', () => {
    const { events: lines } = entryOf(eventOf(), eventOf());
    const delivery = delivered({ n: '2', events: lines }, MAX_DELIVERIES + 1);
    expect(batchOf([delivery], MAX_DELIVERIES)).toMatchObject({
      entries: [{ id: delivery.id, n: 2 }],
      events: [],
      broken: [{ payload: lines, reason: 'delivered 6 times without being stored', entryId: delivery.id }],
    });
  });

  it('is still looked into at the last delivery', () => {
    const delivery = { ...carrying(eventOf()), deliveries: MAX_DELIVERIES };
    expect(batchOf([delivery], MAX_DELIVERIES)).toMatchObject({ events: [{}], broken: [] });
  });

  it('without events is kept as its fields', () => {
    expect(batchOf([delivered({ a: 'b' }, 9)], MAX_DELIVERIES)).toMatchObject({
      entries: [{ n: 0 }],
      broken: [{ payload: '{"a":"b"}' }],
    });
  });
});
