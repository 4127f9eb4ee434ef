import { encodeEvent } from '@sluice/event/entry';
import type { SluiceEvent } from '@sluice/event/event';
import { beforeEach, describe, expect, it } from 'vitest';
import { DeadLetters } from './dead-letters.ts';
import { connectedTo, lettersIn, lockEvents, revoke, storedIds, workerDatabase } from './testing/database.ts';
import { eventOf, eventsOf, LONG_PATH } from './testing/events.ts';
import { Writer } from './writer.ts';

const database = workerDatabase();
let writer: Writer;
beforeEach(() => {
  writer = newWriter();
});

/** With the rights of the worker's role and no others, as everything here. */
function newWriter(): Writer {
  const worker = connectedTo(database().workerUrl);
  return new Writer(worker, new DeadLetters(worker, () => undefined));
}

const idsOf = (events: readonly SluiceEvent[]) => [...new Set(events.map(({ id }) => id))].sort();

const UNSTORABLE: Partial<SluiceEvent> = { path: LONG_PATH };
const unstorable = () => eventOf(UNSTORABLE);

describe.each([
  ['delivered for the first time', false],
  ['delivered again', true],
])('a batch that is %s', (_, redelivered) => {
  it('is stored', async () => {
    const events = eventsOf(1_000);
    expect(await writer.store(events, redelivered)).toEqual({
      inserted: 1_000,
      duplicates: 0,
      deadLettered: 0,
    });
    expect(await storedIds(database())).toEqual(idsOf(events));
  });

  it('of nothing is nothing', async () => {
    expect(await writer.store([], redelivered)).toEqual({ inserted: 0, duplicates: 0, deadLettered: 0 });
  });

  it('has each id stored once, whatever a client sent twice', async () => {
    const events = eventsOf(10);
    const twice = [...events, ...events.toReversed(), ...events.slice(0, 5)];
    expect(await writer.store(twice, redelivered)).toEqual({ inserted: 10, duplicates: 15, deadLettered: 0 });
    expect(await storedIds(database())).toEqual(idsOf(events));
  });

  it('has only what is new stored when some of it was there', async () => {
    const [known, fresh] = [eventsOf(10, { path: '/first' }), eventsOf(5)];
    await writer.store(known, false);
    const again = [...fresh, ...known.map((event) => ({ ...event, path: '/second' }))];
    expect(await writer.store(again, redelivered)).toEqual({ inserted: 5, duplicates: 10, deadLettered: 0 });
    expect(await storedIds(database())).toEqual(idsOf([...known, ...fresh]));
    expect(await database().sql`SELECT DISTINCT path FROM events ORDER BY path`).toMatchObject([
      { path: '/' },
      { path: '/first' },
    ]);
  });

  it('has one bad row in a thousand set aside, exactly that one, and the rest stored', async () => {
    const [good, bad] = [eventsOf(999), unstorable()];
    const batch = good.toSpliced(618, 0, bad);
    expect(await writer.store(batch, redelivered)).toEqual({ inserted: 999, duplicates: 0, deadLettered: 1 });
    expect(await storedIds(database())).toEqual(idsOf(good));
    expect(await lettersIn(database())).toMatchObject([
      { payload: encodeEvent(bad), sqlstate: '23514', times: 1, entry_id: null },
    ]);
  });

  it('met by a lock that is not let go in time stores nothing and throws', async () => {
    const letGo = await lockEvents(database());
    const batch = [...eventsOf(10), unstorable()];
    await expect(writer.store(batch, redelivered)).rejects.toMatchObject({ code: '55P03' });
    await letGo();
    expect(await storedIds(database())).toEqual([]);
    expect(await lettersIn(database())).toEqual([]);
    expect(await writer.store(batch, redelivered)).toEqual({ inserted: 10, duplicates: 0, deadLettered: 1 });
  });

  it('that the role may not insert is not set aside: it throws', async () => {
    await revoke(database(), 'INSERT ON events');
    await expect(writer.store(eventsOf(10), redelivered)).rejects.toMatchObject({ code: '42501' });
    expect(await lettersIn(database())).toEqual([]);
  });
});

describe('what can never be stored is set aside:', () => {
  it.each<[string, Partial<SluiceEvent>, string]>([
    ['a text that no index holds', UNSTORABLE, '23514'],
    ['a NUL in a text', { path: '/\0' }, '22P05'],
    ['a NUL in the properties', { properties: '{"a":"\\u0000"}' }, '22P05'],
    ['half a surrogate pair in the properties', { properties: '{"a":"\\ud83d"}' }, '22P02'],
    ['a number that no numeric holds', { properties: '{"a":1e200000}' }, '22003'],
    [
      'properties nested too deeply',
      { properties: `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}` },
      '54001',
    ],
  ])('%s', async (_, fields, sqlstate) => {
    const [good, bad] = [eventsOf(9), eventOf(fields)];
    const batch = [bad, ...good];
    expect(await writer.store(batch, false)).toEqual({ inserted: 9, duplicates: 0, deadLettered: 1 });
    expect(await storedIds(database())).toEqual(idsOf(good));
    expect(await lettersIn(database())).toMatchObject([{ payload: encodeEvent(bad), sqlstate }]);
  });

  it('every row of a batch', async () => {
    const batch = Array.from({ length: 20 }, unstorable);
    expect(await writer.store(batch, false)).toEqual({ inserted: 0, duplicates: 0, deadLettered: 20 });
    expect(await lettersIn(database())).toHaveLength(20);
  });
});

it('a bad row that can’t be set aside fails its batch, which is stored and counted once when it is tried again', async () => {
  // The last in order, so that all others are committed before it is met.
  const bad = eventOf({ id: 'ffffffff-ffff-4fff-bfff-ffffffffffff', ...UNSTORABLE });
  const batch = [bad, ...eventsOf(20)];
  const grant = await revoke(database(), 'INSERT ON dead_letters');
  const progress = { inserted: 0 };
  for (let attempts = 0; attempts < 2; attempts += 1) {
    await expect(writer.store(batch, attempts > 0, progress)).rejects.toMatchObject({ code: '42501' });
    expect(progress).toEqual({ inserted: 20 });
  }
  await grant();
  expect(await writer.store(batch, true, progress)).toEqual({ inserted: 20, duplicates: 0, deadLettered: 1 });
  expect(await storedIds(database())).toEqual(idsOf(batch.slice(1)));
  expect(await lettersIn(database())).toMatchObject([{ times: 1 }]);
});

it('two writers with the same ids in different orders both get through, and each id is stored once', async () => {
  const { sql, name } = database();
  // Waiting for each other is all right here; on a busy machine it may take a while.
  await sql.unsafe(`ALTER ROLE sluice_worker IN DATABASE ${name} SET lock_timeout = '20s'`);
  const events = eventsOf(4_000);
  const [one, other] = await Promise.all([
    newWriter().store(events, true),
    newWriter().store(events.toReversed(), true),
  ]);
  expect(one.inserted + other.inserted).toBe(4_000);
  expect(one.duplicates + other.duplicates).toBe(4_000);
  expect(await storedIds(database())).toEqual(idsOf(events));
});
