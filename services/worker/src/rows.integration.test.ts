import { randomUUID } from 'node:crypto';
import { OPTIONAL_TEXTS, type SluiceEvent } from '@sluice/event/event';
import { parseJson } from '@sluice/event/json';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COPY_STATEMENT, copyRows } from './copy-rows.ts';
import type { Database } from './database.ts';
import { INSERT_STATEMENT, jsonRows } from './rows.ts';
import { connectedTo, workerDatabase } from './testing/database.ts';
import { eventOf } from './testing/events.ts';

const database = workerDatabase();

type Unidentified = Omit<SluiceEvent, 'id'>;

/** The same events under ids that nobody has. */
const identified = (events: readonly Unidentified[]) =>
  events.map((event) => ({ ...event, id: randomUUID() }));

/** What Postgres has of these events, in their order and as a client sent them. */
async function stored(events: readonly SluiceEvent[]): Promise<Unidentified[]> {
  const { sql } = database();
  const rows = await sql<Record<string, string | null>[]>`
    SELECT id, site_id, event_type, path, ${sql(OPTIONAL_TEXTS as unknown as string[])}, properties::text,
      round(extract(epoch FROM "timestamp") * 1000)::text AS "timestamp",
      round(extract(epoch FROM received_at) * 1000)::text AS received_at
    FROM events WHERE id = ANY (${events.map(({ id }) => id)}::uuid[])`;
  const byId = new Map(rows.map((row) => [row['id'], row]));
  return events.map(({ id }) => {
    const { id: _, ...columns } = byId.get(id) ?? {};
    const present = Object.entries(columns).filter(([, value]) => value !== null);
    const { timestamp, received_at, ...texts } = Object.fromEntries(present);
    return { ...texts, timestamp: Number(timestamp), received_at: Number(received_at) } as Unidentified;
  });
}

/** jsonb keeps the value of properties, not their text. */
const comparable = ({ properties, ...rest }: Unidentified) => ({
  ...rest,
  properties: properties === undefined ? undefined : parseJson(properties),
});

/** Stores them by COPY and, under other ids, by INSERT, and expects both to be what was sent. */
async function expectStoredAsSent(worker: Database, events: readonly Unidentified[]): Promise<void> {
  const sent = events.map(comparable);
  const copied = identified(events);
  expect(await worker.copy(COPY_STATEMENT, copyRows(copied))).toBe(events.length);
  expect((await stored(copied)).map(comparable)).toEqual(sent);
  const inserted = identified(events);
  expect(await worker.run(INSERT_STATEMENT, [jsonRows(inserted)])).toBe(events.length);
  expect((await stored(inserted)).map(comparable)).toEqual(sent);
}

describe('what COPY and INSERT store is what was sent:', () => {
  it.each([
    ['bars', '|a||b|'],
    ['tabs', '\ta\t\tb\t'],
    ['newlines', '\na\n\nb\n'],
    ['carriage returns', '\ra\r\n\rb\r'],
    ['backslashes', '\\a\\\\b\\n\\t\\'],
    ['quotes', `'a''"b""`],
    ['what COPY takes for null', '\\N'],
    ['what COPY takes for its end', '\\.'],
    ['the end on a line of its own', '\n\\.\n'],
    ['emoji', '😀👩‍👩‍👧🏳️‍🌈'],
    ['the last code point and a byte-order mark', '\u{10ffff}\ufeff'],
    ['controls', '\u0001\b\f\v\u001b\u007f\u0085\u2028'],
    ['nothing', ''],
    ['the word null', 'null'],
    ['spaces at both ends', '  a  '],
    ['what JSON and arrays are made of', '{},[]:"\\u0041"'],
  ])('%s', async (_, text) => {
    const texts = Object.fromEntries(OPTIONAL_TEXTS.map((field) => [field, text]));
    const { id: _id, ...event } = eventOf({ site_id: text, event_type: text, path: text, ...texts });
    const properties = JSON.stringify({ [text]: text });
    await expectStoredAsSent(connectedTo(database().workerUrl), [event, { ...event, properties }]);
  });

  it('times to the millisecond, from the year 1 to 9999', async () => {
    const times = [
      Date.parse('0001-01-01T00:00:00Z'),
      -1,
      0,
      Date.UTC(2026, 10, 22, 12, 0, 0, 7),
      Date.parse('9999-12-31T23:59:59.999Z'),
    ];
    const events = times.map((time) => {
      const { id: _, ...event } = eventOf({ timestamp: time, received_at: time });
      return event;
    });
    await expectStoredAsSent(connectedTo(database().workerUrl), events);
  });

  it('more than COPY sends at once, and rows larger than that', async () => {
    const { id: _, ...event } = eventOf({ path: '/é😀' });
    const large = { ...event, properties: JSON.stringify({ text: 'é'.repeat(300_000) }) };
    const events = [...Array<Unidentified>(4_000).fill(event), large, event, large];
    await expectStoredAsSent(connectedTo(database().workerUrl), events);
  });

  it('any well-formed texts without NUL, any properties, in any number', async () => {
    const worker = connectedTo(database().workerUrl);
    const text = fc
      .oneof(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.string({
          unit: fc.constantFrom('\\', '\t', '\n', '\r', 'N', '.', 'n', '"', '|', 'é', '😀'),
          maxLength: 12,
        }),
      )
      .map((any) => any.replaceAll('\0', ''));
    const time = fc.integer({
      min: Date.parse('0001-01-01T00:00:00Z'),
      max: Date.parse('9999-12-31T23:59:59.999Z'),
    });
    const properties = fc
      .dictionary(text, fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 }), { noNullPrototype: true })
      .map((any) => JSON.stringify(any))
      // A NUL is refused by ingest, however it is written.
      .filter((json) => !json.includes('\\u0000'));
    const event = fc.record(
      {
        site_id: text,
        event_type: text,
        path: text,
        timestamp: time,
        received_at: time,
        properties,
        ...Object.fromEntries(OPTIONAL_TEXTS.map((field) => [field, text])),
      },
      { requiredKeys: ['site_id', 'event_type', 'path', 'timestamp', 'received_at'] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(event as fc.Arbitrary<Unidentified>, { minLength: 1, maxLength: 30 }),
        (events) => expectStoredAsSent(worker, events),
      ),
      { numRuns: 40 },
    );
  });
});
