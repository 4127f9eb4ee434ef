import postgres from 'postgres';
import { expect, it } from 'vitest';
import { DAY_MS, type EventRow, eventRow, idAt, insertNewRows, insertRows } from './testing/events.ts';
import { type OwnDatabase, ownDatabase } from './testing/own-database.ts';
import { countsThatDiffer } from './testing/recount.ts';

const name = (epochMs: number) =>
  `events_${new Date(epochMs).toISOString().slice(0, 10).replaceAll('-', '_')}`;
const WANTED = Array.from({ length: 9 }, (_, at) => name(Date.now() + (at - 1) * DAY_MS));

async function dayPartitions(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`SELECT inhrelid::regclass::text AS name FROM pg_inherits
    WHERE inhparent = 'events'::regclass AND inhrelid::regclass::text ~ '\\d{4}_\\d\\d_\\d\\d$' ORDER BY 1`;
  return rows.map((row) => row.name);
}

async function placeOf(sql: postgres.Sql, { id }: EventRow): Promise<string[]> {
  const rows = await sql<
    { name: string }[]
  >`SELECT tableoid::regclass::text AS name FROM events WHERE id = ${id}`;
  return rows.map((row) => row.name);
}

/** As if nobody had called ensure_partitions() for days. */
async function withoutPartitions({ owner }: OwnDatabase, names: readonly string[]): Promise<void> {
  for (const partition of names) await owner.unsafe(`DROP TABLE ${partition}`);
}

it('there are partitions from yesterday to a week ahead, and making them again is nothing', async () => {
  const { owner, worker } = await ownDatabase();
  await worker`SELECT ensure_partitions()`;
  await worker`SELECT ensure_partitions()`;
  expect(await dayPartitions(owner)).toEqual(expect.arrayContaining(WANTED));
});

it('a row of any age goes to the partition of its day or to a default one', async () => {
  const { owner, worker } = await ownDatabase();
  await worker`SELECT ensure_partitions()`;
  const today = eventRow();
  const old = eventRow({ at: Date.now() - 400 * DAY_MS });
  const first = eventRow({ id: '00000000-0000-7000-8000-000000000000' });
  const last = eventRow({ id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' });
  await insertRows(worker, [first, old, today, last]);
  expect(await placeOf(owner, today)).toEqual([name(Date.now())]);
  expect(await placeOf(owner, old)).toEqual(['events_before']);
  expect(await placeOf(owner, first)).toEqual(['events_before']);
  expect(await placeOf(owner, last)).toEqual(['events_missed']);
});

it('a day of an id begins with its first millisecond', async () => {
  const { owner, worker } = await ownDatabase();
  const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const [before, after] = [eventRow({ id: idAt(midnight - 1) }), eventRow({ id: idAt(midnight) })];
  await insertRows(worker, [before, after]);
  expect(await placeOf(owner, before)).toEqual([name(midnight - 1)]);
  expect(await placeOf(owner, after)).toEqual([name(midnight)]);
});

it('an id is there once, in whatever partition', async () => {
  const { owner, worker } = await ownDatabase();
  const rows = [0, 1, 400, -30].map((days) => eventRow({ at: Date.now() - days * DAY_MS }));
  await insertRows(worker, rows);
  for (const row of rows) await expect(insertRows(worker, [row])).rejects.toMatchObject({ code: '23505' });
  expect(await insertNewRows(worker, rows)).toBe(0);
  expect(await owner`SELECT count(*)::int AS n FROM events`).toMatchObject([{ n: rows.length }]);
});

it('four workers may make partitions at once, while rows of those days come in', async () => {
  const database = await ownDatabase();
  const { owner, newWorker } = database;
  await withoutPartitions(database, WANTED);
  const makers = Array.from({ length: 4 }, newWorker);
  const rows: EventRow[] = [];
  let made = false;
  const writers = Array.from({ length: 2 }, async () => {
    const sql = newWorker();
    do {
      const batch = Array.from({ length: 50 }, () => eventRow({ user_id: `user-${rows.length % 7}` }));
      await insertRows(sql, batch);
      rows.push(...batch);
    } while (!made);
  });
  await Promise.all(makers.map((sql) => sql`SELECT ensure_partitions()`)).finally(() => {
    made = true;
  });
  await Promise.all(writers);
  expect(await dayPartitions(owner)).toEqual(expect.arrayContaining(WANTED));
  expect(await owner`SELECT count(*)::int AS n FROM events`).toMatchObject([{ n: rows.length }]);
  expect(await countsThatDiffer(owner)).toEqual([]);
});

it('rows that wait in the default partition move into the partition of their day, counted once', async () => {
  const database = await ownDatabase();
  const { owner, worker } = database;
  await withoutPartitions(database, WANTED);
  const rows = [-1, 0, 0, 1].map((days) => eventRow({ at: Date.now() + days * DAY_MS, user_id: 'user-1' }));
  await insertRows(worker, rows);
  await worker`SELECT ensure_partitions()`;
  expect(await dayPartitions(owner)).toEqual(expect.arrayContaining(WANTED));
  expect(await owner`SELECT count(*)::int AS n FROM events_default`).toMatchObject([{ n: 0 }]);
  for (const row of rows) expect(await placeOf(owner, row)).toHaveLength(1);
  await expect(insertRows(worker, rows)).rejects.toMatchObject({ code: '23505' });
  expect(await countsThatDiffer(owner)).toEqual([]);
});

it('a day with too many waiting rows stays in the default partition, and the other days get theirs', async () => {
  const database = await ownDatabase();
  const { owner, worker } = database;
  await withoutPartitions(database, WANTED);
  await owner`CREATE OR REPLACE FUNCTION most_moved_rows() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2'`;
  const today = Array.from({ length: 3 }, () => eventRow());
  await insertRows(worker, [...today, eventRow({ at: Date.now() - DAY_MS })]);
  await worker`SELECT ensure_partitions()`;
  await worker`SELECT ensure_partitions()`;
  expect(await dayPartitions(owner)).toEqual(WANTED.filter((each) => each !== name(Date.now())));
  expect(await owner`SELECT count(*)::int AS n FROM events_default`).toMatchObject([{ n: 3 }]);
  expect(await insertNewRows(worker, today)).toBe(0);
  expect(await countsThatDiffer(owner)).toEqual([]);
});

it('making a partition never scans the old rows of the default one', async () => {
  const database = await ownDatabase();
  const { worker } = database;
  await withoutPartitions(database, WANTED.slice(-1));
  await insertRows(worker, [eventRow({ at: Date.now() - 400 * DAY_MS })]);
  const said: string[] = [];
  const chatty = postgres(database.url, {
    max: 1,
    fetch_types: false,
    onnotice: ({ message }) => said.push(String(message)),
    connection: { client_min_messages: 'debug1' },
  });
  try {
    await chatty`SELECT ensure_partitions()`;
  } finally {
    await chatty.end();
  }
  expect(said.join('\n')).toMatch(/"events_before" is implied by existing constraints/);
});
