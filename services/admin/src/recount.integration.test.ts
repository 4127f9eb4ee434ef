import { fileDatabase } from '@sluice/stack/testing/file-database';
import { describe, expect, it } from 'vitest';
import { type Days, differencesOf, rebuild, sitesOf } from './recount.ts';
import { DAY, eventOf, store } from './testing/events.ts';

const ALL_DAYS: Days = { from: '0001-01-01', to: '9999-12-31' };
const HOUR_MS = 3_600_000;

const database = fileDatabase();
const differences = (site: string, days = ALL_DAYS) => differencesOf(database().sql, site, days);

describe('sites', () => {
  it('are those of rows and of counts, in order', async () => {
    const { sql } = database();
    await store(sql, [eventOf({ site_id: 'b' }), eventOf({ site_id: 'b' }), eventOf({ site_id: 'a' })]);
    await sql`DELETE FROM events WHERE site_id = 'a'`;
    await sql`TRUNCATE hourly_counts, unfolded`;
    await sql`INSERT INTO folded_paths VALUES ('c', ${DAY}, '/', 1)`;
    expect(await sitesOf(sql)).toEqual(['b', 'c']);
  });

  it('may have any name', async () => {
    const { sql } = database();
    const names = [`'"\\`, 'é😀', ' ', '%'];
    await store(
      sql,
      names.map((site_id) => eventOf({ site_id, path: site_id, user_id: site_id })),
    );
    expect((await sitesOf(sql)).sort()).toEqual(names.sort());
    for (const name of names) expect(await differences(name)).toEqual([]);
  });
});

describe('a difference', () => {
  it.each([
    [
      'in the events of an hour',
      `UPDATE hourly_counts SET events = events + 1 WHERE site_id = 'site-1'`,
      { table: 'hourly_counts', key: '12:00 page_view', counted: 1, kept: 2 },
    ],
    [
      'in the views of a path',
      `UPDATE folded_paths SET views = 0 WHERE site_id = 'site-1'`,
      { table: 'daily_paths', key: '/', counted: 1, kept: 0 },
    ],
    [
      'in the number of visitors',
      `DELETE FROM folded_visitor_counts WHERE site_id = 'site-1'`,
      { table: 'daily_visitor_counts', key: '', counted: 1, kept: 0 },
    ],
    [
      'by a visitor who never was',
      `INSERT INTO folded_visitors VALUES ('site-1', '${DAY}', 'ghost')`,
      { table: 'daily_visitors', key: 'ghost', counted: 0, kept: 1 },
    ],
    [
      'by a path without events',
      `INSERT INTO folded_paths VALUES ('site-1', '${DAY}', '/ghost', 7)`,
      { table: 'daily_paths', key: '/ghost', counted: 0, kept: 7 },
    ],
    [
      'by events that wait to be folded and never were',
      `INSERT INTO unfolded VALUES ('site-1', '${DAY}', 2, '{/ghost,/ghost}', NULL)`,
      { table: 'daily_paths', key: '/ghost', counted: 0, kept: 2 },
    ],
  ])('is found and mended: %s', async (_, change, difference) => {
    const { sql } = database();
    await store(sql, [eventOf({ user_id: 'user-1' })]);
    await sql`SELECT fold('site-1', ${DAY})`;
    await sql.unsafe(change);
    expect(await differences('site-1')).toEqual([{ site_id: 'site-1', day: DAY, ...difference }]);
    await rebuild(sql, 'site-1', [DAY]);
    expect(await differences('site-1')).toEqual([]);
  });

  it('by rows that somebody deleted is in every count', async () => {
    const { sql } = database();
    await store(sql, [eventOf({ user_id: 'user-1' })]);
    await sql`DELETE FROM events`;
    const tables = (await differences('site-1')).map(({ table, counted, kept }) => [table, counted, kept]);
    expect(tables).toEqual([
      ['daily_paths', 0, 1],
      ['daily_visitor_counts', 0, 1],
      ['daily_visitors', 0, 1],
      ['hourly_counts', 0, 1],
    ]);
    await rebuild(sql, 'site-1', [DAY]);
    expect(await sitesOf(sql)).toEqual([]);
  });

  it('is looked for in UTC days, both included, however early or late', async () => {
    const { sql } = database();
    const midnight = Date.parse(`${DAY}T00:00:00Z`);
    const times = [midnight - 1, midnight, midnight + 24 * HOUR_MS - 1, midnight + 24 * HOUR_MS];
    const ends = ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'].map((time) => Date.parse(time));
    await store(
      sql,
      [...times, ...ends].map((timestamp) => eventOf({ timestamp })),
    );
    expect(await differences('site-1')).toEqual([]);
    await sql`SELECT fold_days(1, 1)`;
    await sql`UPDATE folded_paths SET views = views + 1`;
    const days = async (range?: Days) => (await differences('site-1', range)).map(({ day }) => day);
    expect(await days()).toEqual(['0001-01-01', '2026-02-28', DAY, '2026-03-02', '9999-12-31']);
    expect(await days({ from: DAY, to: DAY })).toEqual([DAY]);
    expect(await days({ from: '2026-02-28', to: DAY })).toEqual(['2026-02-28', DAY]);
    await rebuild(sql, 'site-1', [DAY, '9999-12-31']);
    expect(await days()).toEqual(['0001-01-01', '2026-02-28', '2026-03-02']);
  });
});
