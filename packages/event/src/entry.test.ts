import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEvent, encodePlainEvent, MAX_ENTRY_EVENTS, readEntry } from './entry.ts';
import { OPTIONAL_TEXTS, parseEvent } from './event.ts';
import { isPlain } from './json.ts';
import { accepted, RECEIVED_AT } from './testing/parsing.ts';

const LINE = encodeEvent(accepted({ event_id: 'order-1', properties: { plan: 'pro' } }));

/** The line with some of its fields changed; `undefined` takes one away. */
function changed(fields: object): string {
  return JSON.stringify({ ...(JSON.parse(LINE) as object), ...fields });
}

/** Keys like array indices take JSON.stringify off its iterative path, onto the stack. */
const DEEP = LINE.replace('{"plan":"pro"}', `${'{"1":'.repeat(30_000)}1${'}'.repeat(30_000)}`);

const entryOf = (...lines: string[]) => readEntry({ n: String(lines.length), events: lines.join('\n') });

describe('an entry', () => {
  it('gives back the events that were put in, in their order', () => {
    const events = Array.from({ length: MAX_ENTRY_EVENTS }, (_, at) => accepted({ path: `/${at}` }));
    expect(entryOf(...events.map(encodeEvent))).toEqual({ n: MAX_ENTRY_EVENTS, events, broken: [] });
  });

  it('keeps newlines, quotes and foreign letters inside a line', () => {
    const event = accepted({ title: '"\n\r\u2028\\ é😀', properties: { '"\n': '\u2028' } });
    const line = encodeEvent(event);
    expect(line).not.toContain('\n');
    expect(entryOf(line).events).toEqual([event]);
  });

  it('without events is one broken line that shows what was there', () => {
    expect(readEntry({ hello: 'world' })).toEqual({
      n: 0,
      events: [],
      broken: [{ payload: '{"hello":"world"}', problem: 'entry has no field events' }],
    });
  });

  it.each(['', '0', '-1', '1.5', 'many', '501', '1e400', 'NaN'])('counts no events when n is %j', (n) => {
    expect(readEntry({ n, events: LINE })).toMatchObject({ n: 0, events: [{ event_id: 'order-1' }] });
  });

  it.each([
    ['an empty line', '', 'not JSON'],
    ['half a line', LINE.slice(0, 50), 'not JSON'],
    ['null', 'null', 'not an object'],
    ['a text', '"text"', 'not an object'],
    ['a number', '7', 'not an object'],
    ['an array', '[]', 'id is not a UUID'],
    ['an empty object', '{}', 'id is not a UUID'],
    ['a number for an id', changed({ id: 7 }), 'id is not a UUID'],
    ['a short id', changed({ id: '0' }), 'id is not a UUID'],
    ['an id in upper case', changed({ id: 'A0000000-0000-7000-8000-000000000000' }), 'id is not a UUID'],
    ['no site', changed({ site_id: undefined }), 'site_id is not a string'],
    ['null for a type', changed({ event_type: null }), 'event_type is not a string'],
    ['a number for a path', changed({ path: 1 }), 'path is not a string'],
    ['half a character in a path', changed({ path: '/\ud800' }), 'path is not well-formed'],
    ['text for a time', changed({ timestamp: '2026-01-31T12:00:00Z' }), 'timestamp is not a time'],
    ['a time in the year 10000', changed({ timestamp: 253_402_300_800_000 }), 'timestamp is not a time'],
    ['a time in the year 0', changed({ timestamp: -62_135_596_800_001 }), 'timestamp is not a time'],
    ['1e400', LINE.replace(/"timestamp":\d+/, '"timestamp":1e400'), 'timestamp is not a time'],
    ['null for the receipt', changed({ received_at: null }), 'received_at is not a time'],
    ['properties 30,000 levels deep', DEEP, 'properties are nested too deeply'],
  ])('names what is wrong with a line: %s', (_, payload, problem) => {
    expect(entryOf(payload)).toEqual({ n: 1, events: [], broken: [{ payload, problem }] });
  });

  it.each(OPTIONAL_TEXTS)('names %s when it is not a string', (field) => {
    expect(entryOf(changed({ [field]: 1 })).broken).toMatchObject([{ problem: `${field} is not a string` }]);
  });

  it('keeps the good lines beside a broken one', () => {
    expect(entryOf(LINE, 'poison', LINE)).toMatchObject({
      n: 3,
      events: [{ event_id: 'order-1' }, { event_id: 'order-1' }],
      broken: [{ payload: 'poison', problem: 'not JSON' }],
    });
  });
});

describe('whatever the JSON', () => {
  const text = fc.string({ unit: 'binary', maxLength: 70 });
  const time = fc.oneof(
    fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date(RECEIVED_AT) })
      .map((date) => date.toISOString()),
    fc.integer({ min: 100_000_000_000, max: 2 * RECEIVED_AT }),
    fc.jsonValue(),
  );
  const event = fc.record(
    {
      site_id: text,
      event_type: text,
      path: text,
      timestamp: time,
      properties: fc.oneof(
        fc.dictionary(text, fc.jsonValue({ stringUnit: 'binary' }), { noNullPrototype: true }),
        fc.jsonValue(),
      ),
      ...Object.fromEntries(OPTIONAL_TEXTS.map((field) => [field, fc.oneof(text, fc.constant(null))])),
    },
    { requiredKeys: ['site_id', 'event_type'] },
  );

  it('an event that is taken comes out of the stream as it went in', () => {
    let taken = 0;
    fc.assert(
      fc.property(event, (given) => {
        const parsed = parseEvent(JSON.parse(JSON.stringify(given)) as object, RECEIVED_AT, 0);
        if (!parsed.ok) return;
        taken += 1;
        expect(entryOf(encodeEvent(parsed.event))).toEqual({ n: 1, events: [parsed.event], broken: [] });
      }),
      { numRuns: 500 },
    );

    expect(taken).toBeGreaterThan(100);
  });

  it('an event out of a plain text becomes the same line the short way', () => {
    let plain = 0;
    fc.assert(
      fc.property(event, (given) => {
        // With an event_id, its id is always the same.
        const text = JSON.stringify({ ...given, event_id: 'order-1' });
        if (!isPlain(text)) return;
        const short = parseEvent(JSON.parse(text) as object, RECEIVED_AT, 0, true);
        expect(short).toEqual(parseEvent(JSON.parse(text) as object, RECEIVED_AT, 0));
        if (!short.ok) return;
        plain += 1;
        expect(encodePlainEvent(short.event)).toBe(encodeEvent(short.event));
      }),
      { numRuns: 500 },
    );

    expect(plain).toBeGreaterThan(50);
  });

  it('reading never fails, and no line is lost without a word', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.dictionary(fc.constantFrom('id', 'site_id', 'timestamp', 'properties'), fc.jsonValue()).map(changed),
    );
    const lines = fc.array(line).map((all) => all.join('\n'));
    fc.assert(
      fc.property(fc.string(), lines, (n, events) => {
        const entry = readEntry({ n, events });
        expect(entry.events.length + entry.broken.length).toBe(events.split('\n').length);
      }),
      { numRuns: 500 },
    );
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.string()), (fields) => void readEntry(fields)));
  });
});
