import { expect, it } from 'vitest';
import {
  copyRows,
  DAY_MS,
  type EventRow,
  eventRow,
  insertNewRows,
  insertRows,
  sortedById,
} from './testing/events.ts';
import { ownDatabase } from './testing/own-database.ts';
import { countsThatDiffer } from './testing/recount.ts';

/** Rows over a few sites, types, paths, users and days; always the same but for their ids. */
function mixedRows(count: number): EventRow[] {
  const types = ['page_view', 'click', 'purchase'];
  return sortedById(
    Array.from({ length: count }, (_, at) =>
      eventRow({
        at: Date.now() - (at % 3) * DAY_MS,
        site_id: `site-${at % 5}`,
        event_type: types[at % types.length] ?? '',
        path: at % 11 === 0 ? '' : `/page/${at % 17}`,
        user_id: at % 7 === 0 ? null : at % 13 === 0 ? '' : `user-${at % 29}`,
      }),
    ),
  );
}

/** Picks of `rows` that overlap with every other writer's, sorted as workers send them. */
function overlapping(rows: readonly EventRow[], writer: number): EventRow[] {
  return rows.filter((_, at) => (at + writer) % 3 !== 0);
}

it('counts equal a recount after COPY, INSERT, and INSERT of what is partly there', async () => {
  const { owner, worker } = await ownDatabase();
  const rows = mixedRows(600);
  await copyRows(worker, rows.slice(0, 200));
  await insertRows(worker, rows.slice(200, 400));
  expect(await insertNewRows(worker, rows)).toBe(200);
  expect(await owner`SELECT count(*)::int AS n FROM events`).toMatchObject([{ n: 600 }]);
  expect(await countsThatDiffer(owner)).toEqual([]);
});

it('a row that one statement brings twice counts once', async () => {
  const { owner, worker } = await ownDatabase();
  const rows = mixedRows(50);
  expect(await insertNewRows(worker, sortedById([...rows, ...rows, ...rows]))).toBe(50);
  expect(await countsThatDiffer(owner)).toEqual([]);
});

it('a statement that fails counts nothing', async () => {
  const { owner, worker } = await ownDatabase();
  const rows = mixedRows(50);
  await insertRows(worker, rows.slice(25, 26));
  await expect(insertRows(worker, rows)).rejects.toMatchObject({ code: '23505' });
  expect(await owner`SELECT sum(events)::int AS n FROM hourly_counts`).toMatchObject([{ n: 1 }]);
  expect(await countsThatDiffer(owner)).toEqual([]);
});

it('the difference between a recount and the counts is seen', async () => {
  const { owner, worker } = await ownDatabase();
  await insertRows(worker, [eventRow({ user_id: 'user-1' })]);
  await owner`UPDATE hourly_counts SET events = 2`;
  expect(await countsThatDiffer(owner)).toHaveLength(2);
});

it('writers that bring the same rows at once neither deadlock nor count one twice', async () => {
  const { owner, newWorker } = await ownDatabase();
  const rows = mixedRows(4_000);
  const writers = Array.from({ length: 6 }, newWorker);
  const stored = await Promise.all(writers.map((sql, at) => insertNewRows(sql, overlapping(rows, at))));
  expect(stored.reduce((sum, count) => sum + count, 0)).toBe(4_000);
  expect(await countsThatDiffer(owner)).toEqual([]);
});

it('stripes of past days become one while late events of those days come in', async () => {
  const { owner, worker, newWorker } = await ownDatabase();
  const late = () => mixedRows(300).map((row) => ({ ...row, timestamp: lateTime() }));
  const writers = Array.from({ length: 3 }, newWorker);
  await Promise.all([
    ...writers.map(async (sql) => {
      for (let round = 0; round < 10; round += 1) await insertRows(sql, sortedById(late()));
    }),
    ...[newWorker(), newWorker()].map(async (sql) => {
      for (let round = 0; round < 15; round += 1) await sql`SELECT merge_stripes()`;
    }),
  ]);
  expect(await countsThatDiffer(owner)).toEqual([]);
  await worker`SELECT merge_stripes()`;
  expect(await countsThatDiffer(owner)).toEqual([]);
  expect(await owner`SELECT DISTINCT stripe FROM hourly_counts`).toEqual([{ stripe: 0 }]);
});

