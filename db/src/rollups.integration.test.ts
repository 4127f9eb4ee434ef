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
  const left = await owner`SELECT stripe FROM hourly_counts UNION SELECT stripe FROM daily_paths
    UNION SELECT stripe FROM daily_visitor_counts`;
  expect(left).toEqual([{ stripe: 0 }]);
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
  expect(await countsThatDiffer(owner)).toEqual([]);
});
