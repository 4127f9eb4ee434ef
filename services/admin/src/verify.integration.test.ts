import { fileDatabase } from '@sluice/stack/testing/file-database';
import { describe, expect, it, vi } from 'vitest';
import { DAY, eventOf, store } from './testing/events.ts';
import { sluice } from './testing/sluice.ts';

const database = fileDatabase();
const verify = (...args: string[]) => sluice(['verify', ...args], { DATABASE_URL: database().url });

/** Events of three sites on three days, with users who come back. */
const someEvents = (count: number) =>
  Array.from({ length: count }, (_, at) =>
    eventOf({
      site_id: `site-${at % 3}`,
      event_type: at % 5 === 0 ? 'click' : 'page_view',
      path: `/${at % 7}`,
      timestamp:
        Date.parse(`${DAY}T12:00:00Z`) + (Math.floor(at / 3) % 3) * 86_400_000 + (at % 24) * 3_600_000,
      ...(at % 4 === 0 ? {} : { user_id: `user-${at % 11}` }),
    }),
  );

describe('counts that are right', () => {
  it('have no differences, in whatever time zone', async () => {
    await store(database().sql, someEvents(200));
    const env = { DATABASE_URL: database().url, PGTZ: 'Pacific/Kiritimati', TZ: 'Pacific/Kiritimati' };
    expect(await sluice(['verify'], env)).toMatchObject({
      code: 0,
      out: '3 sites recounted, 0 differences\n',
    });
  });

  it('of nothing at all have none, either', async () => {
    const { code, out } = await verify('--json');
    expect([code, JSON.parse(out)]).toEqual([0, { sites: 0, differences: [] }]);
  });

  it('have none while events come in, on whatever moment it looks', async () => {
    const { sql } = database();
    let done = false;
    const writers = Array.from({ length: 2 }, async () => {
      while (!done) await store(sql, someEvents(20));
    });
    const said: unknown[] = [];
    for (let round = 0; round < 2; round += 1) said.push(await verify('--json'));
    done = true;
    await Promise.all(writers);
    const right = { code: 0, out: '{"sites":3,"differences":[]}\n' };
    expect(said).toMatchObject([right, right]);
    expect(await verify('--json')).toMatchObject(right);
  });
});

describe('a count that was changed', () => {
  it('is found and mended where one looks, and only there', async () => {
    const { sql } = database();
    await store(sql, [eventOf(), eventOf({ site_id: 'site-2' })]);
    await sql`SELECT fold_days(1, 1)`;
    await sql`UPDATE folded_paths SET views = 5`;
    const difference = { table: 'daily_paths', site_id: 'site-1', day: DAY, key: '/', counted: 1, kept: 5 };
    const found = await verify('--json', '--site', 'site-1', '--from', DAY, '--to', DAY);
    expect([found.code, JSON.parse(found.out)]).toEqual([1, { sites: 1, differences: [difference] }]);
    expect(await verify('--repair', '--site', 'site-1')).toEqual({
      code: 0,
      out: `daily_paths site-1 ${DAY} "/": counted 1, kept 5\n1 sites recounted, 1 differences\n`,
      err: 'rebuilding site-1: 1 days\nrebuilt the counts that differed\n',
    });
    expect(await verify()).toMatchObject({
      code: 1,
      out: `daily_paths site-2 ${DAY} "/": counted 1, kept 5\n2 sites recounted, 1 differences\n`,
    });
  });

  it('among very many is counted, and the first ones printed', async () => {
    const { sql } = database();
    await sql`INSERT INTO folded_paths SELECT 'site-1', ${DAY}::date, '/' || n, 1 FROM generate_series(1, 60) AS n`;
    const { code, out } = await verify();
    expect(code).toBe(1);
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(52);
    expect(lines.slice(-2)).toEqual(['and 10 more', '1 sites recounted, 60 differences']);
  });
});

describe('--repair', () => {
  it('while events come in leaves the counts right', async () => {
    const { sql } = database();
    await store(sql, someEvents(200));
    await sql`UPDATE hourly_counts SET events = events * 2`;
    await sql`SELECT fold_days(1, 1)`;
    await sql`DELETE FROM folded_visitors WHERE user_id = 'user-1'`;
    let done = false;
    const writers = Array.from({ length: 2 }, async () => {
      while (!done) await store(sql, someEvents(20));
    });
    const repaired = await verify('--repair');
    done = true;
    await Promise.all(writers);
    expect(repaired).toMatchObject({ code: 0 });
    expect(await verify()).toMatchObject({ code: 0, out: expect.stringContaining(' 0 differences') });
  });

  it('waits for a merge of stripes that is under way', async () => {
    const { sql } = database();
    const threeDaysAgo = Date.now() - 3 * 86_400_000;
    await store(sql, [eventOf({ timestamp: threeDaysAgo, received_at: threeDaysAgo })]);
    await sql`UPDATE hourly_counts SET events = events + 1`;
    const merging = await sql.reserve();
    await merging`BEGIN`;
    await merging`SELECT merge_stripes()`;
    const repairing = verify('--repair');
    await vi.waitUntil(
      async () => {
        const waiting = await sql`SELECT FROM pg_stat_activity WHERE datname = current_database()
          AND application_name = 'sluice-admin' AND wait_event_type = 'Lock'`;
        return waiting.length > 0;
      },
      { timeout: 30_000, interval: 20 },
    );
    await merging`COMMIT`;
    merging.release();
    expect(await repairing).toMatchObject({ code: 0 });
    expect(await verify()).toMatchObject({ code: 0 });
  });
});