it('counts stay the same while they are folded by several at once, under writers', async () => {
  const { owner, worker, newWorker } = await ownDatabase();
  let done = false;
  const folding = [newWorker(), newWorker()].map(async (sql) => {
    while (!done) await sql`SELECT fold_days(1, 1)`;
  });
  const writers = Array.from({ length: 3 }, newWorker);
  await Promise.all(
    writers.map(async (sql) => {
      for (let round = 0; round < 20; round += 1) {
        await insertRows(sql, mixedRows(100));
        // One snapshot, so what is being folded is seen before or after.
        expect(await countsThatDiffer(owner)).toEqual([]);
      }
    }),
  );
  done = true;
  await Promise.all(folding);
  expect(await countsThatDiffer(owner)).toEqual([]);
  while ((await worker<{ n: string }[]>`SELECT fold_days(1, 1) AS n`)[0]?.n !== '0');
  expect(await owner`SELECT FROM unfolded`).toEqual([]);
  expect(await countsThatDiffer(owner)).toEqual([]);
});

it('a day is folded when it has events or rows enough, or is over', async () => {
  const { owner, worker } = await ownDatabase();
  const days = async () =>
    (await owner`SELECT site_id FROM unfolded ORDER BY 1`).map((row) => row['site_id']);
  const inRows = async (site_id: string, rows: number, at = Date.now()) => {
    for (let row = 0; row < rows; row += 1) await insertRows(worker, [eventRow({ site_id, at })]);
  };
  await insertRows(worker, sortedById(Array.from({ length: 5 }, () => eventRow({ site_id: 'events' }))));
  await inRows('rows', 3);
  await inRows('few', 2);
  await inRows('over', 1, Date.now() - 2 * DAY_MS);
  await worker`SELECT fold_days(5, 3)`;
  expect(await days()).toEqual(['few', 'few']);
  expect(await countsThatDiffer(owner)).toEqual([]);
});

it('writers fold by themselves what gets too much, when nobody else does', async () => {
  const { owner, worker } = await ownDatabase();
  await owner.unsafe(
    `CREATE OR REPLACE FUNCTION most_unfolded_events() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2000'`,
  );
  for (let round = 0; round < 60; round += 1) {
    await copyRows(
      worker,
      sortedById(Array.from({ length: 1_000 }, (_, at) => eventRow({ user_id: `user-${at}` }))),
    );
  }
  // Each of them had even odds: that none in twenty had luck would be one chance in a million.
  expect(Number((await owner`SELECT count(*) AS n FROM unfolded`)[0]?.['n'])).toBeLessThan(20);
  expect(await countsThatDiffer(owner)).toEqual([]);
});

/** In the last day that merge_stripes() takes, two hours after its end. */
function lateTime(): string {
  return new Date(Date.now() - DAY_MS - 2 * 3_600_000).toISOString();
}

it("today's stripes stay apart, so that writers don't wait for a merge", async () => {
  const { owner, worker } = await ownDatabase();
  await insertRows(worker, [eventRow()]);
  await worker`SELECT merge_stripes()`;
  expect(await owner`SELECT stripe FROM hourly_counts WHERE stripe = 0`).toEqual([]);
});

it('days are UTC days, whatever the time zone of the session', async () => {
  const { owner, worker } = await ownDatabase();
  await worker`SET TIME ZONE 'Pacific/Kiritimati'`;
  const timestamps = ['2026-03-01T00:00:00Z', '2026-03-01T23:59:59.999Z'];
  await insertRows(
    worker,
    sortedById(timestamps.map((timestamp) => eventRow({ timestamp, user_id: 'user-1' }))),
  );
  expect(await owner`SELECT day::text, sum(views)::int AS n FROM daily_paths GROUP BY 1`).toEqual([
    { day: '2026-03-01', n: 2 },
  ]);
  expect(await owner`SELECT count(*)::int AS n FROM daily_visitors`).toMatchObject([{ n: 1 }]);
});

it.each([
  ['path', 'x'.repeat(2_401)],
  ['user_id', 'é'.repeat(1_201)],
  ['event_type', 'x'.repeat(2_401)],
  ['site_id', 'x'.repeat(2_401)],
])('a %s that no count could hold is refused with its row', async (field, text) => {
  const { owner, worker } = await ownDatabase();
  await expect(insertRows(worker, [eventRow({ [field]: text })])).rejects.toMatchObject({ code: '23514' });
  expect(await owner`SELECT FROM events`).toEqual([]);
});

it('the longest site, path and user fit', async () => {
  const { owner, worker } = await ownDatabase();
  // Random enough not to be compressed: an index entry holds 2,704 bytes.
  const path = Array.from({ length: 2_000 }, (_, at) => String.fromCharCode(33 + ((at * at * 31) % 59))).join(
    '',
  );
  const row = eventRow({
    site_id: '🎈'.repeat(64),
    event_type: '🎈'.repeat(64),
    path,
    user_id: '🎈'.repeat(128),
  });
  await insertRows(worker, [row]);
  await worker`SELECT fold_days(1, 1)`;
  expect(await owner`SELECT FROM unfolded`).toEqual([]);
  expect(await countsThatDiffer(owner)).toEqual([]);
});
