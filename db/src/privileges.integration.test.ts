import type postgres from 'postgres';
import { expect, it } from 'vitest';
import { copyRows, eventRow, insertNewRows } from './testing/events.ts';
import { ownDatabase } from './testing/own-database.ts';

const LETTER = `INSERT INTO dead_letters (fingerprint, payload, reason) VALUES ('\\x01', '\\x02', 'broken')
  ON CONFLICT (fingerprint) DO UPDATE SET times = dead_letters.times + 1, last_seen = now()`;
const TABLES = [
  'events',
  'hourly_counts',
  'unfolded',
  'folded_paths',
  'folded_visitors',
  'folded_visitor_counts',
  'dead_letters',
];
const VIEWS = ['daily_paths', 'daily_visitors', 'daily_visitor_counts'];

/** The statements that weren't refused for want of a privilege. */
async function allowed(sql: postgres.Sql, statements: readonly string[]): Promise<string[]> {
  const passed: string[] = [];
  for (const statement of statements) {
    const state = await sql.unsafe(statement).then(
      () => 'done',
      (error: { code?: string }) => error.code,
    );
    if (state !== '42501') passed.push(`${statement}: ${state}`);
  }
  return passed;
}

it('the worker stores events, keeps dead letters and calls the upkeep', async () => {
  const { worker } = await ownDatabase();
  await copyRows(worker, [eventRow()]);
  expect(await insertNewRows(worker, [eventRow()])).toBe(1);
  await worker.unsafe(LETTER);
  await worker.unsafe(LETTER);
  await worker`SELECT ensure_partitions(), merge_stripes(), fold_days(1, 1)`;
});

it('the worker may not read or change what is stored, nor touch the counts', async () => {
  const { worker } = await ownDatabase();
  const statements = TABLES.filter((table) => table !== 'dead_letters').flatMap((table) => [
    `SELECT FROM ${table}`,
    `UPDATE ${table} SET site_id = ''`,
    `DELETE FROM ${table}`,
    `TRUNCATE ${table}`,
  ]);
  const rest = [
    'DELETE FROM dead_letters',
    'INSERT INTO events_default SELECT * FROM events_default',
    "INSERT INTO folded_visitors VALUES ('site-1', '2026-01-01', 'user-1')",
    "INSERT INTO hourly_counts VALUES ('site-1', now(), 'page_view', 1, 1)",
    "SELECT fold('site-1', current_date)",
    ...VIEWS.map((view) => `SELECT FROM ${view}`),
    'CREATE TABLE mine ()',
  ];
  expect(await allowed(worker, [...statements, ...rest])).toEqual([]);
});

it('stats reads every table and writes none', async () => {
  const { stats } = await ownDatabase();
  for (const table of [...TABLES, ...VIEWS]) expect(await stats.unsafe(`SELECT * FROM ${table}`)).toEqual([]);
  const statements = TABLES.flatMap((table) => [
    `INSERT INTO ${table} SELECT * FROM ${table}`,
    `DELETE FROM ${table}`,
    `TRUNCATE ${table}`,
  ]);
  const rest = [
    'SELECT ensure_partitions()',
    'SELECT merge_stripes()',
    'SELECT fold_days(1, 1)',
    'CREATE TABLE mine ()',
  ];
  expect(await allowed(stats, [...statements, ...rest])).toEqual([]);
});

it("the roles' sessions begin with limits", async () => {
  const { owner } = await ownDatabase();
  const rows = await owner<{ role: string; setting: string }[]>`
    SELECT setrole::regrole::text AS role, unnest(setconfig) AS setting FROM pg_db_role_setting
    WHERE setdatabase = 0`;
  expect(rows.map(({ role, setting }) => `${role} ${setting}`)).toEqual(
    expect.arrayContaining([
      'sluice_worker lock_timeout=2s',
      'sluice_worker idle_in_transaction_session_timeout=10s',
      'sluice_worker client_connection_check_interval=2s',
      'sluice_worker tcp_user_timeout=10s',
      'sluice_worker work_mem=32MB',
      'sluice_stats default_transaction_read_only=on',
      'sluice_stats statement_timeout=5s',
    ]),
  );
});
